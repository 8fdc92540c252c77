//! S3 is unavailable, or its objects are damaged.

use std::time::{Duration, Instant};

use codesync_server::{ids::DocId, offset::Offset, snapshot::SnapshotStore};
use object_store::{ObjectStoreExt, path::Path};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{CLIENTS, Nodes, audit_stored, check, leave, progress, settle, typing};
use crate::{
    harness::{outage, seed},
    rig::{proxy::Traffic, redis::Redis},
};

impl Nodes {
    /// The offsets of the snapshots, the newest first.
    pub(super) async fn snapshots(&self, doc: &str) -> Vec<Offset> {
        SnapshotStore::new(self.s3.objects()).list(doc.parse().unwrap()).await.unwrap()
    }

    /// Overwrites a snapshot with something else.
    pub(super) async fn damage(&self, doc: &str, offset: Offset) {
        let doc: DocId = doc.parse().unwrap();
        let (objects, path) = (self.s3.objects(), Path::from(format!("documents/{doc}/snapshots/{offset}")));
        let mut bytes = objects.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        objects.put(&path, bytes.into()).await.unwrap();
    }

    /// Waits until there is a newer snapshot than this, and one before it.
    async fn until_newer_than(&self, doc: &str, offset: Option<Offset>) {
        let started = Instant::now();
        loop {
            let snapshots = self.snapshots(doc).await;
            if snapshots.len() >= 2 && snapshots.first().copied() > offset {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "there are only {snapshots:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn s3_is_away_while_all_type(traffic: Traffic) {
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    nodes.until_newer_than(&doc, None).await;
    nodes.s3.traffic(traffic);
    // Compactions in progress end.
    let failures = nodes.counted("codesync_compaction_failures_total").await;
    let started = Instant::now();
    let mut trimmed = None;
    while trimmed.is_none()
        || started.elapsed() < outage(0)
        || nodes.counted("codesync_compaction_failures_total").await < failures + 2.0
    {
        assert!(started.elapsed() < outage(0) + Duration::from_secs(60), "no compaction was tried");
        progress(&clients).await;
        let now = nodes.log_id(&doc, "trimmed").await;
        if nodes.counted("codesync_compaction_failures_total").await > failures {
            assert_eq!(*trimmed.get_or_insert_with(|| now.clone()), now, "nothing is trimmed meanwhile");
        }
    }
    let newest = nodes.snapshots(&doc).await.first().copied();
    nodes.s3.traffic(Traffic::Passes);
    println!("S3 was away for {:?}", started.elapsed());
    for client in CLIENTS {
        assert_eq!(clients.status(client, "connects").await, 1, "{client} noticed nothing");
    }
    let back = Instant::now();
    nodes.until_newer_than(&doc, newest).await;
    println!("compaction caught up after {:?}", back.elapsed());
    while nodes.log_id(&doc, "trimmed").await == trimmed.clone().flatten() {
        assert!(back.elapsed() < Duration::from_secs(90), "the log is not trimmed");
        progress(&clients).await;
    }
    check(nodes, &clients, ann.token(), &doc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_may_fail_while_all_type() {
    s3_is_away_while_all_type(Traffic::Fails).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_may_be_silent_while_all_type() {
    s3_is_away_while_all_type(Traffic::Vanishes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_counted_and_costs_no_edit() {
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start(2, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    nodes.until_newer_than(&doc, None).await;
    settle(&clients, &CLIENTS).await;
    leave(&clients, &CLIENTS).await;
    nodes.kill_all().await;
    let newest = nodes.snapshots(&doc).await[0];
    nodes.damage(&doc, newest).await;
    nodes.begin_all().await;
    audit_stored(&nodes, &clients, &CLIENTS, ann.token(), &doc).await;
    assert!(nodes.counted("codesync_snapshots_damaged_total").await >= 1.0, "an alarm can go off");
    for client in CLIENTS {
        clients.ask("connect", json!({ "client": client })).await;
    }
    check(nodes, &clients, ann.token(), &doc).await;
}
