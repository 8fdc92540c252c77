//! Since when each live document has had edits that no snapshot covers.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::ids::DocId;

#[derive(Default)]
pub(super) struct Unarchived(Mutex<HashMap<DocId, Instant>>);

impl Unarchived {
    /// Records since when, or that a snapshot covers everything.
    pub(super) fn set(&self, doc: DocId, since: Option<Instant>) {
        match since {
            Some(since) => self.documents().insert(doc, since),
            None => self.documents().remove(&doc),
        };
    }

    /// How long the oldest of them has waited.
    pub(super) fn oldest(&self) -> Duration {
        self.documents().values().min().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn documents(&self) -> MutexGuard<'_, HashMap<DocId, Instant>> {
        // Nothing panics while the lock is held; if it did, the map would still be consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_one_that_waits_longest() {
        let (unarchived, [first, second]) = (Unarchived::default(), [DocId::new(), DocId::new()]);
        assert_eq!(unarchived.oldest(), Duration::ZERO);
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        unarchived.set(first, ago(30));
        unarchived.set(second, ago(10));
        assert_eq!(unarchived.oldest().as_secs(), 30);
        unarchived.set(first, None);
        assert_eq!(unarchived.oldest().as_secs(), 10);
    }
}
