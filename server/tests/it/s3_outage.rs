//! S3 is unavailable: open documents continue and are kept; nothing is trimmed, nothing opens empty; snapshots are
//! taken later.

use std::time::{Duration, Instant};

use codesync_server::{ids::DocId, offset::Offset};
use futures_util::future::join_all;
use serde_json::json;

use crate::{
    clients::Clients,
    harness::{TestApp, outage},
    raw::Raw,
    rest::Caller,
    rig::{postgres::Postgres, proxy::Traffic, s3::S3},
};

/// Longer than all attempts of one request together.
const AN_ANSWER: Duration = Duration::from_secs(15);

async fn counted(app: &TestApp, name: &str) -> f64 {
    let metrics = app.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Waits until the condition is true.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Creates a document with some text whose room has ended.
async fn cold(app: &TestApp, caller: &Caller) -> String {
    let made = caller.post("/api/documents", json!({ "title": "cold", "text": "kept cold" })).await.expect(201);
    let doc: DocId = made.text("id").parse().unwrap();
    app.services.rooms.snapshot(doc).await.unwrap();
    until("its room ends", async || app.services.rooms.is_empty()).await;
    format!("/api/documents/{doc}")
}

async fn an_outage_delays_snapshots_and_nothing_else(traffic: Traffic) {
    let s3 = S3::start().await;
    let app = TestApp::with(|config| {
        s3.configure(config);
        config.room.idle = Duration::ZERO;
        config.room.snapshot_delay = Duration::from_millis(30);
        config.room.snapshot_retry_max = Duration::from_millis(500);
    })
    .await;
    app.metrics().await;
    let ada = app.register("ada").await;
    let cold = cold(&app, &ada).await;
    let open = ada.document("open").await;
    let doc = open.rsplit('/').next().unwrap();
    let id: DocId = doc.parse().unwrap();
    let storage = &app.services.storage;
    let (clients, url) = (Clients::start(), app.socket());
    for (client, seed) in [("a", 1), ("b", 2)] {
        clients.join(client, &url, doc, ada.token()).await;
        clients.ask("edit", json!({ "client": client, "seed": seed, "everyMs": 5 })).await;
    }
    until("there are snapshots", async || storage.snapshots.list(id).await.unwrap().len() == 2).await;

    s3.traffic(traffic);
    let away = Instant::now();
    let failures = counted(&app, "codesync_compaction_failures_total").await;
    until("compactions fail", async || counted(&app, "codesync_compaction_failures_total").await >= failures + 2.0)
        .await;
    let trimmed = storage.log.read(id, Offset::ZERO).await.unwrap().trimmed;
    let acknowledged = clients.status("b", "acknowledged").await.as_u64().unwrap();
    clients.wait("b", json!({ "acknowledgedAtLeast": acknowledged + 50 })).await;
    for client in ["a", "b"] {
        assert_eq!(clients.status(client, "closes").await, json!([]), "nobody was sent away");
    }
    let asked = Instant::now();
    ada.get(&format!("{cold}/text")).await.expect_error(503, "unavailable");
    assert!(asked.elapsed() < AN_ANSWER, "a call does not hang: {:?}", asked.elapsed());
    clients.open("c", &url, cold.rsplit('/').next().unwrap(), ada.token()).await;
    clients.wait("c", json!({ "closed": 4503 })).await;
    let asked = Instant::now();
    ada.post(&format!("{open}/versions"), json!({ "name": "No" })).await.expect_error(503, "unavailable");
    assert!(asked.elapsed() < AN_ANSWER + AN_ANSWER, "nor does this one: {:?}", asked.elapsed());
    ada.get("/api/health").await.expect(200);
    until("the check fails", async || ada.get("/api/health?deep").await.status == 503).await;
    while away.elapsed() < outage(0) {
        let acknowledged = clients.status("b", "acknowledged").await.as_u64().unwrap();
        clients.wait("b", json!({ "acknowledgedAtLeast": acknowledged + 50 })).await;
    }
    println!("S3 was away for {:?}", away.elapsed());
    assert_eq!(storage.log.read(id, Offset::ZERO).await.unwrap().trimmed, trimmed, "nothing is trimmed meanwhile");

    s3.traffic(Traffic::Passes);
    for client in ["a", "b"] {
        clients.ask("rest", json!({ "client": client })).await;
    }
    clients.converge(&["a", "b"]).await;
    until("the snapshots catch up", async || storage.load(id).await.is_ok_and(|loaded| loaded.entries == 0)).await;
    until("the log is trimmed", async || storage.log.read(id, Offset::ZERO).await.unwrap().trimmed > trimmed).await;
    assert_eq!(storage.load(id).await.unwrap().document.text("content"), clients.text("a").await);
    assert_eq!(ada.get(&format!("{cold}/text")).await.expect(200).body, "kept cold");
    clients.wait("c", json!({ "synced": true, "text": "kept cold" })).await;
    // One result is used for a second.
    until("every store answers", async || ada.get("/api/health?deep").await.status == 200).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_fails_costs_nothing() {
    an_outage_delays_snapshots_and_nothing_else(Traffic::Fails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_is_silent_costs_nothing() {
    an_outage_delays_snapshots_and_nothing_else(Traffic::Vanishes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_could_not_be_kept_waits_for_s3() {
    let s3 = S3::start().await;
    let app = TestApp::with(|config| {
        s3.configure(config);
        config.room.idle = Duration::ZERO;
        config.room.snapshot_delay = Duration::from_millis(30);
        config.room.snapshot_retry_max = Duration::from_millis(200);
    })
    .await;
    app.metrics().await;
    let ada = app.register("ada").await;
    let document = ada.document("open").await;
    let (clients, doc) = (Clients::start(), document.rsplit('/').next().unwrap());
    clients.join("a", &app.socket(), doc, ada.token()).await;
    s3.traffic(Traffic::Fails);
    clients.append("a", "last words").await;
    clients.wait("a", json!({ "acknowledged": true })).await;
    clients.ask("close", json!({ "client": "a" })).await;
    until("compactions fail", async || counted(&app, "codesync_compaction_failures_total").await >= 3.0).await;
    let text = ada.get(&format!("{document}/text")).await.expect(200);
    assert_eq!(text.body, "last words", "who comes back finds it open");
    s3.traffic(Traffic::Passes);
    until("the room ends", async || app.services.rooms.is_empty()).await;
    let loaded = app.services.storage.load(doc.parse().unwrap()).await.unwrap();
    assert_eq!((loaded.entries, loaded.document.text("content").as_str()), (0, "last words"));
    app.stop().await;
}

/// As when a firewall has dropped them: open connections swallow what is sent, while new ones work. It is visible only
/// on a server that keeps connections, as with `make test-s3`: moto closes each after one request.
#[tokio::test(flavor = "multi_thread")]
async fn requests_over_silent_connections_to_s3_are_served_by_fresh_ones() {
    let s3 = S3::start().await;
    let app = TestApp::with(|config| {
        s3.configure(config);
        config.room.idle = Duration::ZERO;
    })
    .await;
    let ada = app.register("ada").await;
    let mut cold_ones = Vec::new();
    for _ in 0..4 {
        cold_ones.push(cold(&app, &ada).await);
    }
    let texts = || join_all(cold_ones.iter().map(async |cold| ada.get(&format!("{cold}/text")).await));
    texts().await;
    until("their rooms end", async || app.services.rooms.is_empty()).await;
    s3.silence();
    for text in texts().await {
        assert_eq!(text.expect(200).body, "kept cold");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_without_pause_costs_one_snapshot_in_each_interval() {
    const INTERVAL: Duration = Duration::from_millis(500);
    let s3 = S3::start().await;
    let app = TestApp::with(|config| {
        s3.configure(config);
        config.room.snapshot_delay = INTERVAL;
        config.room.snapshot_updates_max = 20;
    })
    .await;
    let ada = app.register("ada").await;
    let document = ada.document("busy").await;
    let doc = document.rsplit('/').next().unwrap();
    let mut writer = Raw::codesync(&app.socket(), doc, ada.token()).await;
    writer.sync().await;
    let methods = ["PUT", "GET", "DELETE"];
    let counts = || methods.map(|method| s3.requests(method).unwrap_or_default());
    let (before, started) = (counts(), Instant::now());
    let mut mark = 0;
    while started.elapsed() < INTERVAL * 9 {
        writer.append(1, "word ").await;
        mark += 1;
        writer.mark(mark).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let intervals = started.elapsed().as_millis() / INTERVAL.as_millis();
    let [puts, gets, deletes] = std::array::from_fn(|index| counts()[index] - before[index]);
    println!("{mark} edits in {intervals} intervals: {puts} PUT, {gets} GET and LIST, {deletes} DELETE");
    assert!(puts as u128 <= intervals + 1, "{puts} snapshots in {intervals} intervals");
    assert!(gets <= 4 * (puts + 1), "each costs few requests");
    let id: DocId = doc.parse().unwrap();
    let storage = &app.services.storage;
    until("the last words are in a snapshot", async || storage.load(id).await.unwrap().entries == 0).await;
    assert!(storage.log.read(id, Offset::ZERO).await.unwrap().trimmed > Offset::ZERO, "the log is trimmed");
    drop(writer);
    app.stop().await;
}

async fn a_new_document_opens(traffic: Traffic) {
    let s3 = S3::start().await;
    let app = TestApp::with(|config| {
        s3.configure(config);
        config.room.snapshot_delay = Duration::from_millis(30);
        config.room.snapshot_retry_max = Duration::from_millis(200);
    })
    .await;
    let ada = app.register("ada").await;
    let clients = Clients::start();
    s3.traffic(traffic);
    let begun = ada.post("/api/documents", json!({ "title": "begun", "text": "Begun, " })).await.expect(201);
    let bare = ada.post("/api/documents", json!({ "title": "bare" })).await.expect(201);
    for (document, text) in [(begun, "Begun, typed"), (bare, "typed")] {
        let doc = document.text("id");
        clients.join(&doc, &app.socket(), &doc, ada.token()).await;
        clients.append(&doc, "typed").await;
        clients.wait(&doc, json!({ "acknowledged": true, "text": text })).await;
    }
    s3.traffic(Traffic::Passes);
    let storage = &app.services.storage;
    for doc in app.services.rooms.docs(None, 2) {
        until("there is a snapshot", async || storage.load(doc).await.is_ok_and(|loaded| loaded.entries == 0)).await;
        assert_eq!(storage.load(doc).await.unwrap().document.text("content"), clients.text(&doc.to_string()).await);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_document_opens_while_s3_fails() {
    a_new_document_opens(Traffic::Fails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_document_opens_while_s3_is_silent() {
    a_new_document_opens(Traffic::Vanishes).await;
}

/// A deployment with wrong settings must not replace nodes that work.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_ready_once_it_has_reached_each_store_and_stays_so() {
    let (postgres, s3) = tokio::join!(Postgres::start(), S3::start());
    let node = || {
        TestApp::with(|config| {
            postgres.configure(config);
            s3.configure(config);
        })
    };
    // The first start of an installation needs every store.
    node().await.stop().await;
    s3.traffic(Traffic::Fails);
    let node = node().await;
    let nobody = node.nobody();
    for path in ["/api/health", "/socket/health"] {
        nobody.get(path).await.expect_error(503, "unavailable");
    }
    s3.traffic(Traffic::Passes);
    until("it is ready", async || nobody.get("/api/health").await.status == 200).await;
    s3.traffic(Traffic::Fails);
    until("S3 fails", async || nobody.get("/api/health?deep").await.status == 503).await;
    let deep = nobody.get("/api/health?deep").await.expect_error(503, "unavailable");
    let states = json!({ "directory": "available", "log": "available", "snapshots": "unavailable" });
    assert_eq!((&deep.body["stores"], deep.header("retry-after")), (&states, "1"));
    let gauge = "codesync_stores_unavailable{store=\"snapshots\"}";
    until("the gauge follows", async || counted(&node, gauge).await > 0.0).await;
    for path in ["/api/health", "/socket/health"] {
        nobody.get(path).await.expect(200);
    }
    node.stop().await;
}
