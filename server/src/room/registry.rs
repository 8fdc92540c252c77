//! The rooms of this node, and requests to a room by the id of its document.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, oneshot},
    time::timeout,
};
use tracing::error;

use super::{
    RoomError, RoomHandle, Urgent,
    damage::Damages,
    edited::Edited,
    memory::Memory,
    parts::{Gauges, Parts},
    slots::Slots,
    unarchived::Unarchived,
};
use crate::{
    auth::events::AccessEvents,
    compaction::{Compacted, Compactor},
    config::RoomConfig,
    directory::{Directory, Existence},
    ids::{DocId, NodeId},
    offset::Offset,
    relay::Relay,
    storage::Storage,
    tasks::Tasks,
};

/// The number of documents loaded in parallel; further ones wait.
const LOADS_AT_ONCE: usize = 32;
/// How long a caller waits for a snapshot; a compaction may be cancelled at any point.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(15);

/// The rooms of this node.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

struct Shared {
    parts: Arc<Parts>,
    slots: Slots,
    loads: Semaphore,
    damages: Damages,
    /// Notified when changes of access may have been missed.
    missed_events: Notify,
}

impl Rooms {
    /// An empty registry; `events` are the changes of access.
    pub fn new(
        storage: Storage,
        directory: Directory,
        relay: Arc<dyn Relay>,
        node: NodeId,
        config: RoomConfig,
        events: &AccessEvents,
        tasks: Tasks,
    ) -> Self {
        let compactor = Compactor::new(storage.clone(), directory.clone(), config.versions.clone());
        let memory = Memory::new(config.documents_memory_mib << 20);
        let gauges = Gauges { memory, unarchived: Unarchived::default(), edited: Edited::default() };
        let parts = Parts { storage, compactor, directory, relay, node, config, tasks, gauges };
        let rooms = Self(Arc::new(Shared {
            parts: Arc::new(parts),
            slots: Slots::default(),
            loads: Semaphore::new(LOADS_AT_ONCE),
            damages: Damages::default(),
            missed_events: Notify::new(),
        }));
        rooms.tasks().spawn(rooms.clone().recheck_when_asked());
        rooms.tasks().spawn(rooms.clone().follow_access(events.subscribe()));
        rooms
    }

    /// Ends the room, and deletes the stored log and snapshots of `doc`.
    ///
    /// # Errors
    /// When a store does not answer; the call may be repeated.
    pub async fn delete(&self, doc: DocId) -> Result<(), RoomError> {
        if let Some(room) = self.room(doc) {
            let (reply, done) = oneshot::channel();
            if room.send_urgent(Urgent::Delete(reply)).await.is_ok() {
                let _ = done.await;
            }
        }
        self.parts().storage.delete(doc).await.map_err(|error| {
            error!(doc.id = %doc, %error, "stored document could not be deleted");
            RoomError::Unavailable
        })
    }

    /// Closes every socket of the room of `doc`; clients that still have access reconnect.
    ///
    /// # Errors
    /// When there is no such room.
    pub async fn kick(&self, doc: DocId) -> Result<(), RoomError> {
        self.room(doc).ok_or(RoomError::Unavailable)?.send_urgent(Urgent::Kick).await
    }

    /// Whether `doc` is live.
    pub fn is_live(&self, doc: DocId) -> bool {
        self.room(doc).is_some()
    }

    /// The live documents in the order of their ids, those after `after`.
    pub fn docs(&self, after: Option<DocId>, max: usize) -> Vec<DocId> {
        let mut docs: Vec<DocId> = self.live().iter().map(RoomHandle::doc).collect();
        docs.retain(|doc| after.is_none_or(|after| *doc > after));
        docs.sort_unstable();
        docs.truncate(max);
        docs
    }

    /// Brings the snapshot of a document up to date with its log, live or not, and removes what is left of a deleted
    /// document. Returns whether nothing is left to do. A document that the directory does not know is kept like a
    /// known one.
    pub(crate) async fn sweep(&self, doc: DocId) -> bool {
        match self.parts().directory.existence(doc).await {
            Ok(Existence::Present | Existence::Unknown) => {}
            Ok(Existence::Deleted) => return self.delete(doc).await.is_ok(),
            Err(_) => return false,
        }
        match self.parts().storage.log.read(doc, Offset::ZERO).await {
            Ok(contents) => {
                self.parts().compact(doc, contents.last).await.is_some_and(|offset| offset >= contents.last)
            }
            Err(_) => false,
        }
    }

    /// The number of rooms that are live or loading.
    pub fn len(&self) -> usize {
        self.slots().len()
    }

    /// How long the oldest edit of a live document has waited for a snapshot.
    pub fn oldest_unarchived(&self) -> Duration {
        self.parts().gauges.unarchived.oldest()
    }

    /// Whether there is no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.0.parts
    }

    pub(super) fn damages(&self) -> &Damages {
        &self.0.damages
    }

    pub(super) fn missed_events(&self) -> &Notify {
        &self.0.missed_events
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.parts().directory
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.parts().tasks
    }

    /// Takes a snapshot of everything that this node has applied, for a waiting caller.
    ///
    /// # Errors
    /// When it cannot be taken soon.
    pub async fn snapshot(&self, doc: DocId) -> Result<Compacted, RoomError> {
        let taken = async {
            if let Some(room) = self.room(doc).filter(|room| !room.is_closed()) {
                room.save().await?;
            }
            self.parts().compact_unleased(doc).await
        };
        timeout(SNAPSHOT_TIMEOUT, taken).await.unwrap_or(Err(RoomError::Unavailable))
    }

    /// The live room of `doc`; does not load it.
    pub(super) fn room(&self, doc: DocId) -> Option<RoomHandle> {
        self.slots().room(doc)
    }

    pub(super) fn live(&self) -> Vec<RoomHandle> {
        self.slots().live()
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    pub(super) fn loads(&self) -> &Semaphore {
        &self.0.loads
    }
}
