//! The composition root: the only place that knows which adapters exist. Owns every task and the stop token.

use std::{
    fs::{File, TryLockError},
    future::Future,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use object_store::local::LocalFileSystem;
use time::OffsetDateTime;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    auth::{Auth, events::AccessEvents},
    config::{Config, HttpConfig, NodeRole, Stores},
    directory::Directory,
    health::Health,
    http,
    ids::{InstallationId, NodeId},
    installation,
    limits::Limits,
    log::{UpdateLog, redis::RedisLog, sqlite::SqliteLog},
    private,
    redis::Redis,
    relay::{Relay, local::LocalRelay, redis::RedisRelay},
    room::Rooms,
    services::Services,
    snapshot::{SnapshotStore, s3},
    sockets::Sockets,
    storage::Storage,
    sweeper,
    tasks::Tasks,
    telemetry, ws,
};

/// How long a node without sockets keeps a room after serving a call from it.
const IDLE_WITHOUT_SOCKETS: Duration = Duration::from_secs(2);

/// How long this server waits for the one that it replaces, and the interval of its checks.
const REPLACED_WITHIN: Duration = Duration::from_secs(5);
const REPLACED_LOOK: Duration = Duration::from_millis(50);

/// The number of connections that the listener of metrics accepts.
const METRICS_CONNECTIONS_MAX: usize = 64;

/// A server that is built and not yet listening.
pub struct App {
    services: Services,
    /// Stopped after the sessions, so that their last messages are applied.
    rooms: Tasks,
    /// These end automatically once nothing uses them.
    adapters: Tasks,
    /// Locks the data folder of a server that shares it with no other.
    occupied: Option<File>,
}

impl App {
    /// Opens the stores and builds the services.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        config.validate()?;
        let data_dir = &config.storage.data_dir;
        private::folder(data_dir)?;
        let (tasks, adapters) = (Tasks::default(), Tasks::default());
        let directory = Directory::open(&config.storage).await?;
        directory.keep_short(&adapters);
        let node = NodeId::new();
        let redis = Redis::open(&config.redis, &adapters).await?;
        let occupied = match redis.is_none() && config.has(NodeRole::Sync) {
            true => Some(occupy(data_dir, "another server runs on").await?),
            false => None,
        };
        let access_events = AccessEvents::new(redis.as_ref().map(|redis| (redis, node)), &adapters);
        let auth = Auth::new(&config.auth, &config.storage, directory.clone(), access_events.clone()).await?;
        let shared = redis.as_ref().map(|redis| (redis, node));
        let (storage, installation) = open_storage(&config, &directory, shared, &adapters).await?;
        let relay: Arc<dyn Relay> = match &redis {
            Some(redis) => Arc::new(RedisRelay::new(redis.clone(), node, &adapters)),
            None => Arc::new(LocalRelay),
        };
        let (mut room, tasks_of_rooms) = (config.room.clone(), tasks.clone());
        if !config.has(NodeRole::Sync) {
            room.idle = room.idle.min(IDLE_WITHOUT_SOCKETS);
        }
        let rooms = Rooms::new(storage.clone(), directory.clone(), relay, node, room, &access_events, tasks_of_rooms);
        let sockets = Sockets::new(config.socket.sockets_max, config.socket.sockets_per_user_max);
        let limits = Limits::new(config.http.rate_limits, redis.as_ref());
        let sessions = Tasks::default();
        let health = Health::new(directory.clone(), storage.clone(), installation, sessions.clone());
        let services = Services {
            config: Arc::new(config),
            rooms,
            storage,
            health,
            directory,
            auth,
            limits: Arc::new(limits),
            access_events,
            sockets,
            tasks: sessions,
            stopping: CancellationToken::new(),
            draining: CancellationToken::new(),
            started_at: OffsetDateTime::now_utc(),
        };
        Ok(Self { services, rooms: tasks, adapters, occupied })
    }

    /// The services that handlers and sockets share.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The secret of a one-time link to the first administrator; none if there are accounts, or no API.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn setup_secret(&self) -> anyhow::Result<Option<String>> {
        match self.services.config.has(NodeRole::Api) {
            true => self.services.auth.offer_setup().await.context("count accounts"),
            false => Ok(None),
        }
    }

    /// Listens on the configured address.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn bind(&self) -> anyhow::Result<TcpListener> {
        listen(self.services.config.http.listen).await
    }

    /// Serves until `signal` resolves, then drains: accepts nothing new, closes sockets, flushes rooms, closes stores.
    ///
    /// # Errors
    /// When accepting connections fails permanently, or the drain exceeds its deadline.
    pub async fn serve(
        self,
        listener: TcpListener,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let Self { services, rooms, adapters, occupied: _occupied } = self;
        let metrics_listener = match services.config.telemetry.metrics_listen {
            Some(address) => Some(listen(address).await.context("CODESYNC_METRICS_LISTEN")?),
            None => None,
        };
        telemetry::keep_up(&services.tasks);
        services.tasks.spawn(services.health.clone().watch());
        let (config, gauges) = (Arc::clone(&services.config), services.clone());
        let sockets_max = config.socket.sockets_max;
        telemetry::emf::report(config.telemetry.clone(), sockets_max, &services.tasks, move || gauges.refresh_gauges());
        let (stopping, draining) = (services.stopping.clone(), services.draining.clone());
        let directory = services.directory.clone();
        let (sessions, delay) = (services.tasks.clone(), services.config.http.drain_delay);
        let HttpConfig { keep_alive, drain: deadline, connections_max, .. } = services.config.http;
        if services.config.has(NodeRole::Compactor) {
            services.tasks.spawn(sweeper::run(services.clone()));
        }
        let metrics_router = http::metrics_router(services.clone());
        let router = match services.config.has(NodeRole::Sync) {
            true => ws::router(services.clone()).merge(http::router(services)),
            false => http::router(services),
        };
        let connections = Tasks::default();
        let served = http::serve::run(listener, router, keep_alive, connections_max, &connections);
        let metrics_served = async {
            match metrics_listener {
                Some(listener) => {
                    let max = METRICS_CONNECTIONS_MAX;
                    http::serve::run(listener, metrics_router, keep_alive, max, &connections).await;
                }
                None => std::future::pending().await,
            }
        };
        // Calls are answered until the sockets have closed. Readiness answers 503, which sends new clients to other
        // nodes.
        let gone = async {
            signal.await;
            stopping.cancel();
            if !delay.is_zero() {
                info!(
                    delay_s = delay.as_secs(),
                    "stopping: readiness answers 503, and everything else is served for a while"
                );
                sleep(delay).await;
            }
            info!("draining");
            draining.cancel();
            sessions.end().await;
            connections.stop().cancel();
            // A caller whose request never ends must not take the time that rooms need.
            sleep(deadline / 4).await;
            warn!("calls took too long: they are not waited for any longer");
        };
        let late = async {
            draining.cancelled().await;
            sleep(deadline).await;
        };
        let all = async {
            tokio::select! {
                () = served => {}
                () = metrics_served => {}
                () = gone => {}
            }
            rooms.end().await;
            adapters.end().await;
            directory.close().await;
            anyhow::Ok(())
        };
        tokio::select! {
            result = all => result,
            () = late => anyhow::bail!("drain took longer than {deadline:?}: what was acknowledged is durable"),
        }
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))
}

