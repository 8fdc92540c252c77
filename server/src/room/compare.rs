//! Comparing the replicas of one document: rooms on several nodes that are at rest at the same offset of the log hold the
//! same, and so does a replica that is loaded from there. A room that finds another digest loads what is stored, and
//! appends what that lacks.

use std::time::Duration;

use tokio::time::Instant;
use tracing::error;

use super::actor::Actor;
use crate::{digest::Digest, offset::Offset, relay};

/// How long until a digest is sent again that has not changed: messages may be lost.
const REPEAT_INTERVAL: Duration = Duration::from_secs(300);
/// The shortest time between two resynchronizations of a room.
const RESYNC_INTERVAL: Duration = Duration::from_secs(10);

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
        if !self.parts.relay.has_others() {
            return;
        }
        if let Some((offset, digest)) = self.digest() {
            self.comparison.sent = Some((offset, Instant::now()));
            self.parts.relay.say(self.doc, relay::Said::Digest(offset, digest));
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
