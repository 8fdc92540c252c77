//! Everything that waits for the log: edits that are not appended yet, and frames and answers that are due once edits
//! are durable. Flushes with edits are numbered; the number of the newest durable flush decides what is due. Example: a
//! mark behind flush 7 is echoed when flush 7 is durable, even if flush 8 is being appended.

use std::{collections::VecDeque, ops::Range, sync::Arc, time::Instant};

use bytes::Bytes;
use codesync_crdt::{ClientId, StateVector, encode, protocol::codesync::Message as Extension};
use tokio::sync::oneshot;

use super::{State, fan_out::Batch};
use crate::room::{
    PeerId, Text,
    outbox::{Frame, Pushed},
};

/// The number of bytes that may wait for the log before the room stops reading its mailbox.
const PENDING_BYTES_MAX: usize = 16 << 20;
/// The number of items that may be due later before the room stops reading its mailbox.
const DEFERRED_MAX: usize = 65_536;

/// The number of entries of a flush that are searched for an edit of the same client.
const WRITTEN_SEARCH_MAX: usize = 16;

/// An item that is due once a flush is durable.
pub(super) enum Deferred {
    /// Edits of others.
    Frame(PeerId, Frame),
    /// Edits of the peer itself.
    Echo(PeerId, Frame),
    /// Edits of the peer together with edits of others.
    Mixed(PeerId, Arc<Batch>),
    Mark(PeerId, u64),
    Diff(PeerId, StateVector),
    CatchUp(PeerId),
    Text(Vec<oneshot::Sender<Text>>, Text),
    Saved(oneshot::Sender<()>),
}

/// The edits of a peer in one flush under one client id; without clocks if it only deleted.
struct Written {
    flush: u64,
    author: PeerId,
    client: ClientId,
    clocks: Range<u32>,
}

#[derive(Default)]
pub(super) struct Waiting {
    /// Sent to the peers, and not yet passed to the log.
    pending: Vec<Bytes>,
    pending_bytes: usize,
    pending_since: Option<Instant>,
    /// The numbers of the newest flush with edits, of the newest one in the append in progress, and of the newest
    /// durable one.
    flushed: u64,
    appending: Option<u64>,
    durable: u64,
    deferred: VecDeque<(u64, Deferred)>,
    /// Edits that are not durable yet, by flush.
    written: VecDeque<Written>,
}

impl Waiting {
    /// Whether more may be accepted; otherwise the log must catch up first.
    pub(super) fn accepts(&self) -> bool {
        self.pending_bytes < PENDING_BYTES_MAX
            && self.deferred.len() < DEFERRED_MAX
            && self.written.len() < DEFERRED_MAX
    }

    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Records the authors of the next flush.
    pub(super) fn wrote(&mut self, author: PeerId, client: ClientId, clocks: Range<u32>) {
        let flush = self.flushed + 1;
        let mut same =
            self.written.iter_mut().rev().take(WRITTEN_SEARCH_MAX).take_while(|written| written.flush == flush);
        match same.find(|written| written.author == author && written.client == client) {
            Some(written) if written.clocks.end == clocks.start => written.clocks.end = clocks.end,
            _ => self.written.push_back(Written { flush, author, client, clocks }),
        }
    }

    /// The edits of the peer that are not durable yet.
    pub(super) fn written_by(&self, author: PeerId) -> impl Iterator<Item = (ClientId, Range<u32>)> {
        let own = self.written.iter().filter(move |written| written.author == author);
        own.map(|written| (written.client, written.clocks.clone()))
    }

    /// The newest flush with edits of the peer that are not durable yet, or a durable one.
    pub(super) fn newest_by(&self, author: PeerId) -> u64 {
        self.written.iter().rfind(|written| written.author == author).map_or(self.durable, |written| written.flush)
    }

    /// Adds the edits of one more flush, and the time at which the oldest of them arrived.
    pub(super) fn push_flush(&mut self, updates: impl Iterator<Item = Bytes>, received: Option<Instant>) {
        self.flushed += 1;
        self.pending_since = self.pending_since.or(received);
        for update in updates {
            self.pending_bytes += update.len();
            self.pending.push(update);
        }
    }

    /// Sorted by flush: an item of one peer may be due before an earlier item of another.
    pub(super) fn defer(&mut self, flush: u64, deferred: Deferred) {
        let at = self.deferred.partition_point(|(earlier, _)| *earlier <= flush);
        self.deferred.insert(at, (flush, deferred));
    }

    /// All items, by flush.
    pub(super) fn take_deferred(&mut self) -> VecDeque<(u64, Deferred)> {
        std::mem::take(&mut self.deferred)
    }

    fn take_append(&mut self) -> Option<Vec<Bytes>> {
        if self.appending.is_some() || self.pending.is_empty() {
            return None;
        }
        self.appending = Some(self.flushed);
        self.pending_bytes = 0;
        Some(std::mem::take(&mut self.pending))
    }

    /// The append in progress has returned.
    fn appended(&mut self) -> Option<Instant> {
        self.durable = self.appending.take()?;
        while self.written.pop_front_if(|written| written.flush <= self.durable).is_some() {}
        // Edits that arrived during the append are at least as young as now.
        std::mem::replace(&mut self.pending_since, (!self.pending.is_empty()).then(Instant::now))
    }

    fn take_due(&mut self) -> Option<Deferred> {
        self.deferred.pop_front_if(|(flush, _)| *flush <= self.durable).map(|(_, deferred)| deferred)
    }
}

