//! Several nodes: each serves any document, and no failure between them costs an acknowledged edit.

mod access;
mod away;
mod chaos;
mod deaths;
mod digest;
mod drain;
mod forks;
mod installation;
mod lost;
mod promotion;
mod releases;
mod rights;
mod silence;
mod skew;
mod snapshots;
mod together;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rand::{RngExt, rngs::StdRng};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    clients::Clients,
    process::{Process, free_port},
    rest::Caller,
    rig::{postgres::Postgres, proxy::Proxy, redis::Redis, s3::S3},
};

const CLIENTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A variable of a node.
type Setting = (&'static str, &'static str);

/// Nodes that share Redis, PostgreSQL and S3, and nothing else.
struct Nodes {
    redis: Redis,
    postgres: Postgres,
    s3: S3,
    data: TempDir,
    nodes: Vec<Node>,
    /// In front of all nodes, like a load balancer without stickiness.
    front: Proxy,
}

struct Node {
    port: u16,
    more: Vec<Setting>,
    /// Its program, if not the one under test.
    program: Option<&'static str>,
    /// The connection between the node and Redis.
    link: Proxy,
    process: Option<Process>,
}

impl Nodes {
    async fn start(count: usize, redis: Redis) -> Self {
        Self::start_with(count, redis, &[]).await
    }

    async fn start_with(count: usize, redis: Redis, more: &[Setting]) -> Self {
        Self::start_as(count, redis, more, None).await
    }

    async fn start_as(count: usize, redis: Redis, more: &[Setting], program: Option<&'static str>) -> Self {
        let (postgres, s3, front) = tokio::join!(Postgres::start(), S3::start(), Proxy::before(Vec::new()));
        let mut nodes = Self { redis, postgres, s3, data: tempfile::tempdir().unwrap(), nodes: Vec::new(), front };
        for _ in 0..count {
            nodes.add_as(more, program).await;
        }
        nodes
    }

    /// One more node, with settings of its own.
    async fn add(&mut self, more: &[Setting]) {
        self.add_as(more, None).await;
    }

    async fn add_as(&mut self, more: &[Setting], program: Option<&'static str>) {
        let link = Proxy::start(self.redis.addr()).await;
        self.nodes.push(Node { port: free_port(), more: more.to_vec(), program, link, process: None });
        self.begin(self.nodes.len() - 1).await;
        self.front.lead_to(self.nodes.iter().map(|node| SocketAddr::from(([127, 0, 0, 1], node.port))).collect());
    }

    /// Adds `count` nodes, started at the same time.
    async fn add_all(&mut self, count: usize) {
        for _ in 0..count {
            let link = Proxy::start(self.redis.addr()).await;
            self.nodes.push(Node { port: free_port(), more: Vec::new(), link, program: None, process: None });
        }
        self.begin_all().await;
        self.front.lead_to(self.nodes.iter().map(|node| SocketAddr::from(([127, 0, 0, 1], node.port))).collect());
    }

    async fn begin(&mut self, index: usize) {
        self.nodes[index].process = Some(self.process(index).await);
    }

    async fn process(&self, index: usize) -> Process {
        let node = &self.nodes[index];
        let (redis, postgres) = (format!("redis://{}", node.link.addr), self.postgres.url());
        let s3 = self.s3.settings();
        let mut settings = vec![
            ("REDIS_URL", redis.as_str()),
            ("DATABASE_URL", &postgres),
            ("JWT_SECRET", "a secret that all nodes of a test share"),
            ("CODESYNC_SNAPSHOT_MS", "500"),
        ];
        settings.extend(s3.iter().map(|(name, value)| (*name, value.as_str())));
        settings.extend(&node.more);
        let data = self.data.path().join(index.to_string());
        match node.program {
            Some(program) => Process::start_program(program, &data, node.port, &settings).await,
            None => Process::start(&data, node.port, &settings).await,
        }
    }

    async fn kill(&mut self, index: usize) {
        self.nodes[index].process.take().expect("it runs").kill().await;
    }

    /// Kills all nodes at once, and starts them again with only what is stored.
    async fn start_anew(&mut self) {
        self.kill_all().await;
        self.begin_all().await;
    }

    async fn kill_all(&mut self) {
        join_all(self.nodes.iter_mut().filter_map(|node| node.process.take()).map(Process::kill)).await;
    }

    async fn begin_all(&mut self) {
        let processes = join_all((0..self.nodes.len()).map(|index| self.process(index))).await;
        for (node, process) in self.nodes.iter_mut().zip(processes) {
            node.process = Some(process);
        }
    }

    fn node(&self, index: usize) -> &Process {
        self.nodes[index].process.as_ref().expect("it runs")
    }

    fn socket(&self, index: usize) -> String {
        format!("ws://127.0.0.1:{}/socket", self.nodes[index % self.nodes.len()].port)
    }

    /// The address of the sockets of any node.
    fn any_socket(&self) -> String {
        format!("ws://{}/socket", self.front.addr)
    }

    /// An account with a document.
    async fn account_and_document(&self) -> (Caller, String) {
        let nobody = Caller::at(&self.node(0).url(""));
        let nobody = match self.nodes.iter().all(|node| node.program.is_none()) {
            true => nobody,
            false => nobody.at_previous_release(),
        };
        let caller = nobody.register("ann").await;
        let doc = document(&caller).await;
        (caller, doc)
    }

