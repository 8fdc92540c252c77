//! The position of a room in its log, pure. Each append names the entry before it. So an entry that arrives early waits
//! for the one before, and a log that was lost and written again is not mistaken for the old one.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    log::{Appended, Contents},
    offset::Offset,
};

/// Entries and bytes that wait for an earlier entry; beyond these limits the log is read instead.
const WAITING_MAX: usize = 256;
const WAITING_BYTES_MAX: usize = 4 << 20;

/// The log no longer holds what it held: the room has to restore it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The result of reading the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// These updates come next.
    Updates(Vec<Bytes>),
    /// The missed entries are trimmed; a newer snapshot holds them.
    Trimmed,
}

#[derive(Debug)]
struct Piece {
    last: Offset,
    updates: Vec<Bytes>,
}

/// The offset up to which everything is known, and entries received beyond it.
#[derive(Debug)]
pub(super) struct Chain {
    seen: Offset,
    ahead: BTreeMap<Offset, Piece>,
    bytes: usize,
    overflowed: bool,
}

impl Chain {
    pub(super) fn new(seen: Offset) -> Self {
        Self { seen, ahead: BTreeMap::new(), bytes: 0, overflowed: false }
    }

    /// Everything up to here is in the replica.
    pub(super) fn seen(&self) -> Offset {
        self.seen
    }

    /// Whether a received entry waits for an earlier one.
    pub(super) fn waits(&self) -> bool {
        self.overflowed || !self.ahead.is_empty()
    }

    /// Continues at another offset.
    pub(super) fn reset(&mut self, seen: Offset) {
        *self = Self::new(seen);
    }

    /// Adds one append, and returns the updates that can be applied now. The room's own append returns none.
    pub(super) fn appended(&mut self, appended: Appended, updates: Vec<Bytes>) -> Result<Vec<Bytes>, Broken> {
        let Appended { previous, last } = appended;
        if last <= self.seen {
            // Known already, or written where the log had been rolled back. Applying a known update again changes
            // nothing.
            return Ok(updates);
        }
        if previous < self.seen {
            return Err(Broken);
        }
        self.bytes += updates.iter().map(Bytes::len).sum::<usize>();
        self.ahead.insert(previous, Piece { last, updates });
        let ready = self.follow();
        if self.ahead.len() > WAITING_MAX || self.bytes > WAITING_BYTES_MAX {
            self.ahead.clear();
            (self.bytes, self.overflowed) = (0, true);
        }
        Ok(ready)
    }

    /// Adds the contents of the log after `after`, the offset at the start of the read.
    pub(super) fn read(&mut self, after: Offset, contents: Contents) -> Result<Read, Broken> {
        if contents.trimmed > self.seen {
            return Ok(Read::Trimmed);
        }
        if contents.last < after || contents.behind.is_some_and(|behind| behind != after) {
            return Err(Broken);
        }
        self.overflowed = false;
        let mut updates: Vec<Bytes> =
            contents.entries.into_iter().filter(|entry| entry.offset > self.seen).map(|entry| entry.update).collect();
        self.seen = self.seen.max(contents.last);
        self.ahead = self.ahead.split_off(&self.seen);
        self.bytes = self.ahead.values().flat_map(|piece| &piece.updates).map(Bytes::len).sum();
        updates.extend(self.follow());
        Ok(Read::Updates(updates))
    }

    fn follow(&mut self) -> Vec<Bytes> {
        let mut ready = Vec::new();
        while let Some(piece) = self.ahead.remove(&self.seen) {
            self.seen = piece.last;
            self.bytes -= piece.updates.iter().map(Bytes::len).sum::<usize>();
            ready.extend(piece.updates);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Entry;

    fn appended(previous: u128, last: u128) -> Appended {
        Appended { previous: Offset(previous), last: Offset(last) }
    }

    fn update(text: &'static str) -> Vec<Bytes> {
        vec![Bytes::from_static(text.as_bytes())]
    }

    fn contents(behind: u128, entries: &[(u128, &'static str)], last: u128) -> Contents {
        let entries = entries.iter().map(|(at, text)| Entry { offset: Offset(*at), update: update(text).remove(0) });
        let entries: Vec<_> = entries.collect();
        let behind = (!entries.is_empty()).then_some(Offset(behind));
        Contents { trimmed: Offset::ZERO, last: Offset(last), behind, entries }
    }

    #[test]
    fn an_early_entry_waits_for_the_one_before_it() {
        let mut chain = Chain::new(Offset(1));
        assert_eq!(chain.appended(appended(2, 3), vec![]), Ok(vec![]));
        assert!(chain.waits());
        assert_eq!(chain.appended(appended(1, 2), update("a")), Ok(update("a")));
        assert_eq!((chain.seen(), chain.waits()), (Offset(3), false));
        assert_eq!(chain.appended(appended(1, 2), update("a")), Ok(update("a")), "what is known changes nothing");
        assert_eq!(chain.seen(), Offset(3));
    }

    #[test]
    fn a_log_that_was_written_to_after_a_loss_is_not_followed() {
        let mut chain = Chain::new(Offset(5));
        assert_eq!(chain.appended(appended(0, 9), update("a")), Err(Broken));
        assert_eq!(chain.read(Offset(5), contents(0, &[(9, "a")], 9)), Err(Broken));
        assert_eq!(chain.read(Offset(5), contents(0, &[], 3)), Err(Broken), "its end is gone");
        assert_eq!(chain.seen(), Offset(5));
    }

    #[test]
    fn missed_entries_are_read() {
        let mut chain = Chain::new(Offset(5));
        assert_eq!(chain.appended(appended(7, 8), update("c")), Ok(vec![]));
        assert_eq!(chain.appended(appended(5, 6), update("a")), Ok(update("a")));
        let read = chain.read(Offset(5), contents(5, &[(6, "a"), (7, "b")], 7));
        assert_eq!(
            read,
            Ok(Read::Updates([update("b"), update("c")].concat())),
            "entries received during the read are skipped"
        );
        assert_eq!((chain.seen(), chain.waits()), (Offset(8), false));
        let trimmed = Contents { trimmed: Offset(20), last: Offset(30), behind: None, entries: vec![] };
        assert_eq!(chain.read(Offset(8), trimmed), Ok(Read::Trimmed));
    }

    #[test]
    fn too_much_that_waits_is_read_from_the_log_instead() {
        let mut chain = Chain::new(Offset(1));
        for at in 0..2 * WAITING_MAX as u128 {
            assert_eq!(chain.appended(appended(10 + at, 11 + at), update("a")), Ok(vec![]));
        }
        assert!(chain.waits() && chain.ahead.len() <= WAITING_MAX);
        let read = chain.read(Offset(1), contents(1, &[(2, "a")], 700));
        assert_eq!((read, chain.waits()), (Ok(Read::Updates(update("a"))), false));
    }
}
