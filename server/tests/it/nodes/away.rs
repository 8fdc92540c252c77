//! What continues while a part is unavailable: people who type together see each other, and certain data is served.

use std::time::{Duration, Instant};

use codesync_crdt::{Message, encode, protocol::codesync::Message as Extension};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{CLIENTS, Nodes, check, progress, typing};
use crate::{
    harness::{outage, seed},
    raw::Raw,
    rest::Caller,
    rig::{proxy::Traffic, redis::Redis},
};

#[tokio::test(flavor = "multi_thread")]
async fn editors_on_one_node_see_each_other_while_redis_is_unavailable() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(1, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    let mut page = Raw::codesync(&nodes.socket(0), &doc, ann.token()).await;
    page.sync().await;
    progress(&clients).await;
    nodes.redis.kill();
    let typed = async |client: &str| clients.status(client, "edits").await.as_u64().unwrap();
    for client in CLIENTS {
        let (before, started) = (typed(client).await, Instant::now());
        while typed(client).await < before + 50 {
            assert!(started.elapsed() < Duration::from_secs(20), "{client} types no more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        clients.ask("rest", json!({ "client": client })).await;
    }
    clients.converge(&CLIENTS).await;
    for client in CLIENTS {
        clients.wait(client, json!({ "acknowledged": false })).await;
    }
    // A client of ours that requested a mark receives the edits of others too.
    page.until_text(&clients.text("a").await).await;
    page.append(7, "of the page, ").await;
    page.send(encode::codesync(&Extension::Mark(1))).await;
    clients.wait("a", json!({ "contains": "of the page, " })).await;
    clients.append("a", "of a").await;
    page.until_text(&clients.text("a").await).await;
    nodes.redis.begin().await;
    page.until(|message| matches!(message, Message::Codesync(Extension::Mark(1)))).await;
    check(nodes, &clients, ann.token(), &doc).await;
}

/// Waits until the directory knows of a snapshot: from then on the log alone counts as incomplete.
async fn until_snapshot(caller: &Caller, doc: &str) {
    let (started, versions) = (Instant::now(), format!("/api/documents/{doc}/versions"));
    while caller.get(&versions).await.expect(200)["items"].as_array().unwrap().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "no snapshot");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_s3_a_complete_log_is_loaded_and_a_lost_one_is_not() {
    let mut nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, _) = nodes.account_and_document().await;
    let kept = ann.post("/api/documents", json!({ "title": "kept", "text": "kept" })).await.expect(201).text("id");
    until_snapshot(&ann, &kept).await;
    nodes.s3.traffic(Traffic::Fails);
    let new = ann.post("/api/documents", json!({ "title": "new", "text": "new" })).await.expect(201).text("id");
    let [kept, new] = [kept, new].map(|doc| format!("/api/documents/{doc}/text"));
    nodes.kill(0).await;
    let there = ann.elsewhere(&nodes.node(1).url(""));
    assert_eq!(there.get(&new).await.expect(200).body, "new", "its log goes back to its beginning");
    there.get(&kept).await.expect_error(503, "unavailable");
    let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    there.get(&kept).await.expect_error(503, "unavailable");
    nodes.s3.traffic(Traffic::Passes);
    assert_eq!(there.get(&kept).await.expect(200).body, "kept");
    assert_eq!(there.get(&new).await.expect(200).body, "new");
    nodes.end().await;
}

/// The stores, by their names in the answer of `/api/health?deep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    Directory,
    Snapshots,
    Log,
}

impl Store {
    fn set(self, nodes: &Nodes, is_away: bool) {
        match self {
            Self::Directory if is_away => nodes.postgres.freeze(),
            Self::Directory => nodes.postgres.thaw(),
            Self::Snapshots => nodes.s3.traffic(if is_away { Traffic::Fails } else { Traffic::Passes }),
            Self::Log => nodes.redis.freeze(is_away),
        }
    }
}

/// Waits until exactly these stores do not answer a node.
async fn until_missing(node: &Caller, missing: &[Store]) {
    let (started, status) = (Instant::now(), if missing.is_empty() { 200 } else { 503 });
    loop {
        let deep = node.get("/api/health?deep").await;
        let is = |store: Store| {
            let state = if missing.contains(&store) { "unavailable" } else { "available" };
            deep.body["stores"][format!("{store:?}").to_lowercase()] == state
        };
        if deep.status == status && [Store::Directory, Store::Snapshots, Store::Log].into_iter().all(is) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "not {missing:?}: {}", deep.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The balancer would replace every node that is not ready, with the documents that are open there.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_makes_no_node_unready_and_ends_no_open_document() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let everywhere = [0, 1, 2].map(|index| ann.elsewhere(&nodes.node(index).url("")));
    let cold = ann.post("/api/documents", json!({ "title": "cold", "text": "cold" })).await.expect(201).text("id");
    until_snapshot(&ann, &cold).await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    progress(&clients).await;
    for store in [Store::Directory, Store::Snapshots, Store::Log] {
        store.set(&nodes, true);
        let since = Instant::now();
        for node in &everywhere {
            until_missing(node, &[store]).await;
        }
        loop {
            for node in &everywhere {
                for path in ["/health", "/api/health", "/socket/health"] {
                    node.get(path).await.expect(200);
                }
            }
            // Edits wait for the log, and for nothing else.
            if store != Store::Log {
                progress(&clients).await;
            }
            if since.elapsed() > outage(0) {
                break;
            }
        }
        let refused = everywhere[1].get(&format!("/api/documents/{cold}/text")).await.expect_error(503, "unavailable");
        assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
        let mut late = Raw::connect(&nodes.socket(1), &cold, ann.token()).await;
        assert_eq!(late.closed().await, 4503);
        store.set(&nodes, false);
        for node in &everywhere {
            until_missing(node, &[]).await;
        }
        progress(&clients).await;
        for client in CLIENTS {
            assert_eq!(clients.status(client, "closes").await, json!([]), "{store:?} ended the socket of {client}");
        }
    }
    assert_eq!(everywhere[1].get(&format!("/api/documents/{cold}/text")).await.expect(200).body, "cold");
    check(nodes, &clients, ann.token(), &doc).await;
}
