use std::collections::BTreeMap;

use crate::lib0::{Reader, write_number};
use crate::{ClientId, Limits, Malformed};

/// The state of a replica: for each client the clock of the first missing edit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateVector(BTreeMap<ClientId, u32>);

impl StateVector {
    /// Reads a state vector, refusing more clients than the limit and any client twice.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let count = reader.count(2)?;
        if count > limits.state_vector_clients {
            return Err(Malformed::Limit("clients in a state vector"));
        }
        let mut clocks = BTreeMap::new();
        for _ in 0..count {
            let client = reader.number()?;
            let clock = reader.number_u32()?;
            if clocks.insert(client, clock).is_some() {
                return Err(Malformed::Invalid("state vector: a client appears twice"));
            }
        }
        reader.finish()?;
        // Zero is the default; without it, equal states have equal vectors.
        clocks.retain(|_, clock| *clock > 0);
        Ok(Self(clocks))
    }

    /// Writes the state vector, higher client ids first as Yjs does.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.0.len() * 8);
        write_number(&mut out, self.0.len() as u64);
        for (client, clock) in self.0.iter().rev() {
            write_number(&mut out, *client);
            write_number(&mut out, u64::from(*clock));
        }
        out
    }

    /// Returns the clock of the first edit of `client` that is not known, 0 for a client never seen.
    #[inline]
    pub fn clock(&self, client: ClientId) -> u32 {
        self.0.get(&client).copied().unwrap_or(0)
    }

    /// Returns whether everything in `other` is known here too.
    pub fn covers(&self, other: &StateVector) -> bool {
        other.iter().all(|(client, clock)| self.clock(client) >= clock)
    }

    /// Returns the number of clients.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over clients and clocks, lowest client id first.
    pub fn iter(&self) -> impl Iterator<Item = (ClientId, u32)> + '_ {
        self.0.iter().map(|(client, clock)| (*client, *clock))
    }

    /// Records that the edits of `client` before this clock are known.
    pub fn advance(&mut self, client: ClientId, clock: u32) {
        if clock > self.clock(client) {
            self.0.insert(client, clock);
        }
    }

    /// Records that the edits of `client` from this clock on are unknown.
    pub fn retreat(&mut self, client: ClientId, clock: u32) {
        if clock == 0 {
            self.0.remove(&client);
        } else if let Some(known) = self.0.get_mut(&client) {
            *known = (*known).min(clock);
        }
    }
}

impl FromIterator<(ClientId, u32)> for StateVector {
    fn from_iter<I: IntoIterator<Item = (ClientId, u32)>>(clocks: I) -> Self {
        let mut vector = Self::default();
        for (client, clock) in clocks {
            vector.advance(client, clock);
        }
        vector
    }
}
