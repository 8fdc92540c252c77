//! Compaction: folds a document's log into a snapshot, and trims the log up to the snapshot before. It works on a
//! replica of its own, loaded from what is stored, never on a room's. It may stop after any step and run several times
//! at once: what is stored is complete at all times.

use std::sync::Arc;

use codesync_crdt::{Document, TEXT};
use futures_util::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tracing::{Instrument, debug, info_span, warn};

use crate::{
    directory::{Directory, DirectoryError, Existence, Version},
    ids::DocId,
    log::LogError,
    long_work::yield_if_large,
    offset::Offset,
    retention::{Policy, Taken},
    snapshot::SnapshotError,
    storage::{LoadError, Loaded, Storage},
};

/// Compactions in parallel: each holds two replicas.
const AT_ONCE: usize = 2;

/// Takes snapshots.
#[derive(Clone)]
pub struct Compactor {
    storage: Storage,
    directory: Directory,
    retention: Policy,
    permits: Arc<Semaphore>,
    probe: Option<Probe>,
}

/// The last completed step of a compaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The snapshot is written.
    Put,
    /// The snapshot was loaded back and is equal.
    LoadedBack,
    /// The log is trimmed.
    Trimmed,
    /// A snapshot to be pruned has lost its row, and still exists.
    Unlisted,
    /// A snapshot to be pruned is deleted.
    Dropped,
}

/// Awaited after each step. Tests pause or end a compaction there.
pub type Probe = Arc<dyn Fn(Step) -> BoxFuture<'static, ()> + Send + Sync>;

/// The result of a compaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The offset that the newest snapshot covers.
    pub offset: Offset,
    /// That snapshot. If there was nothing to fold, it existed before.
    pub snapshot: Offset,
    /// Whether the log had entries that no snapshot covered.
    pub grew: bool,
    /// The size of the text in UTF-8, in bytes.
    pub text_bytes: usize,
}

/// Why there is no new snapshot; nothing was trimmed.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The document cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store does not accept or return the snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log cannot be trimmed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The directory cannot record the first snapshot.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The document has been deleted; its new snapshot is removed again.
    #[error("document has been deleted")]
    Deleted,
    /// The snapshot was loaded back as another document.
    #[error("snapshot does not load into an equal replica")]
    Unequal,
}

impl Compactor {
    /// A compactor over `storage` that keeps versions in `directory` according to `retention`.
    pub fn new(storage: Storage, directory: Directory, retention: Policy) -> Self {
        Self { storage, directory, retention, permits: Arc::new(Semaphore::new(AT_ONCE)), probe: None }
    }

    /// The same compactor, which awaits `probe` after each step.
    pub fn with_probe(self, probe: Probe) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Brings the snapshot of a document up to date with its log.
    ///
    /// # Errors
    /// When any step fails; what was stored before is still valid.
    pub async fn compact(&self, doc: DocId) -> Result<Compacted, CompactionError> {
        let span = info_span!("compaction", doc.id = %doc);
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let started = std::time::Instant::now();
        let result = self.fold(doc).instrument(span).await;
        metrics::histogram!("codesync_compaction_seconds").record(started.elapsed());
        if result.is_err() {
            metrics::counter!("codesync_compaction_failures_total").increment(1);
        }
        result
    }

    async fn fold(&self, doc: DocId) -> Result<Compacted, CompactionError> {
        let stored = self.storage.load(doc).await?;
        let mut existence = Existence::Present;
        if stored.entries > 0 {
            let second = self.put(doc, &stored).await?;
            existence = self.existence(doc, stored.offset).await?;
            if !yield_if_large(stored.document.size_bytes(), || equal(&stored.document, &second)) {
                self.storage.snapshots.delete(doc, stored.offset).await?;
                return Err(CompactionError::Unequal);
            }
            self.reached(Step::LoadedBack).await;
            // One snapshot behind, because the newest may still be damaged on its disk.
            if stored.base > Offset::ZERO {
                self.storage.log.trim(doc, stored.base).await?;
            }
            self.reached(Step::Trimmed).await;
            debug!(log.entries = stored.entries, snapshot.offset = %stored.offset, "compacted");
        }
        let snapshot = if stored.entries > 0 { stored.offset } else { stored.base };
        let text_bytes = yield_if_large(stored.document.size_bytes(), || stored.document.text(TEXT).len());
        let done = Compacted { offset: stored.offset, snapshot, grew: stored.entries > 0, text_bytes };
        // The directory has no versions of a document that it does not know: all of its snapshots stay.
        if existence == Existence::Present
            && let Err(error) = self.keep_versions(doc, &stored, done).await
        {
            metrics::counter!("codesync_retention_failures_total").increment(1);
            warn!(doc.id = %doc, error = format!("{error:#}"), "versions could not be updated");
        }
        Ok(done)
    }

