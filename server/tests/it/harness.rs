//! Starts the real server on a free port in a folder of its own, and stops it.

use std::{net::SocketAddr, time::Duration};

use codesync_server::{app::App, config::Config, hex::hex, services::Services};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    rest,
    rig::postgres::{self, Postgres},
};

/// Names a PostgreSQL server; the tests of the embedded directory run on it then.
pub(crate) const POSTGRES: &str = "CODESYNC_TEST_POSTGRES";

/// A running server.
pub(crate) struct TestApp {
    pub(crate) addr: SocketAddr,
    pub(crate) data_dir: TempDir,
    pub(crate) services: Services,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    /// Starts with the test defaults.
    pub(crate) async fn embedded() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts with settings changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let mut config = Config::for_tests(data_dir.path().to_owned());
        change(&mut config);
        place(&mut config).await;
        let app = App::build(config).await.unwrap();
        let services = app.services().clone();
        let listener = app.bind().await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "the test owns the server's task")]
        let served = tokio::spawn(app.serve(listener, async {
            let _ = stopped.await;
        }));
        Self { addr, data_dir, services, stop: Some(stop), served }
    }

    /// Starts with its directory on that PostgreSQL.
    pub(crate) async fn on(postgres: &Postgres) -> Self {
        Self::with(|config| postgres.configure(config)).await
    }

    /// The address of `path` on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The address of the sockets.
    pub(crate) fn socket(&self) -> String {
        format!("ws://{}/socket", self.addr)
    }

    /// The content of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        rest::get(self.url("/metrics")).await.unwrap().text().await.unwrap()
    }

    /// Stops as on SIGTERM, and waits until every task has ended.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
        self.served.await.unwrap().unwrap();
    }
}

/// Configures the directory of a server that names none as the other tests of this run do. A server that restarts in
/// its folder keeps its directory.
async fn place(config: &mut Config) {
    #[expect(clippy::disallowed_methods, reason = "where the tests run is no setting of the product")]
    let Ok(server) = std::env::var(POSTGRES) else { return };
    if config.storage.database.url.is_none() {
        let digest = Sha256::digest(config.storage.data_dir.as_os_str().as_encoded_bytes());
        let name = hex(&digest[..16]);
        postgres::configure(config, postgres::create_database(&server, &name).await);
    }
}

/// The seed of a random test: printed, and taken from the printed variable when the tests are built with it.
pub(crate) fn seed() -> u64 {
    let seed = match std::option_env!("CODESYNC_TEST_SEED") {
        Some(seed) => seed.parse().unwrap(),
        None => rand::random(),
    };
    println!("CODESYNC_TEST_SEED={seed}");
    seed
}

/// The duration of an outage: the given seconds, or those of `CODESYNC_OUTAGE_S` when the tests were built.
pub(crate) fn outage(seconds: u64) -> Duration {
    Duration::from_secs(std::option_env!("CODESYNC_OUTAGE_S").map_or(seconds, |seconds| seconds.parse().unwrap()))
}
