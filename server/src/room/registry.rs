//! The rooms of this node: loads each document once, however many ask at the same time, and forgets rooms that ended.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OnceCell, broadcast, mpsc, oneshot},
    time::timeout,
};
use tracing::{debug, error, info, warn};

use super::{Command, Mail, RoomError, RoomHandle, actor, unarchived::Unarchived};
use crate::{
    app::Tasks,
    auth::events::{AccessEvent, AccessEvents},
    compaction::{Compacted, Compactor},
    config::RoomConfig,
    directory::Directory,
    ids::{DocId, NodeId},
    log::Offset,
    relay::Relay,
    storage::{LoadError, Loaded, Storage},
};

/// How long a node that compacts a document is left alone with it.
const COMPACTION_LEASE: Duration = Duration::from_secs(60);
/// Beyond so many rooms, one without peers ends at once.
const CROWDED: usize = 1_000;
/// How long the snapshots may take to answer until it is seen whether a document can be loaded without.
const SNAPSHOTS_PATIENCE: Duration = Duration::from_secs(2);
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
    rooms: Mutex<HashMap<DocId, Arc<OnceCell<RoomHandle>>>>,
    unarchived: Unarchived,
    /// Rung when changes of access may have gone unheard.
    unheard: Notify,
}

impl Rooms {
    /// An empty registry; it hears of changed access through `events`.
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
        let rooms = Self(Arc::new(Shared {
            storage,
            compactor,
            directory,
            relay,
            node,
            config,
            tasks,
            rooms: Mutex::default(),
            unarchived: Unarchived::default(),
            unheard: Notify::new(),
        }));
        rooms.tasks().spawn(rooms.clone().recheck_when_asked());
        rooms.tasks().spawn(rooms.clone().hear(events.subscribe()));
        rooms
    }

    /// The live room of `doc`, loaded when it is not: the caller has checked that the document exists.
    ///
    /// # Errors
    /// When it cannot be loaded for certain.
    pub async fn open(&self, doc: DocId) -> Result<RoomHandle, RoomError> {
        loop {
            let slot = self.rooms().entry(doc).or_default().clone();
            let room = slot.get_or_try_init(|| self.load(doc)).await;
            match room {
                Ok(room) if !room.mailbox.is_closed() => return Ok(room.clone()),
                // It ended between its last command and now.
                Ok(_) => self.remove(doc, &slot),
                Err(error) => {
                    self.remove(doc, &slot);
                    return Err(error);
                }
            }
        }
    }

    /// Ends the room and forgets what is stored of `doc`: its log and its snapshots.
    ///
    /// # Errors
    /// When a store does not answer; it may be asked again.
    pub async fn delete(&self, doc: DocId) -> Result<(), RoomError> {
        let slot = self.rooms().get(&doc).cloned();
        if let Some(room) = slot.as_ref().and_then(|slot| slot.get()) {
            let (reply, done) = oneshot::channel();
            if room.send(Command::Delete(reply)).await.is_ok() {
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
        self.room(doc).ok_or(RoomError::Unavailable)?.send(Command::Kick).await
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

    /// Brings the snapshot of a document up to its log, live or not, and forgets what is left of a deleted one; returns
    /// whether nothing is left to do.
    pub(crate) async fn sweep(&self, doc: DocId) -> bool {
        match self.0.directory.has_document(doc).await {
            Ok(true) => {}
            Ok(false) => return self.delete(doc).await.is_ok(),
            Err(_) => return false,
        }
        match self.0.storage.log.read(doc, Offset::ZERO).await {
            Ok(contents) => self.compact(doc, contents.last).await.is_some_and(|offset| offset >= contents.last),
            Err(_) => false,
        }
    }

    /// How many rooms are live or loading.
    pub fn len(&self) -> usize {
        self.rooms().len()
    }

    /// How long the oldest edit of a live document has waited for a snapshot.
    pub fn oldest_unarchived(&self) -> Duration {
        self.0.unarchived.oldest()
    }

    /// Whether there is no room.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn unarchived(&self) -> &Unarchived {
        &self.0.unarchived
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

    /// Takes a snapshot of what is durable now, for somebody who waits.
    ///
    /// # Errors
    /// When it cannot be taken soon.
    pub async fn snapshot(&self, doc: DocId) -> Result<Compacted, RoomError> {
        match timeout(SNAPSHOT_TIMEOUT, self.compact_unleased(doc)).await {
            Ok(Some(done)) => Ok(done),
            Ok(None) | Err(_) => Err(RoomError::Unavailable),
        }
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
        self.compact_unleased(doc).await.map(|done| done.offset)
    }

    async fn compact_unleased(&self, doc: DocId) -> Option<Compacted> {
        match self.0.compactor.compact(doc).await {
            Ok(done) => {
                if let Err(error) = self.0.directory.record_snapshot(doc, done.text_bytes as u64).await {
                    warn!(doc.id = %doc, %error, "size of the document could not be noted");
                }
                Some(done)
            }
            Err(error) => {
                error!(doc.id = %doc, %error, "compaction failed");
                None
            }
        }
    }

    /// Takes a room that ended out, unless another one stands in its place.
    pub(super) fn forget(&self, doc: DocId, room: &mpsc::WeakSender<Mail>) {
        let mut rooms = self.rooms();
        let same = |slot: &Arc<OnceCell<RoomHandle>>| {
            let room = room.upgrade()?;
            Some(slot.get()?.mailbox.same_channel(&room))
        };
        if rooms.get(&doc).and_then(same) == Some(true) {
            rooms.remove(&doc);
        }
    }

    async fn load(&self, doc: DocId) -> Result<RoomHandle, RoomError> {
        let started = std::time::Instant::now();
        // Listened to before it is read: what is appended in between is heard.
        let (tail, relayed) =
            tokio::try_join!(async { self.0.storage.log.tail(doc).await.map_err(anyhow::Error::from) }, async {
                self.0.relay.join(doc).await.map_err(anyhow::Error::from)
            },)
            .map_err(|error| {
                warn!(doc.id = %doc, %error, "document could not be listened to");
                RoomError::Unavailable
            })?;
        let loaded = self.load_stored(doc).await.map_err(|error| {
            let damaged = matches!(error, LoadError::Damaged(_));
            metrics::counter!("codesync_load_failures_total", "damaged" => damaged.to_string()).increment(1);
            error!(doc.id = %doc, %error, "document could not be loaded");
            RoomError::Unavailable
        })?;
        metrics::histogram!("codesync_load_seconds").record(started.elapsed());
        Ok(actor::start(doc, loaded, tail, relayed, self))
    }

    /// Loads what is stored; from the log alone where the snapshots do not answer and that is certain to be all.
    async fn load_stored(&self, doc: DocId) -> Result<Loaded, LoadError> {
        let Shared { storage, directory, .. } = &*self.0;
        let mut load = pin!(storage.load(doc));
        let refused = match timeout(SNAPSHOTS_PATIENCE, &mut load).await {
            Ok(Err(error @ LoadError::Snapshot(_))) => Some(error),
            Ok(answer) => return answer,
            Err(_) => None,
        };
        if let Some(loaded) = storage.load_from_log(doc, directory).await? {
            info!(doc.id = %doc, "loaded from its log alone: the snapshots do not answer");
            return Ok(loaded);
        }
        match refused {
            Some(error) => Err(error),
            None => load.await,
        }
    }

    fn remove(&self, doc: DocId, slot: &Arc<OnceCell<RoomHandle>>) {
        let mut rooms = self.rooms();
        if rooms.get(&doc).is_some_and(|present| Arc::ptr_eq(present, slot)) {
            rooms.remove(&doc);
        }
    }

    async fn hear(self, mut events: broadcast::Receiver<AccessEvent>) {
        let stop = self.tasks().stop().clone();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => event,
            };
            match event {
                Ok(event @ AccessEvent::Grant { doc, .. }) | Ok(event @ AccessEvent::DocumentDeleted(doc)) => {
                    self.tell(self.room(doc), || Command::Access(event.clone())).await;
                }
                Ok(AccessEvent::Missed) => self.recheck(),
                Ok(event) => self.tell(self.live(), || Command::Access(event.clone())).await,
                Err(broadcast::error::RecvError::Lagged(_)) => self.recheck(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    async fn tell(&self, rooms: impl IntoIterator<Item = RoomHandle>, command: impl Fn() -> Command) {
        for room in rooms {
            // A room that has ended has no sockets.
            let _ = room.send(command()).await;
        }
    }

    /// The live room of `doc`; loads nothing.
    pub(super) fn room(&self, doc: DocId) -> Option<RoomHandle> {
        self.rooms().get(&doc).and_then(|slot| slot.get().cloned())
    }

    pub(super) fn live(&self) -> Vec<RoomHandle> {
        self.rooms().values().filter_map(|slot| slot.get().cloned()).collect()
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<DocId, Arc<OnceCell<RoomHandle>>>> {
        // Nothing panics while it is held; were it so, the map would still be whole.
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
