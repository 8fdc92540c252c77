//! Several nodes: any of them serves any document, and what goes wrong between them costs nobody an acknowledged edit.

mod away;

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    clients::Clients,
    harness::seed,
    process::{Process, free_port},
    rest::Caller,
    rig::{
        postgres::Postgres,
        proxy::{Proxy, Traffic},
        redis::Redis,
        s3::S3,
    },
};
use codesync_server::snapshot::SnapshotStore;

const CLIENTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Nodes that share Redis, PostgreSQL and S3, and nothing else.
struct Nodes {
    redis: Redis,
    postgres: Postgres,
    s3: S3,
    data: TempDir,
    /// Between each node and Redis.
    links: Vec<Proxy>,
    ports: Vec<u16>,
    running: Vec<Option<Process>>,
}

impl Nodes {
    async fn start(count: usize, redis: Redis) -> Self {
        let (postgres, s3) = tokio::join!(Postgres::start(), S3::start());
        let data = tempfile::tempdir().unwrap();
        let mut nodes = Self { redis, postgres, s3, data, links: Vec::new(), ports: Vec::new(), running: Vec::new() };
        for _ in 0..count {
            nodes.add(&[]).await;
        }
        nodes
    }

    /// One more node, with settings of its own.
    async fn add(&mut self, more: &[(&str, &str)]) {
        self.ports.push(free_port());
        self.links.push(Proxy::start(self.redis.addr()).await);
        self.running.push(None);
        self.begin_with(self.ports.len() - 1, more).await;
    }

    async fn begin(&mut self, index: usize) {
        self.begin_with(index, &[]).await;
    }

    async fn begin_with(&mut self, index: usize, more: &[(&str, &str)]) {
        let (redis, postgres) = (format!("redis://{}", self.links[index].addr), self.postgres.url());
        let s3 = self.s3.settings();
        let mut settings = vec![
            ("REDIS_URL", redis.as_str()),
            ("DATABASE_URL", &postgres),
            ("JWT_SECRET", "a secret that all nodes of a test share"),
            ("CODESYNC_SNAPSHOT_MS", "500"),
        ];
        settings.extend(s3.iter().map(|(name, value)| (*name, value.as_str())));
        settings.extend(more);
        let own = self.data.path().join(index.to_string());
        self.running[index] = Some(Process::start(&own, self.ports[index], &settings).await);
    }

    async fn kill(&mut self, index: usize) {
        self.running[index].take().expect("it runs").kill().await;
    }

    fn node(&self, index: usize) -> &Process {
        self.running[index].as_ref().expect("it runs")
    }

    fn socket(&self, index: usize) -> String {
        format!("ws://127.0.0.1:{}/socket", self.ports[index % self.ports.len()])
    }

    /// An account with a document.
    async fn account_and_document(&self) -> (Caller, String) {
        let caller = Caller::at(&self.node(0).url("")).register("ann").await;
        let path = caller.document("shared").await;
        (caller, path.rsplit('/').next().unwrap().to_owned())
    }

    /// The value of a counter, over all nodes.
    async fn counted(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for node in self.running.iter().flatten() {
            let metrics = reqwest::get(node.url("/metrics")).await.unwrap().text().await.unwrap();
            let lines = metrics.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
            sum += lines.sum::<f64>();
        }
        sum
    }

    async fn end(self) {
        for node in self.running.into_iter().flatten() {
            assert!(node.terminate().await);
        }
    }
}

/// Six clients that type all the time, two at each node.
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

/// Lets the clients come to rest, and checks the two promises: nothing acknowledged is missing, and all are the same.
async fn check(nodes: &Nodes, clients: &Clients, token: &str, doc: &str) {
    for client in CLIENTS {
        clients.ask("rest", json!({ "client": client })).await;
    }
    for client in CLIENTS {
        clients.wait(client, json!({ "synced": true })).await;
        // What became durable while a client was away is not echoed to it: its next edit speaks for all before.
        clients.append(client, "!").await;
        clients.wait(client, json!({ "acknowledged": true })).await;
    }
    clients.converge(&CLIENTS).await;
    let mut states = Vec::new();
    for index in 0..nodes.ports.len() {
        let auditor = format!("auditor {index}");
        clients.join(&auditor, &nodes.socket(index), doc, token).await;
        clients.converge(&["a", &auditor]).await;
        let missing = clients.ask("missing", json!({ "client": auditor, "of": CLIENTS })).await;
        assert_eq!(missing, json!([]), "at node {index}");
        states.push(clients.ask("save", json!({ "client": auditor })).await);
        clients.ask("close", json!({ "client": auditor })).await;
    }
    assert!(states.iter().all(|state| *state == states[0]), "what the nodes hold is equal to the byte");
}

