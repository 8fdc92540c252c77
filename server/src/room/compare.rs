//! Comparison of the replicas of one document. Rooms on several nodes that are idle at the same offset of the log hold
//! the same state, and so does a replica loaded from there. A room that receives a different digest loads what is
//! stored, and appends what that lacks.

use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use super::actor::Actor;
use crate::{digest::Digest, offset::Offset, relay::RelayMessage};

/// The interval after which an unchanged digest is sent again, because messages may be lost.
const REPEAT_INTERVAL: Duration = Duration::from_secs(300);
/// The shortest interval between two resynchronizations of a room.
const RESYNC_INTERVAL: Duration = Duration::from_secs(10);

/// The state of a room's own digest.
#[derive(Default)]
pub(super) struct Comparison {
    /// The offset of the log at the last tick. A digest costs one pass over the document, so it is computed in a quiet
    /// period.
    rested: Offset,
    /// The newest digest and its offset.
    own: Option<(Offset, Digest)>,
    sent: Option<(Offset, Instant)>,
    resynced: Option<Instant>,
}

impl Comparison {
    /// Discards the digest, because the replica was replaced or merged with what is stored.
    pub(super) fn reset(&mut self) {
        self.own = None;
    }
}

impl Actor {
    /// Sends the digest to the other nodes once nothing has changed for a while. A room without edits sends almost
    /// nothing, and a room during edits sends nothing.
    pub(super) fn send_digest_when_at_rest(&mut self) {
        let seen = self.log.seen();
        let rests = std::mem::replace(&mut self.comparison.rested, seen) == seen;
        let is_due = self.comparison.sent.is_none_or(|(at, when)| at != seen || when.elapsed() > REPEAT_INTERVAL);
        if rests && is_due && !self.state.is_empty() {
            self.send_digest();
        }
    }

    /// Sends the digest to the other nodes, if this room is idle.
    pub(super) fn send_digest(&mut self) {
        if !self.parts.relay.has_others() {
            return;
        }
        if let Some((offset, digest)) = self.digest() {
            self.comparison.sent = Some((offset, Instant::now()));
            self.parts.relay.send(self.doc, RelayMessage::Digest(offset, digest));
        }
    }

    /// Compares this replica with that of another node.
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
        // The other replica may be the one that lacks something.
        self.send_digest();
        self.log.reconcile();
    }

    /// The digest of the document at an offset of the log; `None` while anything is in progress.
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
