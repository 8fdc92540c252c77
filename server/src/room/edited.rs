//! The time of the last edit of each live document. A snapshot is taken later and does not change it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use crate::ids::DocId;

#[derive(Default)]
pub(super) struct Edited(Mutex<HashMap<DocId, OffsetDateTime>>);

impl Edited {
    /// Records an edit now.
    pub(super) fn now(&self, doc: DocId) {
        self.documents().insert(doc, OffsetDateTime::now_utc());
    }

    /// Removes a document whose room ends.
    pub(super) fn remove(&self, doc: DocId) {
        self.documents().remove(&doc);
    }

    /// The time of its last edit, if there was one since its room was loaded.
    pub(super) fn last(&self, doc: DocId) -> Option<OffsetDateTime> {
        self.documents().get(&doc).copied()
    }

    fn documents(&self) -> MutexGuard<'_, HashMap<DocId, OffsetDateTime>> {
        // Nothing panics while the lock is held; if it did, the map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
