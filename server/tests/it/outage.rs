//! PostgreSQL becomes unavailable and available again: open documents continue, other calls get 503.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::{
    harness::TestApp,
    raw::Raw,
    rest::{Answer, Caller, PASSWORD},
    rig::{
        postgres::{Postgres, configure},
        proxy::Proxy,
        redis::Redis,
    },
};

/// The time within which an answer must arrive, and everything must work again: the longest call is given up after 5 s.
const PROMPT: Duration = Duration::from_secs(8);

struct Editing {
    ada: Caller,
    doc: String,
    writer: Raw,
    reader: Raw,
}

impl Editing {
    async fn begin(app: &TestApp) -> Self {
        let ada = app.register("ada").await;
        let doc = ada.document("Open").await.rsplit('/').next().unwrap().to_owned();
        let mut writer = Raw::codesync(&app.socket(), &doc, ada.token()).await;
        let mut reader = Raw::connect(&app.socket(), &doc, ada.token()).await;
        writer.sync().await;
        reader.sync().await;
        Self { ada, doc, writer, reader }
    }

    /// Types, and waits until it is saved and visible.
    async fn type_and_save(&mut self, text: &str, mark: u64) {
        self.writer.append(1, text).await;
        self.writer.mark(mark).await;
        let whole = self.writer.replica.text("content");
        self.reader.until_text(&whole).await;
    }
}

async fn unavailable(call: impl Future<Output = Answer>) {
    let started = Instant::now();
    let answer = call.await.expect_error(503, "unavailable");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
}

/// Everything that needs the directory is refused with a reason, and nothing open ends.
async fn while_gone(app: &TestApp, editing: &mut Editing, mark: u64) {
    let login = json!({ "email": "ada@example.org", "password": PASSWORD });
    let new = json!({ "email": "new@example.org", "password": PASSWORD, "name": "new" });
    let nobody = app.nobody();
    let ada = editing.ada.clone();
    // Neither can be checked now: the socket continues with its current token and access.
    editing.writer.renew(ada.token()).await;
    app.services.rooms.recheck();
    tokio::join!(
        unavailable(nobody.post("/api/auth/login", login)),
        unavailable(nobody.post("/api/auth/register", new)),
        unavailable(ada.get("/api/documents")),
        unavailable(ada.post("/api/documents", json!({ "title": "New" }))),
        async {
            let mut late = Raw::connect(&app.socket(), &editing.doc, ada.token()).await;
            assert_eq!(late.closed().await, 4503);
        },
    );
    // One result is used for a second.
    let started = Instant::now();
    while nobody.get("/api/health?deep").await.status != 503 {
        assert!(started.elapsed() < PROMPT, "the directory counts as available");
    }
    for path in ["/health", "/api/health", "/socket/health"] {
        nobody.get(path).await.expect(200);
    }
    editing.type_and_save("typed while it is gone ", mark).await;
    // By the end of this, the first check of the new token has certainly failed.
    unavailable(ada.get("/api/documents")).await;
    editing.type_and_save("and more ", mark + 1).await;
}

