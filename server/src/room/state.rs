//! One live document, pure: commands in, effects out. Owns the replica and its peers; knows no store, no task and no clock.
//! Invariant: nobody hears that an edit is durable before the append that holds it has returned.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use bytes::Bytes;
use codesync_crdt::{
    Awareness, AwarenessEntry, ClientId, Document, DocumentError, Effect, Limits, Refusal, StateVector, Update, encode,
    encode_awareness, protocol::codesync::Message as Extension,
};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::{
    Command, Dialect, Member, NewPeer, PeerId, RoomError, Said, TEXT, Text,
    effort::{self, Stopwatch},
    peers::{Peer, Peers},
};
use crate::{
    auth::{Role, events::AccessEvent},
    error::CloseReason,
    ids::UserId,
    log::Offset,
    ws::outbox::Frame,
};

/// Bytes that may wait for the log before the room stops reading its mailbox.
const PENDING_BYTES_MAX: usize = 16 << 20;
/// Things that may be owed before the room stops reading its mailbox.
const OWED_MAX: usize = 65_536;

/// What the actor has to do after some commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// The document is gone: end the room.
    pub end: bool,
    /// The replica is not to be trusted any more: load another one from what is stored, and let the peers notice nothing.
    pub rebuild: bool,
    /// Take a snapshot soon, the last peer has left.
    pub snapshot: bool,
}

/// What is owed to somebody once a flush is durable.
enum Owed {
    Frame(PeerId, Frame),
    Mark(PeerId, u64),
    Diff(PeerId, StateVector),
    CatchUp(PeerId),
    Text(oneshot::Sender<Result<Text, RoomError>>, Text),
}

/// Edits that are applied and not yet fanned out.
#[derive(Default)]
struct Outgoing {
    /// All, in the order in which they were applied.
    updates: Vec<Update>,
    /// Those of our own peers: the others come from the log.
    own: Vec<Update>,
    authors: Vec<PeerId>,
    awareness: Vec<ClientId>,
    /// Whose presence the other nodes do not know from elsewhere.
    own_awareness: Vec<ClientId>,
    oldest: Option<Instant>,
}

impl Outgoing {
    fn push_own(&mut self, update: Update, received: Instant) {
        self.updates.push(update.clone());
        self.own.push(update);
        self.oldest.get_or_insert(received);
    }

    fn push_presence(&mut self, client: ClientId) {
        self.awareness.push(client);
        self.own_awareness.push(client);
    }
}

/// What taking in updates of the log came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Something was new.
    pub changed: bool,
    /// Something builds on what is not there.
    pub gap: bool,
}

/// The room's state.
pub struct State {
    replica: Document,
    awareness: Awareness,
    peers: Peers,
    server_client: ClientId,
    document_bytes_max: usize,
    outgoing: Outgoing,
    /// Fanned out and not yet given to the log.
    pending: Vec<Bytes>,
    pending_bytes: usize,
    pending_since: Option<Instant>,
    /// Number of the newest flush that holds edits; of the newest one in the append under way; of the newest durable one.
    flushed: u64,
    appending: Option<u64>,
    durable: u64,
    owed: VecDeque<(u64, Owed)>,
    deleted: Option<oneshot::Sender<()>>,
}

impl State {
    /// A room around a loaded replica; `server_client` is the id that edits made by the server carry.
    pub fn new(replica: Document, server_client: ClientId, document_bytes_max: usize) -> Self {
        Self {
            replica,
            awareness: Awareness::new(&Limits::default()),
            peers: Peers::default(),
            server_client,
            document_bytes_max,
            outgoing: Outgoing::default(),
            pending: Vec::new(),
            pending_bytes: 0,
            pending_since: None,
            flushed: 0,
            appending: None,
            durable: 0,
            owed: VecDeque::new(),
            deleted: None,
        }
    }

    /// Takes in one command. `now_ms` only has to grow.
    pub fn handle(&mut self, command: Command, now_ms: u64, effects: &mut Effects) {
        match command {
            Command::Join { peer, joined } => {
                self.join(peer);
                let _ = joined.send(());
            }
            Command::Peer { from, said, received } => self.said(from, said, received, now_ms, effects),
            Command::Text(reply) => {
                let _ = reply.send(Text::of(self.replica.text(TEXT)));
            }
            Command::Replace { text, expected, reply } => self.replace(&text, expected, reply, effects),
            Command::Access(event) => self.access(&event, now_ms),
            Command::Members(reply) => {
                let _ = reply.send(self.peers.members());
            }
            Command::Kick => self.kick(now_ms),
            Command::Compacted(done) => self.compacted(done),
            Command::Delete(reply) => {
                self.peers.close_all(CloseReason::NotFound);
                self.deleted = Some(reply);
                effects.end = true;
            }
        }
    }

