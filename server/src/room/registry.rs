//! The rooms of this node, and what can be asked of them by the id of their document.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    time::timeout,
};
use tracing::{debug, error, warn};

use super::{
    RoomError, RoomHandle, Urgent, damage::Damages, edited::Edited, memory::Memory, slots::Slots,
    unarchived::Unarchived,
};
use crate::{
    auth::events::AccessEvents,
    compaction::{Compacted, CompactionError, Compactor},
    config::RoomConfig,
    directory::{Directory, Existence},
    ids::{DocId, NodeId},
    offset::Offset,
    relay::Relay,
    storage::Storage,
    tasks::Tasks,
};

/// How long a node that compacts a document is left alone with it.
const COMPACTION_LEASE: Duration = Duration::from_secs(60);
/// Beyond so many rooms, one without peers ends at once.
const CROWDED: usize = 1_000;
/// Documents that are loaded at a time; the others wait their turn.
const LOADS_AT_ONCE: usize = 32;
/// How long a caller waits for a snapshot; a compaction may end anywhere.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(15);

/// The rooms of this node.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

struct Shared {
    storage: Storage,
    compactor: Compactor,
    directory: Directory,
    relay: Arc<dyn Relay>,
    node: NodeId,
    config: RoomConfig,
    tasks: Tasks,
    slots: Slots,
    loads: Semaphore,
    memory: Memory,
    unarchived: Unarchived,
    damages: Damages,
    edited: Edited,
    /// Rung when changes of access may have gone unheard.
    unheard: Notify,
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
        let rooms = Self(Arc::new(Shared {
            storage,
            compactor,
            directory,
            relay,
            node,
            config,
            tasks,
            slots: Slots::default(),
            loads: Semaphore::new(LOADS_AT_ONCE),
            memory,
            unarchived: Unarchived::default(),
            damages: Damages::default(),
            edited: Edited::default(),
            unheard: Notify::new(),
        }));
        rooms.tasks().spawn(rooms.clone().recheck_when_asked());
        rooms.tasks().spawn(rooms.clone().follow_access(events.subscribe()));
        rooms
    }

    /// Ends the room and forgets what is stored of `doc`: its log and its snapshots.
    ///
    /// # Errors
    /// When a store does not answer; it may be asked again.
    pub async fn delete(&self, doc: DocId) -> Result<(), RoomError> {
        if let Some(room) = self.room(doc) {
            let (reply, done) = oneshot::channel();
            if room.send_urgent(Urgent::Delete(reply)).await.is_ok() {
                let _ = done.await;
            }
        }
        self.0.storage.delete(doc).await.map_err(|error| {
            error!(doc.id = %doc, %error, "stored document could not be deleted");
            RoomError::Unavailable
        })
    }

    /// Closes every socket of the room of `doc`; whoever still has access comes back.
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

    /// The live documents in the order of their ids, from the one behind `after` on.
    pub fn docs(&self, after: Option<DocId>, max: usize) -> Vec<DocId> {
        let mut docs: Vec<DocId> = self.live().iter().map(RoomHandle::doc).collect();
        docs.retain(|doc| after.is_none_or(|after| *doc > after));
        docs.sort_unstable();
        docs.truncate(max);
        docs
    }

    /// Brings the snapshot of a document up to its log, live or not, and removes what is left of a deleted one; returns
    /// whether nothing is left to do. A document that the directory does not know is kept as one that it knows.
    pub(crate) async fn sweep(&self, doc: DocId) -> bool {
        match self.0.directory.existence(doc).await {
            Ok(Existence::Present | Existence::Unknown) => {}
            Ok(Existence::Deleted) => return self.delete(doc).await.is_ok(),
            Err(_) => return false,
        }
        match self.0.storage.log.read(doc, Offset::ZERO).await {
            Ok(contents) => self.compact(doc, contents.last).await.is_some_and(|offset| offset >= contents.last),
            Err(_) => false,
        }
    }

    /// How many rooms are live or loading.
    pub fn len(&self) -> usize {
        self.slots().len()
    }

    /// How long the oldest edit of a live document has waited for a snapshot.
    pub fn oldest_unarchived(&self) -> Duration {
        self.0.unarchived.oldest()
    }

    /// Whether there is no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn damages(&self) -> &Damages {
        &self.0.damages
    }

    pub(super) fn unarchived(&self) -> &Unarchived {
        &self.0.unarchived
    }

    pub(super) fn edited(&self) -> &Edited {
        &self.0.edited
    }

    pub(super) fn config(&self) -> &RoomConfig {
        &self.0.config
    }

    pub(super) fn unheard(&self) -> &Notify {
        &self.0.unheard
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    pub(super) fn relay(&self) -> &dyn Relay {
        &*self.0.relay
    }

    pub(super) fn node(&self) -> NodeId {
        self.0.node
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// How long a room without peers stays.
    pub(super) fn idle(&self) -> Duration {
        if self.is_crowded() { Duration::ZERO } else { self.0.config.idle }
    }

    /// Whether there are more rooms than should be kept without need.
    pub(super) fn is_crowded(&self) -> bool {
        self.len() > CROWDED
    }

    /// Takes a snapshot of all that this node has taken in, for somebody who waits.
    ///
    /// # Errors
    /// When it cannot be taken soon.
    pub async fn snapshot(&self, doc: DocId) -> Result<Compacted, RoomError> {
        let taken = async {
            if let Some(room) = self.room(doc).filter(|room| !room.is_closed()) {
                room.save().await?;
            }
            self.compact_unleased(doc).await
        };
        timeout(SNAPSHOT_TIMEOUT, taken).await.unwrap_or(Err(RoomError::Unavailable))
    }

    /// Has a snapshot of `seen` or later taken, and notes the document's size; returns what the newest one covers, `None`
    /// when that failed or another node is at it.
    pub(super) async fn compact(&self, doc: DocId, seen: Offset) -> Option<Offset> {
        match self.0.storage.log.lease(doc, COMPACTION_LEASE).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                warn!(doc.id = %doc, %error, "no lease for the compaction");
                return None;
            }
        }
        let done = self.compact_leased(doc, seen).await;
        if let Err(error) = self.0.storage.log.release(doc).await {
            debug!(doc.id = %doc, %error, "the lease runs out by itself");
        }
        done
    }

    async fn compact_leased(&self, doc: DocId, seen: Offset) -> Option<Offset> {
        // Another node may have done it: a list costs less than loading the document.
        if let Ok(offsets) = self.0.storage.snapshots.list(doc).await
            && let Some(newest) = offsets.first().filter(|newest| **newest >= seen)
        {
            return Some(*newest);
        }
        self.compact_unleased(doc).await.ok().map(|done| done.offset)
    }

    async fn compact_unleased(&self, doc: DocId) -> Result<Compacted, RoomError> {
        match self.0.compactor.compact(doc).await {
            Ok(done) => {
                // While its room is live, it is known when the last of what was folded was edited.
                let edited = self.0.edited.last(doc).unwrap_or_else(OffsetDateTime::now_utc);
                if done.grew
                    && let Err(error) = self.0.directory.record_edit(doc, done.text_bytes as u64, edited).await
                {
                    warn!(doc.id = %doc, %error, "size of the document could not be noted");
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

    /// The live room of `doc`; loads nothing.
    pub(super) fn room(&self, doc: DocId) -> Option<RoomHandle> {
        self.slots().room(doc)
    }

    pub(super) fn live(&self) -> Vec<RoomHandle> {
        self.slots().live()
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    pub(super) fn loads(&self) -> &Semaphore {
        &self.0.loads
    }
}
