//! Fanning out: what was taken in since the last time goes to the peers as one frame, and waits for the log.

use std::time::Instant;

use bytes::Bytes;
use codesync_crdt::{Update, encode};

use super::{State, owed::Owed};
use crate::{
    room::{Dialect, PeerId},
    ws::outbox::Frame,
};

/// Edits that are applied and not yet fanned out.
#[derive(Default)]
pub(super) struct Outgoing {
    /// All, in the order in which they were applied.
    pub(super) updates: Vec<Update>,
    /// Those of our own peers: the others come from the log.
    pub(super) own: Vec<Update>,
    authors: Vec<PeerId>,
    oldest: Option<Instant>,
}

impl Outgoing {
    /// Adds an edit of one of our peers, or of the server itself.
    pub(super) fn push_own(&mut self, update: Update, author: Option<PeerId>, received: Instant) {
        self.updates.push(update.clone());
        self.own.push(update);
        self.oldest.get_or_insert(received);
        if let Some(author) = author.filter(|author| !self.authors.contains(author)) {
            self.authors.push(author);
        }
    }
}

impl State {
    /// Fans out what was taken in since the last time: one frame for all, once. Returns what the other nodes are to
    /// hear of presence.
    pub fn flush(&mut self) -> Option<Bytes> {
        let (presence, elsewhere) = self.speakers.take_news();
        if let Some(frame) = presence {
            self.peers.iter_mut().for_each(|(_, peer)| peer.push(frame.clone()));
        }
        let outgoing = std::mem::take(&mut self.outgoing);
        if !outgoing.updates.is_empty() {
            self.flush_updates(&outgoing);
        }
        elsewhere
    }

    fn flush_updates(&mut self, outgoing: &Outgoing) {
        let own_alone = outgoing.own.len() == outgoing.updates.len();
        if !outgoing.own.is_empty() {
            self.waiting.begin_flush();
        }
        let all = Update::merge(&outgoing.updates);
        for update in &all {
            let frame = Frame { bytes: encode::update(update.bytes()).into(), received: outgoing.oldest };
            self.fan_out(&frame, &outgoing.authors);
        }
        if outgoing.own.is_empty() {
            return;
        }
        let own = if own_alone { all } else { Update::merge(&outgoing.own) };
        self.waiting.push(own.iter().map(|update| update.bytes().clone()), outgoing.oldest);
    }

    /// Peers that wrote nothing of it hear at once. Its authors hear once it is durable, and whoever still waits for an
    /// earlier frame hears it behind that one: what builds on an edit never overtakes it.
    fn fan_out(&mut self, frame: &Frame, authors: &[PeerId]) {
        let mut waits = Vec::new();
        for (id, peer) in self.peers.iter_mut() {
            let wrote = authors.contains(&id);
            if wrote && peer.dialect == Dialect::Codesync && authors.len() == 1 {
                continue;
            }
            if wrote {
                peer.owed_until = self.waiting.flushed();
            }
            if peer.owed_until > self.waiting.durable() {
                waits.push((peer.owed_until, id));
            } else {
                peer.push(frame.clone());
            }
        }
        for (flush, id) in waits {
            self.waiting.owe(flush, Owed::Frame(id, frame.clone()));
        }
    }
}
