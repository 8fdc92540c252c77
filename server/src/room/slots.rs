//! The slots of this node's documents, each loading or live. Invariant: a document has at most one room, because only
//! the task that took a slot fills it, and only that task or its room frees it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{RoomError, RoomHandle};
use crate::ids::DocId;

/// The number of documents that may be loading; further callers are refused.
const LOADING_MAX: usize = 1_024;

/// The result of a load; `None` while it runs.
pub(super) type Outcome = Option<Result<RoomHandle, RoomError>>;

enum Slot {
    Loading(watch::Receiver<Outcome>),
    Live(RoomHandle),
}

#[derive(Default)]
struct Map {
    slots: HashMap<DocId, Slot>,
    loading: usize,
}

/// The slots of this node.
#[derive(Default)]
pub(super) struct Slots(Mutex<Map>);

/// What a caller finds in the slot of a document.
pub(super) enum Found {
    Live(RoomHandle),
    /// The room accepts nothing more; its slot is free once it has ended.
    Ending(RoomHandle),
    Loading(watch::Receiver<Outcome>),
    /// The slot was free and is now taken for this caller, who must start the load.
    Taken(watch::Sender<Outcome>, watch::Receiver<Outcome>),
    /// Too many documents are loading.
    Crowded,
}

impl Slots {
    /// Finds the slot of a document, or takes it.
    pub(super) fn find_or_take(&self, doc: DocId) -> Found {
        let mut map = self.map();
        match map.slots.get(&doc) {
            Some(Slot::Live(room)) => {
                let room = room.handed_out();
                return if room.is_closed() { Found::Ending(room) } else { Found::Live(room) };
            }
            Some(Slot::Loading(outcome)) => return Found::Loading(outcome.clone()),
            None if map.loading >= LOADING_MAX => return Found::Crowded,
            None => {}
        }
        let (sender, outcome) = watch::channel(None);
        map.slots.insert(doc, Slot::Loading(outcome.clone()));
        map.loading += 1;
        Found::Taken(sender, outcome)
    }

    /// Ends the load of a document. Its slot is live or free before any waiting caller learns of it.
    pub(super) fn loaded(&self, doc: DocId, room: Option<&RoomHandle>) {
        let mut map = self.map();
        map.loading -= 1;
        match room {
            Some(room) => map.slots.insert(doc, Slot::Live(room.clone())),
            None => map.slots.remove(&doc),
        };
    }

    /// Frees the slot of a room that has ended.
    pub(super) fn free(&self, doc: DocId) {
        self.map().slots.remove(&doc);
    }

    /// The live room of a document.
    pub(super) fn room(&self, doc: DocId) -> Option<RoomHandle> {
        match self.map().slots.get(&doc) {
            Some(Slot::Live(room)) => Some(room.handed_out()),
            _ => None,
        }
    }

    pub(super) fn live(&self) -> Vec<RoomHandle> {
        let live = |slot: &Slot| match slot {
            Slot::Live(room) => Some(room.handed_out()),
            Slot::Loading(_) => None,
        };
        self.map().slots.values().filter_map(live).collect()
    }

    /// The number of rooms that are live or loading.
    pub(super) fn len(&self) -> usize {
        self.map().slots.len()
    }

    fn map(&self) -> MutexGuard<'_, Map> {
        // Nothing panics while the lock is held; if it did, the map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
