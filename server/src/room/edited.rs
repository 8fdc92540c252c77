//! When each live document was last edited: a snapshot of it is taken later, and changes nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;

use crate::ids::DocId;

#[derive(Default)]
pub(super) struct Edited(Mutex<HashMap<DocId, OffsetDateTime>>);

impl Edited {
    /// Notes an edit now.
    pub(super) fn now(&self, doc: DocId) {
        self.documents().insert(doc, OffsetDateTime::now_utc());
    }

    /// Forgets a document whose room ends.
    pub(super) fn forget(&self, doc: DocId) {
        self.documents().remove(&doc);
    }

    /// When it was last edited, if that was since its room was loaded.
    pub(super) fn last(&self, doc: DocId) -> Option<OffsetDateTime> {
        self.documents().get(&doc).copied()
    }

    fn documents(&self) -> MutexGuard<'_, HashMap<DocId, OffsetDateTime>> {
        // Nothing panics while it is held; were it so, the map would still be whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
