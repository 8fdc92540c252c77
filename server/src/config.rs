//! Everything that can be set, and the only reader of the environment. Parsed once, validated whole.

mod cli;
mod database;
mod host;
mod redis;
mod reference;
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
    reference::reference,
    s3::S3Config,
    stores::Stores,
};
use crate::retention::Policy;

/// The settings of `serve`.
#[derive(Clone, Debug, Args)]
pub struct Config {
    /// The roles of this node, separated by commas.
    #[arg(long, env = "CODESYNC_ROLES", value_delimiter = ',', default_value = "api,sync,compactor")]
    pub roles: Vec<NodeRole>,
    /// Listening and stopping.
    #[command(flatten)]
    pub http: HttpConfig,
    /// Where data is stored.
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
    /// Compacts documents whose node died before it did.
    Compactor,
}

/// Listening and stopping.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Listening and stopping")]
pub struct HttpConfig {
    /// Address and port to listen on.
    #[arg(long, env = "CODESYNC_LISTEN", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// The public address of the installation, used in links; by default the address of the request.
    #[arg(long, env = "CODESYNC_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// The number of proxies in front of the node. Each must append to `X-Forwarded-For`, or, if it writes `Forwarded`
    /// instead, remove the client's own `X-Forwarded-For`. With 0, the client address is that of the connection.
    #[arg(long, env = "CODESYNC_TRUSTED_PROXIES", default_value_t = 0)]
    pub trusted_proxies: u8,
    /// The largest body of a REST call, in bytes.
    #[arg(long, env = "CODESYNC_BODY_BYTES_MAX", default_value_t = 6 << 20, value_parser = limit)]
    pub body_bytes_max: usize,
    /// Idle timeout of a connection without a socket, in seconds. It must be longer than the idle timeout of a load
    /// balancer in front.
    #[arg(long, env = "CODESYNC_KEEP_ALIVE_S", default_value = "130", value_parser = seconds)]
    pub keep_alive: Duration,
    /// The largest number of connections without a socket on this node. Each needs a file descriptor.
    #[arg(long, env = "CODESYNC_CONNECTIONS_MAX", default_value_t = 30_000, value_parser = limit)]
    pub connections_max: usize,
    /// How long the node keeps serving after SIGTERM, with readiness answering 503, in seconds: the time that a load
    /// balancer needs to stop routing to it. The drain begins afterwards.
    #[arg(long, env = "CODESYNC_DRAIN_DELAY_S", default_value = "0", value_parser = delay)]
    pub drain_delay: Duration,
    /// The longest time that the drain may take, in seconds.
    #[arg(long, env = "CODESYNC_DRAIN_S", default_value = "20", value_parser = seconds)]
    pub drain: Duration,
    /// The time over which a drain closes the sockets, in milliseconds, so that clients do not all reconnect at once.
    #[arg(long, env = "CODESYNC_DRAIN_SPREAD_MS", default_value = "1000", value_parser = milliseconds)]
    pub drain_spread: Duration,
    /// Rate limits by address and by account, and the limit of sockets per user; `off` is for load tests.
    #[arg(long, env = "CODESYNC_RATE_LIMITS", default_value = "on")]
    pub rate_limits: Switch,
}

/// Where data is stored.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageConfig {
    /// The folder of the embedded databases, the snapshots and the generated secret.
    #[arg(long, env = "CODESYNC_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// `on` declares this the only node. It may then use some of PostgreSQL, Redis and S3, and its data folder for the rest.
    #[arg(long, env = "CODESYNC_SINGLE_NODE", default_value = "off")]
    pub single_node: Switch,
    /// The database of accounts, documents and grants.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Snapshots on S3.
    #[command(flatten)]
    pub s3: S3Config,
}

/// Accounts and tokens.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Accounts and tokens")]
pub struct AuthConfig {
    /// The secret that signs tokens, at least 32 bytes. By default it is generated in the data folder; several nodes must
    /// share one.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<Secret>,
    /// A second secret whose tokens are accepted for 24 h after the start of the node. For a new secret without log-outs,
    /// give it first as this one to all nodes, then exchange the two, then remove the old one.
    #[arg(long, env = "JWT_SECRET_PREVIOUS", hide_env_values = true)]
    pub jwt_secret_previous: Option<Secret>,
    /// The lifetime of a login, in seconds.
    #[arg(long, env = "CODESYNC_SESSION_S", default_value = "86400", value_parser = seconds)]
    pub session: Duration,
    /// The lifetime of a socket ticket, in seconds.
    #[arg(long, env = "CODESYNC_TICKET_S", default_value = "60", value_parser = seconds)]
    pub ticket: Duration,
    /// The retention of the audit trail, in days; 0 keeps every entry.
    #[arg(long, env = "CODESYNC_AUDIT_DAYS", default_value_t = 365,
        value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub audit_days: u32,
    /// The memory of one password hash (argon2id), in KiB.
    #[arg(long, env = "CODESYNC_ARGON2_KIB", default_value_t = 19 * 1024,
        value_parser = clap::value_parser!(u32).range(8..=4 << 20))]
    pub argon2_kib: u32,
}