async fn once_back(app: &TestApp, editing: &mut Editing, mark: u64) {
    let started = Instant::now();
    while app.nobody().get("/api/health?deep").await.status != 200 {
        assert!(started.elapsed() < PROMPT, "not available again");
    }
    editing.writer.until_accepted().await;
    editing.type_and_save("and after ", mark).await;
    app.log_in("ada@example.org", PASSWORD).await.get("/api/documents").await.expect(200);
    let text = editing.ada.get(&format!("/api/documents/{}/text", editing.doc)).await.expect(200);
    assert_eq!(text.body, json!(editing.writer.replica.text("content")));
    let mut late = Raw::connect(&app.socket(), &editing.doc, editing.ada.token()).await;
    late.sync().await;
    late.until_text(&editing.writer.replica.text("content")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_documents_continue_while_postgres_is_down() {
    let mut postgres = Postgres::start().await;
    let app = TestApp::with(|config| {
        postgres.configure(config);
        // Compaction records sizes in the directory: it must be due during the outage.
        config.room.snapshot_delay = Duration::from_millis(50);
    })
    .await;
    let mut editing = Editing::begin(&app).await;
    editing.type_and_save("typed before ", 1).await;
    postgres.stop();
    while_gone(&app, &mut editing, 2).await;
    postgres.begin().await;
    once_back(&app, &mut editing, 4).await;
    drop(editing);
    app.stop().await;
}

/// As when its machine died or the network is cut: connections stay open and nothing arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_documents_continue_while_postgres_is_silent() {
    let postgres = Postgres::start().await;
    let app = TestApp::with(|config| {
        postgres.configure(config);
        config.storage.database.connections = 3;
    })
    .await;
    let mut editing = Editing::begin(&app).await;
    postgres.freeze();
    while_gone(&app, &mut editing, 1).await;
    // More calls than connections: each is answered nevertheless.
    let calls = (0..12).map(|_| unavailable(editing.ada.get("/api/documents")));
    futures_util::future::join_all(calls).await;
    postgres.thaw();
    once_back(&app, &mut editing, 10).await;
    drop(editing);
    app.stop().await;
}

/// As when a firewall has dropped them: pooled connections stay open and nothing arrives, while new ones work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_over_silent_pooled_connections_are_served_by_fresh_ones() {
    let postgres = Postgres::start().await;
    let proxy = Proxy::start(postgres.addr()).await;
    let app = TestApp::with(|config| configure(config, postgres.url_by(proxy.addr))).await;
    let ada = app.register("ada").await;
    for calls in [20, 1, 20] {
        // All connections of the pool are in use once.
        join_all((0..40).map(|_| ada.get("/api/users/me"))).await;
        proxy.silence();
        let answers = join_all((0..calls).map(|_| ada.get("/api/users/me"))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert!(statuses.iter().all(|status| *status == 200), "{calls} at once: {statuses:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_call_that_hangs_in_the_database_is_given_up() {
    let postgres = Postgres::start().await;
    let app = TestApp::with(|config| {
        postgres.configure(config);
        config.storage.database.connections = 2;
    })
    .await;
    let ada = app.register("ada").await;
    let mut lock = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql("begin; lock table users").execute(&mut lock).await.unwrap();
    let calls = (0..6).map(|_| unavailable(ada.get("/api/users/me")));
    futures_util::future::join_all(calls).await;
    lock.close().await.unwrap();
    ada.get("/api/users/me").await.expect(200);
    app.stop().await;
}

#[tokio::test]
async fn revoking_access_on_one_node_closes_sockets_on_all_nodes() {
    let (postgres, redis) = (Postgres::start().await, Redis::start().await);
    let node = || {
        TestApp::with(|config| {
            postgres.configure(config);
            config.redis.redis_url = Some(redis.url().into());
        })
    };
    let [here, there] = [node().await, node().await];
    let [root, ada] = [here.administrator("root").await, here.register("ada").await];
    let path = ada.document("Open").await;
    let mut socket = Raw::connect(&there.socket(), path.rsplit('/').next().unwrap(), ada.token()).await;
    socket.sync().await;
    let change = json!({ "is_disabled": true });
    root.patch(&format!("/api/admin/users/{}", ada.id()), change).await.expect(200);
    let told = Instant::now();
    assert_eq!(socket.closed().await, 4401);
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    here.stop().await;
    there.stop().await;
}

#[tokio::test]
async fn nodes_share_one_truth() {
    let postgres = Postgres::start().await;
    let [here, there] = [TestApp::on(&postgres).await, TestApp::on(&postgres).await];
    let [ada, bob] = [here.register("ada").await, here.register("bob").await];
    let [ada_there, bob_there] =
        [&ada, &bob].map(|caller| there.nobody().with(caller.token().to_owned(), caller.user.clone()));
    let path = ada.document("Shared").await;
    bob_there.get(&path).await.expect_error(404, "document_not_found");
    ada.share(&path, &bob, "viewer").await;
    assert_eq!(bob_there.get(&path).await.expect(200)["role"], "viewer");
    ada_there.delete(&format!("{path}/collaborators/{}", bob.id())).await.expect(204);
    bob.get(&path).await.expect_error(404, "document_not_found");
    ada_there.post("/api/auth/logout", json!(null)).await.expect(204);
    ada.get("/api/users/me").await.expect_error(401, "unauthenticated");
    here.stop().await;
    there.stop().await;
}
