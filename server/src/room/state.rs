//! One live document, pure: commands in, effects out. It owns the replica and its peers, and knows no store, task or
//! clock. Invariant: no client learns that an edit is durable before the append that holds it has returned.

mod calls;
mod conflicts;
mod deferred;
mod edits;
mod fan_out;
pub(super) mod owners;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use codesync_crdt::{AwarenessEntry, ClientId, Document, Replica, encode, protocol::codesync::Message as Extension};
use tokio::sync::oneshot;

use self::{
    calls::{Calls, ServerClient},
    conflicts::difference,
    deferred::{Deferred, Waiting},
    edits::refuse_in_words,
    fan_out::Outgoing,
    owners::Owners,
};
use super::{
    Command, Dialect, Member, NewPeer, PeerId, PeerMessage, Urgent,
    peers::{Peer, Peers},
    publishers::Publishers,
};
use crate::{
    auth::{SocketGrant, events::AccessEvent},
    close::CloseReason,
    digest::Digest,
    long_work::yield_if_large,
    offset::Offset,
    role::Role,
    room::outbox::Frame,
};

/// Documents below this size are not measured again.
const MEASURED_MIN: usize = 256 << 10;

/// What the actor must do after some commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The document is gone: end the room.
    pub end: bool,
    /// The replica can no longer be trusted: load another one from what is stored, without an effect on the peers.
    pub rebuild: bool,
    /// Take a snapshot soon, the last peer has left.
    pub snapshot: bool,
    /// Read the log: another node may have appended edits that are not known here yet.
    pub read_log: bool,
}

/// The room's state.
pub struct State {
    replica: Replica,
    publishers: Publishers,
    owners: Owners,
    peers: Peers,
    server_client: ServerClient,
    document_bytes_max: usize,
    calls: Calls,
    outgoing: Outgoing,
    waiting: Waiting,
    /// The log has been unavailable since the last append that returned.
    log_is_unavailable: bool,
    /// An entry of the log differs from the replica: one of the two must be given up.
    is_doubtful: bool,
    /// When the newest command was handled.
    now_ms: u64,
    deleted: Option<oneshot::Sender<()>>,
}

impl State {
    /// The state of a loaded replica; `fresh_client` returns ids for edits that the server makes.
    pub fn new(replica: Document, fresh_client: fn() -> ClientId, document_bytes_max: usize) -> Self {
        Self {
            replica: replica.into(),
            publishers: Publishers::new(),
            owners: Owners::default(),
            peers: Peers::default(),
            server_client: ServerClient::new(fresh_client),
            document_bytes_max,
            calls: Calls::default(),
            outgoing: Outgoing::default(),
            waiting: Waiting::default(),
            log_is_unavailable: false,
            is_doubtful: false,
            now_ms: 0,
            deleted: None,
        }
    }

    /// Handles one command. `now_ms` must only grow.
    pub fn handle(&mut self, command: Command, now_ms: u64, effects: &mut Effects) {
        self.now_ms = now_ms;
        match command {
            Command::Join { peer, joined } => {
                self.join(peer);
                let _ = joined.send(());
            }
            Command::Peer { from, message, received } => self.on_message(from, message, received, now_ms, effects),
            Command::Text(reply) => self.read_text(reply),
            Command::Replace { author, text, condition, reply } => self.replace(author, text, condition, reply),
            Command::Save(reply) => self.defer(Deferred::Saved(reply)),
            Command::Compacted(done) => self.compacted(done),
        }
    }

    /// Handles a command that waits for nothing. The replica is neither read nor changed, because it may be lost at
    /// that moment.
    pub fn handle_urgent(&mut self, urgent: Urgent, now_ms: u64, effects: &mut Effects) {
        match urgent {
            Urgent::Access(event) => self.access(&event, now_ms, effects),
            Urgent::Renewed(from, grant) => self.renewed(from, grant),
            Urgent::Members(reply) => {
                let _ = reply.send(self.peers.members());
            }
            Urgent::Kick => self.kick(now_ms),
            // The actor ends the room.
            Urgent::Unload => {}
            Urgent::Delete(reply) => {
                self.close_all(CloseReason::NotFound);
                self.deleted = Some(reply);
                effects.end = true;
            }
        }
    }

    /// Whether more commands are accepted; otherwise the log must catch up first.
    pub fn accepts(&self) -> bool {
        self.waiting.accepts()
    }