    /// The value of a counter at one node.
    async fn counted_at(&self, index: usize, name: &str) -> f64 {
        let metrics = self.node(index).metrics().await;
        metrics.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok()).sum()
    }

    /// The value of a counter, over all running nodes.
    async fn counted(&self, name: &str) -> f64 {
        let running = (0..self.nodes.len()).filter(|index| self.nodes[*index].process.is_some());
        join_all(running.map(|index| self.counted_at(index, name))).await.into_iter().sum()
    }

    /// Waits until a counter has reached `least`, over all running nodes.
    async fn until_counted(&self, name: &str, least: f64) {
        let started = Instant::now();
        loop {
            let counted = self.counted(name).await;
            if counted >= least {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{name} is {counted}, not {least}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One of the fields that identify the log of `doc`.
    async fn log_id(&self, doc: &str, name: &str) -> Option<String> {
        log_id(&self.redis, doc, name).await
    }

    /// No replica was found to differ from another at the same offset of the log.
    async fn assert_equal_replicas(&self) {
        let diverged = self.counted("codesync_replicas_diverged_total").await;
        assert!(diverged < 1.0, "{diverged} replicas lacked something that others had");
    }

    async fn end(self) {
        self.assert_equal_replicas().await;
        self.stop().await;
    }

    async fn stop(self) {
        let running = self.nodes.into_iter().filter_map(|node| node.process);
        assert!(join_all(running.map(Process::terminate)).await.into_iter().all(|well| well));
    }
}

async fn log_id(redis: &Redis, doc: &str, name: &str) -> Option<String> {
    redis.ask(redis::cmd("HGET").arg(format!("codesync:{{{doc}}}:meta")).arg(name)).await.unwrap()
}

/// Makes a document and gives its id.
async fn document(caller: &Caller) -> String {
    caller.document("shared").await.rsplit('/').next().unwrap().to_owned()
}

/// Six clients that type continuously, two at each node.
async fn typing(nodes: &Nodes, token: &str, doc: &str, random: &mut StdRng) -> Clients {
    let clients = Clients::start();
    for (index, client) in CLIENTS.into_iter().enumerate() {
        clients.join(client, &nodes.socket(index), doc, token).await;
    }
    type_on(&clients, random).await;
    clients
}

async fn type_on(clients: &Clients, random: &mut StdRng) {
    for client in CLIENTS {
        clients.ask("edit", json!({ "client": client, "seed": random.random::<u32>(), "everyMs": 8 })).await;
    }
}

/// Waits until an edit of every client was acknowledged since now.
async fn progress(clients: &Clients) {
    progress_of(clients, &CLIENTS).await;
}

async fn progress_of(clients: &Clients, names: &[&str]) {
    join_all(names.iter().map(async |client| {
        let acknowledged = clients.status(client, "acknowledged").await.as_u64().unwrap();
        clients.wait(client, json!({ "acknowledgedAtLeast": acknowledged + 1 })).await;
    }))
    .await;
}

/// Stops the typing of clients, and waits until everything is acknowledged.
async fn settle(clients: &Clients, names: &[&str]) {
    for client in names {
        clients.ask("rest", json!({ "client": client })).await;
    }
    join_all(names.iter().map(async |client| {
        clients.wait(client, json!({ "synced": true })).await;
        // Edits that became durable while a client was disconnected are not echoed to it: its next edit confirms all
        // before.
        clients.append(client, "!").await;
        clients.wait(client, json!({ "acknowledged": true })).await;
    }))
    .await;
    clients.converge(names).await;
}

/// Opens the document with new clients at each node: nothing acknowledged to `names` is missing, and all have the same
/// bytes.
async fn audit(nodes: &Nodes, clients: &Clients, names: &[&str], token: &str, doc: &str) {
    let mut states = Vec::new();
    for index in 0..nodes.nodes.len() {
        let auditor = format!("auditor {index} of {doc}");
        clients.join(&auditor, &nodes.socket(index), doc, token).await;
        clients.converge(&[names[0], &auditor]).await;
        let missing = clients.ask("missing", json!({ "client": auditor, "of": names })).await;
        assert_eq!(missing, json!([]), "at node {index}");
        states.push(clients.ask("save", json!({ "client": auditor })).await);
        clients.ask("close", json!({ "client": auditor })).await;
    }
    assert!(states.iter().all(|state| *state == states[0]), "what the nodes hold is equal to the byte");
}

/// Opens the document with a new client while no other has it: everything acknowledged to `names` is there at once.
async fn audit_stored(nodes: &Nodes, clients: &Clients, names: &[&str], token: &str, doc: &str) {
    let auditor = format!("auditor of {doc}");
    clients.join(&auditor, &nodes.any_socket(), doc, token).await;
    let missing = clients.ask("missing", json!({ "client": auditor, "of": names })).await;
    assert_eq!(missing, json!([]), "in what is stored");
    clients.ask("close", json!({ "client": auditor })).await;
}

/// Stops the typing, and checks the two guarantees: nothing acknowledged is missing, and all replicas are equal. First
/// on the nodes, and then, without clients and nodes, in the stores.
async fn check(mut nodes: Nodes, clients: &Clients, token: &str, doc: &str) {
    settle(clients, &CLIENTS).await;
    audit(&nodes, clients, &CLIENTS, token, doc).await;
    leave(clients, &CLIENTS).await;
    nodes.assert_equal_replicas().await;
    nodes.start_anew().await;
    audit_stored(&nodes, clients, &CLIENTS, token, doc).await;
    audit(&nodes, clients, &CLIENTS, token, doc).await;
    nodes.end().await;
}

/// Disconnects the clients, which would return what was lost.
async fn leave(clients: &Clients, names: &[&str]) {
    for client in names {
        clients.ask("disconnect", json!({ "client": client })).await;
    }
}
