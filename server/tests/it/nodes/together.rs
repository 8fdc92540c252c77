//! What people on several nodes see of each other, and what nodes do together.

use std::time::{Duration, Instant};

use codesync_server::snapshot::SnapshotStore;
use serde_json::{Value, json};

use super::Nodes;
use crate::{
    clients::Clients,
    rest::{self, Caller},
    rig::redis::Redis,
};

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

    // A change on one node reaches every node within a second.
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
        assert_eq!(rest::get(compactor.url(path)).await.unwrap().status(), 404, "{path} is for other roles");
    }
    assert_eq!(rest::get(compactor.url("/api/health")).await.unwrap().status(), 200);
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
