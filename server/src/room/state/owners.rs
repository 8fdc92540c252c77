//! The client ids in use. A socket declares an id by its presence. New edits under an id that another user's open
//! socket declares are refused, after that socket had the chance to send what it has. Under an id that nobody declares
//! they are accepted: a device may return what a restored server lacks. Example: Bob's socket sends edits under Ada's
//! id. If Ada is connected, she is asked; if her answer lacks them, Bob gets `client_conflict`. If she is not
//! connected, they are applied.

use std::collections::BTreeMap;

use codesync_crdt::{ClientId, Comparison, StateVector, Update};
use smallvec::SmallVec;
use tracing::debug;

use super::{Effects, State, deferred::Deferred};
use crate::{
    ids::UserId,
    room::{PeerId, peers::Peer},
};

/// How long the answer to a client's step 1 waits for the client's own step 2, and how long edits are ignored that this
/// step 2 repeats.
const JUDGED_WITHIN_MS: u64 = 2_000;
/// How long the room waits for the log of a node where the owner may be.
const ELSEWHERE_MS: u64 = 3_000;
/// How long an owner may take to send what it has.
const OWNER_MS: u64 = 10_000;
/// The interval of requests to a client whose edits wait for an owner.
const ASK_AGAIN_MS: u64 = 1_000;
/// The number of ids whose authors are remembered. Above it, the ids of the user with most of them are discarded first,
/// and their owners send more at their next connection.
const REMEMBERED_MAX: usize = 8_192;
/// The number of users that are remembered to have brought edits of one id.
const BRINGERS_MAX: usize = 8;
/// The number of ids that one socket may declare.
const DECLARED_MAX: usize = 32;

/// The record of client ids of this room.
#[derive(Default)]
pub(super) struct Owners {
    /// The socket that declared an id last.
    declared: BTreeMap<ClientId, PeerId>,
    /// For each id, the clock up to which all edits, from the first one, were made by a user whose socket declared it.
    written: BTreeMap<ClientId, (UserId, u32)>,
    /// The users that brought edits under an id that is not known to be their own, the earliest first, and the first
    /// clock of each.
    brought: BTreeMap<ClientId, SmallVec<[(UserId, u32); 1]>>,
    due_ms: Option<u64>,
}

impl Owners {
    /// The open socket that declares an id.
    pub(super) fn socket(&self, client: ClientId) -> Option<PeerId> {
        self.declared.get(&client).copied()
    }

    fn wrote(&mut self, client: ClientId, user: UserId, end: u32) {
        if self.written.len() >= REMEMBERED_MAX && !self.written.contains_key(&client) {
            self.written.retain(|_, (author, _)| *author != user);
            if self.written.len() >= REMEMBERED_MAX {
                self.written.clear();
            }
        }
        self.written.insert(client, (user, end));
    }

    fn brought(&mut self, client: ClientId, user: UserId, start: u32) {
        if self.brought.len() >= REMEMBERED_MAX && !self.brought.contains_key(&client) {
            // An id whose first edit was brought may be anybody's, and one update can name thousands. Edits that were
            // appended to somebody's own edits are the ones to remember.
            self.brought.retain(|_, all| all.iter().any(|(_, start)| *start > 0));
            if self.brought.len() >= REMEMBERED_MAX {
                return;
            }
        }
        let all = self.brought.entry(client).or_default();
        if all.len() < BRINGERS_MAX && all.iter().all(|(other, _)| *other != user) {
            all.push((user, start));
        }
    }

    /// Whether this room received the first edits of an id from a user that declared it.
    pub(super) fn is_writer(&self, user: UserId, client: ClientId) -> bool {
        self.written.get(&client).is_some_and(|(author, _)| *author == user)
    }

    /// The first clock from which others brought edits under an id that may be this user's own.
    fn doubtful_from(&self, user: UserId, client: ClientId, declares: bool) -> Option<u32> {
        let all = self.brought.get(&client)?;
        let may_be_own =
            declares || self.is_writer(user, client) || all.first().is_some_and(|(first, _)| *first == user);
        all.iter().filter(|(other, _)| may_be_own && *other != user).map(|(_, start)| *start).min()
    }

