//! The sockets in a room: what each client has, and the frames that it still waits for.

use std::{collections::BTreeMap, sync::Arc};

use codesync_crdt::{ClientId, StateVector};
use time::OffsetDateTime;

use super::{
    Dialect, Member, NewPeer, PeerId,
    effort::Effort,
    state::owners::{Held, Unjudged},
};
use crate::{
    auth::SocketGrant,
    close::CloseReason,
    ids::{LoginId, UserId},
    room::outbox::{Frame, Outbox},
};

/// One socket.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) grant: Arc<SocketGrant>,
    /// Its grant has another name or colour than the session knows.
    pub(super) is_renamed: bool,
    pub(super) dialect: Dialect,
    pub(super) outbox: Outbox,
    since: OffsetDateTime,
    /// The state that the client certainly has: a diff after a dropped queue starts there.
    pub(super) has: Arc<StateVector>,
    /// The number of our own step 1 messages that were sent and not answered.
    pub(super) asks: u32,
    /// Whether a step 1 was sent since one of its edits had a gap before it.
    pub(super) asked_for_gap: bool,
    /// Whether its step 1 was answered at least once.
    pub(super) answered: bool,
    /// Whether its step 1 still needs an answer.
    pub(super) waits_for_step2: bool,
    /// The newest rejection of one of its edits. Its marks are answered by that, because not everything it sent was
    /// applied.
    pub(super) refused: Option<Frame>,
    /// Its replica differs from the room's permanently.
    pub(super) has_conflict: bool,
    /// The client ids that it declared by its presence.
    pub(super) declared: Vec<ClientId>,
    /// Messages that wait until its own edits are compared.
    pub(super) unjudged: Unjudged,
    /// Its edits that wait for the owner of their client id.
    pub(super) held: Option<Held>,
    /// Frames to it wait until this flush is durable, so that they stay in order.
    pub(super) deferred_until: u64,
    /// The greatest mark that became durable while its queue was dropped.
    pub(super) missed_mark: Option<u64>,
}

impl Peer {
    fn new(peer: NewPeer) -> Self {
        Self {
            grant: peer.grant,
            is_renamed: false,
            dialect: peer.dialect,
            outbox: peer.outbox,
            since: peer.since,
            has: Arc::default(),
            asks: 0,
            asked_for_gap: false,
            answered: false,
            waits_for_step2: false,
            refused: None,
            declared: Vec::new(),
            unjudged: Unjudged::default(),
            held: None,
            has_conflict: false,
            deferred_until: 0,
            missed_mark: None,
        }
    }

    /// Pushes a frame, unless the client can use nothing of the document any more.
    pub(super) fn push(&self, frame: impl Into<Frame>) {
        if !self.has_conflict {
            self.outbox.push(frame.into());
        }
    }
}

/// All sockets of a room.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_id: BTreeMap<PeerId, Peer>,
    efforts: BTreeMap<UserId, Effort>,
    /// Counts joins and leaves.
    changes: u64,
}

impl Peers {
    pub(super) fn add(&mut self, peer: NewPeer) {
        self.changes += 1;
        self.by_id.insert(peer.id, Peer::new(peer));
    }

    /// The effort of the user so far, connected or not.
    pub(super) fn effort(&mut self, user: UserId, now_ms: u64) -> &mut Effort {
        self.efforts.entry(user).or_insert_with(|| Effort::new(now_ms))
    }

    /// Removes the efforts of users whose allowances are full again.
    pub(super) fn rest(&mut self, now_ms: u64) {
        self.efforts.retain(|_, effort| !effort.is_rested(now_ms));
    }

    pub(super) fn get(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (PeerId, &mut Peer)> {
        self.by_id.iter_mut().map(|(id, peer)| (*id, peer))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The user of a socket.
    pub(super) fn user(&self, id: PeerId) -> Option<UserId> {
        self.by_id.get(&id).map(|peer| peer.grant.user)
    }

    /// Removes a socket.
    pub(super) fn remove(&mut self, id: PeerId) {
        self.changes += u64::from(self.by_id.remove(&id).is_some());
    }

    /// Closes and removes a socket.
    pub(super) fn close(&mut self, id: PeerId, reason: CloseReason) {
        if let Some(peer) = self.by_id.get(&id) {
            peer.outbox.close(reason);
        }
        self.remove(id);
    }

    /// Closes every socket.
    pub(super) fn close_all(&mut self, reason: CloseReason) {
        for peer in std::mem::take(&mut self.by_id).into_values() {
            self.changes += 1;
            peer.outbox.close(reason);
        }
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn members(&self) -> Vec<Member> {
        self.by_id.values().map(|peer| Member { grant: Arc::clone(&peer.grant), since: peer.since }).collect()
    }

    pub(super) fn all(&self) -> Vec<PeerId> {
        self.matching(|_| true)
    }

    pub(super) fn of_user(&self, user: UserId) -> Vec<PeerId> {
        self.matching(|grant| grant.user == user)
    }

    pub(super) fn of_login(&self, session: LoginId) -> Vec<PeerId> {
        self.matching(|grant| grant.login == session)
    }

    fn matching(&self, wanted: impl Fn(&SocketGrant) -> bool) -> Vec<PeerId> {
        self.by_id.iter().filter(|(_, peer)| wanted(&peer.grant)).map(|(id, _)| *id).collect()
    }
}
