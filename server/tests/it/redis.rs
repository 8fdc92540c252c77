//! What the node keeps in Redis: the log's promises on one server, with a replica and on a cluster.

use std::time::Duration;

use codesync_server::{
    app::Tasks,
    config::{Acknowledge, Config, RedisConfig},
    ids::{DocId, NodeId},
    log::{Heard, LogError, Offset, UpdateLog, contract, redis::RedisLog},
    redis::Redis,
};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::rig::redis as rig;

fn config(url: String) -> RedisConfig {
    let mut config = Config::for_tests("unused".into()).redis;
    config.redis_url = Some(url.into());
    config
}

async fn log(config: &RedisConfig, acknowledge: Acknowledge) -> RedisLog {
    let redis = Redis::open(config, &Tasks::default()).await.unwrap().unwrap();
    RedisLog::new(redis, NodeId::new(), acknowledge, Duration::from_secs(60))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_its_promises_on_one_server() {
    let server = rig::Redis::start().await;
    contract::check(&log(&config(server.url()), Acknowledge::Appended).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_its_promises_on_a_cluster_of_three() {
    let nodes = rig::cluster().await;
    let urls: Vec<_> = nodes.iter().map(rig::Redis::url).collect();
    let log = log(&config(urls.join(",")), Acknowledge::Appended).await;
    contract::check(&log).await;
    follows_its_tail(&log, &log).await;
    // None of its nodes has a replica: what is tested is that each is asked.
    contract::check(&self::log(&config(urls.join(",")), Acknowledge::Replicated(0)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replicated_append_waits_for_the_replica() {
    let server = rig::Redis::start().await;
    let replica = server.replica().await;
    let log = log(&config(server.url()), Acknowledge::Replicated(1)).await;
    contract::check(&log).await;
    replica.freeze(true);
    let refused = log.append(DocId::new(), vec!["a".into()], Offset::ZERO).await;
    assert!(matches!(refused, Err(LogError::Unavailable(_))), "{refused:?}");
    replica.freeze(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_hears_what_is_appended() {
    let server = rig::Redis::start().await;
    let config = config(server.url());
    let (here, there) = (log(&config, Acknowledge::Appended).await, log(&config, Acknowledge::Appended).await);
    follows_its_tail(&here, &there).await;
}

/// What is appended here is heard there, small or large.
async fn follows_its_tail(here: &dyn UpdateLog, there: &dyn UpdateLog) {
    let doc = DocId::new();
    let mut tail = there.tail(doc).await.unwrap();
    let first = here.append(doc, vec!["a".into(), "b".into()], Offset::ZERO).await.unwrap();
    loop {
        match timeout(Duration::from_secs(5), tail.next()).await.expect("it is heard").unwrap() {
            Heard::Look => {}
            Heard::Entries { appended, updates, .. } => {
                assert_eq!((appended, updates), (first, vec!["a".into(), "b".into()]));
                break;
            }
        }
    }
    let large = bytes::Bytes::from(vec![b'x'; 200_000]);
    here.append(doc, vec![large.clone()], first.last).await.unwrap();
    let heard = timeout(Duration::from_secs(5), tail.next()).await.expect("it is heard").unwrap();
    assert_eq!(heard, Heard::Look, "what is too large for the doorbell is read");
    let contents = there.read(doc, first.last).await.unwrap();
    assert_eq!(contents.behind, Some(first.last));
    assert_eq!(contents.entries[0].update, large);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_read_in_pages() {
    let server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    let doc = DocId::new();
    let mut last = Offset::ZERO;
    for round in 0..5_u32 {
        let updates = (0..700_u32).map(|n| (round * 700 + n).to_be_bytes().to_vec().into()).collect();
        last = log.append(doc, updates, last).await.unwrap().last;
    }
    let contents = log.read(doc, Offset::ZERO).await.unwrap();
    assert_eq!(contents.last, last);
    let numbers: Vec<u32> =
        contents.entries.iter().map(|entry| u32::from_be_bytes(entry.update[..].try_into().unwrap())).collect();
    assert!(numbers.into_iter().eq(0..3_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_says_when_it_may_have_missed_something() {
    let mut server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    let mut tail = log.tail(DocId::new()).await.unwrap();
    // What the first connection brings.
    while timeout(Duration::from_millis(300), tail.next()).await.is_ok() {}
    server.kill();
    server.begin().await;
    let heard = timeout(Duration::from_secs(10), tail.next()).await.expect("it says so").unwrap();
    assert_eq!(heard, Heard::Look);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_an_error_and_no_hang() {
    let server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    let doc = DocId::new();
    log.append(doc, vec!["a".into()], Offset::ZERO).await.unwrap();
    server.freeze(true);
    let answer = timeout(Duration::from_secs(8), log.append(doc, vec!["b".into()], Offset::ZERO)).await;
    server.freeze(false);
    assert!(matches!(answer.expect("it gives up"), Err(LogError::Unavailable(_))));
}
