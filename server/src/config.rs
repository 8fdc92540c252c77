//! Everything that can be set, and the only reader of the environment. Parsed once, validated whole.

mod cli;
mod database;
mod host;
mod redis;
mod s3;
mod stores;

use std::{
    fmt,
    net::SocketAddr,
    num::{NonZero, ParseIntError},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Parser, ValueEnum, builder::RangedI64ValueParser};
use url::Url;

pub use self::{
    cli::{AdminArgs, AdminCommand, Cli, Command, ExportArgs, HealthcheckArgs, ImportArgs, MigrateArgs},
    database::DatabaseConfig,
    redis::{Acknowledge, RedisConfig},
    s3::S3Config,
    stores::Stores,
};
use crate::retention::Policy;

/// The settings of `serve`.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// What this node does, separated by commas.
    #[arg(long, env = "CODESYNC_ROLES", value_delimiter = ',', default_value = "api,sync,compactor")]
    pub roles: Vec<NodeRole>,
    /// Listening and the outside.
    #[command(flatten)]
    pub http: HttpConfig,
    /// Where data is kept.
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Redis.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// Accounts and tokens.
    #[command(flatten)]
    pub auth: AuthConfig,
    /// Sockets.
    #[command(flatten)]
    pub socket: SocketConfig,
    /// Rooms and compaction.
    #[command(flatten)]
    pub room: RoomConfig,
    /// Logs and metrics.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Whether this node has a role.
    pub fn has(&self, role: NodeRole) -> bool {
        self.roles.contains(&role)
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NodeRole {
    /// Serves the REST API and the site.
    Api,
    /// Serves the sockets.
    Sync,
    /// Looks for documents that nobody has compacted.
    Compactor,
}

/// Listening and the outside.
#[derive(Clone, Debug, Args)]
pub struct HttpConfig {
    /// Address and port to listen on.
    #[arg(long, env = "CODESYNC_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// The address people use, for links; by default the one that they asked for.
    #[arg(long, env = "CODESYNC_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// How many proxies in front add to `X-Forwarded-For`, or without it to `Forwarded`; 0 takes the peer's address. A proxy
    /// that writes `Forwarded` has to remove a client's own `X-Forwarded-For`.
    #[arg(long, env = "CODESYNC_TRUSTED_PROXIES", default_value_t = 0)]
    pub trusted_proxies: u8,
    /// The largest body of a REST call, in bytes.
    #[arg(long, env = "CODESYNC_BODY_BYTES_MAX", default_value_t = 6 << 20, value_parser = limit)]
    pub body_bytes_max: usize,
    /// How long a connection may take to ask something, the first time and again, in seconds: longer than a balancer in front
    /// keeps it open.
    #[arg(long, env = "CODESYNC_KEEP_ALIVE_S", default_value = "130", value_parser = seconds)]
    pub keep_alive: Duration,
    /// Connections without a socket that one node holds.
    #[arg(long, env = "CODESYNC_CONNECTIONS_MAX", default_value_t = 30_000, value_parser = limit)]
    pub connections_max: usize,
    /// For how long a node that is asked to stop goes on with everything, its readiness excepted, in seconds: as long as a
    /// balancer in front needs to notice. The drain begins after it.
    #[arg(long, env = "CODESYNC_DRAIN_DELAY_S", default_value = "0", value_parser = delay)]
    pub drain_delay: Duration,
    /// How long a stop may take after that, in seconds.
    #[arg(long, env = "CODESYNC_DRAIN_S", default_value = "20", value_parser = seconds)]
    pub drain: Duration,
    /// Over how long the sockets are closed while draining, in milliseconds, so that not all come back at once.
    #[arg(long, env = "CODESYNC_DRAIN_SPREAD_MS", default_value = "1000", value_parser = milliseconds)]
    pub drain_spread: Duration,
    /// Rate limits by address and by account, and the cap of sockets a user; `off` is for load runs.
    #[arg(long, env = "CODESYNC_RATE_LIMITS", default_value = "on")]
    pub rate_limits: Switch,
}

/// Where data is kept.
#[derive(Clone, Debug, Args)]
pub struct StorageConfig {
    /// The folder that holds the databases, the snapshots and the secret.
    #[arg(long, env = "CODESYNC_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// Whether this is the only node, so that some of PostgreSQL, Redis and S3 may be configured without the others.
    #[arg(long, env = "CODESYNC_SINGLE_NODE", default_value = "off")]
    pub single_node: Switch,
    /// The database of accounts, documents and grants.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Snapshots elsewhere than in the data folder.
    #[command(flatten)]
    pub s3: S3Config,
}

/// Accounts and tokens.
#[derive(Clone, Debug, Args)]
pub struct AuthConfig {
    /// The secret that signs tokens, 32 bytes or more; made and kept in the data folder when not given.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<Secret>,
    /// How long a log-in lasts, in seconds.
    #[arg(long, env = "CODESYNC_SESSION_S", default_value = "86400", value_parser = seconds)]
    pub session: Duration,
    /// How long a socket ticket lasts, in seconds.
    #[arg(long, env = "CODESYNC_TICKET_S", default_value = "60", value_parser = seconds)]
    pub ticket: Duration,
    /// How many days entries of the audit trail stay; 0 keeps them for ever.
    #[arg(long, env = "CODESYNC_AUDIT_DAYS", default_value_t = 365,
        value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub audit_days: u32,
    /// Memory of one password hash (argon2id), in KiB.
    #[arg(long, env = "CODESYNC_ARGON2_KIB", default_value_t = 19 * 1024,
        value_parser = clap::value_parser!(u32).range(8..=4 << 20))]
    pub argon2_kib: u32,
}