    /// Removes a socket and its declared ids.
    pub(super) fn left(&mut self, id: PeerId) {
        self.declared.retain(|_, socket| *socket != id);
    }
}

/// Edits that wait for the owner of their client id.
#[derive(Debug)]
pub(in crate::room) struct Held {
    client: ClientId,
    since_ms: u64,
    verdict: Verdict,
    /// The newest step 2 contained these edits too.
    is_repeated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Waits,
    /// The owner has sent what it has.
    Refuse,
    /// The owner does not answer.
    Accept,
}

/// A socket whose own edits are not compared yet.
#[derive(Debug, Default)]
pub(in crate::room) struct Unjudged {
    /// Its step 1, to be answered afterwards.
    pub(super) step1: Option<StateVector>,
    /// The latest time of the answer; without it nothing is waited for.
    pub(super) until_ms: Option<u64>,
    /// It must send the edits of these ids from these clocks on.
    pub(super) lowered: BTreeMap<ClientId, u32>,
    /// The same for ids that may be its own, and under which others have brought edits.
    pub(super) doubtful: BTreeMap<ClientId, u32>,
    /// The edits being applied are from that answer.
    is_answered: bool,
}

impl Unjudged {
    /// Whether it must send edits that the room has already.
    pub(super) fn is_asked(&self) -> bool {
        !self.lowered.is_empty() || !self.doubtful.is_empty()
    }

    /// Whether an update waits for the answer, which repeats it after edits that are compared.
    pub(super) fn is_early(&self, update: &Update) -> bool {
        !self.is_answered && update.inserts().any(|(client, _)| self.lowered.contains_key(&client))
    }
}

impl State {
    /// Records that a socket may publish presence for a client id: the id is its own. If the room may have other edits
    /// under it, the socket must send its own.
    pub(super) fn declare(&mut self, id: PeerId, client: ClientId) {
        let known = self.known(client);
        let Some(peer) = self.peers.get(id) else { return };
        let user = peer.grant.user;
        if !peer.grant.role.may_edit() {
            return;
        }
        let again = peer.declared.contains(&client);
        if !again && peer.declared.len() == DECLARED_MAX {
            return;
        }
        self.owners.declared.insert(client, id);
        if again {
            return;
        }
        peer.declared.push(client);
        let own = self.owners.written.get(&client).filter(|(author, _)| *author == user).map_or(0, |(_, end)| *end);
        // A page that was just loaded has no edits under an id that it happens to share.
        let has_some = peer.unjudged.step1.as_ref().is_none_or(|theirs| theirs.clock(client) > 0);
        if own < known && has_some {
            peer.unjudged.lowered.insert(client, own);
            peer.unjudged.until_ms = Some(self.now_ms + JUDGED_WITHIN_MS);
            self.due_at(self.now_ms + JUDGED_WITHIN_MS);
            self.ask(id);
        }
    }

    /// Answers step 1. A client that already has part of the document may have own edits that the answer would hit:
    /// those must arrive first.
    pub(super) fn step1(&mut self, id: PeerId, theirs: StateVector) {
        let now_ms = self.now_ms;
        let Some(peer) = self.peers.get(id) else { return };
        let first = !peer.answered && peer.asks > 0;
        if first && !theirs.is_empty() && peer.grant.role.may_edit() {
            let (owners, user) = (&self.owners, peer.grant.user);
            let doubtful = theirs.iter().filter_map(|(client, end)| {
                let from = owners.doubtful_from(user, client, false)?;
                (from < end).then_some((client, from))
            });
            peer.unjudged.doubtful = doubtful.collect();
            let asks = !peer.unjudged.doubtful.is_empty();
            peer.unjudged.step1 = Some(theirs);
            peer.unjudged.until_ms.get_or_insert(now_ms + JUDGED_WITHIN_MS);
            self.due_at(now_ms + JUDGED_WITHIN_MS);
            if asks {
                self.ask(id);
            }
        } else {
            self.defer(Deferred::Diff(id, theirs));
        }
    }