    /// Whether there is something to send to the peers.
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty() || self.publishers.has_news()
    }

    /// Counts joins and leaves.
    pub fn changes(&self) -> u64 {
        self.peers.changes()
    }

    /// The connected sockets.
    pub fn members(&self) -> Vec<Member> {
        self.peers.members()
    }

    /// Whether no socket is connected.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether every applied edit is durable, and no call waits for the log.
    pub fn is_durable(&self) -> bool {
        self.is_saved() && self.calls.is_empty()
    }

    /// Whether every applied edit is durable.
    fn is_saved(&self) -> bool {
        self.waiting.durable() == self.waiting.flushed() && self.outgoing.is_durable()
    }

    /// The whole document, encoded; `None` while the replica is lost.
    pub fn whole(&self) -> Option<Bytes> {
        Some(self.replica.live()?.state().into())
    }

    /// The digest of the replica; `None` while it is lost.
    pub fn digest(&self) -> Option<Digest> {
        let document = self.replica.live()?;
        Some(yield_if_large(document.size_bytes(), || Digest::of(document)))
    }

    /// Estimates the encoded size of the document; measures it when `measured` is far exceeded.
    pub fn size_bytes(&mut self, measured: usize) -> usize {
        let Some(document) = self.replica.live_mut() else { return measured };
        // Merged updates take less space than the updates one by one.
        if document.size_bytes() > MEASURED_MIN.max(2 * measured) {
            let half = document.size_bytes() / 2;
            yield_if_large(document.size_bytes(), || document.has_room(0, half));
        }
        document.size_bytes()
    }

    /// Applies presence from another node.
    pub fn apply_presence(&mut self, entries: Vec<AwarenessEntry>, now_ms: u64) {
        self.publishers.receive(entries, now_ms);
    }

    /// The presence of our own peers, for a node that requests it.
    pub fn own_presence(&self) -> Option<Bytes> {
        self.publishers.here()
    }

    /// Continues with another replica, which holds everything durable; nothing else may be waiting to become durable.
    pub fn rebuilt(&mut self, replica: Document) {
        debug_assert!(self.is_saved(), "edits that only the lost replica held");
        let lost = std::mem::replace(&mut self.replica, replica.into());
        let place = match (lost.live(), self.replica.live()) {
            (Some(lost), Some(replica)) if self.is_doubtful => difference(lost, replica),
            _ => None,
        };
        self.is_doubtful = false;
        if let Some(place) = place {
            self.forked(place);
        }
        self.bring_up_to_date();
        self.settle_due();
    }

    /// Sends every peer what it lacks: another replica may hold entries of the log that were never sent here.
    fn bring_up_to_date(&mut self) {
        let waits = |peer: &Peer| !peer.answered || peer.unjudged.step1.is_some() || peer.outbox.is_behind();
        let due: Vec<PeerId> = self.peers.iter_mut().filter(|(_, peer)| !waits(peer)).map(|(id, _)| id).collect();
        for id in due {
            self.send_diff(id);
        }
    }

    /// The log holds other edits than the replica: the next replica shows whose were first.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Ends the presence of clients that were silent for too long, and discards records that no longer count.
    pub fn expire(&mut self, now_ms: u64) {
        self.peers.rest(now_ms);
        self.publishers.expire(now_ms);
    }

    /// Closes every socket, and answers callers that wait for the document's deletion.
    pub fn end(&mut self, reason: CloseReason) {
        self.close_all(reason);
        if let Some(deleted) = self.deleted.take() {
            let _ = deleted.send(());
        }
    }

    fn join(&mut self, peer: NewPeer) {
        let id = peer.id;
        if !self.publishers.is_silent() {
            peer.outbox.push(self.publishers.everyone().into());
        }
        self.peers.add(peer);
        self.ask(id);
    }

    /// Sends our step 1.
    fn ask(&mut self, id: PeerId) {
        let (Some(peer), Some(document)) = (self.peers.get(id), self.replica.live()) else { return };
        peer.asks += 1;
        let known = document.state_vector();
        if !peer.unjudged.is_asked() {
            return peer.push(encode::sync_step1(known));
        }
        let mut lowered = known.clone();
        let places = peer.unjudged.lowered.iter().chain(&peer.unjudged.doubtful);
        places.for_each(|(client, clock)| lowered.retreat(*client, *clock));
        peer.push(encode::sync_step1(&lowered));
    }

    /// Requests the edits before a gap, unless that request is unanswered: a flood of gaps causes one request.
    fn ask_for_gap(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get(id).filter(|peer| !peer.asked_for_gap) {
            peer.asked_for_gap = true;
            self.ask(id);
        }
    }

    fn on_message(
        &mut self,
        from: PeerId,
        message: PeerMessage,
        received: Instant,
        now_ms: u64,
        effects: &mut Effects,
    ) {
        let Some(peer) = self.peers.get(from) else { return };
        match message {
            PeerMessage::Step1(theirs) => self.step1(from, theirs),
            PeerMessage::Step2(bytes) => {
                peer.asks = peer.asks.saturating_sub(1);
                if peer.asks > 0 && peer.unjudged.is_asked() {
                    // The answer to the newest step 1 contains all of it, after the edits that must be compared first.
                    return;
                }
                peer.asked_for_gap = false;
                self.before_step2(from);
                self.edit(from, bytes, received, now_ms, effects);
                self.after_step2(from);
            }
            PeerMessage::Update(bytes) => {
                if !peer.grant.role.may_edit() {
                    return refuse_in_words(peer, "read_only", "viewers cannot edit");
                }
                self.edit(from, bytes, received, now_ms, effects);
            }
            PeerMessage::Awareness(entries) => self.publish(from, entries, now_ms),
            PeerMessage::QueryAwareness => peer.push(self.publishers.everyone()),
            PeerMessage::Mark(mark) => self.defer(Deferred::Mark(from, mark)),
            PeerMessage::Behind => self.defer(Deferred::CatchUp(from)),
            PeerMessage::Left => {
                self.peers.remove(from);
                self.owners.left(from);
                self.publishers.left(from, now_ms);
                effects.snapshot = self.peers.is_empty();
            }
        }
    }

    fn renewed(&mut self, from: PeerId, grant: Arc<SocketGrant>) {
        let Some(peer) = self.peers.get(from) else { return };
        let (before, role) = (peer.grant.role, grant.role);
        peer.grant = grant;
        if role != before {
            self.set_role(from, role);
        }
    }

    fn publish(&mut self, from: PeerId, entries: Vec<AwarenessEntry>, now_ms: u64) {
        for mut entry in entries {
            let client = entry.client;
            if let (Some(peer), Some(state)) = (self.peers.get(from), &mut entry.state)
                && peer.is_renamed
                && let Some(stamped) = peer.grant.stamp(state)
            {
                // Its session stamps presence with the name that it had when it joined.
                *state = stamped;
            }
            let (user, owner) = (self.peers.user(from), self.owners.socket(client).and_then(|id| self.peers.user(id)));
            let is_writer = user.is_some_and(|user| self.owners.is_writer(user, client));
            if owner.is_some() && owner != user && !is_writer {
                continue;
            }
            let published = self.publishers.publish(from, entry, |id| self.peers.user(id), is_writer, now_ms);
            if published.declares {
                self.declare(from, client);
            }
            if let Some(answer) = published.answer {
                self.push(from, answer.into());
            }
        }
        // An answer that waited only for the ids that it might concern.
        let Some(peer) = self.peers.get(from) else { return };
        if !peer.unjudged.is_asked() && !peer.declared.is_empty() {
            self.judged(from);
        }
    }

    fn push(&mut self, id: PeerId, frame: Frame) {
        if let Some(peer) = self.peers.get(id) {
            peer.push(frame);
        }
    }

    fn access(&mut self, event: &AccessEvent, now_ms: u64, effects: &mut Effects) {
        match event {
            AccessEvent::Grant { user, role, .. } => {
                for id in self.peers.of_user(*user) {
                    match role {
                        Some(role) => self.set_role(id, *role),
                        None => self.close(id, CloseReason::Forbidden, now_ms),
                    }
                }
            }
            AccessEvent::DocumentDeleted(_) => {
                self.close_all(CloseReason::NotFound);
                // A room that continued would mistake the removed log for a lost one, and write it again.
                effects.end = true;
            }
            AccessEvent::LoginEnded(session) => {
                for id in self.peers.of_login(*session) {
                    self.close(id, CloseReason::Unauthenticated, now_ms);
                }
            }
            AccessEvent::Renamed { user, name, color } => {
                for id in self.peers.of_user(*user) {
                    let Some(peer) = self.peers.get(id) else { continue };
                    let grant = Arc::make_mut(&mut peer.grant);
                    (grant.name, grant.color) = (name.clone(), color.clone());
                    peer.is_renamed = true;
                    self.publishers.stamp_again(id, grant, now_ms);
                }
            }
            // The registry checks every socket itself.
            AccessEvent::Missed => {}
            AccessEvent::UserEnded(user) => {
                for id in self.peers.of_user(*user) {
                    self.close(id, CloseReason::Unauthenticated, now_ms);
                }
            }
        }
    }

    fn kick(&mut self, now_ms: u64) {
        for id in self.peers.all() {
            self.close(id, CloseReason::Unavailable, now_ms);
        }
    }

    fn set_role(&mut self, id: PeerId, role: Role) {
        let Some(peer) = self.peers.get(id) else { return };
        Arc::make_mut(&mut peer.grant).role = role;
        if peer.dialect == Dialect::Codesync {
            peer.push(encode::codesync(&Extension::Role { role: role.as_str() }));
        }
    }

    fn close(&mut self, id: PeerId, reason: CloseReason, now_ms: u64) {
        self.peers.close(id, reason);
        self.owners.left(id);
        self.publishers.left(id, now_ms);
    }

    fn close_all(&mut self, reason: CloseReason) {
        self.peers.close_all(reason);
        self.publishers.left_all();
    }

    /// From time to time the state of clients that are up to date is recorded again, so that a later diff for them is
    /// small.
    fn compacted(&mut self, done: Option<Offset>) {
        // Nobody has what was not sent yet.
        if done.is_none() || !self.outgoing.is_empty() {
            return;
        }
        let Some(document) = self.replica.live() else { return };
        let now = Arc::new(document.state_vector().clone());
        let durable = self.waiting.durable();
        for (id, peer) in self.peers.iter_mut() {
            // Nobody has the echo of what is not durable yet.
            if peer.outbox.is_drained() && peer.deferred_until.max(self.waiting.newest_by(id)) <= durable {
                peer.has = now.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests;