/// Sockets.
#[derive(Clone, Debug, Args)]
pub struct SocketConfig {
    /// Sockets that one node holds.
    #[arg(long, env = "CODESYNC_SOCKETS_MAX", default_value_t = 20_000, value_parser = limit)]
    pub sockets_max: usize,
    /// Sockets that one user holds on a node.
    #[arg(long, env = "CODESYNC_SOCKETS_PER_USER_MAX", default_value_t = 100, value_parser = limit)]
    pub sockets_per_user_max: usize,
    /// The largest message, in bytes.
    #[arg(long, env = "CODESYNC_MESSAGE_BYTES_MAX", default_value_t = 16 << 20, value_parser = limit)]
    pub message_bytes_max: usize,
    /// Messages a second that a socket may go on sending; past it the server reads it more slowly.
    #[arg(long, env = "CODESYNC_MESSAGES_PER_S", default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub messages_per_s: u32,
    /// How often an idle client hears something, in seconds.
    #[arg(long, env = "CODESYNC_PING_S", default_value = "12", value_parser = seconds)]
    pub ping: Duration,
    /// How long a client may take nothing before it is closed, in seconds.
    #[arg(long, env = "CODESYNC_STALL_S", default_value = "60", value_parser = seconds)]
    pub stall: Duration,
    /// Frames that wait for one client before it is brought up to date with one diff instead.
    #[arg(long, env = "CODESYNC_OUTBOX_FRAMES_MAX", default_value_t = 512, value_parser = limit)]
    pub outbox_frames_max: usize,
    /// Bytes that wait for one client before it is brought up to date with one diff instead.
    #[arg(long, env = "CODESYNC_OUTBOX_BYTES_MAX", default_value_t = 1 << 20, value_parser = limit)]
    pub outbox_bytes_max: usize,
}

/// Rooms and compaction.
#[derive(Clone, Debug, Args)]
pub struct RoomConfig {
    /// The largest document, in bytes of its encoded state.
    #[arg(long, env = "CODESYNC_DOCUMENT_BYTES_MAX", default_value_t = 32 << 20, value_parser = limit)]
    pub document_bytes_max: usize,
    /// Memory that loaded documents take, in MiB, estimated as 13 times their encoded size. Past it documents without peers
    /// are unloaded, the longest idle one first; while all have peers, no further one is loaded.
    #[arg(long, env = "CODESYNC_DOCUMENTS_MEMORY_MIB", default_value_t = 2_048, value_parser = limit)]
    pub documents_memory_mib: usize,
    /// How long a room without peers stays loaded, in milliseconds.
    #[arg(long, env = "CODESYNC_ROOM_IDLE_MS", default_value = "30000", value_parser = milliseconds)]
    pub idle: Duration,
    /// The shortest time between two frames to the peers of a busy room, in milliseconds.
    #[arg(long, env = "CODESYNC_FAN_OUT_MS", default_value = "8", value_parser = pause)]
    pub fan_out_interval: Duration,
    /// How long after the first change a snapshot is taken, in milliseconds.
    #[arg(long, env = "CODESYNC_SNAPSHOT_MS", default_value = "5000", value_parser = milliseconds)]
    pub snapshot_delay: Duration,
    /// Log entries after which a snapshot is taken earlier.
    #[arg(long, env = "CODESYNC_SNAPSHOT_UPDATES_MAX", default_value_t = 2_000, value_parser = limit)]
    pub snapshot_updates_max: usize,
    /// How often documents are looked for whose node died before it took a snapshot, in seconds.
    #[arg(long, env = "CODESYNC_SWEEP_S", default_value = "60", value_parser = seconds)]
    pub sweep: Duration,
    /// The longest time between two tries at a snapshot while it cannot be taken, in milliseconds.
    #[arg(long, env = "CODESYNC_SNAPSHOT_RETRY_MS_MAX", default_value = "60000", value_parser = milliseconds)]
    pub snapshot_retry_max: Duration,
    /// For how long a document must be found damaged until its clients are refused for good, in seconds; until then they
    /// try again, as damage may heal. Longer than a node needs to notice and restore a lost log, which is 12 s.
    #[arg(long, env = "CODESYNC_DAMAGED_AFTER_S", default_value = "30", value_parser = seconds)]
    pub damaged_after: Duration,
    /// How many versions without a name stay: the last of each step up to an age, as `step/age,…` in s, m, h or d. The last
    /// step may go without an age: for ever.
    #[arg(long, env = "CODESYNC_VERSIONS", default_value = "5m/1h,1h/1d,1d/30d,30d")]
    pub versions: Policy,
}

