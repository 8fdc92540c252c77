//! Fan-out: everything applied since the last flush is sent to the peers as one frame, and waits for the log. Authors
//! receive their own edits once they are durable. An edit of another author depends only on edits before it, and the
//! author's own edits among those it already has.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use codesync_crdt::{Update, encode};

use super::{
    State,
    deferred::{Deferred, Waiting},
};
use crate::room::{Dialect, PeerId, outbox::Frame, peers::Peer};

/// The origin of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The log: another node appended it, or this node did for a call.
    Log,
    /// One of our peers.
    Peer(PeerId),
}

/// Edits that are applied and not yet sent.
#[derive(Default)]
pub(super) struct Outgoing {
    /// All of them, in the order in which they were applied, and the origin of each.
    updates: Vec<Update>,
    origins: Vec<Origin>,
    /// The peers among the origins, each once.
    authors: Vec<PeerId>,
    from_log: usize,
    oldest: Option<Instant>,
}

impl Outgoing {
    pub(super) fn push(&mut self, update: Update, origin: Origin, received: Option<Instant>) {
        self.updates.push(update);
        self.origins.push(origin);
        self.oldest = self.oldest.or(received);
        match origin {
            Origin::Log => self.from_log += 1,
            Origin::Peer(author) if !self.authors.contains(&author) => self.authors.push(author),
            Origin::Peer(_) => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Whether all of them are in the log.
    pub(super) fn is_durable(&self) -> bool {
        self.from_log == self.updates.len()
    }

    /// The selected updates, merged.
    fn part(&self, wanted: impl Fn(Origin) -> bool) -> Vec<Update> {
        let all = self.updates.iter().zip(&self.origins);
        let part: Vec<_> = all.filter(|(_, origin)| wanted(**origin)).map(|(update, _)| update.clone()).collect();
        Update::merge(&part)
    }

    fn frame(&self, update: &Update) -> Frame {
        Frame { bytes: encode::update(update.bytes()).into(), received: self.oldest }
    }
}

/// Edits that were sent together.
pub(super) struct Batch {
    outgoing: Outgoing,
    pub(super) frames: Vec<Frame>,
}

impl Batch {
    fn has(&self, author: PeerId) -> bool {
        self.outgoing.authors.contains(&author)
    }

    /// Whether all of it has this author.
    fn is_all_of(&self, author: PeerId) -> bool {
        self.outgoing.authors == [author] && self.outgoing.origins.iter().all(|origin| *origin == Origin::Peer(author))
    }

    /// Sends an author the edits of the others at once, and its own later.
    pub(super) fn split(&self, id: PeerId, peer: &Peer, flush: u64, waiting: &mut Waiting) {
        let own = Origin::Peer(id);
        for update in self.outgoing.part(|origin| origin != own) {
            peer.push(self.outgoing.frame(&update));
        }
        self.defer_echo(id, peer, flush, waiting);
    }

    /// Sends an author its own edits later.
    fn defer_echo(&self, id: PeerId, peer: &Peer, flush: u64, waiting: &mut Waiting) {
        if peer.dialect == Dialect::Stock && self.has(id) {
            for update in self.outgoing.part(|origin| origin == Origin::Peer(id)) {
                waiting.defer(flush, Deferred::Echo(id, self.outgoing.frame(&update)));
            }
        }
    }
}

impl State {
    /// Sends everything applied since the last flush, as one frame for all. Returns presence for the other nodes.
    pub fn flush(&mut self) -> Option<Bytes> {
        let (presence, elsewhere) = self.publishers.take_news();
        if let Some(frame) = presence {
            self.peers.iter_mut().for_each(|(_, peer)| peer.push(frame.clone()));
        }
        if !self.outgoing.is_empty() {
            self.flush_updates();
        }
        elsewhere
    }

    fn flush_updates(&mut self) {
        let outgoing = std::mem::take(&mut self.outgoing);
        let all = Update::merge(&outgoing.updates);
        let frames = all.iter().map(|update| outgoing.frame(update)).collect();
        if !outgoing.is_durable() {
            let own = if outgoing.from_log == 0 { all } else { outgoing.part(|origin| origin != Origin::Log) };
            self.waiting.push_flush(own.iter().map(|update| update.bytes().clone()), outgoing.oldest);
        }
        self.fan_out(&Arc::new(Batch { outgoing, frames }));
    }

    /// Peers that wrote nothing of the batch receive it at once; while the log is unavailable, its authors receive the
    /// edits of the others at once. A peer that waits for an earlier frame receives this one after it, because an edit
    /// must never overtake what it depends on.
    fn fan_out(&mut self, batch: &Arc<Batch>) {
        let (flushed, durable) = (self.waiting.flushed(), self.waiting.durable());
        for (id, peer) in self.peers.iter_mut() {
            let in_order = peer.deferred_until <= durable;
            if peer.unjudged.step1.is_some() {
                // The answer to its step 1, which waits for its own edits, contains the edits of the others.
                batch.defer_echo(id, peer, flushed, &mut self.waiting);
            } else if !batch.has(id) {
                for frame in &batch.frames {
                    match in_order {
                        true => peer.push(frame.clone()),
                        false => self.waiting.defer(peer.deferred_until, Deferred::Frame(id, frame.clone())),
                    }
                }
            } else if batch.is_all_of(id) {
                for frame in batch.frames.iter().filter(|_| peer.dialect == Dialect::Stock) {
                    self.waiting.defer(flushed, Deferred::Echo(id, frame.clone()));
                }
            } else if self.log_is_unavailable && in_order {
                batch.split(id, peer, flushed, &mut self.waiting);
            } else {
                peer.deferred_until = flushed;
                self.waiting.defer(flushed, Deferred::Mixed(id, batch.clone()));
            }
        }
    }

    /// The log is unavailable for now: authors that wait for it receive the edits of the others.
    pub fn without_log(&mut self) {
        if std::mem::replace(&mut self.log_is_unavailable, true) {
            return;
        }
        let deferred = self.waiting.take_deferred();
        // Frames are of no use to them before the waiting diff.
        let diffs = deferred.iter().filter_map(|(_, deferred)| match deferred {
            Deferred::Diff(id, _) | Deferred::CatchUp(id) => Some(*id),
            _ => None,
        });
        let diffs: std::collections::BTreeSet<PeerId> = diffs.collect();
        for (flush, deferred) in deferred {
            match deferred {
                Deferred::Frame(id, frame) if !diffs.contains(&id) => self.push(id, frame),
                Deferred::Mixed(id, batch) if !diffs.contains(&id) => {
                    if let Some(peer) = self.peers.get(id) {
                        batch.split(id, peer, flush, &mut self.waiting);
                    }
                }
                other => self.waiting.defer(flush, other),
            }
        }
        for (_, peer) in self.peers.iter_mut().filter(|(id, _)| !diffs.contains(id)) {
            peer.deferred_until = 0;
        }
    }
}
