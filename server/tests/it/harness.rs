//! Starts the real server on a free port in a folder of its own, and stops it.

use std::net::SocketAddr;

use codesync_server::{
    app::{App, Services},
    config::Config,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// A running server on the embedded default.
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

    /// The address of `path` on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Where the sockets are.
    pub(crate) fn socket(&self) -> String {
        format!("ws://{}/socket", self.addr)
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        reqwest::get(self.url("/metrics")).await.unwrap().text().await.unwrap()
    }

    /// Stops as SIGTERM would, and waits until every task has ended.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().expect("stopped once").send(());
        self.served.await.unwrap().unwrap();
    }
}
