//! The presence of clients, and which socket may publish presence for which client. Reports each changed client once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use codesync_crdt::{Awareness, AwarenessEntry, ClientId, Limits, encode, encode_awareness};

use super::PeerId;
use crate::{auth::SocketGrant, ids::UserId, role::Role, room::outbox::Frame};

/// The number of client ids of one socket: the tabs of one browser can share a socket.
const CLIENTS_MAX: usize = 32;
/// How long a client id stays reserved for its user after its last sign.
const KEPT_MS: u64 = 60_000;
/// The number of client ids that are reserved.
const KEPT_MAX: usize = 8_192;

pub(super) struct Publishers {
    awareness: Awareness,
    /// The socket of this node that publishes the presence of a client.
    by_client: BTreeMap<ClientId, PeerId>,
    /// Clients whose presence changed since the last report.
    changed: Vec<ClientId>,
    /// Those of them that the other nodes do not know from elsewhere.
    changed_here: Vec<ClientId>,
    /// The user of a client id, and when that was last known: no other user may publish its presence soon after.
    kept: BTreeMap<ClientId, (UserId, u64)>,
}

/// The result of a published presence.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// The client id is the socket's own.
    pub(super) declares: bool,
    /// The answer to the socket.
    pub(super) answer: Option<Vec<u8>>,
}