    /// Whether more commands may be taken in; otherwise the log has to catch up first.
    pub fn accepts(&self) -> bool {
        self.pending_bytes < PENDING_BYTES_MAX && self.owed.len() < OWED_MAX
    }

    /// Whether there is something to fan out.
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.updates.is_empty() || !self.outgoing.awareness.is_empty()
    }

    /// Grows with every socket that comes or goes.
    pub fn changes(&self) -> u64 {
        self.peers.changes()
    }

    /// The sockets that are here.
    pub fn members(&self) -> Vec<Member> {
        self.peers.members()
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether everything that was taken in is durable.
    pub fn is_durable(&self) -> bool {
        self.durable == self.flushed && self.outgoing.own.is_empty()
    }

    /// Fans out what was taken in since the last time: one frame for all, once. Returns what the other nodes are to
    /// hear of presence.
    pub fn flush(&mut self) -> Option<Bytes> {
        let outgoing = std::mem::take(&mut self.outgoing);
        if !outgoing.awareness.is_empty() {
            let entries = self.presence_of(&outgoing.awareness);
            let frame = Frame::from(encode::awareness(&encode_awareness(&entries)));
            self.peers.iter_mut().for_each(|(_, peer)| peer.push(frame.clone()));
        }
        if !outgoing.updates.is_empty() {
            self.flush_updates(&outgoing);
        }
        let own = self.presence_of(&outgoing.own_awareness);
        (!own.is_empty()).then(|| encode_awareness(&own).into())
    }

    fn flush_updates(&mut self, outgoing: &Outgoing) {
        let own_alone = outgoing.own.len() == outgoing.updates.len();
        self.flushed += u64::from(!outgoing.own.is_empty());
        let all = Update::merge(&outgoing.updates);
        for update in &all {
            let frame = Frame { bytes: encode::update(update.bytes()).into(), received: outgoing.oldest };
            self.fan_out(&frame, &outgoing.authors);
        }
        if outgoing.own.is_empty() {
            return;
        }
        self.pending_since = self.pending_since.or(outgoing.oldest);
        for update in if own_alone { all } else { Update::merge(&outgoing.own) } {
            self.pending_bytes += update.bytes().len();
            self.pending.push(update.bytes().clone());
        }
    }

    /// Takes in updates that stand in the log, from other nodes.
    pub fn take_in(&mut self, updates: Vec<Bytes>, effects: &mut Effects) -> TakenIn {
        let mut taken = TakenIn::default();
        for bytes in updates {
            let update = match self.replica.check_stored(bytes) {
                Ok(update) => update,
                Err(refusal) => {
                    debug!(%refusal, "an entry of the log does not follow");
                    taken.gap = true;
                    continue;
                }
            };
            match self.replica.apply(&update) {
                Ok(Effect::Unchanged) => {}
                Ok(Effect::Changed) => {
                    taken.changed = true;
                    self.outgoing.updates.push(update);
                }
                Err(error) => {
                    warn!(%error, "replica lost: it is rebuilt from what is stored");
                    effects.rebuild = true;
                    break;
                }
            }
        }
        taken
    }

    /// The whole document, encoded.
    pub fn whole(&self) -> Bytes {
        self.replica.state().into()
    }

    /// Takes in presence from another node.
    pub fn take_in_presence(&mut self, entries: Vec<AwarenessEntry>, now_ms: u64) {
        for entry in entries {
            let client = entry.client;
            if self.awareness.apply(entry, now_ms) {
                // It lives there now; a socket of ours that spoke for it has been left behind.
                self.peers.forget_speaker(client);
                self.outgoing.awareness.push(client);
            }
        }
    }

    /// The presence of our own peers, for a node that asks.
    pub fn own_presence(&self) -> Option<Bytes> {
        let own: Vec<_> = self.awareness.states().filter(|entry| self.peers.is_spoken_for(entry.client)).collect();
        (!own.is_empty()).then(|| encode_awareness(own).into())
    }

    /// Takes what has to be appended next, if the append before has returned.
    pub fn take_append(&mut self) -> Option<Vec<Bytes>> {
        if self.appending.is_some() || self.pending.is_empty() {
            return None;
        }
        self.appending = Some(self.flushed);
        self.pending_bytes = 0;
        Some(std::mem::take(&mut self.pending))
    }

    /// Hears that the append under way, if there is one, is durable; returns when the oldest edit in it had arrived.
    pub fn appended(&mut self) -> Option<Instant> {
        self.durable = self.appending.take()?;
        while self.owed.front().is_some_and(|(flush, _)| *flush <= self.durable) {
            let (_, owed) = self.owed.pop_front().expect("there is a front");
            self.settle(owed);
        }
        // Edits that came meanwhile are at least as young as now.
        std::mem::replace(&mut self.pending_since, (!self.pending.is_empty()).then(Instant::now))
    }

    /// Goes on with another replica, which holds all that was durable; nothing else may wait to become so.
    pub fn rebuilt(&mut self, replica: Document) {
        debug_assert!(self.is_durable(), "edits that only the lost replica held");
        self.replica = replica;
    }

    /// Ends the presence of clients that were silent too long, and forgets what no longer counts.
    pub fn expire(&mut self, now_ms: u64) {
        self.peers.rest(now_ms);
        for entry in self.awareness.expire(now_ms) {
            self.peers.forget_speaker(entry.client);
            self.outgoing.awareness.push(entry.client);
        }
    }

    /// Closes every socket, and lets go of who waits for the document's deletion.
    pub fn end(&mut self, reason: CloseReason) {
        self.peers.close_all(reason);
        if let Some(deleted) = self.deleted.take() {
            let _ = deleted.send(());
        }
    }

    fn join(&mut self, peer: NewPeer) {
        let id = peer.id;
        let everyone: Vec<_> = self.awareness.states().collect();
        if !everyone.is_empty() {
            peer.outbox.push(encode::awareness(&encode_awareness(everyone)).into());
        }
        self.peers.add(peer);
        self.ask(id);
    }

    /// Sends our step 1, unless one waits for its answer: a flood of gaps asks once.
    fn ask(&mut self, id: PeerId) {
        let step1 = encode::sync_step1(self.replica.state_vector());
        if let Some(peer) = self.peers.get(id).filter(|peer| !peer.asked) {
            peer.asked = true;
            peer.push(step1);
        }
    }

    fn said(&mut self, from: PeerId, said: Said, received: Instant, now_ms: u64, effects: &mut Effects) {
        let Some(peer) = self.peers.get(from) else { return };
        match said {
            Said::Step1(theirs) => self.owe(from, |peer| Owed::Diff(peer, theirs)),
            Said::Step2(bytes) => {
                peer.asked = false;
                self.edit(from, bytes, received, now_ms, effects);
            }
            Said::Update(bytes) => {
                if !peer.grant.role.may_edit() {
                    return reject(peer, "read_only", "viewers cannot edit");
                }
                self.edit(from, bytes, received, now_ms, effects);
            }
            Said::Awareness(entries) => self.speak(from, entries, now_ms),
            Said::QueryAwareness => {
                let everyone = encode::awareness(&encode_awareness(self.awareness.states()));
                self.push(from, everyone.into());
            }
            Said::Mark(mark) => self.owe(from, |peer| Owed::Mark(peer, mark)),
            Said::Behind => self.owe(from, Owed::CatchUp),
            Said::Renewed(grant) => {
                let (before, role) = (peer.grant.role, grant.role);
                peer.grant = grant;
                if role != before {
                    self.set_role(from, role);
                }
            }
            Said::Left => {
                let clients = self.peers.remove(from);
                self.gone(clients, now_ms);
                effects.snapshot = self.peers.is_empty();
            }
        }
    }

    /// Does it once everything taken in so far is durable: at once if it is.
    fn owe(&mut self, peer: PeerId, owed: impl FnOnce(PeerId) -> Owed) {
        let flush = self.flushed + u64::from(!self.outgoing.own.is_empty());
        if flush <= self.durable {
            self.settle(owed(peer));
        } else {
            if let Some(peer) = self.peers.get(peer) {
                peer.owed_until = flush;
            }
            self.postpone(flush, owed(peer));
        }
    }

    /// Keeps them sorted by flush: what one peer waits for may end before what another was promised earlier.
    fn postpone(&mut self, flush: u64, owed: Owed) {
        let at = self.owed.partition_point(|(earlier, _)| *earlier <= flush);
        self.owed.insert(at, (flush, owed));
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

    fn push(&mut self, id: PeerId, frame: Frame) {
        if let Some(peer) = self.peers.get(id) {
            peer.push(frame);
        }
    }

    fn mark(&mut self, id: PeerId, mark: u64) {
        let Some(peer) = self.peers.get(id) else { return };
        let pushed = peer.outbox.push(encode::codesync(&Extension::Mark(mark)).into());
        if pushed == crate::ws::outbox::Pushed::Dropped {
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
        let awareness = encode::awareness(&encode_awareness(self.awareness.states()));
        peer.push(awareness);
        if peer.asked {
            peer.push(encode::sync_step1(self.replica.state_vector()));
        }
        if let Some(mark) = peer.missed_mark.take() {
            self.mark(id, mark);
        }
    }

    fn edit(&mut self, from: PeerId, bytes: Bytes, received: Instant, now_ms: u64, effects: &mut Effects) {
        let received_bytes = bytes.len();
        let update = match self.replica.check(bytes) {
            Ok(update) => update,
            Err(Refusal::Gap) => return self.ask(from),
            Err(refusal) => return self.refuse(from, &refusal, now_ms),
        };
        let adds = update.adds_to(self.replica.state_vector());
        let authors = update.new_clients(self.replica.state_vector());
        let Some(peer) = self.peers.get(from) else { return };
        let user = peer.grant.user;
        if !peer.grant.role.may_edit() {
            // Its answer to our step 1 repeats all deletions: only what it inserts is known to be its own.
            if adds {
                reject(peer, "read_only", "viewers cannot edit");
            }
            return;
        }
        if adds && self.replica.size_bytes() + received_bytes > self.document_bytes_max {
            reject(peer, "document_too_large", "the document has reached its limit");
            return self.close(from, CloseReason::TooLarge, now_ms);
        }
        if !self.peers.effort(user, now_ms).allows(authors, now_ms) {
            return self.close(from, CloseReason::TooMany, now_ms);
        }
        let (stopwatch, deadline) = (Stopwatch::start(), effort::deadline(received_bytes));
        let applied = self.replica.apply_while(&update, || stopwatch.elapsed() < deadline);
        self.peers.effort(user, now_ms).charge(received_bytes, stopwatch.elapsed());
        match applied {
            Ok(Effect::Unchanged) => {}
            Ok(Effect::Changed) => {
                metrics::counter!("codesync_edits_total").increment(1);
                self.outgoing.push_own(update, received);
                if !self.outgoing.authors.contains(&from) {
                    self.outgoing.authors.push(from);
                }
            }
            Err(error) => {
                warn!(%error, "replica lost: it is rebuilt from what is stored");
                self.close(from, CloseReason::BadMessage, now_ms);
                effects.rebuild = true;
            }
        }
    }

    fn refuse(&mut self, from: PeerId, refusal: &Refusal, now_ms: u64) {
        metrics::counter!("codesync_updates_refused_total").increment(1);
        let (code, reason) = match refusal {
            Refusal::TooLarge { .. } => ("update_too_large", CloseReason::TooLarge),
            _ => ("malformed_update", CloseReason::BadMessage),
        };
        debug!(%refusal, "update refused");
        if let Some(peer) = self.peers.get(from) {
            reject(peer, code, &refusal.to_string());
        }
        self.close(from, reason, now_ms);
    }

    fn speak(&mut self, from: PeerId, entries: Vec<AwarenessEntry>, now_ms: u64) {
        for entry in entries {
            let (client, clock, leaves) = (entry.client, entry.clock, entry.state.is_none());
            if !self.may_speak(from, client) {
                continue;
            }
            if self.awareness.apply(entry, now_ms) {
                match leaves {
                    true => self.peers.forget_speaker(client),
                    false => self.peers.set_speaker(client, from),
                }
                self.outgoing.push_presence(client);
            } else if !leaves && self.awareness.clock(client).is_some_and(|known| known >= clock) {
                // It came back on a new socket, and its old one's end outran it. Told that it is gone, a client speaks anew.
                let gone = AwarenessEntry { client, clock: self.awareness.clock(client).unwrap_or(clock), state: None };
                if !self.awareness.states().any(|live| live.client == client) {
                    self.push(from, encode::awareness(&encode_awareness([&gone])).into());
                }
            }
        }
    }

    fn gone(&mut self, clients: Vec<ClientId>, now_ms: u64) {
        for client in clients {
            if self.awareness.remove(client, now_ms).is_some() {
                self.outgoing.push_presence(client);
            }
        }
    }

    /// Whether a socket may speak for a client: also one that lives at another node has its user.
    fn may_speak(&mut self, from: PeerId, client: ClientId) -> bool {
        if self.peers.is_spoken_for(client) {
            return self.peers.may_speak(from, client);
        }
        let elsewhere = self.awareness.states().find(|entry| entry.client == client).and_then(user_of);
        let user = self.peers.get(from).map(|peer| peer.grant.user);
        (elsewhere.is_none() || elsewhere == user) && self.peers.may_speak(from, client)
    }

    /// What holds of these clients now, each once.
    fn presence_of(&self, clients: &[ClientId]) -> Vec<AwarenessEntry> {
        if clients.is_empty() {
            return Vec::new();
        }
        let live: std::collections::BTreeMap<_, _> =
            self.awareness.states().map(|entry| (entry.client, entry)).collect();
        let distinct: std::collections::BTreeSet<_> = clients.iter().collect();
        let entry = |client: &ClientId| {
            let clock = self.awareness.clock(*client).unwrap_or_default();
            let gone = AwarenessEntry { client: *client, clock, state: None };
            live.get(client).map_or(gone, |entry| (*entry).clone())
        };
        distinct.into_iter().map(entry).collect()
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
                peer.owed_until = self.flushed;
            }
            if peer.owed_until > self.durable {
                waits.push((peer.owed_until, id));
            } else {
                peer.push(frame.clone());
            }
        }
        for (flush, id) in waits {
            self.postpone(flush, Owed::Frame(id, frame.clone()));
        }
    }

    fn replace(
        &mut self,
        text: &str,
        expected: Option<String>,
        reply: oneshot::Sender<Result<Text, RoomError>>,
        effects: &mut Effects,
    ) {
        let present = Text::of(self.replica.text(TEXT));
        if expected.is_some_and(|tag| tag != present.tag) {
            let _ = reply.send(Err(RoomError::Changed));
            return;
        }
        let limit = self.document_bytes_max;
        if text.len() > limit || (self.replica.size_bytes() + text.len()).saturating_sub(present.text.len()) > limit {
            let _ = reply.send(Err(RoomError::TooLarge { limit }));
            return;
        }
        match self.replica.replace_text(TEXT, text, self.server_client) {
            Ok(None) => {
                let _ = reply.send(Ok(present));
            }
            Ok(Some(update)) => {
                self.outgoing.push_own(update, Instant::now());
                let text = Text::of(self.replica.text(TEXT));
                self.postpone(self.flushed + 1, Owed::Text(reply, text));
            }
            Err(DocumentError::Corrupt(_) | DocumentError::Poisoned) => effects.rebuild = true,
        }
    }

    fn access(&mut self, event: &AccessEvent, now_ms: u64) {
        match event {
            AccessEvent::Grant { user, role, .. } => {
                for id in self.peers.of_user(*user) {
                    match role {
                        Some(role) => self.set_role(id, *role),
                        None => self.close(id, CloseReason::Forbidden, now_ms),
                    }
                }
            }
            AccessEvent::DocumentDeleted(_) => self.peers.close_all(CloseReason::NotFound),
            AccessEvent::SessionEnded(session) => {
                for id in self.peers.of_session(*session) {
                    self.close(id, CloseReason::Unauthenticated, now_ms);
                }
            }
            // Looked up for each socket by the registry.
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
        peer.grant.role = role;
        if peer.dialect == Dialect::Codesync {
            peer.push(encode::codesync(&Extension::Role { role: role.as_str() }));
        }
    }

    fn close(&mut self, id: PeerId, reason: CloseReason, now_ms: u64) {
        let clients = self.peers.close(id, reason);
        self.gone(clients, now_ms);
    }

    /// Once in a while, what those who keep up have is written down anew, so that a later diff to them is small.
    fn compacted(&mut self, done: Option<Offset>) {
        // What is not fanned out yet nobody has.
        if done.is_none() || !self.outgoing.updates.is_empty() {
            return;
        }
        let now = Arc::new(self.replica.state_vector().clone());
        for (_, peer) in self.peers.iter_mut() {
            if peer.outbox.is_drained() && peer.owed_until <= self.durable {
                peer.has = now.clone();
            }
        }
    }
}

/// Whose presence it is: sessions stamp it.
fn user_of(entry: &AwarenessEntry) -> Option<UserId> {
    #[derive(serde::Deserialize)]
    struct Stamped {
        user: Stamp,
    }
    #[derive(serde::Deserialize)]
    struct Stamp {
        id: UserId,
    }
    serde_json::from_str::<Stamped>(entry.state.as_deref()?).ok().map(|stamped| stamped.user.id)
}

fn reject(peer: &Peer, code: &str, message: &str) {
    if peer.dialect == Dialect::Codesync {
        let json = serde_json::json!({ "code": code, "message": message }).to_string();
        peer.push(encode::codesync(&Extension::Rejected { json: &json }));
    }
}

#[cfg(test)]
mod tests;
