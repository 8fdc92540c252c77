//! Failovers and cuts that connections do not show: they stay open, and lead to a server that accepts no writes any
//! more, or to nobody.

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::StdRng};

use super::{CLIENTS, Nodes, check, progress, typing};
use crate::{clients::Clients, harness::seed, rig::redis::Redis};

/// The time within which edits are acknowledged again: noticed within 5 s, plus a busy machine.
const PROMPT: Duration = Duration::from_secs(10);

impl Nodes {
    /// The replica becomes the primary and the primary its replica; connections stay, and new ones lead to the new primary.
    async fn fail_over(&mut self, replica: Redis) -> Redis {
        let old = std::mem::replace(&mut self.redis, replica);
        self.redis.promote().await;
        old.demote(self.redis.addr()).await;
        for node in &self.nodes {
            node.link.lead_new_to(vec![self.redis.addr()]);
        }
        old
    }

    async fn is_available_again(&self) {
        let started = Instant::now();
        for index in 0..self.nodes.len() {
            let health = self.node(index).url("/api/health?deep");
            while reqwest::get(&health).await.unwrap().status() != 200 {
                assert!(started.elapsed() < PROMPT, "node {index} is not available again");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn progress_soon(clients: &Clients) {
    let started = Instant::now();
    progress(clients).await;
    assert!(started.elapsed() < PROMPT, "acknowledged after {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_demoted_with_its_connections_kept_is_left_within_seconds() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    progress(&clients).await;
    let replica = nodes.redis.replica().await;
    let old = nodes.fail_over(replica).await;
    progress_soon(&clients).await;
    nodes.is_available_again().await;
    // Each client sees the edits from the other node again.
    clients.wait_for_edits_of("a", "b").await;
    // And back, without typing: the heartbeat notices.
    for client in CLIENTS {
        clients.ask("rest", serde_json::json!({ "client": client })).await;
    }
    let _older = nodes.fail_over(old).await;
    clients.append("b", "said at the second ").await;
    clients.wait_for_edits_of("b", "a").await;
    nodes.is_available_again().await;
    // Two nodes, twice; a node without a writer notices at its next heartbeat.
    nodes.until_counted("codesync_redis_connections_replaced_total", 4.0).await;
    check(nodes, &clients, ann.token(), &doc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_to_redis_is_replaced_within_seconds() {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..2 {
        progress(&clients).await;
        for node in &nodes.nodes {
            node.link.silence();
        }
        progress_soon(&clients).await;
        nodes.is_available_again().await;
        // Subscriptions too.
        clients.wait_for_edits_of("a", "b").await;
    }
    check(nodes, &clients, ann.token(), &doc).await;
}