/// Waits until something was acknowledged to everyone since now.
async fn progress(clients: &Clients) {
    for client in CLIENTS {
        let acknowledged = clients.status(client, "acknowledged").await.as_u64().unwrap();
        clients.wait(client, json!({ "acknowledgedAtLeast": acknowledged + 1 })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_on_two_nodes_edit_one_document() {
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let bob = Caller::at(&nodes.node(1).url("")).register("bob").await;
    ann.share(&format!("/api/documents/{doc}"), &bob, "editor").await;
    let clients = Clients::start();
    clients.join("ann", &nodes.socket(0), &doc, ann.token()).await;
    clients.ask("awareness", json!({ "client": "ann", "state": { "cursor": "of ann" } })).await;
    clients.append("ann", "hello ").await;
    clients.join("bob", &nodes.socket(1), &doc, bob.token()).await;
    clients.wait("bob", json!({ "text": "hello ", "awareness": "of ann" })).await;
    clients.ask("awareness", json!({ "client": "bob", "state": { "cursor": "of bob" } })).await;
    clients.append("bob", "world").await;
    clients.wait("ann", json!({ "text": "hello world", "awareness": "of bob" })).await;
    let presence = format!("/api/documents/{doc}/presence");
    for index in 0..2 {
        let here = ann.elsewhere(&nodes.node(index).url("")).get(&presence).await.expect(200);
        assert_eq!(here.items("/user/name"), ["ann", "bob"], "at node {index}");
    }
    clients.ask("disconnect", json!({ "client": "bob" })).await;
    clients.wait("ann", json!({ "peers": 1 })).await;
    clients.ask("connect", json!({ "client": "bob" })).await;
    clients.wait("ann", json!({ "peers": 2 })).await;

    // What one node is told, every node does within a second.
    let at = Instant::now();
    ann.share(&format!("/api/documents/{doc}"), &bob, "viewer").await;
    ann.delete(&format!("/api/documents/{doc}/collaborators/{}", bob.id())).await.expect(204);
    clients.wait("bob", json!({ "closed": 4403 })).await;
    assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
    clients.join("ann elsewhere", &nodes.socket(1), &doc, ann.token()).await;
    let at = Instant::now();
    ann.post("/api/auth/logout", Value::Null).await.expect(204);
    clients.wait("ann elsewhere", json!({ "closed": 4401 })).await;
    assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_costs_nobody_an_edit() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..5 {
        progress(&clients).await;
        let dies = random.random_range(0..3);
        nodes.kill(dies).await;
        let at = Instant::now();
        for (index, client) in CLIENTS.into_iter().enumerate().filter(|(index, _)| index % 3 == dies) {
            clients.ask("disconnect", json!({ "client": client })).await;
            let url = nodes.socket(index + 1);
            clients.ask("connect", json!({ "client": client, "url": url })).await;
            clients.wait(client, json!({ "synced": true })).await;
        }
        assert!(at.elapsed() < Duration::from_secs(5), "back after {:?}", at.elapsed());
        progress(&clients).await;
        nodes.begin(dies).await;
        for (index, client) in CLIENTS.into_iter().enumerate().filter(|(index, _)| index % 3 == dies) {
            clients.ask("disconnect", json!({ "client": client })).await;
            clients.ask("connect", json!({ "client": client, "url": nodes.socket(index) })).await;
        }
    }
    check(&nodes, &clients, ann.token(), &doc).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_filled_again_by_the_nodes() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..3 {
        progress(&clients).await;
        let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    }
    progress(&clients).await;
    check(&nodes, &clients, ann.token(), &doc).await;
    assert!(nodes.counted("codesync_log_restored_total").await >= 3.0);
    // Also where nobody types any more, and the nodes alone know.
    let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    nodes
        .redis
        .until(redis::cmd("HEXISTS").arg(format!("codesync:{{{doc}}}:meta")).arg("last"), |there: &bool| *there)
        .await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_everything_or_stays_away_costs_nobody_an_edit() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for away in [Duration::ZERO, Duration::from_secs(8)] {
        progress(&clients).await;
        nodes.redis.kill();
        // Being away is what is tested; both clients of a node go on seeing each other meanwhile.
        tokio::time::sleep(away).await;
        nodes.redis.begin().await;
        progress(&clients).await;
    }
    for client in CLIENTS {
        assert_eq!(clients.status(client, "connects").await, 1, "{client} noticed nothing but a pause");
    }
    check(&nodes, &clients, ann.token(), &doc).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cut_off_from_redis_goes_on_and_converges_when_it_is_back() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for index in 0..2 {
        clients.join(&format!("reader {index}"), &nodes.socket(index), &doc, ann.token()).await;
    }
    progress(&clients).await;
    // What is looked for below must not be deleted by the others.
    for client in CLIENTS {
        clients.ask("rest", json!({ "client": client })).await;
    }
    nodes.links[0].set(Traffic::Vanishes);
    // Who only reads sees what is typed at the same node, cut off or not.
    for (writer, reader) in [("a", "reader 0"), ("b", "reader 1")] {
        clients.append(writer, &format!("of {writer}, cut off")).await;
        clients.wait(reader, json!({ "contains": format!("of {writer}, cut off") })).await;
    }
    type_on(&clients, &mut random).await;
    nodes.links[0].set(Traffic::Passes);
    progress(&clients).await;
    check(&nodes, &clients, ann.token(), &doc).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_may_be_away_while_all_type() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    nodes.s3.traffic(Traffic::Fails);
    let started = Instant::now();
    while nodes.counted("codesync_compaction_failures_total").await < 2.0 {
        assert!(started.elapsed() < Duration::from_secs(60), "no compaction was tried");
        progress(&clients).await;
    }
    let entries: u64 = nodes.redis.ask(redis::cmd("XLEN").arg(format!("codesync:{{{doc}}}:log"))).await.unwrap();
    assert!(entries > 10, "the log keeps all: {entries}");
    nodes.s3.traffic(Traffic::Passes);
    check(&nodes, &clients, ann.token(), &doc).await;
    let snapshots = SnapshotStore::new(nodes.s3.objects());
    let started = Instant::now();
    while snapshots.list(doc.parse().unwrap()).await.unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "compaction has not caught up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doorbells_may_be_cut_off_while_the_streams_work() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..10 {
        progress(&clients).await;
        let () = nodes.redis.ask(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub")).await.unwrap();
    }
    check(&nodes, &clients, ann.token(), &doc).await;
    assert!(nodes.counted("codesync_redis_subscriptions_cut_total").await >= 10.0);
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_whose_node_died_is_compacted_by_another() {
    let mut nodes = Nodes::start(0, Redis::start().await).await;
    for role in ["sync,api", "compactor"] {
        nodes.add(&[("CODESYNC_ROLES", role), ("CODESYNC_SWEEP_S", "1"), ("CODESYNC_SNAPSHOT_MS", "600000")]).await;
    }
    let (ann, doc) = nodes.account_and_document().await;
    let clients = Clients::start();
    clients.join("ann", &nodes.socket(0), &doc, ann.token()).await;
    clients.append("ann", "kept").await;
    clients.wait("ann", json!({ "acknowledged": true })).await;
    let compactor = nodes.node(1);
    for path in ["/api/documents", "/socket/x"] {
        assert_eq!(reqwest::get(compactor.url(path)).await.unwrap().status(), 404, "{path} is for other roles");
    }
    assert_eq!(reqwest::get(compactor.url("/api/health")).await.unwrap().status(), 200);
    nodes.kill(0).await;
    let snapshots = SnapshotStore::new(nodes.s3.objects());
    let started = Instant::now();
    while snapshots.list(doc.parse().unwrap()).await.unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20), "no snapshot");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nodes.redis.until(redis::cmd("ZCARD").arg("codesync:dirty"), |left: &u64| *left == 0).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_over_all_nodes() {
    let mut nodes = Nodes::start(0, Redis::start().await).await;
    for _ in 0..2 {
        nodes.add(&[("CODESYNC_RATE_LIMITS", "on")]).await;
    }
    let log_in = async |index: usize| {
        let caller = Caller::at(&nodes.node(index).url(""));
        let body = json!({ "email": "nobody@example.org", "password": "not the password" });
        caller.post("/api/auth/login", body).await.status
    };
    for attempt in 0..10 {
        assert_eq!(log_in(attempt % 2).await, 401, "attempt {attempt}");
    }
    assert_eq!(log_in(0).await, 429, "ten are counted together");
    assert_eq!(log_in(1).await, 429);
    nodes.end().await;
}

/// What goes wrong next.
#[derive(Debug)]
enum Fault {
    NodeDies(usize),
    RedisForgets,
    RedisDies { away_ms: u64 },
    RedisFreezes { ms: u64 },
    BellsCut,
    NodePartitioned { index: usize, ms: u64 },
    S3Fails { ms: u64 },
    S3Vanishes { ms: u64 },
    PostgresDies { away_ms: u64 },
}

impl Fault {
    fn any(random: &mut StdRng, nodes: usize) -> Self {
        let long = random.random_range(0..4_000);
        match random.random_range(0..10) {
            0 | 1 => Self::NodeDies(random.random_range(0..nodes)),
            2 => Self::RedisForgets,
            3 => Self::RedisDies { away_ms: long },
            4 => Self::RedisFreezes { ms: long },
            5 => Self::BellsCut,
            6 => Self::NodePartitioned { index: random.random_range(0..nodes), ms: long },
            7 => Self::S3Fails { ms: long },
            8 => Self::S3Vanishes { ms: long },
            _ => Self::PostgresDies { away_ms: long },
        }
    }
}

impl Nodes {
    async fn suffer(&mut self, fault: &Fault) {
        match fault {
            Fault::NodeDies(index) => {
                self.kill(*index).await;
                self.begin(*index).await;
            }
            Fault::RedisForgets => {
                let () = self.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
            }
            Fault::RedisDies { away_ms } => {
                self.redis.kill();
                // How long it is away is the fault.
                tokio::time::sleep(Duration::from_millis(*away_ms)).await;
                self.redis.begin().await;
            }
            Fault::RedisFreezes { ms } => {
                self.redis.freeze(true);
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                self.redis.freeze(false);
            }
            Fault::NodePartitioned { index, ms } => {
                self.links[*index].set(Traffic::Vanishes);
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                self.links[*index].set(Traffic::Passes);
            }
            Fault::S3Fails { ms } => self.without_s3(Traffic::Fails, *ms).await,
            Fault::S3Vanishes { ms } => self.without_s3(Traffic::Vanishes, *ms).await,
            Fault::PostgresDies { away_ms } => {
                self.postgres.stop();
                tokio::time::sleep(Duration::from_millis(*away_ms)).await;
                self.postgres.begin().await;
            }
            Fault::BellsCut => {
                let () = self.redis.ask(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub")).await.unwrap();
            }
        }
    }
}

impl Nodes {
    async fn without_s3(&self, traffic: Traffic, ms: u64) {
        self.s3.traffic(traffic);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.s3.traffic(Traffic::Passes);
    }
}

/// As many faults as `CODESYNC_CHAOS_FAULTS` says, by default few; `make chaos` asks for many.
#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_faults_loses_nothing() {
    let faults = std::option_env!("CODESYNC_CHAOS_FAULTS").map_or(12, |faults| faults.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for round in 0..faults {
        let fault = Fault::any(&mut random, 3);
        println!("{round}: {fault:?}");
        nodes.suffer(&fault).await;
        // Now and then one fault meets another that nobody has got over yet.
        if random.random_bool(0.7) {
            progress(&clients).await;
        }
    }
    progress(&clients).await;
    check(&nodes, &clients, ann.token(), &doc).await;
    nodes.end().await;
}
