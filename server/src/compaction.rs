//! Compaction: folds a document's log into a snapshot and trims the log behind the one before. Works on a replica of its
//! own, loaded from what is stored, never on a room's. It may end after any step and be done by several at once: what is
//! there is always whole.

use std::sync::Arc;

use codesync_crdt::{Document, TEXT};
use futures_util::future::BoxFuture;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tracing::{Instrument, debug, info_span, warn};

use crate::{
    directory::{Directory, DirectoryError, Existence, Version},
    give_way::give_way,
    ids::DocId,
    log::LogError,
    offset::Offset,
    retention::{Policy, Taken},
    snapshot::SnapshotError,
    storage::{LoadError, Loaded, Storage},
};

/// Compactions at a time: each holds two replicas.
const AT_ONCE: usize = 2;

/// Makes snapshots.
#[derive(Clone)]
pub struct Compactor {
    storage: Storage,
    directory: Directory,
    retention: Policy,
    permits: Arc<Semaphore>,
    probe: Option<Probe>,
}

/// What a compaction has just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The snapshot is written.
    Put,
    /// It was loaded back and found equal.
    LoadedBack,
    /// The log is trimmed.
    Trimmed,
    /// One of the snapshots that go has lost its row, and is still there.
    Unlisted,
    /// One of the snapshots that go is gone.
    Dropped,
}

/// Waited for after each step. Tests hold a compaction there, or end it.
pub type Probe = Arc<dyn Fn(Step) -> BoxFuture<'static, ()> + Send + Sync>;

/// What a compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The offset that the newest snapshot covers.
    pub offset: Offset,
    /// That snapshot: where nothing was to be folded, it was there before.
    pub snapshot: Offset,
    /// Whether the log had anything that no snapshot held.
    pub grew: bool,
    /// Bytes of the text in UTF-8.
    pub text_bytes: usize,
}

/// Why there is no new snapshot; nothing was trimmed.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The document does not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store does not take or return the snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log does not trim.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The directory does not take note of the first one.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The document has been deleted; its new snapshot is removed again.
    #[error("document has been deleted")]
    Deleted,
    /// The snapshot came back as another document.
    #[error("snapshot does not load into an equal replica")]
    Unequal,
}

impl Compactor {
    /// A compactor over `storage` that keeps versions in `directory` as `retention` says.
    pub fn new(storage: Storage, directory: Directory, retention: Policy) -> Self {
        Self { storage, directory, retention, permits: Arc::new(Semaphore::new(AT_ONCE)), probe: None }
    }

    /// The same one, which waits for `probe` after each step.
    pub fn with_probe(self, probe: Probe) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Brings the snapshot of a document up to its log.
    ///
    /// # Errors
    /// When any step fails; what was there before still holds.
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
            if !give_way(stored.document.size_bytes(), || equal(&stored.document, &second)) {
                self.storage.snapshots.delete(doc, stored.offset).await?;
                return Err(CompactionError::Unequal);
            }
            self.reached(Step::LoadedBack).await;
            // One snapshot behind: this one may still go bad on its disk.
            if stored.base > Offset::ZERO {
                self.storage.log.trim(doc, stored.base).await?;
            }
            self.reached(Step::Trimmed).await;
            debug!(log.entries = stored.entries, snapshot.offset = %stored.offset, "compacted");
        }
        let snapshot = if stored.entries > 0 { stored.offset } else { stored.base };
        let text_bytes = give_way(stored.document.size_bytes(), || stored.document.text(TEXT).len());
        let done = Compacted { offset: stored.offset, snapshot, grew: stored.entries > 0, text_bytes };
        // The directory does not have the versions of a document that it does not know: all of its snapshots stay.
        if existence == Existence::Present
            && let Err(error) = self.keep_versions(doc, &stored, done).await
        {
            metrics::counter!("codesync_retention_failures_total").increment(1);
            warn!(doc.id = %doc, error = format!("{error:#}"), "versions were not brought up to date");
        }
        Ok(done)
    }

    /// Whether the document still is there. A deletion removes the snapshots that it lists: one that is written after that
    /// is removed here. A directory that does not answer is no answer; the sweeper comes back to every tombstone.
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
            // Before there is one: whoever finds the log lost and no snapshots to ask must not take the document for empty.
            self.directory.begin_archive(doc).await?;
        }
        snapshots.put(doc, stored.offset, &stored.document).await?;
        self.reached(Step::Put).await;
        match snapshots.get(doc, stored.offset).await {
            // It stood there already and is no snapshot any more: the replica in hand was made without it.
            Err(SnapshotError::Damaged(_)) => {
                snapshots.delete(doc, stored.offset).await?;
                snapshots.put(doc, stored.offset, &stored.document).await?;
                Ok(snapshots.get(doc, stored.offset).await?)
            }
            result => Ok(result?),
        }
    }

    /// Notes the new snapshot as a version and lets go of those that retention drops. Nothing that matters waits for it:
    /// what could not be done now is done the next time.
    async fn keep_versions(&self, doc: DocId, stored: &Loaded, done: Compacted) -> anyhow::Result<()> {
        let now = OffsetDateTime::now_utc();
        self.directory.add_version(doc, done.snapshot, done.text_bytes as u64, now).await?;
        if stored.entries == 0 {
            return Ok(());
        }
        // The rows first: a snapshot is written before its row, so that a row without one is the rest of a pruning.
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
