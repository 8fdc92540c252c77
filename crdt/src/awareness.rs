//! Presence and cursors. Keeps the newest state of each client and removes silent ones; never stored, and without a
//! clock of its own: time is passed in.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::lib0::{Reader, write_buffer, write_number};
use crate::update::check_json;
use crate::{ClientId, Limits, Malformed};

/// A client that sends nothing for this long has left, as in y-protocols.
const SILENCE_MS: u64 = 30_000;
/// How long a client that has left is remembered, so that a late echo of its state by another peer does not revive it.
const TOMBSTONE_MS: u64 = 60_000;

/// One client's state at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwarenessEntry {
    /// The client.
    pub client: ClientId,
    /// Grows with each change of the state.
    pub clock: u32,
    /// The text of a JSON object; `None` once the client has left.
    pub state: Option<String>,
}

/// Reads an awareness update. Each state must be a JSON object or null, of bounded size and depth.
pub fn decode_awareness(bytes: &[u8], limits: &Limits) -> Result<Vec<AwarenessEntry>, Malformed> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(3)?;
    if count > limits.awareness_clients_per_update {
        return Err(Malformed::Limit("clients in an awareness update"));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let client = reader.number()?;
        let clock = reader.number_u32()?;
        let text = reader.string()?;
        if text.len() > limits.awareness_state_bytes {
            return Err(Malformed::Limit("bytes of awareness"));
        }
        let text = replace_lone_surrogates(text);
        let state = match check_json(&text, limits, &mut limits.json_values.clone())? {
            serde_json::Value::Null => None,
            serde_json::Value::Object(_) => Some(text.into_owned()),
            _ => return Err(Malformed::Invalid("awareness: neither an object nor null")),
        };
        entries.push(AwarenessEntry { client, clock, state });
    }
    reader.finish()?;
    Ok(entries)
}

/// Replaces escapes of unpaired surrogates in a JSON text by that of the replacement character, as Yjs does when it
/// encodes text. JavaScript writes them when a name is cut inside an emoji, and no parser here accepts them.
fn replace_lone_surrogates(json: &str) -> Cow<'_, str> {
    let surrogate = |at: usize, first: u16| {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        let unit = u16::from_str_radix(digits, 16).ok()?;
        (unit & 0xfc00 == first).then_some(())
    };
    let mut repaired = Cow::Borrowed(json);
    let mut at = 0;
    while let Some(found) = json[at..].find('\\') {
        at += found;
        let (high, low) = (surrogate(at, 0xd800).is_some(), surrogate(at, 0xdc00).is_some());
        if high && surrogate(at + 6, 0xdc00).is_some() {
            at += 12;
        } else if high || low {
            repaired.to_mut().replace_range(at..at + 6, "\\ufffd");
            at += 6;
        } else {
            // The escaped character is ASCII in what a parser accepts; the rest is left to the parser.
            at += 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8);
        }
    }
    repaired
}

/// Writes an awareness update.
pub fn encode_awareness<'a>(entries: impl IntoIterator<Item = &'a AwarenessEntry>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut count = 0;
    for entry in entries {
        count += 1;
        write_number(&mut body, entry.client);
        write_number(&mut body, u64::from(entry.clock));
        write_buffer(&mut body, entry.state.as_deref().unwrap_or("null").as_bytes());
    }
    let mut out = Vec::with_capacity(body.len() + 4);
    write_number(&mut out, count);
    out.extend_from_slice(&body);
    out
}

/// The awareness of one room.
#[derive(Debug)]
pub struct Awareness {
    known: BTreeMap<ClientId, Known>,
    live: usize,
    clients_max: usize,
}

#[derive(Debug)]
struct Known {
    entry: AwarenessEntry,
    heard_ms: u64,
}

impl Default for Awareness {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl Awareness {
    /// Makes an empty room's awareness.
    pub fn new(limits: &Limits) -> Self {
        Self { known: BTreeMap::new(), live: 0, clients_max: limits.awareness_clients }
    }

    /// Applies an entry, and returns whether it is newer than the known one, by the rule of y-protocols. A new client
    /// beyond the limit is ignored.
    pub fn apply(&mut self, entry: AwarenessEntry, now_ms: u64) -> bool {
        let known = self.known.get(&entry.client);
        let clock = known.map_or(0, |known| known.entry.clock);
        let was_live = known.is_some_and(|known| known.entry.state.is_some());
        let leaves = entry.clock == clock && entry.state.is_none() && was_live;
        if entry.clock <= clock && !leaves {
            return false;
        }
        let arrives = entry.state.is_some() && !was_live;
        if arrives && self.live >= self.clients_max {
            return false;
        }
        if known.is_none() {
            self.make_room();
        }
        self.live = self.live + usize::from(entry.state.is_some()) - usize::from(was_live);
        self.known.insert(entry.client, Known { entry, heard_ms: now_ms });
        true
    }

    /// Ends a client's presence; returns the entry for the others, `None` if the client was not present.
    pub fn remove(&mut self, client: ClientId, now_ms: u64) -> Option<AwarenessEntry> {
        let known = self.known.get_mut(&client).filter(|known| known.entry.state.is_some())?;
        known.entry.clock = known.entry.clock.saturating_add(1);
        known.entry.state = None;
        known.heard_ms = now_ms;
        self.live -= 1;
        Some(known.entry.clone())
    }

    /// Ends the presence of clients that were silent for too long; returns the entries for the others.
    pub fn expire(&mut self, now_ms: u64) -> Vec<AwarenessEntry> {
        let silent = |known: &Known, limit| now_ms.saturating_sub(known.heard_ms) >= limit;
        self.known.retain(|_, known| known.entry.state.is_some() || !silent(known, TOMBSTONE_MS));
        let live = self.known.values().filter(|known| known.entry.state.is_some());
        let gone: Vec<ClientId> =
            live.filter(|known| silent(known, SILENCE_MS)).map(|known| known.entry.client).collect();
        gone.into_iter().filter_map(|client| self.remove(client, now_ms)).collect()
    }

    /// Iterates over the clients that are present.
    pub fn states(&self) -> impl Iterator<Item = &AwarenessEntry> {
        self.known.values().map(|known| &known.entry).filter(|entry| entry.state.is_some())
    }

    /// Returns the state of a client that is present.
    pub fn state(&self, client: ClientId) -> Option<&AwarenessEntry> {
        self.known.get(&client).map(|known| &known.entry).filter(|entry| entry.state.is_some())
    }

    /// Returns the newest clock received of a client, present or not.
    pub fn clock(&self, client: ClientId) -> Option<u32> {
        self.known.get(&client).map(|known| known.entry.clock)
    }

    /// Returns the number of clients that are present.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Returns whether no client is present.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The oldest tombstone is removed for a new one, so that there are at most as many as clients may be present.
    fn make_room(&mut self) {
        if self.known.len() < self.clients_max * 2 {
            return;
        }
        let gone = self.known.values().filter(|known| known.entry.state.is_none());
        let oldest = gone.min_by_key(|known| known.heard_ms);
        if let Some(client) = oldest.map(|known| known.entry.client) {
            self.known.remove(&client);
        }
    }
}
