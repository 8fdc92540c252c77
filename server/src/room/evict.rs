//! Frees memory for a document that is about to be loaded: documents without peers are unloaded.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::warn;

use super::{RoomError, Urgent, registry::Rooms};
use crate::ids::DocId;

/// How long a load waits for evictions, and for one of them.
const EVICTIONS_TIMEOUT: Duration = Duration::from_secs(5);
const EVICTION_TIMEOUT: Duration = Duration::from_secs(1);

impl Rooms {
    /// Waits until a document of that encoded size fits into memory, and counts it as loaded.
    ///
    /// # Errors
    /// When all loaded documents are in use.
    pub(super) async fn make_room_for(&self, doc: DocId, encoded: usize) -> Result<(), RoomError> {
        let deadline = Instant::now() + EVICTIONS_TIMEOUT;
        while !self.parts().gauges.memory.reserve(doc, encoded) {
            let idle =
                self.parts().gauges.memory.longest_idle().filter(|idle| *idle != doc && Instant::now() < deadline);
            let Some(idle) = idle else {
                metrics::counter!("codesync_loads_refused_total").increment(1);
                warn!(doc.id = %doc, document.bytes = encoded, "document refused: open documents take all the memory");
                return Err(RoomError::Unavailable);
            };
            self.evict(idle).await;
        }
        Ok(())
    }

    /// Ends a room without peers, unless it is in use again.
    async fn evict(&self, doc: DocId) {
        // Its handle is not kept: a room whose handle is held does not end.
        let ended = self.room(doc).map(|room| {
            room.try_urgent(Urgent::Unload);
            room.0.ended.clone()
        });
        let has_ended = match ended {
            Some(ended) => timeout(EVICTION_TIMEOUT, ended.cancelled()).await.is_ok(),
            None => {
                tokio::task::yield_now().await;
                false
            }
        };
        match has_ended {
            true => metrics::counter!("codesync_documents_evicted_total").increment(1),
            false => self.parts().gauges.memory.skip(doc),
        }
    }
}
