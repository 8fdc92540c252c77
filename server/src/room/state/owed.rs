//! What waits for the log: edits that are not appended yet, and what is owed to somebody once they are durable. Flushes that
//! hold edits are numbered; the newest durable one says what is due.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bytes::Bytes;
use codesync_crdt::{StateVector, encode, protocol::codesync::Message as Extension};
use tokio::sync::oneshot;

use super::State;
use crate::{
    room::{PeerId, RoomError, Text},
    ws::outbox::{Frame, Pushed},
};

/// Bytes that may wait for the log before the room stops reading its mailbox.
const PENDING_BYTES_MAX: usize = 16 << 20;
/// Things that may be owed before the room stops reading its mailbox.
const OWED_MAX: usize = 65_536;

/// What is owed to somebody once a flush is durable.
pub(super) enum Owed {
    Frame(PeerId, Frame),
    Mark(PeerId, u64),
    Diff(PeerId, StateVector),
    CatchUp(PeerId),
    Text(oneshot::Sender<Result<Text, RoomError>>, Text),
}

#[derive(Default)]
pub(super) struct Waiting {
    /// Fanned out and not yet given to the log.
    pending: Vec<Bytes>,
    pending_bytes: usize,
    pending_since: Option<Instant>,
    /// Number of the newest flush that holds edits; of the newest one in the append under way; of the newest durable one.
    flushed: u64,
    appending: Option<u64>,
    durable: u64,
    owed: VecDeque<(u64, Owed)>,
}

impl Waiting {
    /// Whether more may be taken in; otherwise the log has to catch up first.
    pub(super) fn accepts(&self) -> bool {
        self.pending_bytes < PENDING_BYTES_MAX && self.owed.len() < OWED_MAX
    }

    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    pub(super) fn begin_flush(&mut self) {
        self.flushed += 1;
    }

    /// Adds edits of the present flush; the oldest of them had arrived then.
    pub(super) fn push(&mut self, updates: impl Iterator<Item = Bytes>, received: Option<Instant>) {
        self.pending_since = self.pending_since.or(received);
        for update in updates {
            self.pending_bytes += update.len();
            self.pending.push(update);
        }
    }

    /// Keeps them sorted by flush: what one peer waits for may end before what another was promised earlier.
    pub(super) fn owe(&mut self, flush: u64, owed: Owed) {
        let at = self.owed.partition_point(|(earlier, _)| *earlier <= flush);
        self.owed.insert(at, (flush, owed));
    }

    fn take_append(&mut self) -> Option<Vec<Bytes>> {
        if self.appending.is_some() || self.pending.is_empty() {
            return None;
        }
        self.appending = Some(self.flushed);
        self.pending_bytes = 0;
        Some(std::mem::take(&mut self.pending))
    }

    /// The append under way has returned.
    fn appended(&mut self) -> Option<Instant> {
        self.durable = self.appending.take()?;
        // Edits that came meanwhile are at least as young as now.
        std::mem::replace(&mut self.pending_since, (!self.pending.is_empty()).then(Instant::now))
    }

    fn take_due(&mut self) -> Option<Owed> {
        self.owed.pop_front_if(|(flush, _)| *flush <= self.durable).map(|(_, owed)| owed)
    }
}

impl State {
    /// Takes what has to be appended next, if the append before has returned.
    pub fn take_append(&mut self) -> Option<Vec<Bytes>> {
        self.waiting.take_append()
    }

    /// Hears that the append under way, if there is one, is durable; returns when the oldest edit in it had arrived.
    pub fn appended(&mut self) -> Option<Instant> {
        let received = self.waiting.appended();
        while let Some(owed) = self.waiting.take_due() {
            self.settle(owed);
        }
        received
    }

    /// Does it once everything taken in so far is durable: at once if it is.
    pub(super) fn owe(&mut self, peer: PeerId, owed: impl FnOnce(PeerId) -> Owed) {
        let flush = self.waiting.flushed + u64::from(!self.outgoing.own.is_empty());
        if flush <= self.waiting.durable {
            self.settle(owed(peer));
        } else {
            if let Some(peer) = self.peers.get(peer) {
                peer.owed_until = flush;
            }
            self.waiting.owe(flush, owed(peer));
        }
    }

    fn settle(&mut self, owed: Owed) {
        match owed {
            Owed::Frame(id, frame) => self.push(id, frame),
            Owed::Mark(id, mark) => self.mark(id, mark),
            Owed::Diff(id, theirs) => self.answer_step1(id, theirs),
            Owed::CatchUp(id) => self.catch_up(id),
            Owed::Text(reply, text) => {
                let _ = reply.send(Ok(text));
            }
        }
    }

    fn mark(&mut self, id: PeerId, mark: u64) {
        let Some(peer) = self.peers.get(id) else { return };
        let pushed = peer.outbox.push(encode::codesync(&Extension::Mark(mark)).into());
        if pushed == Pushed::Dropped {
            peer.missed_mark = peer.missed_mark.max(Some(mark));
        }
    }

    fn answer_step1(&mut self, id: PeerId, theirs: StateVector) {
        let Some(peer) = self.peers.get(id) else { return };
        peer.has = Arc::new(theirs);
        if !std::mem::replace(&mut peer.answered, true) || peer.outbox.is_drained() {
            let diff = encode::sync_step2(&self.replica.diff(&peer.has));
            self.push(id, diff.into());
        } else {
            // Whoever asks again before taking what was sent gets one answer once it has: asking costs it the reading.
            peer.outbox.fall_behind();
        }
    }

    fn catch_up(&mut self, id: PeerId) {
        let now = Arc::new(self.replica.state_vector().clone());
        let Some(peer) = self.peers.get(id) else { return };
        let diff = self.replica.diff(&peer.has);
        peer.outbox.resume();
        peer.push(encode::sync_step2(&diff));
        peer.has = now;
        peer.push(self.speakers.everyone());
        if peer.asked {
            peer.push(encode::sync_step1(self.replica.state_vector()));
        }
        if let Some(mark) = peer.missed_mark.take() {
            self.mark(id, mark);
        }
    }
}
