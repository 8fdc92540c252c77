//! Compactions that stop half-way, and two of them at once: nothing is lost or overwritten, and everything continues.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use codesync_server::{
    compaction::{Compactor, Probe, Step},
    ids::DocId,
    offset::Offset,
};
use futures_util::FutureExt;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::Notify;

use crate::stored::{Stored, everywhere, text, write};

everywhere![one_that_ends_anywhere_loses_nothing, two_that_cross_anywhere_lose_nothing, many_at_random_lose_nothing];

const STEPS: [Step; 5] = [Step::Put, Step::LoadedBack, Step::Trimmed, Step::Unlisted, Step::Dropped];

/// A document, its expected text, and its known snapshots.
struct Written {
    stored: Stored,
    doc: DocId,
    expected: String,
    seen: HashMap<Offset, Bytes>,
}

impl Written {
    /// A document of which retention will prune something next time.
    async fn new(stored: Stored) -> Self {
        let ada = stored.app.register("ada").await;
        let document = ada.document("a.rs").await;
        let doc = document.rsplit('/').next().unwrap().parse().unwrap();
        let mut written = Self { stored, doc, expected: String::new(), seen: HashMap::new() };
        for _ in 0..3 {
            written.write().await;
            written.compactor().compact(doc).await.unwrap();
        }
        written.write().await;
        written
    }

    /// A compactor that keeps as little as possible.
    fn compactor(&self) -> Compactor {
        let services = &self.stored.app.services;
        let one_for_all = "100000d".parse().unwrap();
        Compactor::new(services.storage.clone(), services.directory.clone(), one_for_all)
    }

    async fn write(&mut self) {
        let word = format!("{} ", self.expected.len());
        write(&self.stored.app.services.storage, self.doc, &[&word]).await;
        self.expected += &word;
    }

    /// Compares what is stored with what must be.
    async fn check(&mut self, when: &str) {
        let services = &self.stored.app.services;
        assert_eq!(text(&services.storage, self.doc).await, self.expected, "{when}");
        for offset in services.storage.snapshots.list(self.doc).await.unwrap() {
            let object = self.stored.object(self.doc, offset).await;
            let before = self.seen.entry(offset).or_insert_with(|| object.clone());
            assert_eq!(*before, object, "{when}: a snapshot was overwritten");
        }
        for version in services.directory.all_versions(self.doc).await.unwrap() {
            let Ok(state) = services.storage.snapshots.get(self.doc, version.snapshot).await else {
                continue;
            };
            let text = state.text("content");
            assert!(self.expected.starts_with(&text), "{when}: a version that never was: {text}");
        }
    }

    /// Checks that a compaction completes everything.
    async fn recovers(&mut self, when: &str) {
        self.write().await;
        self.compactor().compact(self.doc).await.unwrap();
        self.check(when).await;
        let services = &self.stored.app.services;
        let snapshots = services.storage.snapshots.list(self.doc).await.unwrap();
        assert_eq!(snapshots.len(), 2, "{when}: what was left behind is gone");
        let versions = services.directory.all_versions(self.doc).await.unwrap();
        // A compaction that stopped before recording its snapshot leaves one that is no version.
        assert!(versions.iter().any(|version| version.snapshot == snapshots[0]), "{when}: the newest is a version");
        let gone = versions.iter().find(|version| !snapshots.contains(&version.snapshot));
        assert!(gone.is_none(), "{when}: a version without its snapshot: {gone:?}");
        let left = services.storage.log.read(self.doc, Offset::ZERO).await.unwrap();
        assert_eq!(left.trimmed, snapshots[1], "{when}: the log is trimmed");
    }
}

/// Pauses a compaction once, at one step.
#[derive(Default)]
struct Hold {
    reached: Notify,
    released: Notify,
    used: AtomicBool,
}

impl Hold {
    fn at(step: Step) -> (Arc<Self>, Probe) {
        let hold = Arc::new(Self::default());
        let held = hold.clone();
        let probe: Probe = Arc::new(move |reached| {
            let held = held.clone();
            async move {
                if reached == step && !held.used.swap(true, Ordering::Relaxed) {
                    held.reached.notify_one();
                    held.released.notified().await;
                }
            }
            .boxed()
        });
        (hold, probe)
    }
}

async fn one_that_ends_anywhere_loses_nothing(stored: Stored) {
    let mut written = Written::new(stored).await;
    for step in STEPS {
        let (hold, probe) = Hold::at(step);
        let compactor = written.compactor().with_probe(probe);
        tokio::select! {
            () = hold.reached.notified() => {}
            done = compactor.compact(written.doc) => panic!("{step:?} was not reached: {done:?}"),
        }
        written.check(&format!("ended at {step:?}")).await;
        written.recovers(&format!("after an end at {step:?}")).await;
        written.write().await;
    }
    written.stored.app.stop().await;
}

async fn two_that_cross_anywhere_lose_nothing(stored: Stored) {
    let mut written = Written::new(stored).await;
    for step in STEPS {
        for edits_between in [0, 1, 2] {
            let when = format!("crossed at {step:?} with {edits_between} edits between");
            let doc = written.doc;
            let (hold, probe) = Hold::at(step);
            let slow = written.compactor().with_probe(probe);
            let slow = slow.compact(doc);
            tokio::pin!(slow);
            tokio::select! {
                () = hold.reached.notified() => {}
                done = &mut slow => panic!("{when}: not reached: {done:?}"),
            }
            for _ in 0..edits_between {
                written.write().await;
                written.compactor().compact(doc).await.unwrap();
            }
            let other = written.compactor().compact(doc).await;
            hold.released.notify_one();
            let slow = slow.await;
            assert!(slow.is_ok() || other.is_ok(), "{when}: {slow:?} {other:?}");
            written.check(&when).await;
            written.recovers(&when).await;
            written.write().await;
        }
    }
    written.stored.app.stop().await;
}

async fn many_at_random_lose_nothing(stored: Stored) {
    let mut random = StdRng::seed_from_u64(crate::harness::seed());
    let mut written = Written::new(stored).await;
    for round in 0..30 {
        let compactions = (0..3).map(|_| {
            let waits: Vec<u64> = (0..8).map(|_| random.random_range(0..8)).collect();
            let (ends_after, doc) = (random.random_range(0..10), written.doc);
            let passed = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let probe: Probe = Arc::new(move |_| {
                let step = passed.fetch_add(1, Ordering::Relaxed);
                let wait = Duration::from_millis(waits[step.min(7)]);
                async move {
                    match step == ends_after {
                        true => std::future::pending().await,
                        // The order in which they continue is random here.
                        false => tokio::time::sleep(wait).await,
                    }
                }
                .boxed()
            });
            let compactor = written.compactor().with_probe(probe);
            async move { tokio::time::timeout(Duration::from_millis(300), compactor.compact(doc)).await.is_ok() }
        });
        let all = futures_util::future::join_all(compactions.collect::<Vec<_>>());
        let (_, ()) = tokio::join!(all, written.write());
        written.check(&format!("round {round}")).await;
    }
    written.recovers("in the end").await;
    written.stored.app.stop().await;
}