impl State {
    /// Takes the next updates to append, if the append before has returned.
    pub fn take_append(&mut self) -> Option<Vec<Bytes>> {
        let updates = self.waiting.take_append()?;
        self.defer_readers();
        Some(updates)
    }

    /// The append in progress, if there is one, is durable. Returns when the oldest edit in it arrived.
    pub fn appended(&mut self) -> Option<Instant> {
        let received = self.waiting.appended();
        self.log_is_unavailable = false;
        self.settle_due();
        received
    }

    /// Sends everything that is due. While the replica is lost this waits for the next one, because everything sent
    /// must be in the log.
    pub(super) fn settle_due(&mut self) {
        while self.replica.live().is_some()
            && let Some(deferred) = self.waiting.take_due()
        {
            self.settle(deferred);
        }
        if self.is_saved() {
            self.answer_readers();
        }
    }

    /// Sends an item once everything applied so far is durable, or once all edits of its peer are; at once if they are.
    pub(super) fn defer(&mut self, deferred: Deferred) {
        let asker = match &deferred {
            Deferred::Diff(id, _) | Deferred::CatchUp(id) => Some(*id),
            _ => None,
        };
        let flush = match asker {
            Some(id) => self.waiting.newest_by(id),
            None => self.waiting.flushed + u64::from(!self.outgoing.is_durable()),
        };
        if flush <= self.waiting.durable && self.replica.live().is_some() {
            return self.settle(deferred);
        }
        if let Some(peer) = asker.and_then(|id| self.peers.get(id)) {
            peer.deferred_until = flush;
        }
        self.waiting.defer(flush, deferred);
    }

    fn settle(&mut self, deferred: Deferred) {
        match deferred {
            Deferred::Frame(id, frame) | Deferred::Echo(id, frame) => self.push(id, frame),
            Deferred::Mixed(id, batch) => batch.frames.iter().for_each(|frame| self.push(id, frame.clone())),
            Deferred::Mark(id, mark) => self.mark(id, mark),
            Deferred::Diff(id, theirs) => self.answer_step1(id, theirs),
            Deferred::CatchUp(id) => self.catch_up(id),
            Deferred::Text(readers, text) => {
                for reader in readers {
                    let _ = reader.send(text.clone());
                }
            }
            Deferred::Saved(reply) => {
                let _ = reply.send(());
            }
        }
    }

    fn mark(&mut self, id: PeerId, mark: u64) {
        let Some(peer) = self.peers.get(id) else { return };
        if let Some(refusal) = peer.refused.clone() {
            peer.outbox.push(refusal);
            return;
        }
        // The edit before the mark is not applied yet: the client sends it again, and another mark after it.
        if peer.asked_for_gap || peer.held.is_some() || peer.unjudged.is_asked() {
            return;
        }
        let pushed = peer.outbox.push(encode::codesync(&Extension::Mark(mark)).into());
        if pushed == Pushed::Dropped {
            peer.missed_mark = peer.missed_mark.max(Some(mark));
        }
    }

    fn answer_step1(&mut self, id: PeerId, theirs: StateVector) {
        let Some(peer) = self.peers.get(id) else { return };
        peer.has = Arc::new(theirs);
        let first = !std::mem::replace(&mut peer.answered, true);
        peer.waits_for_step2 = true;
        if (first || peer.outbox.is_drained()) && !peer.outbox.is_behind() {
            self.send_diff(id);
        } else {
            // A client that requests a diff again before it has read the last one gets one answer afterwards, so that
            // each request costs it the reading.
            peer.outbox.fall_behind();
        }
    }

    /// Sends what the peer lacks, without its own edits since its newest durable one, which would be an echo. Answers
    /// step 1. To a client that fell behind it is an update like any other, in which a stock client may look for its
    /// own.
    pub(super) fn send_diff(&mut self, id: PeerId) {
        let (Some(peer), Some(document)) = (self.peers.get(id), self.replica.live()) else { return };
        if peer.has_conflict {
            return;
        }
        let mut known = StateVector::clone(&peer.has);
        // The author of an edit has all earlier edits of the same client id.
        self.waiting.written_by(id).for_each(|(client, clocks)| known.advance(client, clocks.end));
        let diff = document.diff(&known);
        let message = match std::mem::take(&mut peer.waits_for_step2) {
            true => encode::sync_step2(&diff),
            false => encode::update(&diff),
        };
        peer.outbox.push_diff(message.into());
    }

    fn catch_up(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        peer.outbox.resume();
        self.send_diff(id);
        let (Some(peer), Some(document)) = (self.peers.get(id), self.replica.live()) else { return };
        // It has everything but the echo of its newest edits.
        let mut given = document.state_vector().clone();
        let inserted = self.waiting.written_by(id).filter(|(_, clocks)| !clocks.is_empty());
        inserted.for_each(|(client, clocks)| given.retreat(client, clocks.start));
        peer.has = Arc::new(given);
        if let Some(refusal) = peer.refused.clone() {
            peer.outbox.push(refusal);
        }
        peer.push(self.publishers.everyone());
        if peer.asks > 0 {
            // All unanswered requests may have been dropped.
            peer.asks = 0;
            self.ask(id);
        }
        let Some(peer) = self.peers.get(id) else { return };
        if let Some(mark) = peer.missed_mark.take().filter(|_| peer.refused.is_none()) {
            self.mark(id, mark);
        }
    }
}
