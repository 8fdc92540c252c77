//! The stores that this node depends on: whether each has answered since the start, and whether it answers now.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, interval, timeout},
};
use tracing::{info, warn};

use crate::{directory::Directory, ids::InstallationId, storage::Storage, tasks::Tasks};

/// A store that takes longer counts as unavailable.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the result of a check is used.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// The interval of the regular checks, which keep the metric up to date and log each change.
const WATCH_INTERVAL: Duration = Duration::from_secs(10);
/// The stores, in the order of [`Health::ask`].
const STORES: [&str; 3] = ["directory", "log", "snapshots"];

/// Each store, and whether it answered.
pub type Answers = [(&'static str, bool); STORES.len()];

/// The checks of the stores; a clone shares them.
#[derive(Clone)]
pub struct Health(Arc<Shared>);

struct Shared {
    directory: Directory,
    storage: Storage,
    /// The installation that the directory must belong to; none if nothing is shared.
    installation: Option<InstallationId>,
    reached: [AtomicBool; STORES.len()],
    /// The last check: when it ended, and its answers. Locked by a check in progress.
    last: Arc<Mutex<Option<(Instant, Answers)>>>,
    tasks: Tasks,
}

impl Health {
    /// Checks run as `tasks`. The directory must belong to `installation`, if one is given.
    pub fn new(directory: Directory, storage: Storage, installation: Option<InstallationId>, tasks: Tasks) -> Self {
        let reached = Default::default();
        Self(Arc::new(Shared { directory, storage, installation, reached, last: Arc::default(), tasks }))
    }

    /// Whether every store has answered this node at least once. Settings that lead to no store are noticed by it; a
    /// store that fails later does not make all nodes unready at once, for open documents go on.
    pub async fn has_reached_all(&self) -> bool {
        let has = || self.0.reached.iter().all(|reached| reached.load(Relaxed));
        if !has() {
            self.check().await;
        }
        has()
    }

    /// Makes a round trip to every store. One check answers all callers of a second.
    pub async fn check(&self) -> Answers {
        let mut last = self.0.last.clone().lock_owned().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < SHARED_FOR
        {
            return answers;
        }
        let (answer, answered) = oneshot::channel();
        let this = self.clone();
        // In a separate task: a caller that disconnects must not end it, and cause another one to begin.
        self.0.tasks.spawn(async move {
            let answers = this.ask(last.map(|(_, before)| before)).await;
            *last = Some((Instant::now(), answers));
            let _ = answer.send(answers);
        });
        answered.await.unwrap_or(STORES.map(|store| (store, false)))
    }

    /// Checks at intervals, until the tasks stop.
    pub async fn watch(self) {
        let stop = self.0.tasks.stop().clone();
        let mut every = interval(WATCH_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = every.tick() => drop(self.check().await),
            }
        }
    }

    async fn ask(&self, before: Option<Answers>) -> Answers {
        let Storage { log, snapshots } = &self.0.storage;
        let results: [_; STORES.len()] = tokio::join!(
            in_time(self.directory()),
            in_time(async { Ok(log.ready().await?) }),
            in_time(async { Ok(snapshots.ready().await?) }),
        )
        .into();
        std::array::from_fn(|index| {
            let (store, result) = (STORES[index], &results[index]);
            let was_answering = before.map(|before| before[index].1);
            if result.is_ok() {
                self.0.reached[index].store(true, Relaxed);
            }
            match (result, was_answering) {
                (Err(error), None | Some(true)) => {
                    warn!(store, error = format!("{error:#}"), "a store does not answer")
                }
                (Ok(()), Some(false)) => info!(store, "the store answers again"),
                _ => {}
            }
            metrics::gauge!("codesync_stores_unavailable", "store" => store).set(f64::from(u8::from(result.is_err())));
            (store, result.is_ok())
        })
    }

    async fn directory(&self) -> anyhow::Result<()> {
        let recorded = self.0.directory.installation().await?;
        if let Some(ours) = self.0.installation {
            let theirs = match recorded {
                Some(theirs) => theirs,
                None => self.0.directory.keep_installation(ours).await?,
            };
            anyhow::ensure!(theirs == ours, "the database belongs to another installation");
        }
        Ok(())
    }
}

async fn in_time(check: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    timeout(CHECK_TIMEOUT, check).await.context("it takes too long")?
}