    /// Ends the wait for a socket's own edits, if there is one.
    pub(super) fn judged(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        let unjudged = std::mem::take(&mut peer.unjudged);
        if let Some(theirs) = unjudged.step1.filter(|_| !peer.has_conflict) {
            self.defer(Deferred::Diff(id, theirs));
        }
    }

    /// Whether an update must wait, or is refused, because of the client ids of its new edits.
    pub(super) fn is_held(&mut self, from: PeerId, user: UserId, update: &Update, effects: &mut Effects) -> bool {
        let Some((client, clock)) = self.foreign(from, user, update) else { return false };
        let since_ms = self.now_ms;
        let Some(peer) = self.peers.get(from) else { return true };
        if let Some(held) = &mut peer.held {
            held.is_repeated = true;
        }
        match peer.held.as_ref().map(|held| held.verdict) {
            Some(Verdict::Accept) => {
                peer.held = None;
                return false;
            }
            Some(Verdict::Refuse) => self.conflict(from, client, clock),
            Some(Verdict::Waits) => {}
            None if self.server_client.is(client) => self.conflict(from, client, clock),
            None => {
                peer.held = Some(Held { client, since_ms, verdict: Verdict::Waits, is_repeated: true });
                self.due_at(since_ms + ASK_AGAIN_MS);
                match self.owners.declared.get(&client) {
                    Some(&owner) => self.ask(owner),
                    None => effects.read_log = true,
                }
            }
        }
        true
    }

    /// A step 2 contains everything that its socket has and the room lacks: waiting edits that are not in it need not
    /// wait any more.
    pub(super) fn before_step2(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        peer.unjudged.is_answered = true;
        if let Some(held) = &mut peer.held {
            held.is_repeated = false;
        }
    }

    /// The same step 2 has been applied.
    pub(super) fn after_step2(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        peer.held.take_if(|held| !held.is_repeated);
        // If the owner waits too, a server was restored and each has the words of all: nobody can be first.
        let verdict = if peer.held.is_some() { Verdict::Accept } else { Verdict::Refuse };
        self.judged(id);
        self.owner_answered(id, verdict);
    }

    fn known(&self, client: ClientId) -> u32 {
        self.replica.live().map_or(0, |document| document.state_vector().clock(client))
    }

    /// The first new edits under an id that another user's open socket declares, on any node.
    fn foreign(&self, from: PeerId, user: UserId, update: &Update) -> Option<(ClientId, u32)> {
        let new = update.inserts().filter(|(client, clocks)| clocks.end > self.known(*client));
        new.map(|(client, _)| (client, self.known(client))).find(|(client, _)| {
            let is_others = || self.owner(*client, from).is_some_and(|owner| owner != user);
            self.server_client.is(*client) || (is_others() && !self.owners.is_writer(user, *client))
        })
    }

    /// The user of the open socket that declares an id.
    fn owner(&self, client: ClientId, from: PeerId) -> Option<UserId> {
        match self.owners.declared.get(&client) {
            Some(socket) if *socket == from => None,
            Some(socket) => self.peers.user(*socket),
            None => self.publishers.elsewhere(client),
        }
    }

    /// Compares the known clocks of an update. If another user wrote under its sender's id, edits that were deleted
    /// since may be ones that the sender never sent: they count as different.
    pub(super) fn compare(&self, user: UserId, update: &Update) -> Comparison {
        let Some(document) = self.replica.live() else { return Comparison::Same };
        document.compare_strictly(update, |client| {
            let declarer = self.owners.socket(client).and_then(|socket| self.peers.user(socket));
            self.owners.doubtful_from(user, client, declarer == Some(user))
        })
    }

