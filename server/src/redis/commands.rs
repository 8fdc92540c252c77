//! The connection for frequent commands, which pipelines those of all tasks. One task maintains it: it sends
//! heartbeats, and replaces the connection once the server does not answer or refuses writes.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture, RedisResult, Script, ServerErrorKind, Value,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::{
    CONNECT_TIMEOUT, FOREIGN, HEARTBEAT_INTERVAL, Owner, Pool, RESPONSE_TIMEOUT, Source, beats, heartbeat, is_refused,
};
use crate::tasks::Tasks;

/// Commands in flight; further commands wait.
const IN_FLIGHT_MAX: usize = 4096;
/// The shortest and the longest pause between two attempts to replace the connection.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The connection for commands; a clone shares it.
#[derive(Clone)]
pub struct Commands(Arc<Shared>);

struct Shared {
    source: Source,
    owner: Owner,
    /// Emptied whenever this connection is replaced.
    pool: Pool,
    link: Mutex<Link>,
}

/// One connection, until it is replaced.
#[derive(Clone)]
struct Link {
    connection: Connection,
    /// Cancelled once the server has refused something that only another server would accept.
    refused: CancellationToken,
    /// Cancelled once another connection has replaced it.
    replaced: CancellationToken,
    /// Whether the server was last found to belong to the installation.
    is_ours: Arc<AtomicBool>,
}

/// Reconnects automatically after it was cut, but not when it falls silent.
#[derive(Clone)]
enum Connection {
    /// To one server.
    Single(ConnectionManager),
    /// To every node of a cluster.
    Cluster(ClusterConnection),
}

impl Commands {
    /// Opens the connection, and maintains it until `tasks` stop.
    pub(super) async fn open(source: Source, owner: Owner, pool: Pool, tasks: &Tasks) -> RedisResult<Self> {
        let connection = match &source {
            // A server that is unavailable must not keep a node from starting.
            Source::Single(client) => {
                Connection::Single(ConnectionManager::new_lazy_with_config(*client.clone(), single())?)
            }
            Source::Cluster(_) => source.connect().await?,
        };
        let shared = Arc::new(Shared { source, owner, pool, link: Mutex::new(Link::new(connection)) });
        tasks.spawn(shared.clone().keep(tasks.stop().clone()));
        Ok(Self(shared))
    }

    /// Makes a round trip that writes.
    ///
    /// # Errors
    /// When the server does not answer in time, or takes no writes.
    pub async fn ready(&self) -> RedisResult<()> {
        heartbeat(&mut self.clone(), &self.0.owner).await
    }

    /// Sends commands together and returns the answer of each. A single server gets one pipeline; in a cluster every
    /// node gets its own commands, because a pipeline must not span slots.
    pub async fn together(&self, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        let mut this = self.clone();
        if let Connection::Cluster(_) = self.0.link().connection {
            let each = commands.into_iter().map(|command| {
                let mut this = self.clone();
                async move { command.query_async(&mut this).await }
            });
            return join_all(each).await;
        }
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        match this.req_packed_commands(&pipeline, 0, count).await {
            Ok(values) => values.into_iter().map(Value::extract_error).collect(),
            Err(error) => vec![Err(error); count],
        }
    }

    /// Runs a script that writes to the node of its first key, and waits until `replicas` have it. Both in one
    /// pipeline: on a connection that was cut in between nothing was written, and WAIT would return at once.
    ///
    /// # Errors
    /// When fewer replicas have it in time.
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
        let send = async |connection: &mut Connection| match connection {
            Connection::Single(connection) => connection.req_packed_commands(pipeline, 0, 2).await,
            Connection::Cluster(connection) => {
                let route = SingleNodeRoutingInfo::SpecificNode(Route::new(slot(key), SlotAddr::Master));
                connection.route_pipeline(pipeline.clone(), 0, 2, route).await
            }
        };
        let link = self.0.admitted().await?;
        let answers = link.answered(send(&mut link.connection.clone())).await;
        link.judge(answers.as_deref());
        answers?.into_iter().map(Value::extract_error).collect()
    }
}