impl Publishers {
    pub(super) fn new() -> Self {
        Self {
            awareness: Awareness::new(&Limits::default()),
            by_client: BTreeMap::new(),
            changed: Vec::new(),
            changed_here: Vec::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Whether a client with this id was present before.
    pub(super) fn is_known(&self, client: ClientId) -> bool {
        self.awareness.clock(client).is_some()
    }

    /// Whether nobody has published presence.
    pub(super) fn is_silent(&self) -> bool {
        self.awareness.states().next().is_none()
    }

    /// The presence of all clients.
    pub(super) fn everyone(&self) -> Vec<u8> {
        encode::awareness(&encode_awareness(self.awareness.states()))
    }

    /// The presence of our own clients, for a node that requests it.
    pub(super) fn here(&self) -> Option<Bytes> {
        let here = self.awareness.states().filter(|entry| self.by_client.contains_key(&entry.client));
        let here: Vec<_> = here.collect();
        (!here.is_empty()).then(|| encode_awareness(here).into())
    }

    /// Applies the presence that a socket publishes for a client; `user` returns the user of a socket. The user that
    /// wrote under an id takes it back from any other that publishes presence for it.
    pub(super) fn publish(
        &mut self,
        from: PeerId,
        entry: AwarenessEntry,
        user: impl Fn(PeerId) -> Option<UserId>,
        is_writer: bool,
        now_ms: u64,
    ) -> Published {
        let (client, clock, leaves) = (entry.client, entry.clock, entry.state.is_none());
        if !is_writer && !self.may_publish(from, client, &user, now_ms) {
            return Published::default();
        }
        if leaves && self.awareness.state(client).is_none() {
            // An unknown client cannot leave, so nothing is recorded.
            return Published::default();
        }
        self.keep(client, user(from), now_ms);
        let mut published = Published { declares: !leaves, answer: None };
        if self.awareness.apply(entry, now_ms) {
            match leaves {
                true => self.by_client.remove(&client),
                false => self.by_client.insert(client, from),
            };
            self.change(client);
        } else if !leaves && self.awareness.state(client).is_none() {
            // The client reconnected on a new socket before the old one ended. When it receives that it has left, it
            // publishes its presence again.
            let known = self.awareness.clock(client).filter(|known| *known >= clock);
            let gone = known.map(|clock| AwarenessEntry { client, clock, state: None });
            published.answer = gone.map(|gone| encode::awareness(&encode_awareness([&gone])));
        }
        published
    }

    /// Stamps the presence of a socket's clients with a new grant. The clock is higher than the client's own; the
    /// client continues from it.
    pub(super) fn stamp_again(&mut self, id: PeerId, grant: &SocketGrant, now_ms: u64) {
        let clients: Vec<ClientId> =
            self.by_client.iter().filter(|(_, speaker)| **speaker == id).map(|(client, _)| *client).collect();
        for client in clients {
            let (Some(entry), Some(clock)) = (self.awareness.state(client), self.awareness.clock(client)) else {
                continue;
            };
            let state = entry.state.as_deref().and_then(|state| grant.stamp(state));
            let Some(clock) = clock.checked_add(1).filter(|_| state.is_some()) else { continue };
            if self.awareness.apply(AwarenessEntry { client, clock, state }, now_ms) {
                self.change(client);
            }
        }
    }

    /// The user of a client at another node, if that user may edit.
    pub(super) fn elsewhere(&self, client: ClientId) -> Option<UserId> {
        if self.by_client.contains_key(&client) {
            return None;
        }
        let stamp = self.awareness.state(client).and_then(stamp_of)?;
        (stamp.role.as_deref() != Some(Role::Viewer.as_str())).then_some(stamp.id)
    }

    fn keep(&mut self, client: ClientId, user: Option<UserId>, now_ms: u64) {
        let Some(user) = user else { return };
        if self.kept.len() < KEPT_MAX || self.kept.contains_key(&client) {
            self.kept.insert(client, (user, now_ms));
        }
    }

    /// The user for whom a client id is reserved.
    fn kept_for(&self, client: ClientId, now_ms: u64) -> Option<UserId> {
        let kept = self.kept.get(&client).filter(|(_, at_ms)| now_ms.saturating_sub(*at_ms) < KEPT_MS);
        kept.map(|(user, _)| *user)
    }

    /// Whether `id` may publish presence for `client`: its own, nobody's, or that of another socket of the same user,
    /// on any node (a page that reconnected before its old socket was missed). Stock clients repeat the presence of
    /// others; that is ignored.
    fn may_publish(&self, id: PeerId, client: ClientId, user: &impl Fn(PeerId) -> Option<UserId>, now_ms: u64) -> bool {
        if let Some(speaker) = self.by_client.get(&client) {
            return *speaker == id || user(*speaker) == user(id);
        }
        let elsewhere = self.awareness.state(client).and_then(stamp_of).map(|stamp| stamp.id);
        let owner = elsewhere.or_else(|| self.kept_for(client, now_ms));
        (owner.is_none() || owner == user(id))
            && self.by_client.values().filter(|speaker| **speaker == id).count() < CLIENTS_MAX
    }

    /// Applies the presence of clients at another node.
    pub(super) fn receive(&mut self, entries: Vec<AwarenessEntry>, now_ms: u64) {
        for entry in entries {
            let client = entry.client;
            let user = stamp_of(&entry).map(|stamp| stamp.id);
            if user.is_some() && self.kept_for(client, now_ms).is_some_and(|owner| user != Some(owner)) {
                continue;
            }
            self.keep(client, user, now_ms);
            if self.awareness.apply(entry, now_ms) {
                // The client is there now; a socket of ours that published for it is outdated.
                self.by_client.remove(&client);
                self.changed.push(client);
            }
        }
    }

    /// Removes a socket and the presence of its clients.
    pub(super) fn left(&mut self, id: PeerId, now_ms: u64) {
        let clients: Vec<_> = self.by_client.extract_if(.., |_, speaker| *speaker == id).collect();
        for (client, _) in clients {
            if let Some(kept) = self.kept.get_mut(&client) {
                kept.1 = now_ms;
            }
            if self.awareness.remove(client, now_ms).is_some() {
                self.change(client);
            }
        }
    }

    /// All our sockets have closed, and nobody is left to notify.
    pub(super) fn left_all(&mut self) {
        self.by_client.clear();
    }

    /// Ends the presence of clients that were silent for too long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        let by_client = &self.by_client;
        self.kept
            .retain(|client, (_, at_ms)| by_client.contains_key(client) || now_ms.saturating_sub(*at_ms) < KEPT_MS);
        for entry in self.awareness.expire(now_ms) {
            if let Some(kept) = self.kept.get_mut(&entry.client) {
                kept.1 = now_ms;
            }
            self.by_client.remove(&entry.client);
            self.changed.push(entry.client);
        }
    }

    pub(super) fn has_news(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The changes for our peers and for the other nodes, if there are any.
    pub(super) fn take_news(&mut self) -> (Option<Frame>, Option<Bytes>) {
        let (changed, here) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.changed_here));
        let (all, here) = (self.present(&changed), self.present(&here));
        let frame = (!all.is_empty()).then(|| encode::awareness(&encode_awareness(&all)).into());
        (frame, (!here.is_empty()).then(|| encode_awareness(&here).into()))
    }

    fn change(&mut self, client: ClientId) {
        self.changed.push(client);
        self.changed_here.push(client);
    }

    /// The current presence of these clients, each once.
    fn present(&self, clients: &[ClientId]) -> Vec<AwarenessEntry> {
        if clients.is_empty() {
            return Vec::new();
        }
        let live: BTreeMap<_, _> = self.awareness.states().map(|entry| (entry.client, entry)).collect();
        let distinct: BTreeSet<_> = clients.iter().collect();
        let entry = |client: &ClientId| {
            let clock = self.awareness.clock(*client).unwrap_or_default();
            let gone = AwarenessEntry { client: *client, clock, state: None };
            live.get(client).map_or(gone, |entry| (*entry).clone())
        };
        distinct.into_iter().map(entry).collect()
    }
}

/// The stamp of a session on presence; nodes of an earlier release leave the role out.
#[derive(serde::Deserialize)]
struct Stamp {
    id: UserId,
    role: Option<String>,
}

/// The user of a presence.
fn stamp_of(entry: &AwarenessEntry) -> Option<Stamp> {
    #[derive(serde::Deserialize)]
    struct Stamped {
        user: Stamp,
    }
    serde_json::from_str::<Stamped>(entry.state.as_deref()?).ok().map(|stamped| stamped.user)
}