/// Logs and metrics.
#[derive(Clone, Debug, Args)]
pub struct TelemetryConfig {
    /// Form of the log lines on standard error.
    #[arg(long, env = "CODESYNC_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// What is logged, as `tracing` directives.
    #[arg(long, env = "CODESYNC_LOG", default_value = "info")]
    pub log: String,
    /// Metrics on standard output too, in CloudWatch's embedded metric format.
    #[arg(long, env = "CODESYNC_METRICS_EMF", default_value = "off")]
    pub metrics_emf: Switch,
    /// How often they are written, in seconds.
    #[arg(long, env = "CODESYNC_METRICS_S", default_value = "60", value_parser = seconds)]
    pub metrics_interval: Duration,
    /// What they name as the service.
    #[arg(long, env = "CODESYNC_METRICS_SERVICE", default_value = "codesync")]
    pub metrics_service: String,
    /// What they name as the environment.
    #[arg(long, env = "CODESYNC_METRICS_ENVIRONMENT", default_value = "local")]
    pub metrics_environment: String,
}

/// On or off, so that no call site reads a bare boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// In force.
    On,
    /// Not in force.
    Off,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A value that never shows in logs.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The longest time that can be set; added to the time of day, a much longer one would overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

fn seconds(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_secs, Duration::from_secs(1)..=LONGEST)
}

fn delay(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_secs, Duration::ZERO..=LONGEST)
}

fn limit(text: &str) -> Result<usize, ParseIntError> {
    text.parse::<NonZero<usize>>().map(NonZero::get)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis, Duration::ZERO..=LONGEST)
}

/// A pause that people wait for.
fn pause(text: &str) -> Result<Duration, String> {
    within(text, Duration::from_millis, Duration::ZERO..=Duration::from_secs(1))
}

fn within(text: &str, unit: fn(u64) -> Duration, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let duration = unit(text.parse().map_err(|error: ParseIntError| error.to_string())?);
    let message = || format!("expected {:?} to {:?}", range.start(), range.end());
    range.contains(&duration).then_some(duration).ok_or_else(message)
}

fn port() -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..)
}

/// A value that was set; an empty one was not.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

/// Whether `text` is the address of a site or a server, as `https://example.org`.
fn is_site(text: &str) -> bool {
    let is_plain = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    let parsed = Url::parse(text).ok().filter(|url| is_plain && matches!(url.scheme(), "http" | "https"));
    parsed.is_some_and(|url| {
        url.has_host() && url.username().is_empty() && url.query().is_none() && url.fragment().is_none()
    })
}

impl Config {
    /// Says what does not go together.
    ///
    /// # Errors
    /// When the settings make no server.
    pub fn validate(&self) -> anyhow::Result<()> {
        let stores = self.stores()?;
        anyhow::ensure!(
            self.auth.jwt_secret.is_some() || !(stores.database || stores.redis),
            "JWT_SECRET is missing: nodes that share a database (DATABASE_URL) or Redis (REDIS_URL) sign tokens with one \
             secret of 32 bytes or more, which each of them must be given"
        );
        let HttpConfig { drain, drain_spread, public_url, .. } = &self.http;
        anyhow::ensure!(
            drain_spread < drain,
            "CODESYNC_DRAIN_SPREAD_MS ({drain_spread:?}) must be shorter than CODESYNC_DRAIN_S ({drain:?}): the last \
             sockets would be closed after the node has given up"
        );
        if let Some(address) = public_url {
            anyhow::ensure!(
                is_site(address),
                "CODESYNC_PUBLIC_URL is no address of a site, as https://example.org: {address}"
            );
        }
        Ok(())
    }

    /// The defaults on a free port with `data_dir`, for tests.
    pub fn for_tests(data_dir: PathBuf) -> Self {
        let cli = Cli::try_parse_from([
            "codesync",
            "serve",
            "--listen=127.0.0.1:0",
            "--argon2-kib=64",
            "--rate-limits=off",
            "--single-node=on",
            "--data-dir",
            &data_dir.to_string_lossy(),
        ])
        .expect("the arguments above are valid");
        match cli.command {
            Command::Serve(config) => *config,
            _ => unreachable!("the arguments above say serve"),
        }
    }
}
