//! What a node keeps in Redis: the guarantees of the log on one server, with a replica and on a cluster.

use std::time::Duration;

use codesync_server::{
    config::{Acknowledge, Config, RedisConfig},
    ids::{DocId, NodeId, UserId},
    log::{After, LogError, Tail, TailEvent, UpdateLog, contract, redis::RedisLog},
    offset::Offset,
    redis::{Redis, SubscriptionEvent},
    relay::{Present, Relay, RelayMessage, redis::RedisRelay},
    role::Role,
    tasks::Tasks,
};
use futures_util::{StreamExt, future::join_all};
use tokio::time::{sleep, timeout};

use crate::rig::{proxy::Proxy, redis as rig};

pub(crate) fn config(url: String) -> RedisConfig {
    let mut config = Config::for_tests("unused".into()).redis;
    config.redis_url = Some(url.into());
    config
}

pub(crate) async fn log(config: &RedisConfig, acknowledge: Acknowledge) -> RedisLog {
    let redis = Redis::open(config, &Tasks::default()).await.unwrap().unwrap();
    RedisLog::new(redis, NodeId::new(), acknowledge, Duration::from_secs(60), &Tasks::default())
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
    hears_where_logs_end(&log).await;
    // None of its nodes has a replica: the test is that each is asked.
    contract::check(&self::log(&config(urls.join(",")), Acknowledge::Replicated(0)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replicated_append_waits_for_the_replica() {
    let server = rig::Redis::start().await;
    let replica = server.replica().await;
    let (redis, node) = (Redis::open(&config(server.url()), &Tasks::default()).await.unwrap().unwrap(), NodeId::new());
    let log = RedisLog::new(redis, node, Acknowledge::Replicated(1), Duration::from_secs(60), &Tasks::default());
    contract::check(&log).await;
    let doc = DocId::new();
    let begin = After::Exactly(log.append(doc, vec!["a".into()], After::Known(Offset::ZERO)).await.unwrap().last);
    replica.freeze(true);
    let refused = log.append(DocId::new(), vec!["a".into()], After::Known(Offset::ZERO)).await;
    assert!(matches!(refused, Err(LogError::Unavailable(_))), "{refused:?}");
    let first = log.append(doc, vec!["b".into()], begin).await;
    assert!(matches!(first, Err(LogError::Unavailable(_))), "{first:?}");
    // The server has it, and the replica does not; connections that wrote nothing yet do not get it confirmed either.
    let end = log.read(doc, Offset::ZERO).await.unwrap().last;
    let fresh = || async {
        let redis = Redis::open(&config(server.url()), &Tasks::default()).await.unwrap().unwrap();
        RedisLog::new(redis, node, Acknowledge::Replicated(1), Duration::from_secs(60), &Tasks::default())
    };
    let again = fresh().await.append(doc, vec!["b".into()], begin).await;
    assert!(matches!(again, Err(LogError::Unavailable(_))), "{again:?}");
    let ends = fresh().await.append(doc, Vec::new(), After::Exactly(end)).await;
    assert!(matches!(ends, Err(LogError::Unavailable(_))), "{ends:?}");
    replica.freeze(false);
    assert_eq!(fresh().await.append(doc, vec!["b".into()], begin).await.unwrap().last, end);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_receives_appended_entries() {
    let server = rig::Redis::start().await;
    let config = config(server.url());
    let (here, there) = (log(&config, Acknowledge::Appended).await, log(&config, Acknowledge::Appended).await);
    follows_its_tail(&here, &there).await;
}

/// An append here is received there, small or large.
async fn follows_its_tail(here: &dyn UpdateLog, there: &dyn UpdateLog) {
    let doc = DocId::new();
    let mut tail = there.tail(doc).await.unwrap();
    let first = here.append(doc, vec!["a".into(), "b".into()], After::Known(Offset::ZERO)).await.unwrap();
    loop {
        match timeout(Duration::from_secs(5), tail.next()).await.expect("it is heard").unwrap() {
            TailEvent::Missed | TailEvent::End(_) => {}
            TailEvent::Entries { appended, updates, .. } => {
                assert_eq!((appended, updates), (first, vec!["a".into(), "b".into()]));
                break;
            }
        }
    }
    let large = bytes::Bytes::from(vec![b'x'; 200_000]);
    here.append(doc, vec![large.clone()], After::Known(first.last)).await.unwrap();
    let heard = timeout(Duration::from_secs(5), tail.next()).await.expect("it is heard").unwrap();
    assert_eq!(heard, TailEvent::Missed, "what is too large for the doorbell is read");
    let contents = there.read(doc, first.last).await.unwrap();
    assert_eq!(contents.behind, Some(first.last));
    assert_eq!(contents.entries[0].update, large);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_append_that_is_repeated_is_answered_as_the_first_and_written_once() {
    let server = rig::Redis::start().await;
    let config = config(server.url());
    let (here, there) = (log(&config, Acknowledge::Appended).await, log(&config, Acknowledge::Appended).await);
    let doc = DocId::new();
    let begin = here.append(doc, vec!["begin".into()], After::Known(Offset::ZERO)).await.unwrap().last;
    let updates = || vec!["a".into(), "b".into()];
    let first = here.append(doc, updates(), After::Exactly(begin)).await.unwrap();
    assert_eq!(here.append(doc, updates(), After::Exactly(begin)).await.unwrap(), first);
    there.append(doc, vec!["c".into()], After::Known(first.last)).await.unwrap();
    assert_eq!(here.append(doc, updates(), After::Exactly(begin)).await.unwrap(), first, "also once it goes on");
    for updates in [vec!["b".into()], vec!["a".into(), "c".into()], vec!["a".into(), "b".into(), "d".into()], vec![]] {
        let other = here.append(doc, updates.clone(), After::Exactly(begin)).await;
        assert!(matches!(other, Err(LogError::Moved)), "{updates:?}: {other:?}");
    }
    let elsewhere = there.append(doc, updates(), After::Exactly(begin)).await;
    assert!(matches!(elsewhere, Err(LogError::Moved)), "another node wrote it: {elsewhere:?}");
    assert_eq!(there.read(doc, begin).await.unwrap().entries.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_append_is_delivered_to_its_own_node_as_anothers() {
    let server = rig::Redis::start().await;
    let (redis, node) = (Redis::open(&config(server.url()), &Tasks::default()).await.unwrap().unwrap(), NodeId::new());
    let log = RedisLog::new(redis, node, Acknowledge::Appended, Duration::from_secs(60), &Tasks::default());
    let doc = DocId::new();
    let mut tail = log.tail(doc).await.unwrap();
    let first = log.append(doc, vec!["a".into()], After::Known(Offset::ZERO)).await.unwrap();
    let second = log.append(doc, vec!["b".into()], After::Exactly(first.last)).await.unwrap();
    let mut delivered = Vec::new();
    while delivered.len() < 2 {
        match timeout(Duration::from_secs(5), tail.next()).await.expect("it is delivered").unwrap() {
            TailEvent::Missed | TailEvent::End(_) => {}
            TailEvent::Entries { origin, appended, updates } => delivered.push((origin == node, appended, updates)),
        }
    }
    assert_eq!(delivered, [(true, first, vec!["a".into()]), (false, second, vec!["b".into()])]);
}

/// Each tail receives the end of its own document, although all are requested together.
async fn hears_where_logs_end(log: &dyn UpdateLog) {
    let ends = (1..8).map(async |updates| {
        let doc = DocId::new();
        let mut tail = log.tail(doc).await.unwrap();
        let appended = log.append(doc, vec!["a".into(); updates], After::Known(Offset::ZERO)).await.unwrap();
        until_end(&mut tail, appended.last).await;
    });
    join_all(ends).await;
}

async fn until_end(tail: &mut Tail, end: Offset) {
    let heard = async { while tail.next().await.unwrap() != TailEvent::End(end) {} };
    timeout(Duration::from_secs(20), heard).await.expect("it is heard where the log ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_reports_the_end_of_the_log_even_after_a_loss() {
    let server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    hears_where_logs_end(&log).await;
    let doc = DocId::new();
    let mut tail = log.tail(doc).await.unwrap();
    let appended = log.append(doc, vec!["a".into()], After::Known(Offset::ZERO)).await.unwrap();
    until_end(&mut tail, appended.last).await;
    let () = server.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    until_end(&mut tail, Offset::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_read_in_pages() {
    let server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    let doc = DocId::new();
    let mut last = Offset::ZERO;
    for round in 0..5_u32 {
        let updates = (0..700_u32).map(|n| (round * 700 + n).to_be_bytes().to_vec().into()).collect();
        last = log.append(doc, updates, After::Known(last)).await.unwrap().last;
    }
    let contents = log.read(doc, Offset::ZERO).await.unwrap();
    assert_eq!(contents.last, last);
    let numbers: Vec<u32> =
        contents.entries.iter().map(|entry| u32::from_be_bytes(entry.update[..].try_into().unwrap())).collect();
    assert!(numbers.into_iter().eq(0..3_500));
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_to_a_cluster_are_replaced_within_seconds() {
    let (_servers, proxies) = rig::cluster_behind_proxies().await;
    let urls: Vec<_> = proxies.iter().map(|proxy| format!("redis://{}", proxy.addr)).collect();
    let log = log(&config(urls.join(",")), Acknowledge::Appended).await;
    let doc = DocId::new();
    let mut tail = log.tail(doc).await.unwrap();
    let mut last = log.append(doc, vec!["before".into()], After::Known(Offset::ZERO)).await.unwrap().last;
    for _ in 0..2 {
        while timeout(Duration::from_millis(300), tail.next()).await.is_ok() {}
        proxies.iter().for_each(Proxy::silence);
        let appended = timeout(Duration::from_secs(15), async {
            loop {
                match log.append(doc, vec!["after".into()], After::Known(last)).await {
                    Ok(appended) => break appended.last,
                    Err(error) => assert!(matches!(error, LogError::Unavailable(_)), "{error:?}"),
                }
            }
        });
        last = appended.await.expect("it is connected again");
        let heard = timeout(Duration::from_secs(10), tail.next()).await;
        assert!(heard.is_ok(), "the subscription works again");
        log.ready().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_reports_possible_gaps() {
    let mut server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    let mut tail = log.tail(DocId::new()).await.unwrap();
    // The events of the first connection.
    while timeout(Duration::from_millis(300), tail.next()).await.is_ok() {}
    server.kill();
    server.begin().await;
    let heard = timeout(Duration::from_secs(10), tail.next()).await.expect("it says so").unwrap();
    assert_eq!(heard, TailEvent::Missed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_server_is_an_error_and_no_hang() {
    let server = rig::Redis::start().await;
    let log = log(&config(server.url()), Acknowledge::Appended).await;
    let doc = DocId::new();
    log.append(doc, vec!["a".into()], After::Known(Offset::ZERO)).await.unwrap();
    server.freeze(true);
    let answer = timeout(Duration::from_secs(8), log.append(doc, vec!["b".into()], After::Known(Offset::ZERO))).await;
    server.freeze(false);
    assert!(matches!(answer.expect("it gives up"), Err(LogError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn resubscribing_at_once_loses_no_message() {
    let server = rig::Redis::start().await;
    lets_go_and_listens_anew(config(server.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resubscribing_at_once_loses_no_message_on_a_cluster() {
    let nodes = rig::cluster().await;
    let urls: Vec<_> = nodes.iter().map(rig::Redis::url).collect();
    lets_go_and_listens_anew(config(urls.join(","))).await;
}

async fn lets_go_and_listens_anew(config: RedisConfig) {
    let redis = Redis::open(&config, &Tasks::default()).await.unwrap().unwrap();
    let mut steady = redis.subscriptions.subscribe("steady".into()).await.unwrap();
    let publish = async |message: &'static str| {
        let mut commands = redis.commands.clone();
        redis::cmd("SPUBLISH").arg("steady").arg(message).exec_async(&mut commands).await.unwrap();
    };
    publish("before").await;
    while timeout(Duration::from_secs(5), steady.next()).await.expect("it is heard")
        != SubscriptionEvent::Message("before".into())
    {}
    let restless = (0..8).map(async |n| {
        for _ in 0..100 {
            redis.subscriptions.subscribe(format!("restless-{n}")).await.expect("Redis is there");
            tokio::task::yield_now().await;
        }
    });
    join_all(restless).await;
    publish("after").await;
    let heard = timeout(Duration::from_secs(5), steady.next()).await.expect("it is heard");
    assert_eq!(heard, SubscriptionEvent::Message("after".into()), "nothing was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_subscribers_than_may_wait_are_refused_while_redis_is_silent() {
    let server = rig::Redis::start().await;
    let redis = Redis::open(&config(server.url()), &Tasks::default()).await.unwrap().unwrap();
    let mut steady = redis.subscriptions.subscribe("steady".into()).await.unwrap();
    server.freeze(true);
    let many = (0..20_000).map(|n| redis.subscriptions.subscribe(format!("many-{n}")));
    let refused = timeout(Duration::from_secs(30), join_all(many)).await.expect("nobody waits for ever");
    assert!(refused.into_iter().all(|subscription| subscription.is_err()));
    server.freeze(false);
    let publish = async |channel: String| {
        let mut publish = redis::cmd("SPUBLISH");
        publish.arg(channel).arg("after");
        let _: redis::RedisResult<()> = publish.query_async(&mut redis.commands.clone()).await;
    };
    let heard = async {
        while steady.next().await != SubscriptionEvent::Message("after".into()) {
            publish("steady".into()).await;
        }
    };
    timeout(Duration::from_secs(20), heard).await.expect("the subscription works again");
    // A channel that stayed subscribed for lack of a place is unsubscribed at its next message.
    let given_up = async {
        loop {
            let left: Vec<String> = server.ask(redis::cmd("PUBSUB").arg("SHARDCHANNELS")).await.unwrap();
            if left == ["steady"] {
                break;
            }
            for channel in left.into_iter().filter(|channel| channel != "steady") {
                publish(channel).await;
            }
        }
    };
    timeout(Duration::from_secs(20), given_up).await.expect("what nobody listens to is given up");
}

async fn relay(config: &RedisConfig, tasks: &Tasks) -> RedisRelay {
    RedisRelay::new(Redis::open(config, tasks).await.unwrap().unwrap(), NodeId::new(), tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_about_many_documents_arrive_on_a_cluster() {
    let nodes = rig::cluster().await;
    let urls: Vec<_> = nodes.iter().map(rig::Redis::url).collect();
    let (config, tasks) = (config(urls.join(",")), Tasks::default());
    let (here, there) = (relay(&config, &tasks).await, relay(&config, &tasks).await);
    let docs: Vec<_> = (0..30).map(|_| DocId::new()).collect();
    let joined = join_all(docs.iter().map(|doc| there.join(*doc))).await;
    for doc in &docs {
        here.send(*doc, RelayMessage::Awareness(doc.to_string().into()));
    }
    for (doc, relayed) in docs.iter().zip(joined) {
        let message = timeout(Duration::from_secs(10), relayed.unwrap().next()).await.expect("it is heard");
        assert_eq!(message, Some(RelayMessage::Awareness(doc.to_string().into())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_ends_when_the_user_leaves_or_the_node_dies() {
    let server = rig::Redis::start().await;
    let (config, mortal) = (config(server.url()), Tasks::default());
    let (here, there) = (relay(&config, &mortal).await, relay(&config, &Tasks::default()).await);
    let (doc, other) = (DocId::new(), DocId::new());
    let ann = vec![Present {
        user: UserId::new(),
        name: "Ann".into(),
        color: "#30bced".into(),
        role: Role::Editor,
        since: time::OffsetDateTime::now_utc(),
        sockets: 1,
    }];
    here.announce(doc, ann.clone());
    here.announce(other, ann.clone());
    until_announced(&there, doc, &ann).await;
    until_announced(&there, other, &ann).await;
    assert_eq!(here.announced(doc).await.unwrap(), [], "a node knows its own people");
    here.announce(other, Vec::new());
    until_announced(&there, other, &[]).await;

    let () = server.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    assert_eq!(there.announced(doc).await.unwrap(), []);
    // As a room does.
    let again = async {
        loop {
            here.announce(doc, ann.clone());
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = until_announced(&there, doc, &ann) => {}
        () = again => unreachable!(),
    }
    mortal.stop().cancel();
    until_announced(&there, doc, &[]).await;
}

async fn until_announced(relay: &RedisRelay, doc: DocId, people: &[Present]) {
    let announced = async {
        while relay.announced(doc).await.unwrap() != people {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(25), announced).await.expect("it comes to it");
}