impl Source {
    async fn connect(&self) -> RedisResult<Connection> {
        Ok(match self {
            Self::Single(client) => {
                Connection::Single(ConnectionManager::new_with_config(*client.clone(), single()).await?)
            }
            Self::Cluster(nodes) => {
                let client = super::cluster(nodes).build()?;
                match timeout(RESPONSE_TIMEOUT * 2, client.get_async_connection()).await {
                    Ok(connection) => Connection::Cluster(connection?),
                    Err(_) => return Err((ErrorKind::Io, "the cluster does not answer").into()),
                }
            }
        })
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

impl Shared {
    fn link(&self) -> Link {
        // Nothing panics while the lock is held; if it did, the link would still be consistent.
        self.link.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connection, once its server is known to belong to the installation: nothing is written to another one's.
    async fn admitted(&self) -> RedisResult<Link> {
        let link = self.link();
        if self.owner.0.get().is_some() && !link.is_ours.load(Ordering::Relaxed) {
            let checked = link.answered(heartbeat(&mut link.connection.clone(), &self.owner)).await;
            link.judge(checked.as_ref().map(|()| [].as_slice()));
            checked?;
            link.is_ours.store(true, Ordering::Relaxed);
        }
        Ok(link)
    }

    /// Replaces the connection whenever it no longer works.
    async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = PAUSE;
        loop {
            let link = self.link();
            let mut connection = link.connection.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = link.refused.cancelled() => {}
                () = until_silent(&mut connection, &self.owner) => {}
            }
            // Until the connection is replaced, each command first checks the installation of the server.
            link.is_ours.store(false, Ordering::Relaxed);
            self.pool.purge();
            warn!("Redis does not answer on the connection for commands, or accepts no writes: it is replaced");
            while let Err(error) = self.replace().await {
                debug!(%error, "no other connection to Redis yet");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                }
            }
            pause = PAUSE;
            metrics::counter!("codesync_redis_connections_replaced_total").increment(1);
            info!("Redis answers on a new connection for commands");
        }
    }

    /// Replaces the connection by one that passed a heartbeat.
    async fn replace(&self) -> RedisResult<()> {
        let mut connection = self.source.connect().await?;
        if !beats(&mut connection, &self.owner).await {
            return Err((ErrorKind::Io, "the server takes no writes, or belongs to another installation").into());
        }
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *link, Link::new(connection)).replaced.cancel();
        drop(link);
        self.pool.purge();
        Ok(())
    }
}

async fn until_silent(connection: &mut Connection, owner: &Owner) {
    let mut beat = interval(HEARTBEAT_INTERVAL);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        if !beats(connection, owner).await {
            return;
        }
    }
}

impl Link {
    fn new(connection: Connection) -> Self {
        let (refused, replaced) = (CancellationToken::new(), CancellationToken::new());
        Self { connection, refused, replaced, is_ours: Arc::default() }
    }

    /// Waits for an answer, but not on a connection that has been replaced.
    async fn answered<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        tokio::select! {
            biased;
            answer = answer => answer,
            () = self.replaced.cancelled() => Err((ErrorKind::Io, "the connection was replaced").into()),
        }
    }

    fn judge(&self, answer: Result<&[Value], &RedisError>) {
        // Without an answer the connection may be cut, and may lead to another server once it is made again.
        if answer.is_err_and(|error| error.code().is_none()) {
            self.is_ours.store(false, Ordering::Relaxed);
        }
        if answer.is_err_and(|error| error.code() == Some(FOREIGN)) {
            self.is_ours.store(false, Ordering::Relaxed);
            if !self.refused.is_cancelled() {
                error!("Redis belongs to another installation: nothing is read or written there");
            }
            self.refused.cancel();
        }
        if is_refused(answer) {
            self.refused.cancel();
        }
    }
}

/// The slot of a key with a hash tag.
fn slot(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(tag, _)| tag);
    crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % 16_384
}

impl ConnectionLike for Commands {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let link = self.0.admitted().await?;
            let answer = link.answered(link.connection.clone().req_packed_command(cmd)).await;
            link.judge(answer.as_ref().map(std::slice::from_ref));
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let link = self.0.admitted().await?;
            let answers = link.answered(link.connection.clone().req_packed_commands(pipeline, offset, count)).await;
            link.judge(answers.as_deref());
            answers
        })
    }

    fn get_db(&self) -> i64 {
        self.0.link().connection.get_db()
    }
}

impl ConnectionLike for Connection {
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
