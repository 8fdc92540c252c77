//! Connections to Redis, one server or a cluster: one that pipelines the appends of all rooms, one for subscriptions, and a
//! pool for short commands. No command waits forever. The first two have a heartbeat, and are replaced when the server no
//! longer answers on them or no longer takes writes: the address is looked up again, because after a failover it leads to
//! another server. The pool is emptied at the same time.

mod commands;
mod pool;
mod subscriptions;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use redis::{
    Client, IntoConnectionInfo, RedisError, RedisResult, Value,
    aio::ConnectionLike,
    cluster::{ClusterClient, ClusterClientBuilder},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::timeout;

use crate::{config::RedisConfig, ids::InstallationId, tasks::Tasks};

pub use commands::Commands;
pub use pool::Pool;
pub use subscriptions::{Subscription, SubscriptionEvent, Subscriptions};

/// How long a command may take; a failed one is an error, never a hang.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection attempt may take, and the longest pause between two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The interval of the heartbeat.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// The key that holds the id of the installation. In a cluster it shares its slot with the marks of the log.
pub(crate) const INSTALLATION: &str = "{codesync:dirty}:installation";
/// The answer of a server of another installation to the heartbeat and to scripts.
const FOREIGN: &str = "FOREIGN";
const HEARTBEAT: &str = include_str!("redis/heartbeat.lua");
/// How soon the kernel probes a quiet connection, and how long sent data may stay unacknowledged.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// The connections to Redis.
#[derive(Clone)]
pub struct Redis {
    /// For appends and other frequent commands; a clone shares the connection.
    pub commands: Commands,
    /// For short commands, each on its own connection.
    pub pool: Pool,
    /// Subscriptions to channels.
    pub subscriptions: Arc<Subscriptions>,
    owner: Owner,
}

/// The installation that the server must belong to; unknown until the stores agree.
#[derive(Clone, Default)]
struct Owner(Arc<OnceLock<InstallationId>>);

impl Redis {
    /// Prepares all connections. A single server may still be unavailable; of a cluster one node must answer.
    ///
    /// # Errors
    /// When the address cannot be parsed, or no node of the cluster answers.
    pub async fn open(config: &RedisConfig, tasks: &Tasks) -> anyhow::Result<Option<Self>> {
        let Some(url) = config.address()? else { return Ok(None) };
        let source = match config.is_cluster() {
            false => Source::Single(client(url.expose()).context("REDIS_URL")?.into()),
            true => Source::Cluster(url.expose().split(',').map(str::to_owned).collect()),
        };
        let owner = Owner::default();
        let pool = Pool::new(&source, &owner).context("REDIS_URL")?;
        let opened = Commands::open(source.clone(), owner.clone(), pool.clone(), tasks).await;
        let commands = opened.context("connect to Redis (REDIS_URL)")?;
        let subscriptions = Subscriptions::start(source, owner.clone(), tasks);
        Ok(Some(Self { commands, pool, subscriptions, owner }))
    }

    /// The installation id that the server holds.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn installation(&self) -> RedisResult<Option<InstallationId>> {
        let id: Option<String> = redis::cmd("GET").arg(INSTALLATION).query_async(&mut self.pool.clone()).await?;
        let parsed = id.map(|id| id.parse()).transpose();
        parsed.map_err(|_| (redis::ErrorKind::UnexpectedReturnType, "the installation's id is not readable").into())
    }

    /// From now on only a server of this installation is used, or one without an installation id.
    pub fn belongs_to(&self, id: InstallationId) {
        // It is set once.
        let _ = self.owner.0.set(id);
        // Its connections were not checked before.
        self.pool.purge();
    }

    /// The installation that the server must belong to.
    pub fn owner(&self) -> Option<InstallationId> {
        self.owner.0.get().copied()
    }
}

/// The target of connections.
#[derive(Clone)]
enum Source {
    Single(Box<Client>),
    Cluster(Vec<String>),
}

fn client(url: &str) -> RedisResult<Client> {
    Client::open(url.into_connection_info()?.set_tcp_settings(tcp()))
}

fn cluster(nodes: &[String]) -> ClusterClientBuilder {
    ClusterClient::builder(nodes.iter().map(String::as_str))
        .tcp_settings(tcp())
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(RESPONSE_TIMEOUT)
        .overall_response_timeout(Some(RESPONSE_TIMEOUT * 2))
        .retries(3)
}

fn tcp() -> TcpSettings {
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
    TcpSettings::default().set_nodelay(true).set_keepalive(keep_alive).set_user_timeout(UNACKNOWLEDGED_MAX)
}

/// Whether the server accepts writes on this connection. Other refusals, such as those of a full server, would be the
/// same on any connection.
async fn beats(connection: &mut impl ConnectionLike, owner: &Owner) -> bool {
    match timeout(RESPONSE_TIMEOUT, heartbeat(connection, owner)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => error.code().is_some_and(|code| !is_demoted(code) && code != FOREIGN),
        Err(_) => false,
    }
}

/// Writes the installation's id to the server, unless it has another one. In a cluster every primary must answer, and
/// one must accept the write. Nothing is written before the id is known.
async fn heartbeat(connection: &mut impl ConnectionLike, owner: &Owner) -> RedisResult<()> {
    redis::cmd("PING").exec_async(connection).await?;
    let Some(id) = owner.0.get() else { return Ok(()) };
    redis::cmd("EVAL").arg(HEARTBEAT).arg(1).arg(INSTALLATION).arg(id.to_string()).exec_async(connection).await
}

/// Whether this code means that another server accepts the writes by now, or will: the address may lead to it.
fn is_demoted(code: &str) -> bool {
    ["READONLY", "MASTERDOWN", "LOADING", "CLUSTERDOWN", "UNBLOCKED"].contains(&code)
}

/// Whether one of the answers is such a refusal.
fn is_refused(answer: Result<&[Value], &RedisError>) -> bool {
    match answer {
        Ok(values) => values.iter().any(|value| match value {
            Value::ServerError(error) => is_demoted(error.code()),
            _ => false,
        }),
        Err(error) => error.code().is_some_and(is_demoted),
    }
}
