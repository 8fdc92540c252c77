//! "Saved" is true: acknowledged edits are there after `kill -9`.

use std::time::{Duration, Instant};

use codesync_server::{ids::DocId, log::After, offset::Offset};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::{
    clients::Clients,
    harness::{TestApp, seed},
    process::{Process, free_port},
    rest::Caller,
    rig::disk::Disk,
};

const CLIENTS: [&str; 4] = ["a", "b", "c", "d"];
/// Frequent snapshots and trims, so that kills hit them too.
const BUSY: [(&str, &str); 3] =
    [("CODESYNC_SNAPSHOT_MS", "20"), ("CODESYNC_SNAPSHOT_UPDATES_MAX", "5"), ("CODESYNC_FAN_OUT_MS", "1")];

async fn account_and_document(server: &Process) -> (Caller, String) {
    let caller = Caller::at(&server.url("")).register("ann").await;
    let path = caller.document("kept").await;
    (caller, path.rsplit('/').next().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_that_was_acknowledged() {
    let mut random = StdRng::seed_from_u64(seed());
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut server = Process::start(data.path(), port, &BUSY).await;
    let (ann, doc) = account_and_document(&server).await;
    let (clients, url) = (Clients::start(), server.socket());
    for client in CLIENTS {
        clients.open(client, &url, &doc, ann.token()).await;
    }
    let mut acknowledged = 0;
    for round in 0..50 {
        for client in CLIENTS {
            clients.wait(client, json!({ "synced": true })).await;
            let edits = json!({ "client": client, "seed": random.random::<u32>(), "everyMs": 4 });
            clients.ask("edit", edits).await;
        }
        // The time of the kill is random here.
        tokio::time::sleep(Duration::from_millis(random.random_range(30..400))).await;
        server.kill().await;
        for client in CLIENTS {
            clients.ask("rest", json!({ "client": client })).await;
            clients.ask("disconnect", json!({ "client": client })).await;
        }
        server = Process::start(data.path(), port, &BUSY).await;
        // Before any client sends lost edits again.
        clients.join("auditor", &url, &doc, ann.token()).await;
        let missing = clients.ask("missing", json!({ "client": "auditor", "of": CLIENTS })).await;
        assert_eq!(missing, json!([]), "round {round}");
        clients.ask("close", json!({ "client": "auditor" })).await;
        for client in CLIENTS {
            clients.ask("connect", json!({ "client": client })).await;
        }
        acknowledged = clients.status("a", "acknowledged").await.as_u64().unwrap();
    }
    assert!(acknowledged > 100, "the clients were acknowledged all the time: {acknowledged}");
    clients.converge(&CLIENTS).await;
    let text = ann.get(&format!("/api/documents/{doc}/text")).await.expect(200);
    assert_eq!(text.body.as_str().unwrap_or_default(), clients.text("a").await);
    assert!(server.terminate().await);
}

/// A full disk is reported as such, and no action is needed once there is space.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let Full { disk, server, ann, doc, clients } = Full::under_way().await;
    let created = ann.post("/api/documents", json!({ "title": "no room" })).await;
    created.expect_error(503, "unavailable");
    disk.free();
    until_available(&ann, true).await;
    ann.post("/api/documents", json!({ "title": "room again" })).await.expect(201);
    all_is_well(&ann, &doc, &clients).await;
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_on_a_full_disk_loses_nothing_that_was_acknowledged() {
    let Full { disk, server, ann, doc, clients } = Full::under_way().await;
    let (port, url) = (server.port, server.socket());
    for client in PAIR {
        clients.ask("disconnect", json!({ "client": client })).await;
    }
    server.kill().await;
    disk.free();
    let server = Process::start_on(&disk, port, &[]).await;
    // Before any client sends lost edits again.
    clients.join("auditor", &url, &doc, ann.token()).await;
    let missing = clients.ask("missing", json!({ "client": "auditor", "of": PAIR })).await;
    assert_eq!(missing, json!([]));
    for client in PAIR {
        clients.ask("connect", json!({ "client": client })).await;
    }
    all_is_well(&ann, &doc, &clients).await;
    assert!(server.terminate().await);
}

const PAIR: [&str; 2] = ["a", "b"];

/// A server whose disk became full while two people typed.
struct Full {
    disk: Disk,
    server: Process,
    ann: Caller,
    doc: String,
    clients: Clients,
}

impl Full {
    async fn under_way() -> Self {
        let disk = Disk::of(24);
        let server = Process::start_on(&disk, free_port(), &[]).await;
        let (ann, doc) = account_and_document(&server).await;
        let clients = Clients::start();
        for (client, seed) in PAIR.into_iter().zip(seed()..) {
            clients.join(client, &server.socket(), &doc, ann.token()).await;
            clients.ask("edit", json!({ "client": client, "seed": seed, "everyMs": 4 })).await;
        }
        // Few enough that SQLite does not restart its file: there would be space in it.
        clients.wait("a", json!({ "acknowledgedAtLeast": 10 })).await;
        disk.fill();
        until_available(&ann, false).await;
        // Several commits fail, and each must leave nothing that a later one could be confirmed in.
        let started = Instant::now();
        while failed_appends(&server).await < 10.0 {
            assert!(started.elapsed() < Duration::from_secs(30), "appends no longer fail on a full disk");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for client in PAIR {
            clients.ask("rest", json!({ "client": client })).await;
        }
        Self { disk, server, ann, doc, clients }
    }
}

async fn all_is_well(ann: &Caller, doc: &str, clients: &Clients) {
    for client in PAIR {
        clients.wait(client, json!({ "synced": true, "acknowledged": true })).await;
    }
    clients.converge(&PAIR).await;
    let text = ann.get(&format!("/api/documents/{doc}/text")).await.expect(200);
    assert_eq!(text.body.as_str().unwrap_or_default(), clients.text("a").await);
}

async fn failed_appends(server: &Process) -> f64 {
    let metrics = server.metrics().await;
    metrics.lines().find_map(|line| line.strip_prefix("codesync_append_failures_total ")?.parse().ok()).unwrap()
}

async fn until_available(caller: &Caller, available: bool) {
    let started = Instant::now();
    while (caller.get("/api/health?deep").await.status == 200) != available {
        assert!(started.elapsed() < Duration::from_secs(90), "the stores are available: not {available}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_closes_with_4503_and_keeps_everything() {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());
    let server = Process::start(data.path(), port, &[]).await;
    let (ann, doc) = account_and_document(&server).await;
    let (clients, url) = (Clients::start(), server.socket());
    clients.join("a", &url, &doc, ann.token()).await;
    clients.append("a", "kept").await;
    assert!(server.terminate().await, "the drain ends well");
    clients.wait("a", json!({ "closed": 4503 })).await;
    let server = Process::start(data.path(), port, &[]).await;
    clients.wait("a", json!({ "synced": true, "acknowledged": true })).await;
    clients.join("b", &url, &doc, ann.token()).await;
    assert_eq!(clients.text("b").await, "kept");
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_at_full_speed_arrives_exactly() {
    let trace = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces/rustcode.json.gz");
    if !trace.is_file() {
        println!("skipped: no recorded sessions beside the project");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[]).await;
    let (ann, doc) = account_and_document(&server).await;
    let (clients, url) = (Clients::start(), server.socket());
    clients.join("writer", &url, &doc, ann.token()).await;
    clients.join("reader", &url, &doc, ann.token()).await;
    let done = clients.ask("replay", json!({ "client": "writer", "trace": trace })).await;
    assert_eq!(done["exact"], true);
    clients.converge(&["writer", "reader"]).await;
    assert_eq!(clients.ask("ended", json!({ "client": "reader", "trace": trace })).await, true);
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn write_ahead_logs_shrink_after_a_long_reader() {
    const KEPT: u64 = 4 << 20;
    let app = TestApp::embedded().await;
    let size =
        |name: &str| std::fs::metadata(app.data_dir.path().join(format!("{name}-wal"))).map_or(0, |wal| wal.len());
    let open = |name: &str| SqliteConnectOptions::new().filename(app.data_dir.path().join(name));
    let (doc, log) = (DocId::new(), &app.services.storage.log);
    let large = bytes::Bytes::from(vec![7; 1 << 20]);
    log.append(doc, vec![large.clone()], After::Known(Offset::ZERO)).await.unwrap();
    let mut readers = Vec::new();
    for (name, table) in [("log.db", "updates"), ("directory.sqlite", "users")] {
        let mut reader = open(name).read_only(true).connect().await.unwrap();
        sqlx::raw_sql("begin").execute(&mut reader).await.unwrap();
        let count = format!("select count(*) from {table}");
        sqlx::query(AssertSqlSafe(count)).fetch_one(&mut reader).await.unwrap();
        readers.push(reader);
    }
    for _ in 0..8 {
        log.append(doc, vec![large.clone()], After::Known(Offset::ZERO)).await.unwrap();
    }
    let mut writer = open("directory.sqlite").connect().await.unwrap();
    sqlx::raw_sql("create table scratch (data blob); insert into scratch values (zeroblob(8000000))")
        .execute(&mut writer)
        .await
        .unwrap();
    assert!(size("log.db") > KEPT && size("directory.sqlite") > KEPT);
    // A reader delays no writer, even while it keeps the log long.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(4) {
        let appended = Instant::now();
        log.append(doc, vec!["small".into()], After::Known(Offset::ZERO)).await.unwrap();
        assert!(appended.elapsed() < Duration::from_secs(2), "{:?}", appended.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for reader in readers {
        reader.close().await.unwrap();
    }
    let started = Instant::now();
    while size("log.db") > KEPT || size("directory.sqlite") > KEPT {
        assert!(started.elapsed() < Duration::from_secs(30), "{} {}", size("log.db"), size("directory.sqlite"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    log.append(doc, vec!["after".into()], After::Known(Offset::ZERO)).await.unwrap();
    assert_eq!(log.read(doc, Offset::ZERO).await.unwrap().entries.last().unwrap().update, "after");
    writer.close().await.unwrap();
    app.stop().await;
}
