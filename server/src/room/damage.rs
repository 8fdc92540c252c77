//! Documents whose stored data is damaged. Some damage heals: a node that has the document open restores a lost log
//! within seconds, and a store may be repaired. So a document counts as damaged only after it was found damaged for a
//! while; until then its clients retry.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::RoomError;
use crate::ids::DocId;

/// How long a document may go without a request until earlier findings no longer count.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// The number of documents remembered; clients of further ones retry without end.
const DOCUMENTS_MAX: usize = 10_000;

/// The times at which documents were first found damaged.
#[derive(Default)]
pub(super) struct Damages(Mutex<HashMap<DocId, Found>>);

#[derive(Clone, Copy)]
struct Found {
    first: Instant,
    last: Instant,
}

impl Damages {
    /// Records that a document was found damaged; returns the error for the caller.
    pub(super) fn found(&self, doc: DocId, certain_after: Duration) -> RoomError {
        self.found_at(Instant::now(), doc, certain_after)
    }

    fn found_at(&self, now: Instant, doc: DocId, certain_after: Duration) -> RoomError {
        let mut all = self.all();
        if all.len() >= DOCUMENTS_MAX {
            all.retain(|_, found| now - found.last < FORGOTTEN_AFTER);
        }
        if all.len() >= DOCUMENTS_MAX && !all.contains_key(&doc) {
            return RoomError::Unavailable;
        }
        let found = all.entry(doc).or_insert(Found { first: now, last: now });
        if now - found.last >= FORGOTTEN_AFTER {
            found.first = now;
        }
        found.last = now;
        if now - found.first >= certain_after { RoomError::Damaged } else { RoomError::Unavailable }
    }

    /// Discards the record: the document was loaded, or failed for another reason.
    pub(super) fn clear(&self, doc: DocId) {
        self.all().remove(&doc);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<DocId, Found>> {
        // Nothing panics while the lock is held; if it did, the map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTAIN: Duration = Duration::from_secs(30);

    #[test]
    fn only_damage_that_lasts_is_final() {
        let (damages, doc, other) = (Damages::default(), DocId::new(), DocId::new());
        let start = Instant::now();
        let found = |doc, after| damages.found_at(start + after, doc, CERTAIN);
        assert_eq!(found(doc, Duration::ZERO), RoomError::Unavailable);
        assert_eq!(found(doc, CERTAIN / 2), RoomError::Unavailable);
        assert_eq!((found(doc, CERTAIN), found(other, CERTAIN)), (RoomError::Damaged, RoomError::Unavailable));
        damages.clear(doc);
        assert_eq!(found(doc, CERTAIN), RoomError::Unavailable, "it had healed in between");
        assert_eq!(found(doc, CERTAIN * 2), RoomError::Damaged);
        let much_later = CERTAIN * 2 + FORGOTTEN_AFTER;
        assert_eq!(found(doc, much_later), RoomError::Unavailable, "nobody knows what was in between");
    }
}