    /// Whether the document still exists. A deletion removes the snapshots that it lists; one that is written later is
    /// removed here. Without an answer of the directory nothing is removed; the sweeper checks every tombstone again.
    async fn existence(&self, doc: DocId, written: Offset) -> Result<Existence, CompactionError> {
        let existence = self.directory.existence(doc).await.unwrap_or(Existence::Present);
        if existence == Existence::Deleted {
            self.storage.snapshots.delete(doc, written).await?;
            return Err(CompactionError::Deleted);
        }
        Ok(existence)
    }

    /// Writes the snapshot and loads it back.
    async fn put(&self, doc: DocId, stored: &Loaded) -> Result<Document, CompactionError> {
        let snapshots = &self.storage.snapshots;
        if stored.base == Offset::ZERO {
            // Recorded before there is one: a reader that finds the log lost and cannot list snapshots must not treat
            // the document as empty.
            self.directory.begin_archive(doc).await?;
        }
        snapshots.put(doc, stored.offset, &stored.document).await?;
        self.reached(Step::Put).await;
        match snapshots.get(doc, stored.offset).await {
            // It existed already and is damaged: the replica in hand was loaded without it.
            Err(SnapshotError::Damaged(_)) => {
                snapshots.delete(doc, stored.offset).await?;
                snapshots.put(doc, stored.offset, &stored.document).await?;
                Ok(snapshots.get(doc, stored.offset).await?)
            }
            result => Ok(result?),
        }
    }

    /// Records the new snapshot as a version, and deletes those that retention drops. Nothing important waits for it:
    /// what fails now is repeated next time.
    async fn keep_versions(&self, doc: DocId, stored: &Loaded, done: Compacted) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        self.directory.add_version(doc, done.snapshot, done.text_bytes as u64, now).await?;
        if stored.entries == 0 {
            return Ok(());
        }
        // The rows first: a snapshot is written before its row, so a row without one is the rest of a pruning.
        let versions = self.directory.all_versions(doc).await?;
        let mut offsets = stored.snapshots.clone();
        if !offsets.contains(&stored.offset) {
            offsets.insert(0, stored.offset);
        }
        let is_lost =
            |version: &Version, offsets: &[Offset]| version.name.is_none() && !offsets.contains(&version.snapshot);
        if versions.iter().any(|version| is_lost(version, &offsets)) {
            // Another node may have added a snapshot since they were listed.
            offsets = self.storage.snapshots.list(doc).await?;
        }
        for version in &versions {
            if is_lost(version, &offsets) {
                self.directory.remove_version(doc, version.snapshot).await?;
            }
        }
        let taken = |offset: &Offset| {
            let of_it = versions.iter().filter(|version| version.snapshot == *offset);
            let at = of_it.clone().map(|version| version.created_at).min();
            Taken { offset: *offset, at, named: of_it.clone().any(|version| version.name.is_some()) }
        };
        let snapshots: Vec<Taken> = offsets.iter().map(taken).collect();
        for offset in self.retention.drop(&snapshots, &[stored.offset, stored.base], now) {
            if self.directory.remove_version(doc, offset).await? {
                self.reached(Step::Unlisted).await;
                self.storage.snapshots.delete(doc, offset).await?;
                self.reached(Step::Dropped).await;
            }
        }
        Ok(())
    }

    async fn reached(&self, step: Step) {
        if let Some(probe) = &self.probe {
            probe(step).await;
        }
    }
}

fn equal(one: &Document, other: &Document) -> bool {
    one.state_vector() == other.state_vector() && one.text(TEXT) == other.text(TEXT)
}
