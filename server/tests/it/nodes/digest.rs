//! A replica that lacks something at the same offset of the log as the others is found and brought up to date.

use std::{collections::HashMap, time::Duration};

use tokio::time::timeout;

use super::Nodes;
use crate::{raw::Raw, rig::redis::Redis};

/// A word of a client that depends on nothing.
fn word(client: u8, word: &str) -> Vec<u8> {
    let length = u8::try_from(word.len()).unwrap();
    let update = [&[1, 1, client, 0, 4, 1, 7][..], b"content", &[length], word.as_bytes(), &[0]].concat();
    codesync_crdt::encode::update(&update)
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_differ_at_one_offset_find_each_other_and_converge() {
    let nodes = Nodes::start_with(2, Redis::start().await, &[("CODESYNC_SNAPSHOT_MS", "600000")]).await;
    let (ann, doc) = nodes.account_and_document().await;
    let mut here = Raw::codesync(&nodes.socket(0), &doc, ann.token()).await;
    here.sync().await;
    for (client, text) in [(5, "first "), (6, "second "), (7, "third ")] {
        here.send(word(client, text)).await;
        here.mark(client.into()).await;
    }
    // The replica of the next node that loads it lacks an entry, at the same offset.
    let log = format!("codesync:{{{doc}}}:log");
    let entries: Vec<(String, HashMap<String, Vec<u8>>)> =
        nodes.redis.ask(redis::cmd("XRANGE").arg(&log).arg("-").arg("+")).await.unwrap();
    assert_eq!(entries.len(), 3, "an entry for each word");
    let gone: u32 = nodes.redis.ask(redis::cmd("XDEL").arg(&log).arg(&entries[1].0)).await.unwrap();
    assert_eq!(gone, 1);
    let mut there = Raw::codesync(&nodes.socket(1), &doc, ann.token()).await;
    there.sync().await;
    let caught_up = timeout(Duration::from_secs(40), there.until_length(19)).await;
    caught_up.expect("the replica that lacks an entry is brought up to date");
    let text = there.replica.text("content");
    assert!(["first ", "second ", "third "].iter().all(|word| text.contains(word)), "{text}");
    assert!(nodes.counted("codesync_replicas_diverged_total").await >= 1.0, "an alarm can go off");
    nodes.stop().await;
}