/// Opens the log and the snapshots, and checks that they belong to one installation with the directory; `adapters` runs
/// their tasks.
///
/// # Errors
/// When a store cannot be opened.
pub async fn open_storage(
    config: &Config,
    directory: &Directory,
    redis: Option<(&Redis, NodeId)>,
    adapters: &Tasks,
) -> anyhow::Result<(Storage, Option<InstallationId>)> {
    let (sweep, data_dir) = (config.room.sweep, &config.storage.data_dir);
    let mut snapshots = match config.storage.s3.bucket()? {
        Some(bucket) => s3::open(&config.storage.s3, bucket)?,
        None => local_snapshots(&data_dir.join("snapshots"))?,
    };
    let Stores { database, redis: has_redis, s3 } = config.stores()?;
    // Before anything is written.
    let installation = match database || has_redis || s3 {
        true => Some(installation::agree(directory, redis.map(|(redis, _)| redis), &mut snapshots).await?),
        false => None,
    };
    let log: Arc<dyn UpdateLog> = match redis {
        Some((redis, node)) => Arc::new(RedisLog::new(redis.clone(), node, config.redis.acknowledge, sweep, adapters)),
        None => Arc::new(SqliteLog::open(&data_dir.join("log.db"), sweep, adapters).await?),
    };
    Ok((Storage { log, snapshots }, installation))
}

/// Keeps a second server out of the folder: its rooms and ours would not see each other's edits.
///
/// # Errors
/// When the other server does not end soon: `why`, and the folder.
pub(crate) async fn occupy(data_dir: &Path, why: &str) -> anyhow::Result<File> {
    let path = data_dir.join("serve.lock");
    let file = private::file(&path).with_context(|| format!("create {}", path.display()))?;
    let since = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if since.elapsed() < REPLACED_WITHIN => sleep(REPLACED_LOOK).await,
            Err(TryLockError::WouldBlock) => anyhow::bail!("{why} {} already", data_dir.display()),
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) => {
                warn!(%error, "a second server on this folder would not be noticed");
                return Ok(file);
            }
        }
    }
}

/// Snapshots in a folder, synced to disk, because the log is trimmed once they exist.
fn local_snapshots(folder: &Path) -> anyhow::Result<SnapshotStore> {
    private::folder(folder)?;
    let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true).with_automatic_cleanup(true);
    Ok(SnapshotStore::new(Arc::new(store)))
}
