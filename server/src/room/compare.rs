//! Comparing the replicas of one document: rooms on several nodes that are at rest at the same offset of the log hold the
//! same, and so does a replica that is loaded from there. A room that finds another digest loads what is stored, and
//! appends what that lacks.

use std::time::Duration;

use codesync_crdt::Document;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tracing::error;

use super::actor::Actor;
use crate::{log::Offset, relay};

/// How long until a digest is sent again that has not changed: messages may be lost.
const REPEAT_INTERVAL: Duration = Duration::from_secs(300);
/// The shortest time between two resynchronizations of a room.
const RESYNC_INTERVAL: Duration = Duration::from_secs(10);

/// Names what a replica holds: its state vector and its deletions. Equal digests mean that nothing is missing on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Of a document.
    pub fn of(document: &Document) -> Self {
        let mut hash = Sha256::new();
        let number = |hash: &mut Sha256, number: u64| hash.update(number.to_be_bytes());
        for (client, clock) in document.state_vector().iter().filter(|(_, clock)| *clock > 0) {
            number(&mut hash, client);
            number(&mut hash, clock.into());
        }
        // No client has this id: what follows is of another kind.
        number(&mut hash, u64::MAX);
        for (client, clocks) in document.deletions() {
            number(&mut hash, client);
            number(&mut hash, clocks.start.into());
            number(&mut hash, clocks.end.into());
        }
        Self(hash.finalize().into())
    }
}

/// What a room knows of its own digest.
#[derive(Default)]
pub(super) struct Comparison {
    /// Where the log was at the last tick: a digest costs one pass over the document, so it waits for a quiet time.
    rested: Offset,
    /// The newest digest, and the offset that it belongs to.
    own: Option<(Offset, Digest)>,
    sent: Option<(Offset, Instant)>,
    resynced: Option<Instant>,
}

impl Comparison {
    /// The replica was replaced or merged with what is stored.
    pub(super) fn forget(&mut self) {
        self.own = None;
    }
}

impl Actor {
    /// Sends the digest to the other nodes once nothing has changed for a while. A room that is only open sends next to
    /// nothing, and one that is written to sends nothing.
    pub(super) fn send_digest_when_at_rest(&mut self) {
        let seen = self.log.seen();
        let rests = std::mem::replace(&mut self.comparison.rested, seen) == seen;
        let is_due = self.comparison.sent.is_none_or(|(at, when)| at != seen || when.elapsed() > REPEAT_INTERVAL);
        if rests && is_due && !self.state.is_empty() {
            self.send_digest();
        }
    }

    /// Sends the digest to the other nodes, where this room is at rest.
    pub(super) fn send_digest(&mut self) {
        if !self.rooms.relay().has_others() {
            return;
        }
        if let Some((offset, digest)) = self.digest() {
            self.comparison.sent = Some((offset, Instant::now()));
            self.rooms.relay().say(self.doc, relay::Said::Digest(offset, digest));
        }
    }

    /// Compares with the replica of another node.
    pub(super) fn compare(&mut self, offset: Offset, theirs: Digest) {
        if offset != self.log.seen() || self.digest().is_none_or(|(_, own)| own == theirs) {
            return;
        }
        if self.comparison.resynced.is_some_and(|at| at.elapsed() < RESYNC_INTERVAL) {
            return;
        }
        self.comparison.resynced = Some(Instant::now());
        metrics::counter!("codesync_replicas_diverged_total").increment(1);
        error!(log.offset = %offset, "replicas differ at one offset of the log: this one is compared with what is stored");
        // The other one may be the one that lacks something.
        self.send_digest();
        self.log.reconcile();
    }

    /// The digest of what the log holds up to an offset; `None` while anything is on its way.
    fn digest(&mut self) -> Option<(Offset, Digest)> {
        let seen = self.log.seen();
        if seen == Offset::ZERO || !self.state.is_durable() || !self.log.is_at_rest() {
            return None;
        }
        if let Some(own) = self.comparison.own.filter(|(offset, _)| *offset == seen) {
            return Some(own);
        }
        self.comparison.own = Some((seen, self.state.digest()?));
        self.comparison.own
    }
}

#[cfg(test)]
mod tests {
    use codesync_crdt::{Limits, Replica};

    use super::*;

    fn digest(updates: &[&[u8]]) -> (Digest, Vec<u8>) {
        let mut replica = Replica::from(Document::new(Limits::default()));
        for bytes in updates {
            let update = replica.live().unwrap().check(bytes.to_vec().into()).unwrap();
            replica.apply(&update).unwrap();
        }
        let document = replica.live().unwrap();
        (Digest::of(document), document.state())
    }

    #[test]
    fn equal_content_gives_equal_digests_and_a_missing_deletion_another() {
        let one = [&[1, 1, 5, 0, 4, 1, 7][..], b"content", &[3], b"one", &[0]].concat();
        let two = [&[1, 1, 6, 0, 4, 1, 7][..], b"content", &[3], b"two", &[0]].concat();
        let (first, last): (&[u8], &[u8]) = (&[0, 1, 5, 1, 0, 1], &[0, 1, 5, 1, 1, 2]);
        let (digest_of_all, state) = digest(&[&one, &two, first, last]);
        assert_eq!(digest(&[&two, &one, last, first]).0, digest_of_all, "in any order");
        let loaded = Document::load(&state, Limits::default()).unwrap();
        assert_eq!(Digest::of(&loaded), digest_of_all, "as it is stored");
        assert_ne!(digest(&[&one, &two, first]).0, digest_of_all);
        assert_ne!(digest(&[&one, first, last]).0, digest_of_all);
    }
}
