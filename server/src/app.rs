//! The composition root: the only place that knows which adapters exist. Owns every task and the stop token.

use std::{future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::{Auth, events::AccessEvents},
    config::Config,
    directory::Directory,
    http::{self, limits::Limits},
    room::Rooms,
};

/// What handlers and sockets share.
#[derive(Clone)]
pub struct Services {
    /// The settings.
    pub config: Arc<Config>,
    /// The live documents.
    pub rooms: Rooms,
    /// Accounts, documents and grants.
    pub directory: Directory,
    /// Log-ins, tokens and access.
    pub auth: Auth,
    /// Rate limits.
    pub limits: Arc<Limits>,
    /// Changes of access, for open sockets.
    pub access_events: AccessEvents,
    /// Cancelled once the node drains: readiness says no, nothing new is taken.
    pub draining: CancellationToken,
}

impl Services {
    /// Makes a real round trip to everything that serving needs.
    ///
    /// # Errors
    /// When something does not answer, or the node drains.
    pub async fn ready(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.draining.is_cancelled(), "draining");
        self.directory.ping().await.context("directory")
    }
}

/// A server that is built and not yet listening.
pub struct App {
    services: Services,
    tasks: Tasks,
}

/// Spawns the tasks of the process, so that a drain can wait for them.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends by itself; it must watch [`Tasks::stop`].
    #[expect(clippy::disallowed_methods, reason = "this is the tracker")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.tracker.track_future(task));
    }

    /// The token that ends every task.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl App {
    /// Opens the stores and builds the services.
    ///
    /// # Errors
    /// When a store cannot be opened.
    pub async fn build(config: Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.storage.data_dir)
            .with_context(|| format!("create data folder {}", config.storage.data_dir.display()))?;
        let directory = Directory::sqlite(&config.storage.data_dir).await?;
        let access_events = AccessEvents::new();
        let auth = Auth::new(&config.auth, &config.storage, directory.clone(), access_events.clone()).await?;
        let limits = Limits::new(config.http.rate_limits);
        let services = Services {
            config: Arc::new(config),
            rooms: Rooms::new(),
            directory,
            auth,
            limits: Arc::new(limits),
            access_events,
            draining: CancellationToken::new(),
        };
        Ok(Self { services, tasks: Tasks::default() })
    }

    /// What its handlers and sockets share.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Listens on the configured address.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn bind(&self) -> anyhow::Result<TcpListener> {
        let address = self.services.config.http.listen;
        TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))
    }

    /// Serves until `signal` resolves, then drains.
    ///
    /// # Errors
    /// When accepting fails for good.
    pub async fn serve(self, listener: TcpListener, signal: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let router = http::router(self.services.clone());
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(signal)
            .await?;
        self.tasks.stop.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
        Ok(())
    }
}
