//! The pool of connections to Redis: a command gets a clear answer in time, and the pool heals without a restart.

use std::time::{Duration, Instant};

use codesync_server::{
    ids::InstallationId,
    redis::{Pool, Redis},
    tasks::Tasks,
};
use futures_util::future::join_all;
use redis::{AsyncCommands, RedisError, RedisResult, aio::ConnectionLike};

use crate::{
    redis::config,
    rig::{proxy::Proxy, redis as rig},
};

/// The bound of a command is 2 s; a loaded machine adds to it.
const CLEAR_WITHIN: Duration = Duration::from_secs(4);

async fn pool(urls: String) -> (Redis, Pool) {
    let redis = Redis::open(&config(urls), &Tasks::default()).await.unwrap().unwrap();
    // New connections are checked from now on.
    redis.belongs_to(InstallationId::new());
    let pool = redis.pool.clone();
    (redis, pool)
}

/// Sends `count` writes at once; returns their answers, each of which came in time.
async fn writes(pool: &Pool, count: usize) -> Vec<RedisResult<()>> {
    join_all((0..count).map(async |n| {
        let asked = Instant::now();
        let answer = pool.clone().set(format!("key-{n}"), n).await;
        assert!(asked.elapsed() < CLEAR_WITHIN, "{answer:?} after {:?}", asked.elapsed());
        answer
    }))
    .await
}

/// Waits until every one of `count` writes at once succeeds.
async fn until_healed(pool: &Pool, count: usize) {
    let started = Instant::now();
    while writes(pool, count).await.iter().any(Result::is_err) {
        assert!(started.elapsed() < Duration::from_secs(20), "the pool does not heal");
    }
}

fn is_read_only(error: &RedisError) -> bool {
    error.code() == Some("READONLY")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_refused_in_time_while_all_connections_are_in_use() {
    let server = rig::Redis::start().await;
    let (_redis, pool) = pool(server.url()).await;
    // More commands than connections; each holds one until it is given up.
    let mut blocking = redis::cmd("BLPOP");
    blocking.arg("nothing").arg(0);
    let holders = (0..64).map(async |_| {
        let (mut pool, asked) = (pool.clone(), Instant::now());
        let answer = pool.req_packed_command(&blocking).await;
        (answer, asked.elapsed())
    });
    for (answer, elapsed) in join_all(holders).await {
        assert!(answer.is_err() && elapsed < CLEAR_WITHIN, "{answer:?} after {elapsed:?}");
    }
    until_healed(&pool, 64).await;
    let connected: String = server.ask(redis::cmd("INFO").arg("clients")).await.unwrap();
    let connected = connected.lines().find_map(|line| line.strip_prefix("connected_clients:")).unwrap();
    // Those of the pool, the two others of the server, and the one that asks.
    assert!(connected.trim().parse::<usize>().unwrap() <= 16 + 3, "{connected} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_end_in_time_while_redis_is_frozen() {
    let server = rig::Redis::start().await;
    let (_redis, pool) = pool(server.url()).await;
    until_healed(&pool, 64).await;
    server.freeze(true);
    assert!(writes(&pool, 64).await.iter().all(Result::is_err));
    assert!(writes(&pool, 1).await[0].is_err());
    server.freeze(false);
    until_healed(&pool, 64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_primary_is_noticed_though_its_connections_stay() {
    let (mut first, second) = (rig::Redis::start().await, rig::Redis::start().await);
    let (_redis, pool) = pool(first.url()).await;
    until_healed(&pool, 16).await;
    first.demote(second.addr()).await;
    let answers = writes(&pool, 64).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(is_read_only)), "{answers:?}");
    // No connection is left for reads: the data of a demoted primary may be out of date.
    let started = Instant::now();
    while pool.clone().get::<_, Option<String>>("key-1").await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "a demoted primary is still read");
    }
    first.promote().await;
    until_healed(&pool, 64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_replaced() {
    let server = rig::Redis::start().await;
    let proxy = Proxy::start(server.addr()).await;
    let (_redis, pool) = pool(format!("redis://{}", proxy.addr)).await;
    until_healed(&pool, 16).await;
    proxy.silence();
    until_healed(&pool, 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_serves_a_cluster_and_heals_after_one_of_its_nodes_froze() {
    let nodes = rig::cluster().await;
    let urls: Vec<_> = nodes.iter().map(rig::Redis::url).collect();
    let (_redis, pool) = pool(urls.join(",")).await;
    until_healed(&pool, 64).await;
    nodes[1].freeze(true);
    assert!(writes(&pool, 64).await.iter().any(Result::is_err));
    nodes[1].freeze(false);
    until_healed(&pool, 64).await;
}