    /// Records the authors of edits, before they are applied.
    pub(super) fn note_authors(&mut self, from: PeerId, user: UserId, update: &Update) {
        let Some(peer) = self.peers.get(from) else { return };
        let lowered = peer.unjudged.lowered.clone();
        for (client, clocks) in update.inserts() {
            let known = self.known(client);
            let declared = self.owners.socket(client).and_then(|socket| self.peers.user(socket));
            // Everybody can repeat the known edits of an author; that makes nobody their author.
            let others_wrote = self.owners.written.get(&client).is_some_and(|(author, _)| *author != user);
            if !others_wrote && lowered.get(&client).is_some_and(|lowered| clocks.start <= *lowered) {
                self.owners.wrote(client, user, clocks.end.min(known));
            }
            if clocks.end <= known {
                continue;
            }
            if declared != Some(user) {
                metrics::counter!("codesync_edits_brought_total").increment(1);
                debug!(client, clock = known, user.id = %user.0, "edits under an id that their sender does not declare");
            }
            let (author, end) = self.owners.written.get(&client).copied().unwrap_or((declared.unwrap_or(user), 0));
            if declared.is_none_or(|owner| owner == user) && author == user && end == known {
                self.owners.wrote(client, user, clocks.end);
            } else if declared != Some(user) || author != user {
                self.owners.brought(client, user, known);
            }
        }
    }

    /// A socket has sent everything that it has: edits that wait for it are requested once more.
    fn owner_answered(&mut self, owner: PeerId, verdict: Verdict) {
        let declared = &self.owners.declared;
        let waits = |peer: &Peer| {
            peer.held
                .as_ref()
                .is_some_and(|held| declared.get(&held.client) == Some(&owner) && held.verdict == Verdict::Waits)
        };
        let waiting: Vec<PeerId> = self.peers.iter_mut().filter(|(_, peer)| waits(peer)).map(|(id, _)| id).collect();
        for id in waiting {
            self.judge_held(id, verdict);
        }
    }

    /// When a wait for a socket's own edits, or for an owner, ends.
    pub fn due_ms(&self) -> Option<u64> {
        self.owners.due_ms
    }

    fn due_at(&mut self, due_ms: u64) {
        self.owners.due_ms = Some(self.owners.due_ms.map_or(due_ms, |due| due.min(due_ms)));
    }

    /// Handles waits that have ended.
    pub fn tick(&mut self, now_ms: u64, effects: &mut Effects) {
        self.now_ms = now_ms;
        self.owners.due_ms = None;
        for id in self.peers.all() {
            let Some(peer) = self.peers.get(id) else { continue };
            let held = peer.held.as_ref().filter(|held| held.verdict == Verdict::Waits);
            let held = held.map(|held| (held.client, now_ms.saturating_sub(held.since_ms)));
            match peer.unjudged.until_ms {
                Some(until_ms) if until_ms <= now_ms => self.judged(id),
                Some(until_ms) => self.due_at(until_ms),
                None => {}
            }
            if let Some((client, waited_ms)) = held {
                self.due_at(now_ms + ASK_AGAIN_MS);
                self.decide_held(id, client, waited_ms, effects);
            }
        }
    }

    /// Decides about edits that have waited long enough, or requests them again after the log was read.
    fn decide_held(&mut self, id: PeerId, client: ClientId, waited_ms: u64, effects: &mut Effects) {
        if self.owners.declared.contains_key(&client) {
            if waited_ms >= OWNER_MS {
                self.judge_held(id, Verdict::Accept);
            }
        } else if self.publishers.elsewhere(client).is_none() {
            self.judge_held(id, Verdict::Accept);
        } else if waited_ms >= ELSEWHERE_MS && !self.log_is_unavailable {
            self.judge_held(id, Verdict::Refuse);
        } else {
            effects.read_log = true;
            self.judge_held(id, Verdict::Waits);
        }
    }

    fn judge_held(&mut self, id: PeerId, verdict: Verdict) {
        if let Some(held) = self.peers.get(id).and_then(|peer| peer.held.as_mut()) {
            held.verdict = verdict;
            self.ask(id);
        }
    }
}
