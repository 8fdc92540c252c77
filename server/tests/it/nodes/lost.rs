//! Redis loses its data, is unavailable, or is cut off from some nodes: the nodes with an open document keep it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{CLIENTS, Nodes, audit_stored, check, leave, progress, settle, type_on, typing};
use crate::{
    clients::Clients,
    harness::{outage, seed},
    rest,
    rig::{proxy::Traffic, redis::Redis},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_filled_again_by_the_nodes() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..3 {
        progress(&clients).await;
        let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    }
    progress(&clients).await;
    assert!(nodes.counted("codesync_log_lost_total").await >= 1.0);
    assert!(nodes.counted("codesync_log_restored_total").await >= 3.0);
    // Also where nobody types any more, and only the nodes have it.
    settle(&clients, &CLIENTS).await;
    let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    nodes
        .redis
        .until(redis::cmd("HEXISTS").arg(format!("codesync:{{{doc}}}:meta")).arg("last"), |there: &bool| *there)
        .await;
    leave(&clients, &CLIENTS).await;
    nodes.start_anew().await;
    audit_stored(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_loses_its_data_or_is_down_costs_no_edit() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for away in [Duration::ZERO, outage(8)] {
        progress(&clients).await;
        nodes.redis.kill();
        // The outage is under test; during it both clients of a node still see each other.
        tokio::time::sleep(away).await;
        nodes.redis.begin().await;
        progress(&clients).await;
    }
    for client in CLIENTS {
        assert_eq!(clients.status(client, "connects").await, 1, "{client} noticed nothing but a pause");
    }
    check(nodes, &clients, ann.token(), &doc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cut_off_from_redis_continues_and_converges_afterwards() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for index in 0..2 {
        clients.join(&format!("reader {index}"), &nodes.socket(index), &doc, ann.token()).await;
    }
    progress(&clients).await;
    // The edits that are checked below must not be deleted by others.
    for client in CLIENTS {
        clients.ask("rest", json!({ "client": client })).await;
    }
    nodes.nodes[0].link.set(Traffic::Vanishes);
    // A reader sees what is typed at the same node, cut off or not.
    for (writer, reader) in [("a", "reader 0"), ("b", "reader 1")] {
        clients.append(writer, &format!("of {writer}, cut off")).await;
        clients.wait(reader, json!({ "contains": format!("of {writer}, cut off") })).await;
    }
    type_on(&clients, &mut random).await;
    nodes.nodes[0].link.set(Traffic::Passes);
    progress(&clients).await;
    check(nodes, &clients, ann.token(), &doc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doorbells_may_be_cut_off_while_the_streams_work() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    let mut cut = 0;
    while cut < 10 {
        progress(&clients).await;
        // Subscriptions that were cut before may not be back yet.
        cut += nodes.redis.ask::<u32>(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub")).await.unwrap();
    }
    nodes.until_counted("codesync_redis_subscriptions_cut_total", f64::from(cut)).await;
    check(nodes, &clients, ann.token(), &doc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_causes_503_and_no_hang() {
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = Clients::start();
    nodes.redis.freeze(true);
    let text = format!("/api/documents/{doc}/text");
    join_all((0..20).map(async |_| {
        let asked = Instant::now();
        let answer = ann.get(&text).await.expect_error(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    }))
    .await;
    clients.open("late", &nodes.socket(1), &doc, ann.token()).await;
    clients.wait("late", json!({ "closed": 4503 })).await;
    for index in 0..2 {
        assert_eq!(rest::get(nodes.node(index).url("/api/health?deep")).await.unwrap().status(), 503);
        assert_eq!(rest::get(nodes.node(index).url("/api/health")).await.unwrap().status(), 200);
    }
    nodes.redis.freeze(false);
    clients.wait("late", json!({ "synced": true })).await;
    let back = Instant::now();
    while ann.get(&text).await.status != 200 {
        assert!(back.elapsed() < Duration::from_secs(15), "not well again");
    }
    nodes.end().await;
}
