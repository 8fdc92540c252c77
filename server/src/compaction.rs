//! Compaction: folds a document's log into a snapshot and trims the log behind the one before. Works on a replica of its
//! own, loaded from what is stored, never on a room's.

use std::sync::Arc;

use codesync_crdt::Document;
use tokio::sync::Semaphore;
use tracing::{Instrument, debug, info_span};

use crate::{
    ids::DocId,
    log::{LogError, Offset},
    snapshot::SnapshotError,
    storage::{LoadError, Loaded, Storage},
};

/// Compactions at a time: each holds two replicas.
const AT_ONCE: usize = 2;
/// The root type whose text must be equal in both replicas.
const TEXT: &str = "content";

/// Makes snapshots.
#[derive(Clone)]
pub struct Compactor {
    storage: Storage,
    permits: Arc<Semaphore>,
}

/// What a compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The offset that the newest snapshot covers.
    pub offset: Offset,
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
    /// The snapshot came back as another document.
    #[error("snapshot does not load into an equal replica")]
    Unequal,
}

impl Compactor {
    /// A compactor over `storage`.
    pub fn new(storage: Storage) -> Self {
        Self { storage, permits: Arc::new(Semaphore::new(AT_ONCE)) }
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
        if stored.entries > 0 {
            let second = self.put(doc, &stored).await?;
            if !equal(&stored.document, &second) {
                self.storage.snapshots.delete(doc, stored.offset).await?;
                return Err(CompactionError::Unequal);
            }
            // One snapshot behind: this one may still go bad on its disk.
            if stored.base > Offset::ZERO {
                self.storage.log.trim(doc, stored.base).await?;
            }
            self.prune(doc, &stored).await?;
            debug!(log.entries = stored.entries, snapshot.offset = %stored.offset, "compacted");
        }
        Ok(Compacted { offset: stored.offset, text_bytes: stored.document.text(TEXT).len() })
    }

    /// Writes the snapshot and loads it back.
    async fn put(&self, doc: DocId, stored: &Loaded) -> Result<Document, SnapshotError> {
        let snapshots = &self.storage.snapshots;
        snapshots.put(doc, stored.offset, &stored.document).await?;
        match snapshots.get(doc, stored.offset).await {
            // It stood there already and is no snapshot any more: the replica in hand was made without it.
            Err(SnapshotError::Damaged(_)) => {
                snapshots.delete(doc, stored.offset).await?;
                snapshots.put(doc, stored.offset, &stored.document).await?;
                snapshots.get(doc, stored.offset).await
            }
            result => result,
        }
    }

    /// Keeps the new snapshot and the one that its replica was loaded from, up to which the log is trimmed.
    async fn prune(&self, doc: DocId, stored: &Loaded) -> Result<(), SnapshotError> {
        for offset in self.storage.snapshots.list(doc).await? {
            if offset < stored.offset && offset != stored.base {
                self.storage.snapshots.delete(doc, offset).await?;
            }
        }
        Ok(())
    }
}

fn equal(one: &Document, other: &Document) -> bool {
    one.state_vector() == other.state_vector() && one.text(TEXT) == other.text(TEXT)
}
