//! The clocks of the nodes differ by up to two minutes, both ways.

use std::time::{Duration, Instant};

use codesync_server::snapshot::SnapshotStore;
use futures_util::future::join_all;
use serde_json::json;

use super::{Nodes, Setting, document};
use crate::{clients::Clients, raw::Raw, rest::Caller, rig::redis::Redis};

const CLOCKS: [&str; 3] = ["-60s", "+0s", "+60s"];

/// Shifts the time of day of a process, and no other clock.
fn clock(moved: &'static str) -> [Setting; 3] {
    let library = std::fs::read_dir("/usr/lib").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path().join("faketime/libfaketime.so.1");
        path.is_file().then_some(path)
    });
    let library = library.last().expect("faketime is installed: `make setup`").into_os_string().into_string().unwrap();
    [("LD_PRELOAD", library.leak()), ("FAKETIME", moved), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
}

async fn start() -> Nodes {
    let mut nodes = Nodes::start(0, Redis::start().await).await;
    for moved in CLOCKS {
        let mut settings = clock(moved).to_vec();
        settings.extend([("CODESYNC_SWEEP_S", "2"), ("CODESYNC_SNAPSHOT_MS", "600000")]);
        nodes.add(&settings).await;
    }
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn two_minutes_of_clock_skew_do_no_harm() {
    let mut nodes = start().await;
    let (ann, doc) = nodes.account_and_document().await;
    for (maker, made) in CLOCKS.iter().enumerate() {
        let at = ann.elsewhere(&nodes.node(maker).url(""));
        at.get("/api/users/me").await.expect(200);
        let ticket = at.post(&format!("/api/documents/{doc}/ticket"), json!(null)).await.expect(200).text("ticket");
        for (user, used) in CLOCKS.iter().enumerate() {
            let mut socket = Raw::connect(&nodes.socket(user), &doc, &ticket).await;
            socket.sync().await;
            assert_eq!(socket.leave().await, Some(1000), "a ticket of {made} used at {used}");
        }
    }
    edits_and_presence_reach_everybody(&nodes, &ann, &doc).await;
    // Each of the outer nodes dies, and one with another clock must notice.
    for (dies, survives) in [(0, 2), (2, 0)] {
        a_dead_nodes_document_is_swept(&mut nodes, &ann, dies, survives).await;
    }
    nodes.end().await;
}

async fn edits_and_presence_reach_everybody(nodes: &Nodes, ann: &Caller, doc: &str) {
    let clients = Clients::start();
    join_all(CLOCKS.iter().enumerate().map(async |(index, name)| {
        clients.join(name, &nodes.socket(index), doc, ann.token()).await;
        clients.append(name, name).await;
        clients.wait(name, json!({ "acknowledged": true })).await;
    }))
    .await;
    clients.converge(&CLOCKS).await;
    for (index, clock) in CLOCKS.iter().enumerate() {
        let here = ann.elsewhere(&nodes.node(index).url(""));
        let started = Instant::now();
        let sockets = async || {
            let present = here.get(&format!("/api/documents/{doc}/presence")).await.expect(200);
            present.body["items"][0]["sockets"].as_u64()
        };
        while sockets().await != Some(3) {
            assert!(started.elapsed() < Duration::from_secs(20), "presence at {clock}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn a_dead_nodes_document_is_swept(nodes: &mut Nodes, ann: &Caller, dies: usize, survives: usize) {
    let doc = document(&ann.elsewhere(&nodes.node(dies).url(""))).await;
    let mut socket = Raw::codesync(&nodes.socket(dies), &doc, ann.token()).await;
    socket.sync().await;
    socket.append(1, "kept").await;
    socket.mark(1).await;
    nodes.kill(dies).await;
    // The others must not do its work.
    let right = nodes.nodes[1].process.take();
    if let Some(process) = right {
        process.kill().await;
    }
    let snapshots = SnapshotStore::new(nodes.s3.objects());
    let started = Instant::now();
    while snapshots.list(doc.parse().unwrap()).await.unwrap().is_empty() {
        let (one, other) = (CLOCKS[dies], CLOCKS[survives]);
        assert!(started.elapsed() < Duration::from_secs(20), "the node at {other} does not sweep for the one at {one}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nodes.begin(dies).await;
}
