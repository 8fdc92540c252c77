//! What is stored of a document: its newest snapshot and the log behind it. Loads replicas; "absent" and "failed to load"
//! stay apart, so that an error never looks like an empty document.

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

/// The log and the snapshots together.
#[derive(Clone)]
pub struct Storage {
    /// What came since the snapshots.
    pub log: Arc<dyn UpdateLog>,
    /// What the log was folded into.
    pub snapshots: SnapshotStore,
}

/// A replica as it is stored.
pub struct Loaded {
    /// The replica.
    pub document: Document,
    /// The offset that it stands at.
    pub offset: Offset,
    /// The offset of the snapshot that it was loaded from; zero without one.
    pub base: Offset,
    /// The offsets of all snapshots that there were, newest first; none where the snapshots were not asked.
    pub snapshots: Vec<Offset>,
    /// Log entries on top of the snapshot.
    pub entries: usize,
    /// Bytes of those entries.
    pub entry_bytes: usize,
}

/// Why a document could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// What is stored does not make a whole document: someone must act.
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
    /// Whenever it is not certain that the replica is whole.
    pub async fn load(&self, doc: DocId) -> Result<Loaded, LoadError> {
        // The log first: what is trimmed meanwhile is then in a snapshot that is listed afterwards.
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

    /// Removes everything that is stored of a deleted document. Its log cannot be written to for a day.
    ///
    /// # Errors
    /// When a part could not be removed; it may be asked again.
    pub async fn delete(&self, doc: DocId) -> Result<(), LoadError> {
        self.log.delete(doc).await?;
        self.delete_snapshots(doc).await
    }

    /// Removes everything that is stored of a document that is about to be written from its beginning.
    ///
    /// # Errors
    /// When a part could not be removed; it may be asked again.
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
                    error!(doc.id = %doc, snapshot.offset = %offset, why, "damaged snapshot: loading from the one before");
                }
                // Pruned between the list and here: a newer one was listed before it.
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
    // Where the log was lost and restored, what an entry builds on may have come back behind it.
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

/// Applies an update, or adds it to those that wait for what they build on.
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
