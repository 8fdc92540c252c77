//! Nodes die and restart while many people edit many documents.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{Nodes, audit, audit_stored, document, leave, progress_of, settle};
use crate::{clients::Clients, harness::seed, rest::Caller, rig::redis::Redis};

const PEOPLE: usize = 12;
const DOCUMENTS: usize = 30;
/// The interval of one person's typing in one document: about 360 edits per second in total.
const EVERY_MS: u64 = 1_000;
/// The time within which everybody is connected again.
const BACK: Duration = Duration::from_secs(5);

/// A document and the names of its clients, one per person.
struct Open {
    doc: String,
    names: Vec<String>,
}

impl Open {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

/// Opens everything for everybody, on the nodes that the balancer chooses, and types.
async fn open_all(nodes: &Nodes, clients: &Clients, ann: &Caller, random: &mut StdRng) -> Vec<Open> {
    let mut all = Vec::new();
    for _ in 0..DOCUMENTS {
        let doc = document(ann).await;
        let names: Vec<String> = (0..PEOPLE).map(|person| format!("{person} in {doc}")).collect();
        let url = nodes.any_socket();
        join_all(names.iter().map(|name| clients.join(name, &url, &doc, ann.token()))).await;
        for name in &names {
            let seed = random.random::<u32>();
            clients.ask("edit", json!({ "client": name, "seed": seed, "everyMs": EVERY_MS, "maxLength": 300 })).await;
        }
        all.push(Open { doc, names });
    }
    all
}

async fn connects(clients: &Clients, names: &[&str]) -> u64 {
    let counts = join_all(names.iter().map(|name| clients.status(name, "connects"))).await;
    counts.iter().map(|count| count.as_u64().unwrap()).sum()
}

/// Kills a node and waits until all of its clients are connected to the others; returns how many they were, and after
/// what time.
async fn dies(nodes: &mut Nodes, clients: &Clients, names: &[&str], index: usize) -> (u64, Duration) {
    let before = connects(clients, names).await;
    let served = nodes.counted_at(index, "codesync_sessions_open").await as u64;
    nodes.kill(index).await;
    let at = Instant::now();
    while connects(clients, names).await < before + served {
        assert!(at.elapsed() < BACK, "{served} are not back after {:?}", at.elapsed());
    }
    join_all(names.iter().map(|name| clients.wait(name, json!({ "synced": true })))).await;
    (served, at.elapsed())
}

/// As many deaths as `CODESYNC_DEATHS`, a few by default; `make chaos` runs twenty.
#[tokio::test(flavor = "multi_thread")]
async fn dead_nodes_cost_twelve_people_in_thirty_documents_no_edit() {
    let deaths = std::option_env!("CODESYNC_DEATHS").map_or(5, |deaths| deaths.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start_with(3, Redis::start().await, &[("CODESYNC_SNAPSHOT_MS", "5000")]).await;
    let ann = Caller::at(&nodes.node(0).url("")).register("ann").await;
    let clients = Clients::start();
    let all = open_all(&nodes, &clients, &ann, &mut random).await;
    let names: Vec<&str> = all.iter().flat_map(Open::names).collect();
    let mut longest = Duration::ZERO;
    let mut served = 0;
    for _ in 0..deaths {
        // One client of each document: its next edit is acknowledged.
        let some: Vec<&str> = all.iter().map(|open| open.names[random.random_range(0..PEOPLE)].as_str()).collect();
        progress_of(&clients, &some).await;
        let index = random.random_range(0..3);
        let (sockets, back) = dies(&mut nodes, &clients, &names, index).await;
        assert!(back < BACK, "{sockets} back after {back:?}");
        (longest, served) = (longest.max(back), served + sockets);
        nodes.begin(index).await;
        // Some reconnect, and so find the new node.
        for name in &names {
            if random.random_bool(0.3) {
                clients.ask("disconnect", json!({ "client": name })).await;
                clients.ask("connect", json!({ "client": name })).await;
            }
        }
    }
    println!("{deaths} deaths, {served} sockets cut off, all back within {longest:?}");
    for open in &all {
        settle(&clients, &open.names()).await;
    }
    leave(&clients, &names).await;
    nodes.start_anew().await;
    join_all(all.iter().map(async |open| {
        audit_stored(&nodes, &clients, &open.names(), ann.token(), &open.doc).await;
        audit(&nodes, &clients, &open.names(), ann.token(), &open.doc).await;
    }))
    .await;
    nodes.end().await;
}
