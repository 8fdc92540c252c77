//! A replica that has fallen behind takes the place of Redis: only nodes and clients have what was written since.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{CLIENTS, Nodes, Setting, audit, audit_stored, check, leave, log_id, progress, settle, type_on, typing};
use crate::{
    clients::Clients,
    harness::seed,
    rig::{
        proxy::{Proxy, Traffic},
        redis::Redis,
    },
};

/// Nothing is in S3 either.
const NO_SNAPSHOTS: &[Setting] = &[("CODESYNC_SNAPSHOT_MS", "600000")];

/// A replica of Redis, and the proxy between the two.
pub(super) struct Replica {
    redis: Redis,
    link: Proxy,
}

impl Replica {
    /// Starts a replica of that server.
    pub(super) async fn of(redis: &Redis) -> Self {
        let link = Proxy::start(redis.addr()).await;
        Self { redis: redis.replica_by(link.addr).await, link }
    }

    /// Stops its replication.
    pub(super) fn fall_behind(&self) {
        self.link.set(Traffic::Vanishes);
    }
}

impl Nodes {
    /// Redis ends, and its address leads to the replica.
    pub(super) async fn promote(&mut self, replica: Replica) {
        self.redis = replica.redis;
        self.redis.promote().await;
        for node in &self.nodes {
            node.link.lead_to(vec![self.redis.addr()]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_replica_that_lagged_costs_no_edit() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start_with(3, Redis::start().await, &[("CODESYNC_SNAPSHOT_MS", "200")]).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    // Too large for notifications: the node that restores it makes the others read.
    clients.append("a", &"large ".repeat(50_000)).await;
    for _ in 0..3 {
        let replica = Replica::of(&nodes.redis).await;
        progress(&clients).await;
        replica.fall_behind();
        progress(&clients).await;
        assert_ne!(log_id(&replica.redis, &doc, "last").await, nodes.log_id(&doc, "last").await);
        // The node that restores the log requests the snapshots from S3 without an answer, and still serves its
        // clients.
        nodes.s3.traffic(Traffic::Vanishes);
        nodes.promote(replica).await;
        progress(&clients).await;
        nodes.s3.traffic(Traffic::Passes);
        // Until there is something to trim.
        progress(&clients).await;
    }
    assert!(nodes.counted("codesync_log_lost_total").await >= 1.0);
    let restored = nodes.counted("codesync_log_restored_total").await;
    assert!((3.0..=12.0).contains(&restored), "each of three nodes restores each of three losses once: {restored}");
    for client in CLIENTS {
        assert_eq!(clients.status(client, "connects").await, 1, "{client} noticed nothing but a pause");
    }
    check(nodes, &clients, ann.token(), &doc).await;
}

/// Types into a document, in the end without the replica, until everything is acknowledged and everybody has left.
async fn typed_and_left(nodes: &Nodes, token: &str, doc: &str) -> (Clients, Replica) {
    let mut random = StdRng::seed_from_u64(seed());
    let clients = typing(nodes, token, doc, &mut random).await;
    let replica = Replica::of(&nodes.redis).await;
    progress(&clients).await;
    replica.fall_behind();
    progress(&clients).await;
    settle(&clients, &CLIENTS).await;
    leave(&clients, &CLIENTS).await;
    assert_ne!(log_id(&replica.redis, doc, "last").await, nodes.log_id(doc, "last").await);
    (clients, replica)
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_only_one_node_has_are_not_lost() {
    let mut nodes = Nodes::start_with(3, Redis::start().await, NO_SNAPSHOTS).await;
    let (ann, doc) = nodes.account_and_document().await;
    let (clients, replica) = typed_and_left(&nodes, ann.token(), &doc).await;
    for dies in [0, 2] {
        nodes.kill(dies).await;
    }
    nodes.promote(replica).await;
    let before = nodes.log_id(&doc, "last").await;
    let started = Instant::now();
    // Nobody connects and nobody types: the node notices on its own.
    while nodes.log_id(&doc, "last").await == before {
        assert!(started.elapsed() < Duration::from_secs(30), "the log is not restored");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nodes.start_anew().await;
    audit_stored(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
    audit(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_that_only_one_client_has_are_not_lost() {
    let mut nodes = Nodes::start_with(3, Redis::start().await, NO_SNAPSHOTS).await;
    let (ann, doc) = nodes.account_and_document().await;
    let (clients, replica) = typed_and_left(&nodes, ann.token(), &doc).await;
    nodes.kill_all().await;
    nodes.promote(replica).await;
    nodes.begin_all().await;
    clients.ask("connect", json!({ "client": "c" })).await;
    settle(&clients, &["c"]).await;
    leave(&clients, &["c"]).await;
    nodes.start_anew().await;
    audit_stored(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
    nodes.end().await;
}

/// At the level `replicated` it needs neither: all nodes and Redis die at once during typing, and nobody helps.
#[tokio::test(flavor = "multi_thread")]
async fn replicated_acknowledgements_survive_the_loss_of_redis_and_all_nodes() {
    let mut random = StdRng::seed_from_u64(seed());
    let (redis, more) = (Redis::start().await, [("CODESYNC_ACKNOWLEDGE", "replicated:1"), NO_SNAPSHOTS[0]]);
    let mut nodes = Nodes::start_with(3, redis, &more).await;
    let mut replica = Replica::of(&nodes.redis).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..3 {
        progress(&clients).await;
        let next = Replica::of(&replica.redis).await;
        replica.fall_behind();
        // The amount of typing that only this Redis has is random here.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
        nodes.kill_all().await;
        for client in CLIENTS {
            clients.ask("rest", json!({ "client": client })).await;
        }
        leave(&clients, &CLIENTS).await;
        nodes.promote(replica).await;
        nodes.begin_all().await;
        audit_stored(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
        replica = next;
        for client in CLIENTS {
            clients.ask("connect", json!({ "client": client })).await;
        }
        type_on(&clients, &mut random).await;
    }
    check(nodes, &clients, ann.token(), &doc).await;
}
