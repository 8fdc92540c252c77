//! Pooled connections for short commands that must not wait behind the appends of all rooms: rate limits, leases, presence,
//! changes of access, health and the sweeper. A command ends within [`RESPONSE_TIMEOUT`] in any case.

use std::time::{Duration, Instant};

use deadpool_redis::{HookError, PoolError, Runtime, cluster};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, RedisError, RedisFuture, RedisResult, Value,
    aio::ConnectionLike,
};
use tokio::time::timeout;

use super::{CONNECT_TIMEOUT, FOREIGN, Owner, RESPONSE_TIMEOUT, Source, heartbeat, is_refused, tcp};

/// Connections of a node; further commands wait for one. Each is in use for well under a millisecond.
const CONNECTIONS_MAX: usize = 16;
/// How long a command waits for a free connection, for a new one, or for the check of a used one.
const WAIT_TIMEOUT: Duration = Duration::from_millis(500);

/// A pool of connections; a clone shares it. It is used like a connection: each command takes one and returns it.
#[derive(Clone)]
pub struct Pool {
    connections: Connections,
    owner: Owner,
}

#[derive(Clone)]
enum Connections {
    Single(deadpool_redis::Pool),
    Cluster(cluster::Pool),
}

enum Connection {
    Single(deadpool_redis::Connection),
    Cluster(cluster::Connection),
}

/// Builds a pool of one kind: both kinds have the same builder, and no type in common. A new connection is used only where
/// its server takes writes and belongs to the installation; one that was used before has to answer a PING.
macro_rules! build {
    ($kind:path, $manager:expr, $owner:expr) => {{
        use $kind as kind;
        let owner: Owner = $owner;
        let check = kind::Hook::async_fn(move |connection, _| {
            let owner = owner.clone();
            Box::pin(async move { heartbeat(connection, &owner).await.map_err(HookError::Backend) })
        });
        kind::Pool::builder($manager)
            .max_size(CONNECTIONS_MAX)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(WAIT_TIMEOUT))
            .post_create(check)
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is given")
    }};
}

impl Pool {
    /// Prepares the pool; connections are opened on demand.
    ///
    /// # Errors
    /// When the address cannot be parsed.
    pub(super) fn new(source: &Source, owner: &Owner) -> RedisResult<Self> {
        let connections = match source {
            Source::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT));
                let address = client.get_connection_info().clone();
                let manager = deadpool_redis::Manager::new_with_config(address, config)?;
                Connections::Single(build!(deadpool_redis, manager, owner.clone()))
            }
            Source::Cluster(nodes) => {
                let address = |node: &String| Ok(node.as_str().into_connection_info()?.set_tcp_settings(tcp()));
                let addresses = nodes.iter().map(address).collect::<RedisResult<_>>()?;
                let manager = cluster::Manager::new(addresses, false)?;
                Connections::Cluster(build!(deadpool_redis::cluster, manager, owner.clone()))
            }
        };
        Ok(Self { connections, owner: owner.clone() })
    }

    /// Makes a round trip that writes.
    ///
    /// # Errors
    /// When the server does not answer in time, takes no writes, or belongs to another installation.
    pub async fn ready(&self) -> RedisResult<()> {
        heartbeat(&mut self.clone(), &self.owner).await
    }

    /// Closes all connections that are not in use: their server no longer answers, or takes no writes.
    pub(super) fn purge(&self) {
        match &self.connections {
            Connections::Single(pool) => drop(pool.retain(|_, _| false)),
            Connections::Cluster(pool) => drop(pool.retain(|_, _| false)),
        }
    }

    async fn take(&self) -> Result<Connection, PoolError> {
        Ok(match &self.connections {
            Connections::Single(pool) => Connection::Single(pool.get().await?),
            Connections::Cluster(pool) => Connection::Cluster(pool.get().await?),
        })
    }

    /// Sends commands on a connection, which is closed where they fail: it may be silent, cut, or lead to the wrong server.
    async fn send(&self, sent: Sent<'_>) -> RedisResult<Vec<Value>> {
        let silent = |_| RedisError::from((ErrorKind::Io, "Redis does not answer"));
        let since = Instant::now();
        let connection = timeout(RESPONSE_TIMEOUT, self.take()).await.map_err(silent)?;
        let mut connection = connection.map_err(unavailable)?;
        let left = RESPONSE_TIMEOUT.saturating_sub(since.elapsed());
        let answer = timeout(left, connection.send(sent)).await.map_err(silent).and_then(|answer| answer);
        if is_useless(&answer) {
            connection.close();
            self.purge();
        }
        answer
    }
}

/// Commands to send: one, or a pipeline of which answers are wanted.
enum Sent<'a> {
    One(&'a Cmd),
    All { pipeline: &'a Pipeline, offset: usize, count: usize },
}

impl Connection {
    async fn send(&mut self, sent: Sent<'_>) -> RedisResult<Vec<Value>> {
        let connection: &mut (dyn ConnectionLike + Send) = match self {
            Self::Single(connection) => connection,
            Self::Cluster(connection) => connection,
        };
        match sent {
            Sent::One(command) => connection.req_packed_command(command).await.map(|answer| vec![answer]),
            Sent::All { pipeline, offset, count } => connection.req_packed_commands(pipeline, offset, count).await,
        }
    }

    fn close(self) {
        match self {
            Self::Single(connection) => drop(deadpool_redis::Connection::take(connection)),
            Self::Cluster(connection) => drop(cluster::Connection::take(connection)),
        }
    }
}

/// Whether other connections may be of use where this answer was had: the server did not answer, or refused what only
/// another server would take.
fn is_useless(answer: &RedisResult<Vec<Value>>) -> bool {
    let is_foreign = |error: &RedisError| error.code().is_none_or(|code| code == FOREIGN);
    is_refused(answer.as_deref()) || answer.as_ref().is_err_and(is_foreign)
}

fn unavailable(error: PoolError) -> RedisError {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error,
        PoolError::Timeout(_) => (ErrorKind::Io, "no connection to Redis in time").into(),
        other => (ErrorKind::Io, "no connection to Redis", other.to_string()).into(),
    }
}

impl ConnectionLike for Pool {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let mut answers = self.send(Sent::One(command)).await?;
            Ok(answers.pop().expect("a command has one answer"))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(self.send(Sent::All { pipeline, offset, count }))
    }

    fn get_db(&self) -> i64 {
        0
    }
}
