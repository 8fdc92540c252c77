//! A node that stops sends its clients elsewhere; a full or cold one accepts them as it can.

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Error};

use super::{CLIENTS, Nodes, audit_stored, leave, settle, type_on};
use crate::{
    clients::Clients,
    harness::seed,
    process::{Process, free_port},
    raw::Raw,
    rest::{self, Caller},
    rig::redis::Redis,
};

/// The time over which a node closes its sockets.
const SPREAD: Duration = Duration::from_secs(4);
const DEADLINE: Duration = Duration::from_secs(15);

/// The status and `Retry-After` of a socket that is refused before the upgrade.
pub(crate) async fn refused(url: &str) -> (u16, String) {
    match connect_async(url).await {
        Err(Error::Http(answer)) => {
            let retry_after = answer.headers().get("retry-after").map_or("", |value| value.to_str().unwrap());
            (answer.status().as_u16(), retry_after.to_owned())
        }
        other => panic!("not refused before the upgrade: {other:?}"),
    }
}

/// When sockets were closed with 4503, in ms since 1970.
async fn drained_at(clients: &Clients, names: &[String]) -> Vec<u64> {
    let closes = join_all(names.iter().map(|name| clients.status(name, "closes"))).await;
    let closes = closes.iter().flat_map(|closes| closes.as_array().unwrap());
    closes.filter(|close| close["code"] == 4503).map(|close| close["at"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_node_closes_its_sockets_over_time() {
    let mut random = StdRng::seed_from_u64(seed());
    let settings = [("CODESYNC_DRAIN_SPREAD_MS", "4000"), ("CODESYNC_DRAIN_S", "15")];
    let mut nodes = Nodes::start_with(2, Redis::start().await, &settings).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = Clients::start();
    let idle: Vec<String> = (0..240).map(|number| format!("idle {number}")).collect();
    let join = async |name: &str| clients.join(name, &nodes.any_socket(), &doc, ann.token()).await;
    join_all(idle.iter().map(|name| join(name))).await;
    join_all(CLIENTS.map(join)).await;
    type_on(&clients, &mut random).await;
    let served = nodes.counted_at(0, "codesync_sessions_open").await;
    assert!(served >= 100.0, "half of all: {served}");

    let (asked, asked_at) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
    nodes.node(0).ask_to_stop();
    let health = nodes.node(0).url("/socket/health");
    while rest::get(&health).await.unwrap().status() != 503 {}
    let left = nodes.counted_at(0, "codesync_sessions_open").await;
    assert!(left > 0.0, "readiness goes first, before all {served} sockets have gone");
    let (status, retry_after) = refused(&format!("{}/{doc}?token={}", nodes.socket(0), ann.token())).await;
    assert_eq!((status, retry_after.as_str()), (503, "5"));
    let process = nodes.nodes[0].process.take().unwrap();
    assert!(process.ended().await, "the drain ends well");
    assert!(asked.elapsed() < DEADLINE, "it took {:?}", asked.elapsed());

    let names: Vec<String> = idle.iter().cloned().chain(CLIENTS.map(str::to_owned)).collect();
    // Clients learn of it a little later.
    let mut closed = Vec::new();
    while (closed.len() as f64) < served {
        assert!(asked.elapsed() < DEADLINE * 2, "{} of {served} were told", closed.len());
        closed = drained_at(&clients, &names).await;
    }
    assert_eq!(closed.len() as f64, served, "each is told, once");
    evenly_spread(closed, asked_at);
    join_all(names.iter().map(|name| clients.wait(name, json!({ "synced": true })))).await;
    settle(&clients, &CLIENTS).await;
    leave(&clients, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    nodes.begin(0).await;
    nodes.start_anew().await;
    audit_stored(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
    nodes.end().await;
}

/// Over the whole configured time. On a busy machine clients learn of it late, never early.
fn evenly_spread(mut closed: Vec<u64>, asked_at: u64) {
    closed.sort_unstable();
    let part = |of_all: usize| (closed[closed.len() * of_all / 100] - asked_at) as f64 / SPREAD.as_millis() as f64;
    for (of_all, earliest) in [(25, 0.12), (50, 0.35), (75, 0.6), (95, 0.8)] {
        assert!(part(of_all) > earliest, "{of_all} of 100 were closed within {} of the time", part(of_all));
    }
}

/// A node without clients has no reason to stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_serves_everything_until_the_balancer_has_noticed() {
    tokio::join!(serves_until_noticed(0), serves_until_noticed(3));
}

async fn serves_until_noticed(sockets: u64) {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_DRAIN_DELAY_S", "5")]).await;
    let ann = Caller::at(&server.url("")).register("ann").await;
    let path = ann.document("shared").await;
    let doc = path.rsplit('/').next().unwrap().to_owned();
    let join = async || {
        let mut socket = Raw::codesync(&server.socket(), &doc, ann.token()).await;
        socket.sync().await;
        socket
    };
    let mut open = Vec::new();
    for _ in 0..sockets {
        open.push(join().await);
    }
    server.ask_to_stop();
    let asked = Instant::now();
    let health = server.url("/api/health");
    while rest::get(&health).await.unwrap().status() != 503 {}
    while asked.elapsed() < Duration::from_secs(2) {
        assert_eq!(rest::get(&health).await.unwrap().status(), 503);
        assert_eq!(rest::get(server.url("/health")).await.unwrap().status(), 200);
        ann.get(&path).await.expect(200);
        for (number, socket) in open.iter_mut().enumerate() {
            socket.append(number as u64 + 1, "typed ").await;
            socket.mark(asked.elapsed().as_millis() as u64).await;
        }
        if sockets > 0 {
            join().await.leave().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for socket in &mut open {
        assert_eq!(socket.closed().await, 4503);
        assert!(asked.elapsed() >= Duration::from_secs(5), "closed after {:?}", asked.elapsed());
    }
    assert!(server.ended().await, "the drain ends well");
    assert!(asked.elapsed() >= Duration::from_secs(5), "ended after {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_refuses_before_the_upgrade() {
    let nodes = Nodes::start_with(1, Redis::start().await, &[("CODESYNC_SOCKETS_MAX", "3")]).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = Clients::start();
    for client in ["a", "b", "c"] {
        clients.join(client, &nodes.socket(0), &doc, ann.token()).await;
    }
    let url = format!("{}/{doc}?token={}", nodes.socket(0), ann.token());
    assert_eq!(refused(&url).await, (503, "5".to_owned()));
    assert_eq!(rest::get(nodes.node(0).url("/api/health")).await.unwrap().status(), 200, "calls are served");
    clients.open("d", &nodes.socket(0), &doc, ann.token()).await;
    clients.wait("d", json!({ "closed": 1006 })).await;
    assert_eq!(clients.status("d", "connects").await, Value::from(0));
    clients.ask("disconnect", json!({ "client": "a" })).await;
    clients.wait("d", json!({ "synced": true })).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_simultaneous_joins_cause_one_load() {
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = Clients::start();
    clients.join("writer", &nodes.socket(0), &doc, ann.token()).await;
    clients.append("writer", "read by many").await;
    clients.wait("writer", json!({ "acknowledged": true })).await;
    assert_eq!(nodes.counted_at(1, "codesync_load_seconds_count").await, 0.0, "it is cold");
    let names: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    join_all(names.iter().map(async |name| {
        clients.join(name, &nodes.socket(1), &doc, ann.token()).await;
        clients.wait(name, json!({ "text": "read by many" })).await;
    }))
    .await;
    assert_eq!(nodes.counted_at(1, "codesync_sessions_open").await, 200.0);
    assert_eq!(nodes.counted_at(1, "codesync_load_seconds_count").await, 1.0);
    nodes.end().await;
}
