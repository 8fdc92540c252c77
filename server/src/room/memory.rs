//! The estimated memory of the loaded documents, and the order of eviction: documents without peers, the longest idle
//! first. While all documents have peers, no further one is loaded.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::ids::DocId;

/// A loaded document takes 10 to 16 times its encoded size.
const FACTOR: usize = 13;
/// The memory of a room without its document.
const ROOM_BYTES: usize = 16 << 10;

struct Document {
    bytes: usize,
    /// Since when it has had no peers; a document with peers is not evicted for another one.
    idle_since: Option<Instant>,
}

#[derive(Default)]
struct Held {
    documents: HashMap<DocId, Document>,
    total: usize,
}

impl Held {
    fn put(&mut self, doc: DocId, document: Document) {
        self.total += document.bytes;
        self.total -= self.documents.insert(doc, document).map_or(0, |before| before.bytes);
        metrics::gauge!("codesync_documents_memory_bytes").set(self.total as f64);
    }

    fn longest_idle(&self) -> Option<DocId> {
        let idle = self.documents.iter().filter_map(|(doc, document)| Some((document.idle_since?, *doc)));
        idle.min().map(|(_, doc)| doc)
    }
}

/// The memory of the loaded documents of this node.
pub(super) struct Memory {
    max: usize,
    held: Mutex<Held>,
}

/// Whether a document stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    Stays,
    /// It has no peers and is evicted next.
    Unloads,
    /// Too much memory is used, no document is idle, and this one is the largest: its sockets are closed.
    Closes,
}

impl Memory {
    pub(super) fn new(max: usize) -> Self {
        Self { max, held: Mutex::default() }
    }

    /// Counts a document of that encoded size as loaded, if it fits into memory.
    pub(super) fn reserve(&self, doc: DocId, encoded: usize) -> bool {
        let mut held = self.held();
        let bytes = estimate(encoded);
        let before = held.documents.get(&doc).map_or(0, |document| document.bytes);
        let fits = held.total - before + bytes <= self.max;
        if fits {
            held.put(doc, Document { bytes, idle_since: None });
        }
        fits
    }

    /// Records the size and idleness of a loaded document.
    pub(super) fn update(&self, doc: DocId, encoded: usize, is_idle: bool) -> Stay {
        let mut held = self.held();
        let idle_since = held.documents.get(&doc).and_then(|document| document.idle_since);
        let idle_since = is_idle.then(|| idle_since.unwrap_or_else(Instant::now));
        let bytes = estimate(encoded);
        held.put(doc, Document { bytes, idle_since });
        let longest_idle = held.longest_idle().filter(|_| held.total > self.max);
        if longest_idle.is_some() {
            return if longest_idle == Some(doc) { Stay::Unloads } else { Stay::Stays };
        }
        // Some slack: a document that grows a little must not end a busy room.
        let is_far_exceeded = held.total > self.max + self.max / 8;
        match is_far_exceeded && held.documents.values().all(|other| other.bytes <= bytes) {
            true => Stay::Closes,
            false => Stay::Stays,
        }
    }

    /// Removes a document that is no longer loaded.
    pub(super) fn release(&self, doc: DocId) {
        let mut held = self.held();
        held.total -= held.documents.remove(&doc).map_or(0, |document| document.bytes);
        metrics::gauge!("codesync_documents_memory_bytes").set(held.total as f64);
    }

    /// The number of documents that are loaded or loading.
    pub(super) fn documents(&self) -> usize {
        self.held().documents.len()
    }

    /// The document without peers that has been idle longest.
    pub(super) fn longest_idle(&self) -> Option<DocId> {
        self.held().longest_idle()
    }

    /// The document could not be evicted now; others are tried first.
    pub(super) fn skip(&self, doc: DocId) {
        if let Some(document) = self.held().documents.get_mut(&doc) {
            document.idle_since = document.idle_since.map(|_| Instant::now());
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while the lock is held; if it did, the map would still be consistent.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn estimate(encoded: usize) -> usize {
    ROOM_BYTES + encoded.saturating_mul(FACTOR)
}
