//! All faults, in any order.

use std::{collections::HashSet, time::Duration};

use codesync_server::offset::Offset;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Nodes, check, progress, promotion::Replica, typing};
use crate::{
    harness::seed,
    rig::{proxy::Traffic, redis::Redis},
};

/// The next fault.
#[derive(Debug)]
enum Fault {
    NodeDies(usize),
    RedisForgets,
    RedisDies { away_ms: u64 },
    RedisFreezes { ms: u64 },
    BellsCut,
    NodePartitioned { index: usize, ms: u64 },
    S3Fails { ms: u64 },
    S3Vanishes { ms: u64 },
    PostgresDies { away_ms: u64 },
    ReplicaPromoted { behind_ms: u64 },
    SnapshotDamaged,
}

impl Fault {
    fn any(random: &mut StdRng, nodes: usize) -> Self {
        let long = random.random_range(0..4_000);
        match random.random_range(0..12) {
            0 | 1 => Self::NodeDies(random.random_range(0..nodes)),
            2 => Self::RedisForgets,
            3 => Self::RedisDies { away_ms: long },
            4 => Self::RedisFreezes { ms: long },
            5 => Self::BellsCut,
            6 => Self::NodePartitioned { index: random.random_range(0..nodes), ms: long },
            7 => Self::S3Fails { ms: long },
            8 => Self::S3Vanishes { ms: long },
            9 => Self::PostgresDies { away_ms: long },
            10 => Self::ReplicaPromoted { behind_ms: long },
            _ => Self::SnapshotDamaged,
        }
    }
}

/// The current faults, and the nodes that they affect.
struct Chaos {
    nodes: Nodes,
    doc: String,
    damaged: HashSet<Offset>,
}

impl Chaos {
    async fn suffer(&mut self, fault: &Fault) {
        let nodes = &mut self.nodes;
        match fault {
            Fault::NodeDies(index) => {
                nodes.kill(*index).await;
                nodes.begin(*index).await;
            }
            Fault::RedisForgets => {
                let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
            }
            Fault::RedisDies { away_ms } => {
                nodes.redis.kill();
                // The duration of the outage is the fault.
                tokio::time::sleep(Duration::from_millis(*away_ms)).await;
                nodes.redis.begin().await;
            }
            Fault::RedisFreezes { ms } => {
                nodes.redis.freeze(true);
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                nodes.redis.freeze(false);
            }
            Fault::NodePartitioned { index, ms } => {
                nodes.nodes[*index].link.set(Traffic::Vanishes);
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                nodes.nodes[*index].link.set(Traffic::Passes);
            }
            Fault::S3Fails { ms } => nodes.without_s3(Traffic::Fails, *ms).await,
            Fault::S3Vanishes { ms } => nodes.without_s3(Traffic::Vanishes, *ms).await,
            Fault::PostgresDies { away_ms } => {
                nodes.postgres.stop();
                tokio::time::sleep(Duration::from_millis(*away_ms)).await;
                nodes.postgres.begin().await;
            }
            Fault::BellsCut => {
                let () = nodes.redis.ask(redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub")).await.unwrap();
            }
            Fault::ReplicaPromoted { behind_ms } => {
                let replica = Replica::of(&nodes.redis).await;
                replica.fall_behind();
                tokio::time::sleep(Duration::from_millis(*behind_ms)).await;
                nodes.promote(replica).await;
            }
            Fault::SnapshotDamaged => self.damage_the_newest().await,
        }
    }

    /// One damaged object must be survived; two consecutive ones cannot be.
    async fn damage_the_newest(&mut self) {
        let snapshots = self.nodes.snapshots(&self.doc).await;
        if snapshots.len() >= 2 && !snapshots[..2].iter().any(|offset| self.damaged.contains(offset)) {
            self.nodes.damage(&self.doc, snapshots[0]).await;
            self.damaged.insert(snapshots[0]);
        }
    }
}

impl Nodes {
    async fn without_s3(&self, traffic: Traffic, ms: u64) {
        self.s3.traffic(traffic);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        self.s3.traffic(Traffic::Passes);
    }
}

/// As many faults as `CODESYNC_CHAOS_FAULTS`, a few by default; `make chaos` runs many.
#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_faults_loses_nothing() {
    let faults = std::option_env!("CODESYNC_CHAOS_FAULTS").map_or(12, |faults| faults.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed());
    let nodes = Nodes::start(3, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    let mut chaos = Chaos { nodes, doc, damaged: HashSet::new() };
    for round in 0..faults {
        let fault = Fault::any(&mut random, 3);
        println!("{round}: {fault:?}");
        chaos.suffer(&fault).await;
        // Sometimes one fault occurs before the last one is overcome.
        if random.random_bool(0.7) {
            progress(&clients).await;
        }
    }
    progress(&clients).await;
    check(chaos.nodes, &clients, ann.token(), &chaos.doc).await;
}
