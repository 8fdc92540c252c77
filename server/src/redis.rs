//! Connections to Redis, one server or a cluster: one for commands, which pipelines what all tasks send, and one for
//! subscriptions. Neither waits for ever. Each has a heartbeat, and is replaced when the server stops answering on it or
//! stops taking writes: the address is looked up again, as it may lead to another server since a failover.

mod commands;
mod subscriptions;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use redis::{
    Client, IntoConnectionInfo, RedisError, RedisResult, Value,
    aio::ConnectionLike,
    cluster::{ClusterClient, ClusterClientBuilder},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::timeout;

use crate::{app::Tasks, config::RedisConfig};

pub use commands::Commands;
pub use subscriptions::{Rung, Subscription, Subscriptions};

/// How long a command may take; a failed one is an error, never a hang.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection attempt may take, and the longest pause between two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a connection is tried out.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// The key that a heartbeat writes, and how long Redis keeps it.
const HEARTBEAT: &str = "codesync:heartbeat";
const HEARTBEAT_MS: usize = 60_000;
/// How soon the kernel probes a quiet connection, and how long what was sent may stay unacknowledged.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// Redis as the rest of the server uses it.
#[derive(Clone)]
pub struct Redis {
    /// For commands; a clone shares the connection.
    pub commands: Commands,
    /// Channels.
    pub subscriptions: Arc<Subscriptions>,
}

impl Redis {
    /// Prepares both connections. A single server may be away yet; of a cluster one node has to answer.
    ///
    /// # Errors
    /// When the address cannot be understood, or no node of the cluster answers.
    pub async fn open(config: &RedisConfig, tasks: &Tasks) -> anyhow::Result<Option<Self>> {
        let Some(url) = config.address()? else { return Ok(None) };
        let source = match config.is_cluster() {
            false => Source::Single(client(url.expose()).context("REDIS_URL")?.into()),
            true => Source::Cluster(url.expose().split(',').map(str::to_owned).collect()),
        };
        let commands = Commands::open(source.clone(), tasks).await.context("connect to Redis (REDIS_URL)")?;
        Ok(Some(Self { commands, subscriptions: Subscriptions::start(source, tasks) }))
    }
}

/// Where connections lead.
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

/// Whether the server takes writes on this connection. Other refusals, as of a full server, are those of any connection.
async fn beats(connection: &mut impl ConnectionLike) -> bool {
    match timeout(RESPONSE_TIMEOUT, heartbeat(connection)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => error.code().is_some_and(|code| !is_demoted(code)),
        Err(_) => false,
    }
}

/// Writes to the server; of a cluster every primary has to answer, and one to take the write.
async fn heartbeat(connection: &mut impl ConnectionLike) -> RedisResult<()> {
    redis::cmd("PING").exec_async(connection).await?;
    redis::cmd("SET").arg(HEARTBEAT).arg("").arg("PX").arg(HEARTBEAT_MS).exec_async(connection).await
}

/// Whether a server that answers so is not, or not yet, the one to write to: its address may lead to another one by now.
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
