//! Redis servers of a test's own: one, one with a replica, or a cluster of three.

use std::{
    fs::File,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use redis::{Client, Cmd, FromRedisValue, RedisResult};
use tempfile::TempDir;

use super::proxy::Proxy;
use crate::process::free_port;

/// The timeout of commands to a server.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; killed when dropped.
pub(crate) struct Redis {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Redis {
    /// Starts an empty server without persistence.
    pub(crate) async fn start() -> Self {
        Self::with::<&str>(&[]).await
    }

    /// Starts a server with settings in the form of its command line.
    pub(crate) async fn with<S: AsRef<str>>(settings: &[S]) -> Self {
        let settings = settings.iter().map(|setting| setting.as_ref().to_owned()).collect();
        let mut redis = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), settings, server: None };
        redis.begin().await;
        redis
    }

    /// Starts a replica of this server, and waits until it follows.
    pub(crate) async fn replica(&self) -> Self {
        self.replica_by(self.addr()).await
    }

    /// Starts a replica that reaches this server by way of `addr`, and waits until it follows.
    pub(crate) async fn replica_by(&self, addr: SocketAddr) -> Self {
        let replica = Self::with(&["--replicaof", "127.0.0.1", &addr.port().to_string()]).await;
        self.until(redis::cmd("INFO").arg("replication"), |info: &String| info.contains("state=online")).await;
        replica
    }

    /// Makes a replica a server of its own.
    pub(crate) async fn promote(&mut self) {
        self.settings.clear();
        let () = self.ask(redis::cmd("REPLICAOF").arg("NO").arg("ONE")).await.unwrap();
    }

    /// Makes it a replica of the server at `addr`. Its connections stay, and writes on them are refused.
    pub(crate) async fn demote(&self, addr: SocketAddr) {
        let () = self.ask(redis::cmd("REPLICAOF").arg("127.0.0.1").arg(addr.port())).await.unwrap();
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Starts it again at its port, with its persisted data.
    pub(crate) async fn begin(&mut self) {
        let server = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(self.folder.path())
            // A new replica does not wait for others.
            .args(["--repl-diskless-sync-delay", "0"])
            .args(&self.settings)
            .stdin(Stdio::null())
            .stdout(File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .expect("redis-server is installed: `make setup`");
        self.server = Some(server);
        self.until(&redis::cmd("PING"), |answer: &String| answer == "PONG").await;
    }

    /// Ends it like a crash.
    pub(crate) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Makes it silent, or ends that.
    pub(crate) fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let pid = self.server.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Runs a command.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let mut connection = Client::open(self.url())?.get_multiplexed_async_connection().await?;
        command.query_async(&mut connection).await
    }

    /// Repeats a command until the answer is the wanted one.
    pub(crate) async fn until<T: FromRedisValue>(&self, command: &Cmd, wanted: impl Fn(&T) -> bool) {
        let started = Instant::now();
        while !self.ask(command).await.is_ok_and(|answer| wanted(&answer)) {
            assert!(started.elapsed() < PATIENCE, "Redis at port {} does not come to it", self.port);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts three servers that share the slots of a cluster, and waits until they agree.
pub(crate) async fn cluster() -> Vec<Redis> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Redis::with(&member(free_port())).await);
    }
    join(&nodes).await;
    nodes
}

/// Starts such a cluster whose servers are reached through proxies.
pub(crate) async fn cluster_behind_proxies() -> (Vec<Redis>, Vec<Proxy>) {
    let (mut nodes, mut proxies) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let proxy = Proxy::before(Vec::new()).await;
        let mut settings = member(free_port());
        settings.extend(["--cluster-announce-port".into(), proxy.addr.port().to_string()]);
        nodes.push(Redis::with(&settings).await);
        proxy.lead_to(vec![nodes.last().expect("it was just pushed").addr()]);
        proxies.push(proxy);
    }
    join(&nodes).await;
    (nodes, proxies)
}

/// By default the bus listens 10,000 ports above, which may be no valid port.
fn member(bus: u16) -> Vec<String> {
    ["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()].map(str::to_owned).into()
}

async fn join(nodes: &[Redis]) {
    for (index, node) in nodes.iter().enumerate() {
        let (from, to) = (index * 16_384 / 3, (index + 1) * 16_384 / 3 - 1);
        let () = node.ask(redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(from).arg(to)).await.unwrap();
        let bus: Vec<String> = node.ask(redis::cmd("CONFIG").arg("GET").arg("cluster-port")).await.unwrap();
        let mut meet = redis::cmd("CLUSTER");
        meet.arg("MEET").arg("127.0.0.1").arg(node.port).arg(&bus[1]);
        let () = nodes[0].ask(&meet).await.unwrap();
    }
    for node in nodes {
        node.until(redis::cmd("CLUSTER").arg("INFO"), |info: &String| {
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        })
        .await;
    }
}
