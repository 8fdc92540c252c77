//! What clients say of themselves, and which socket may speak for which of them. Says what has changed, each client once.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use codesync_crdt::{Awareness, AwarenessEntry, ClientId, Limits, encode, encode_awareness};

use super::PeerId;
use crate::{ids::UserId, ws::outbox::Frame};

/// Client ids that one socket may speak for: the tabs of one browser can share a socket.
const CLIENTS_MAX: usize = 32;

pub(super) struct Speakers {
    awareness: Awareness,
    /// Which of our sockets speaks for a client.
    by_client: BTreeMap<ClientId, PeerId>,
    /// Who spoke, came or went since that was last told.
    changed: Vec<ClientId>,
    /// Those of them whom the other nodes do not know from elsewhere.
    changed_here: Vec<ClientId>,
}

impl Speakers {
    pub(super) fn new() -> Self {
        Self {
            awareness: Awareness::new(&Limits::default()),
            by_client: BTreeMap::new(),
            changed: Vec::new(),
            changed_here: Vec::new(),
        }
    }

    /// Whether a client with this id has been here.
    pub(super) fn is_known(&self, client: ClientId) -> bool {
        self.awareness.clock(client).is_some()
    }

    /// Whether nobody has said anything.
    pub(super) fn is_silent(&self) -> bool {
        self.awareness.states().next().is_none()
    }

    /// What all say.
    pub(super) fn everyone(&self) -> Vec<u8> {
        encode::awareness(&encode_awareness(self.awareness.states()))
    }

    /// What the clients of our own sockets say, for a node that asks.
    pub(super) fn here(&self) -> Option<Bytes> {
        let here = self.awareness.states().filter(|entry| self.by_client.contains_key(&entry.client));
        let here: Vec<_> = here.collect();
        (!here.is_empty()).then(|| encode_awareness(here).into())
    }

    /// Takes in what a socket says of a client; `user` knows whose a socket is. Returns what it is to be told.
    pub(super) fn speak(
        &mut self,
        from: PeerId,
        entry: AwarenessEntry,
        user: impl Fn(PeerId) -> Option<UserId>,
        now_ms: u64,
    ) -> Option<Vec<u8>> {
        let (client, clock, leaves) = (entry.client, entry.clock, entry.state.is_none());
        if !self.may_speak(from, client, user) {
            return None;
        }
        if self.awareness.apply(entry, now_ms) {
            match leaves {
                true => self.by_client.remove(&client),
                false => self.by_client.insert(client, from),
            };
            self.change(client);
        } else if !leaves && self.state(client).is_none() {
            // It came back on a new socket, and its old one's end outran it. Told that it is gone, a client speaks anew.
            let known = self.awareness.clock(client).filter(|known| *known >= clock)?;
            let gone = AwarenessEntry { client, clock: known, state: None };
            return Some(encode::awareness(&encode_awareness([&gone])));
        }
        None
    }

    /// Whether `id` may speak for `client`: its own, nobody's, or that of another socket of the same user, here or at
    /// another node (a page that came back before its old socket was missed). Stock clients repeat what others say; that
    /// is passed over.
    fn may_speak(&self, id: PeerId, client: ClientId, user: impl Fn(PeerId) -> Option<UserId>) -> bool {
        if let Some(speaker) = self.by_client.get(&client) {
            return *speaker == id || user(*speaker) == user(id);
        }
        let elsewhere = self.state(client).and_then(user_of);
        (elsewhere.is_none() || elsewhere == user(id))
            && self.by_client.values().filter(|speaker| **speaker == id).count() < CLIENTS_MAX
    }

    /// Takes in what clients at another node say.
    pub(super) fn hear(&mut self, entries: Vec<AwarenessEntry>, now_ms: u64) {
        for entry in entries {
            let client = entry.client;
            if self.awareness.apply(entry, now_ms) {
                // It lives there now; a socket of ours that spoke for it has been left behind.
                self.by_client.remove(&client);
                self.changed.push(client);
            }
        }
    }

    /// A socket is gone, and with it those that it spoke for.
    pub(super) fn left(&mut self, id: PeerId, now_ms: u64) {
        let clients: Vec<_> = self.by_client.extract_if(.., |_, speaker| *speaker == id).collect();
        for (client, _) in clients {
            if self.awareness.remove(client, now_ms).is_some() {
                self.change(client);
            }
        }
    }

    /// All our sockets are gone, and nobody is left to be told.
    pub(super) fn left_all(&mut self) {
        self.by_client.clear();
    }

    /// Ends the presence of clients that were silent too long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        for entry in self.awareness.expire(now_ms) {
            self.by_client.remove(&entry.client);
            self.changed.push(entry.client);
        }
    }

    pub(super) fn has_news(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What our peers are to hear, if there is news, and what the other nodes are.
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

    fn state(&self, client: ClientId) -> Option<&AwarenessEntry> {
        self.awareness.states().find(|entry| entry.client == client)
    }

    /// What holds of these clients now, each once.
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
