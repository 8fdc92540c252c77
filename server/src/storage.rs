//! The stored form of a document: its newest snapshot and the log after it. Loads replicas. "Absent" and "failed to
//! load" are different types, so that an error never looks like an empty document.

mod from_log;

use std::sync::Arc;

use bytes::Bytes;
use codesync_crdt::{Document, Limits, Refusal};
use tracing::error;

use crate::{
    ids::DocId,
    log::{Contents, LogError, UpdateLog},
    offset::Offset,
    snapshot::{SnapshotError, SnapshotStore},
};

/// The log and the snapshots.
#[derive(Clone)]
pub struct Storage {
    /// The updates after the snapshots.
    pub log: Arc<dyn UpdateLog>,
    /// The states that the log was folded into.
    pub snapshots: SnapshotStore,
}

/// A replica loaded from storage.
pub struct Loaded {
    /// The replica.
    pub document: Document,
    /// Its offset in the log.
    pub offset: Offset,
    /// The offset of the snapshot that it was loaded from; zero without one.
    pub base: Offset,
    /// The offsets of all existing snapshots, newest first; none if the snapshots were not read.
    pub snapshots: Vec<Offset>,
    /// The number of log entries applied after the snapshot.
    pub entries: usize,
    /// The bytes of those entries.
    pub entry_bytes: usize,
}

/// Why a document could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The stored parts do not form a complete document: an operator must act.
    #[error("stored document is damaged: {0}")]
    Damaged(&'static str),
    /// The log does not answer.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The snapshots do not answer.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Storage {
    /// Loads a document; one that has neither snapshot nor log is empty.
    ///
    /// # Errors
    /// Whenever the replica is not certainly complete.
    pub async fn load(&self, doc: DocId) -> Result<Loaded, LoadError> {
        // The log first: entries that are trimmed afterwards are in a snapshot of the later list.
        let contents = self.log.read(doc, Offset::ZERO).await?;
        let snapshots = self.snapshots.list(doc).await?;
        let (document, base) = match self.newest_snapshot(doc, &snapshots, contents.trimmed).await? {
            Some(newest) => newest,
            None if contents.trimmed == Offset::ZERO => (Document::new(Limits::default()), Offset::ZERO),
            None => return Err(LoadError::Damaged("the log was trimmed and no snapshot that covers it loads")),
        };
        if contents.entries.last().is_none_or(|entry| entry.offset <= base) {
            let offset = base.max(contents.last);
            return Ok(Loaded { document, offset, base, snapshots, entries: 0, entry_bytes: 0 });
        }
        let loaded = tokio::task::spawn_blocking(move || replay(document, base, contents)).await;
        let loaded = loaded.unwrap_or(Err(LoadError::Damaged("replaying its log panicked")))?;
        Ok(Loaded { snapshots, ..loaded })
    }

    /// Removes all stored parts of a deleted document. Its log refuses writes for a day.
    ///
    /// # Errors
    /// When a part could not be removed; the call may be repeated.
    pub async fn delete(&self, doc: DocId) -> Result<(), LoadError> {
        self.log.delete(doc).await?;
        self.delete_snapshots(doc).await
    }

    /// Removes all stored parts of a document that is about to be written from its beginning.
    ///
    /// # Errors
    /// When a part could not be removed; the call may be repeated.
    pub async fn clear(&self, doc: DocId) -> Result<(), LoadError> {
        self.log.clear(doc).await?;
        self.delete_snapshots(doc).await
    }

    async fn delete_snapshots(&self, doc: DocId) -> Result<(), LoadError> {
        for offset in self.snapshots.list(doc).await? {
            self.snapshots.delete(doc, offset).await?;
        }
        Ok(())
    }

    async fn newest_snapshot(
        &self,
        doc: DocId,
        listed: &[Offset],
        oldest: Offset,
    ) -> Result<Option<(Document, Offset)>, LoadError> {
        for offset in listed.iter().copied().take_while(|offset| *offset >= oldest) {
            match self.snapshots.get(doc, offset).await {
                Ok(document) => return Ok(Some((document, offset))),
                Err(SnapshotError::Damaged(why)) => {
                    metrics::counter!("codesync_snapshots_damaged_total").increment(1);
                    error!(doc.id = %doc, snapshot.offset = %offset, why, "damaged snapshot: the one before is loaded");
                }
                // Pruned after the list: a newer one is listed before it.
                Err(SnapshotError::Unavailable(object_store::Error::NotFound { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

fn replay(mut document: Document, base: Offset, contents: Contents) -> Result<Loaded, LoadError> {
    let offset = contents.last.max(base);
    let (mut entries, mut entry_bytes) = (0, 0);
    let mut waiting: Vec<Bytes> = Vec::new();
    for entry in contents.entries.into_iter().filter(|entry| entry.offset > base) {
        entries += 1;
        entry_bytes += entry.update.len();
        document = apply(document, entry.update, &mut waiting)?;
    }
    // If the log was lost and restored, the updates that an entry depends on may come after it.
    while !waiting.is_empty() {
        let before = waiting.len();
        let again = std::mem::take(&mut waiting);
        for update in again {
            document = apply(document, update, &mut waiting)?;
        }
        if waiting.len() == before {
            return Err(LoadError::Damaged("an entry of its log does not follow from what is before"));
        }
    }
    Ok(Loaded { document, offset, base, snapshots: Vec::new(), entries, entry_bytes })
}

/// Applies an update, or adds it to those that wait for others.
fn apply(document: Document, update: Bytes, waiting: &mut Vec<Bytes>) -> Result<Document, LoadError> {
    match document.check_stored(update.clone()) {
        Ok(update) => match document.with_update(&update) {
            Ok((document, _)) => Ok(document),
            Err(_) => Err(LoadError::Damaged("an entry of its log does not apply")),
        },
        Err(Refusal::Gap) => {
            waiting.push(update);
            Ok(document)
        }
        Err(_) => Err(LoadError::Damaged("an entry of its log is malformed")),
    }
}
