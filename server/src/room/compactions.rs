//! Takes snapshots of documents and records their sizes. A snapshot that nobody waits for is taken under a lease.

use std::time::Duration;

use time::OffsetDateTime;
use tracing::{debug, error, warn};

use super::{RoomError, parts::Parts};
use crate::{
    compaction::{Compacted, CompactionError},
    ids::DocId,
    offset::Offset,
};

/// The duration of the lease of a node that compacts a document.
const COMPACTION_LEASE: Duration = Duration::from_secs(60);

impl Parts {
    /// Ensures a snapshot of `seen` or later, and records the document's size. Returns the offset of the newest
    /// snapshot; `None` on failure, or if another node has the lease.
    pub(super) async fn compact(&self, doc: DocId, seen: Offset) -> Option<Offset> {
        match self.storage.log.lease(doc, COMPACTION_LEASE).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                warn!(doc.id = %doc, %error, "no lease for the compaction");
                return None;
            }
        }
        let done = self.compact_leased(doc, seen).await;
        if let Err(error) = self.storage.log.release(doc).await {
            debug!(doc.id = %doc, %error, "the lease could not be released: it expires");
        }
        done
    }

    async fn compact_leased(&self, doc: DocId, seen: Offset) -> Option<Offset> {
        // Another node may have taken it: listing costs less than loading the document.
        if let Ok(offsets) = self.storage.snapshots.list(doc).await
            && let Some(newest) = offsets.first().filter(|newest| **newest >= seen)
        {
            return Some(*newest);
        }
        self.compact_unleased(doc).await.ok().map(|done| done.offset)
    }

    pub(super) async fn compact_unleased(&self, doc: DocId) -> Result<Compacted, RoomError> {
        match self.compactor.compact(doc).await {
            Ok(done) => {
                // While its room is live, the time of the last compacted edit is known.
                let edited = self.gauges.edited.last(doc).unwrap_or_else(OffsetDateTime::now_utc);
                if done.grew
                    && let Err(error) = self.directory.record_edit(doc, done.text_bytes as u64, edited).await
                {
                    warn!(doc.id = %doc, %error, "size of the document could not be recorded");
                }
                Ok(done)
            }
            Err(error @ CompactionError::Deleted) => {
                debug!(doc.id = %doc, %error, "no snapshot");
                Err(RoomError::Deleted)
            }
            Err(error) => {
                error!(doc.id = %doc, %error, "compaction failed");
                Err(RoomError::Unavailable)
            }
        }
    }
}
