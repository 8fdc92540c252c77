//! Connections to Redis, one server or a cluster: one for commands, which pipelines what all tasks send, and one for
//! subscriptions. Neither waits for ever, and both come back by themselves.

mod subscriptions;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use futures_util::future::join_all;
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisFuture, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr},
};

use crate::{app::Tasks, config::RedisConfig};

pub use subscriptions::{Rung, Subscription, Subscriptions};

/// How long a command may take; a failed one is an error, never a hang.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection attempt may take, and the longest pause between two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Commands in flight; beyond it, who asks waits.
const IN_FLIGHT_MAX: usize = 4096;

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
        let (commands, subscriptions) = match config.is_cluster() {
            false => {
                let client = redis::Client::open(url.expose()).context("REDIS_URL")?;
                let commands = Commands::Single(ConnectionManager::new_lazy_with_config(client.clone(), single())?);
                (commands, Subscriptions::single(client, tasks))
            }
            true => {
                let nodes: Vec<&str> = url.expose().split(',').collect();
                let client = cluster(nodes.clone()).build().context("REDIS_URL")?;
                let commands = Commands::Cluster(client.get_async_connection().await.context("connect to Redis")?);
                (commands, Subscriptions::cluster(nodes.into_iter().map(str::to_owned).collect(), tasks))
            }
        };
        Ok(Some(Self { commands, subscriptions }))
    }
}

fn single() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_max_delay(CONNECT_TIMEOUT)
        .set_number_of_retries(1)
        .set_concurrency_limit(IN_FLIGHT_MAX)
}

fn cluster(nodes: Vec<&str>) -> ClusterClientBuilder {
    ClusterClient::builder(nodes)
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(RESPONSE_TIMEOUT)
        .overall_response_timeout(Some(RESPONSE_TIMEOUT * 2))
        .retries(3)
}

/// The connection for commands.
#[derive(Clone)]
pub enum Commands {
    /// To one server, or whatever stands for one.
    Single(ConnectionManager),
    /// To every node of a cluster.
    Cluster(ClusterConnection),
}

impl Commands {
    /// Sends commands together and gives the answer of each: one server gets them in one piece, of a cluster every node
    /// its own, since a pipeline may not span slots.
    pub async fn together(&self, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        match self {
            Self::Single(connection) => {
                let (mut connection, count) = (connection.clone(), commands.len());
                let mut pipeline = Pipeline::with_capacity(count);
                for command in commands {
                    pipeline.add_command(command);
                }
                match connection.req_packed_commands(&pipeline, 0, count).await {
                    Ok(values) => values.into_iter().map(Value::extract_error).collect(),
                    Err(error) => vec![Err(error); count],
                }
            }
            Self::Cluster(connection) => {
                let each = commands.into_iter().map(|command| {
                    let mut connection = connection.clone();
                    async move { command.query_async(&mut connection).await }
                });
                join_all(each).await
            }
        }
    }

    /// Runs a script that writes to the node of its first key, and waits until so many replicas have it. Both in one go: to
    /// a connection that has come back in between, nothing was written, and any replica would do.
    ///
    /// # Errors
    /// When fewer have it in time.
    pub async fn replicated<T: FromRedisValue>(
        &mut self,
        script: &Script,
        keys: &[String],
        arguments: &[&[u8]],
        replicas: u32,
    ) -> RedisResult<T> {
        let mut run = redis::cmd("EVALSHA");
        run.arg(script.get_hash()).arg(keys.len()).arg(keys).arg(arguments);
        let mut both = redis::pipe();
        let patience = u64::try_from(RESPONSE_TIMEOUT.as_millis() / 2).expect("it is a second");
        both.add_command(run).cmd("WAIT").arg(replicas).arg(patience);
        let answers = match self.in_one_go(&both, &keys[0]).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                script.load_async(self).await?;
                self.in_one_go(&both, &keys[0]).await?
            }
            answers => answers?,
        };
        let (written, reached): (T, u32) = redis::from_redis_value(Value::Array(answers))?;
        if reached < replicas {
            return Err((ErrorKind::Client, "too few replicas have it").into());
        }
        Ok(written)
    }

    /// Sends both commands to the node of `key`; the first error counts.
    async fn in_one_go(&mut self, pipeline: &Pipeline, key: &str) -> RedisResult<Vec<Value>> {
        let answers = match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, 0, 2).await?,
            Self::Cluster(connection) => {
                let route = SingleNodeRoutingInfo::SpecificNode(Route::new(slot(key), SlotAddr::Master));
                connection.route_pipeline(pipeline.clone(), 0, 2, route).await?
            }
        };
        answers.into_iter().map(Value::extract_error).collect()
    }
}

/// The slot of a key with a hash tag.
fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(tag, _)| tag);
    crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % 16_384
}

impl ConnectionLike for Commands {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
