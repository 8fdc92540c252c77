//! Two nodes accepted different words for one client id and clock: the order of the log decides, and no client keeps
//! the others.

use codesync_crdt::{Document, Limits, Message as Protocol, protocol::codesync::Message as Extension};
use codesync_server::{
    config::Acknowledge,
    log::{After, LogError, UpdateLog},
    offset::Offset,
};

use super::Nodes;
use crate::{
    raw::Raw,
    redis,
    rig::{proxy::Traffic, redis::Redis},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_log_decides_between_words_that_two_nodes_took_for_one_client_id() {
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let mut author = Raw::codesync(&nodes.socket(0), &doc, ann.token()).await;
    let mut reader = Raw::connect(&nodes.socket(0), &doc, ann.token()).await;
    let mut elsewhere = Raw::connect(&nodes.socket(1), &doc, ann.token()).await;
    for raw in [&mut author, &mut reader, &mut elsewhere] {
        raw.sync().await;
    }
    nodes.nodes[0].link.set(Traffic::Fails);
    author.append(50, "good").await;
    reader.until_text("good").await;
    // As a node of an earlier release does, which compares nothing.
    let log = redis::log(&redis::config(nodes.redis.url()), Acknowledge::Appended).await;
    let id = doc.parse().unwrap();
    let last = log.read(id, Offset::ZERO).await.unwrap().last;
    let other = Document::new(Limits::default()).replacement("content", "other words", 50).unwrap().unwrap();
    log.append(id, vec![other.bytes().clone()], After::Known(last)).await.unwrap();
    elsewhere.until_text("other words").await;
    nodes.nodes[0].link.set(Traffic::Passes);

    author
        .until(|message| match message {
            Protocol::Codesync(Extension::Rejected { json }) => json.contains("client_conflict"),
            _ => false,
        })
        .await;
    assert_eq!(reader.closed().await, 4409);
    for index in 0..2 {
        let there = ann.elsewhere(&nodes.node(index).url(""));
        while there.get(&format!("/api/documents/{doc}/text")).await.expect(200).body != "other words" {}
    }
    assert_eq!(nodes.counted_at(0, "codesync_forks_total").await, 1.0);
    // The entry that came second changes nothing on the node of the first.
    assert_eq!(nodes.counted_at(1, "codesync_forks_total").await, 0.0);
    elsewhere.append(60, "!").await;
    let mut fresh = Raw::connect(&nodes.socket(0), &doc, ann.token()).await;
    fresh.sync().await;
    fresh.until_text("other words!").await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_differs_from_the_rest_of_the_log_restores_everything_else_first() {
    let nodes = Nodes::start_with(1, Redis::start().await, &[("CODESYNC_SNAPSHOT_MS", "600000")]).await;
    let (ann, doc) = nodes.account_and_document().await;
    let mut forked = Raw::connect(&nodes.socket(0), &doc, ann.token()).await;
    let mut other = Raw::codesync(&nodes.socket(0), &doc, ann.token()).await;
    for raw in [&mut forked, &mut other] {
        raw.sync().await;
    }
    forked.append(50, "good").await;
    other.until_text("good").await;
    other.append(60, " and kept").await;
    other.mark(1).await;
    // A log that was lost completely starts again with other words under the same client id.
    let log = redis::log(&redis::config(nodes.redis.url()), Acknowledge::Appended).await;
    let id = doc.parse().unwrap();
    let words = Document::new(Limits::default()).replacement("content", "else", 50).unwrap().unwrap();
    let () = nodes.redis.ask(&::redis::cmd("FLUSHALL")).await.unwrap();
    let appended = log.append(id, vec![words.bytes().clone()], After::Known(Offset::ZERO)).await;
    // The node may have noticed first, and restored the document.
    assert!(appended.is_ok() || matches!(appended, Err(LogError::Lost)), "{appended:?}");
    assert_eq!(forked.closed().await, 4409);
    let there = ann.elsewhere(&nodes.node(0).url(""));
    while there.get(&format!("/api/documents/{doc}/text")).await.expect(200).body != "else and kept" {}
    nodes.end().await;
}