/// Sockets.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Sockets")]
pub struct SocketConfig {
    /// The largest number of sockets on this node. Each needs a file descriptor.
    #[arg(long, env = "CODESYNC_SOCKETS_MAX", default_value_t = 20_000, value_parser = limit)]
    pub sockets_max: usize,
    /// The largest number of sockets of one user on this node.
    #[arg(long, env = "CODESYNC_SOCKETS_PER_USER_MAX", default_value_t = 100, value_parser = limit)]
    pub sockets_per_user_max: usize,
    /// The largest message, in bytes.
    #[arg(long, env = "CODESYNC_MESSAGE_BYTES_MAX", default_value_t = 16 << 20, value_parser = limit)]
    pub message_bytes_max: usize,
    /// The sustained rate of a socket, in messages per second. The server reads a faster client more slowly.
    #[arg(long, env = "CODESYNC_MESSAGES_PER_S", default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub messages_per_s: u32,
    /// The interval of pings to an idle client, in seconds.
    #[arg(long, env = "CODESYNC_PING_S", default_value = "12", value_parser = seconds)]
    pub ping: Duration,
    /// How long a client may read nothing before its socket is closed, in seconds.
    #[arg(long, env = "CODESYNC_STALL_S", default_value = "60", value_parser = seconds)]
    pub stall: Duration,
    /// The queue of one client, in frames. A client whose queue is full is sent one diff instead.
    #[arg(long, env = "CODESYNC_OUTBOX_FRAMES_MAX", default_value_t = 512, value_parser = limit)]
    pub outbox_frames_max: usize,
    /// The queue of one client, in bytes. A client whose queue is full is sent one diff instead.
    #[arg(long, env = "CODESYNC_OUTBOX_BYTES_MAX", default_value_t = 1 << 20, value_parser = limit)]
    pub outbox_bytes_max: usize,
}

/// Rooms and compaction.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Documents")]
pub struct RoomConfig {
    /// The largest document, in bytes of its encoded state.
    #[arg(long, env = "CODESYNC_DOCUMENT_BYTES_MAX", default_value_t = 32 << 20, value_parser = limit)]
    pub document_bytes_max: usize,
    /// The memory of loaded documents, in MiB, estimated as 13 times their encoded size. Above it, documents without peers
    /// are unloaded, the longest idle first. While all have peers, no further document is loaded (503, 4503).
    #[arg(long, env = "CODESYNC_DOCUMENTS_MEMORY_MIB", default_value_t = 2_048, value_parser = limit)]
    pub documents_memory_mib: usize,
    /// How long a document without peers stays loaded, in milliseconds.
    #[arg(long, env = "CODESYNC_ROOM_IDLE_MS", default_value = "30000", value_parser = milliseconds)]
    pub idle: Duration,
    /// The shortest interval between two frames to the peers of a busy document, in milliseconds.
    #[arg(long, env = "CODESYNC_FAN_OUT_MS", default_value = "8", value_parser = pause)]
    pub fan_out_interval: Duration,
    /// The delay from the first change to the next snapshot, in milliseconds.
    #[arg(long, env = "CODESYNC_SNAPSHOT_MS", default_value = "5000", value_parser = milliseconds)]
    pub snapshot_delay: Duration,
    /// The number of log entries after which a snapshot is taken earlier.
    #[arg(long, env = "CODESYNC_SNAPSHOT_UPDATES_MAX", default_value_t = 2_000, value_parser = limit)]
    pub snapshot_updates_max: usize,
    /// The interval at which the sweeper searches for documents whose node died before a snapshot, in seconds.
    #[arg(long, env = "CODESYNC_SWEEP_S", default_value = "60", value_parser = seconds)]
    pub sweep: Duration,
    /// The longest pause between two attempts at a snapshot that fails, in milliseconds.
    #[arg(long, env = "CODESYNC_SNAPSHOT_RETRY_MS_MAX", default_value = "60000", value_parser = milliseconds)]
    pub snapshot_retry_max: Duration,
    /// How long a document must be found damaged before clients are closed with 4422 and stop reconnecting, in seconds. Until
    /// then another node may still restore a lost log, which takes up to 12 s.
    #[arg(long, env = "CODESYNC_DAMAGED_AFTER_S", default_value = "30", value_parser = seconds)]
    pub damaged_after: Duration,
    /// Retention of unnamed versions, as `step/age,…` in s, m, h or d: up to each age, the last version of each step is
    /// kept. A last step without an age has no end.
    #[arg(long, env = "CODESYNC_VERSIONS", default_value = "5m/1h,1h/1d,1d/30d,30d")]
    pub versions: Policy,
}

/// Logs and metrics.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logs and metrics")]
pub struct TelemetryConfig {
    /// The format of log lines on standard error.
    #[arg(long, env = "CODESYNC_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// The log filter, as `tracing` directives.
    #[arg(long, env = "CODESYNC_LOG", default_value = "info")]
    pub log: String,
    /// The address of a listener for `/metrics`, in the form of Prometheus, which must not be public. Without one the
    /// server's own listener serves them to callers on the same machine only.
    #[arg(long, env = "CODESYNC_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// Metrics on standard output in CloudWatch's embedded metric format.
    #[arg(long, env = "CODESYNC_METRICS_EMF", default_value = "off")]
    pub metrics_emf: Switch,
    /// The interval of these metrics, in seconds.
    #[arg(long, env = "CODESYNC_METRICS_S", default_value = "60", value_parser = seconds)]
    pub metrics_interval: Duration,
    /// The service that these metrics name.
    #[arg(long, env = "CODESYNC_METRICS_SERVICE", default_value = "codesync")]
    pub metrics_service: String,
    /// The environment that these metrics name.
    #[arg(long, env = "CODESYNC_METRICS_ENVIRONMENT", default_value = "local")]
    pub metrics_environment: String,
}

/// On or off, so that no call site reads a bare boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Enabled.
    On,
    /// Disabled.
    Off,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A value that never appears in logs.
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

/// The longest configurable time. A much longer one would overflow when it is added to the time of day.
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

/// Parses a pause that people wait for.
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

/// The value, if it is set; an empty one is not.
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
    /// Checks that the settings agree with each other.
    ///
    /// # Errors
    /// When they contradict each other.
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
