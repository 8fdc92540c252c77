//! The previous release beside this one, as during a deployment, and alone again after a rollback.

use std::time::{Duration, Instant};

use object_store::ObjectStore;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{Nodes, check, document, progress, typing};
use crate::{clients::Clients, harness::seed, rig::redis::Redis};

/// The program of the previous release, if `make chaos` has built it.
fn previous() -> Option<&'static str> {
    let program = std::option_env!("CODESYNC_PREVIOUS").filter(|program| !program.is_empty());
    if program.is_none() {
        println!("skipped: built without CODESYNC_PREVIOUS, the program of the previous release");
    }
    program
}

impl Nodes {
    /// Stops or kills a node, and starts another release in its place.
    async fn replace(&mut self, index: usize, program: Option<&'static str>, random: &mut StdRng) {
        match random.random_bool(0.5) {
            true => self.kill(index).await,
            false => assert!(self.nodes[index].process.take().expect("it runs").terminate().await),
        }
        self.nodes[index].program = program;
        self.begin(index).await;
    }

    /// Whether any store holds a log or a snapshot of a document.
    async fn holds(&self, doc: &str) -> bool {
        let log: bool = self.redis.ask(redis::cmd("EXISTS").arg(format!("codesync:{{{doc}}}:log"))).await.unwrap();
        let snapshots = format!("documents/{doc}/snapshots");
        log || !self.s3.objects().list_with_delimiter(Some(&snapshots.into())).await.unwrap().objects.is_empty()
    }
}

/// As many rounds as `CODESYNC_RELEASE_ROUNDS`.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_and_its_rollback_lose_nothing() {
    let Some(previous) = previous() else { return };
    let rounds = std::option_env!("CODESYNC_RELEASE_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start_as(3, Redis::start().await, &[("CODESYNC_SWEEP_S", "1")], Some(previous)).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = typing(&nodes, ann.token(), &doc, &mut random).await;
    for _ in 0..rounds {
        for program in [None, Some(previous)] {
            for index in 0..3 {
                progress(&clients).await;
                nodes.replace(index, program, &mut random).await;
            }
            progress(&clients).await;
        }
    }
    // At the end both releases run together.
    nodes.replace(0, None, &mut random).await;
    progress(&clients).await;
    check(nodes, &clients, ann.token(), &doc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_either_release_deletes_is_gone_beside_the_other() {
    let Some(previous) = previous() else { return };
    let mut random = StdRng::seed_from_u64(seed());
    let mut nodes = Nodes::start_as(2, Redis::start().await, &[("CODESYNC_SWEEP_S", "1")], Some(previous)).await;
    let (ann, _) = nodes.account_and_document().await;
    nodes.replace(1, None, &mut random).await;
    let clients = Clients::start();
    let mut docs = Vec::new();
    for (name, open_at) in [("deleted by the previous one", 1), ("deleted by this one", 0)] {
        let doc = document(&ann).await;
        clients.join(name, &nodes.socket(open_at), &doc, ann.token()).await;
        let edits = json!({ "client": name, "seed": random.random::<u32>(), "everyMs": 20 });
        clients.ask("edit", edits).await;
        clients.wait(name, json!({ "acknowledgedAtLeast": 20 })).await;
        let elsewhere = ann.elsewhere(&nodes.node(1 - open_at).url(""));
        elsewhere.delete(&format!("/api/documents/{doc}")).await.expect(204);
        clients.wait(name, json!({ "closed": 4404 })).await;
        docs.push(doc);
    }
    let started = Instant::now();
    for doc in &docs {
        while nodes.holds(doc).await {
            assert!(started.elapsed() < Duration::from_secs(180), "{doc} is still stored");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    nodes.end().await;
}
