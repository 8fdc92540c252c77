//! Updates: bytes that passed the check, and the structure that the check found.

pub(crate) mod check;
pub(crate) mod compare;
mod content;
pub(crate) mod encode;
mod item;
mod merge;
mod order;
mod structs;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

pub use compare::Comparison;
pub(crate) use content::check_json;

use compare::Overlap;

use crate::{ClientId, StateVector};

/// Edits in Yjs's v1 encoding that passed the check of the replica they are meant for.
#[derive(Clone)]
pub struct Update {
    bytes: Bytes,
    parts: Arc<Parts>,
}

/// The structure of a checked update.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) sections: SmallVec<[Section; 1]>,
    pub(crate) deletions: SmallVec<[Deletion; 1]>,
    /// Root types that the replica did not have.
    pub(crate) new_roots: SmallVec<[Box<str>; 1]>,
    /// The order in which to apply it in pieces; empty if it can be applied as it is.
    pub(crate) plan: Vec<Piece>,
    /// The number of structs or deletions to apply at once.
    pub(crate) step: usize,
}

/// Consecutive edits of one client.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) client: ClientId,
    pub(crate) start: Point,
    pub(crate) end: Point,
    pub(crate) first_run: Option<Run>,
    pub(crate) last_run: Option<Run>,
}

/// A place between two structs of a section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) clock: u32,
    pub(crate) byte: u32,
    /// The number of structs of the section before it.
    pub(crate) structs: u32,
    /// The number of those that do not follow the one before in the text, so that yrs may split a block for each.
    pub(crate) places: u32,
}

/// Structs of one section that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub(crate) section: u32,
    pub(crate) start: Point,
    pub(crate) end: Point,
    /// Whether the piece before it in the same section must be committed first.
    pub(crate) after_commit: bool,
}

impl Piece {
    fn structs(&self) -> usize {
        (self.end.structs - self.start.structs) as usize
    }

    fn places(&self) -> usize {
        (self.end.places - self.start.places) as usize
    }
}

/// A struct of a kind that yrs joins with its neighbours.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) kind: u8,
    pub(crate) start: u32,
    /// The bytes of its text or values.
    pub(crate) content: Range<u32>,
    /// Whether it was inserted directly after the same client's previous edit.
    pub(crate) continues: bool,
    pub(crate) right_origin: Option<(ClientId, u32)>,
}

impl Run {
    /// Returns whether yrs may join the two structs into one.
    pub(crate) fn joins(&self, before: &Run) -> bool {
        self.continues && self.kind == before.kind && self.right_origin == before.right_origin
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deletion {
    pub(crate) client: ClientId,
    pub(crate) clock: u32,
    pub(crate) end: u32,
}

impl Update {
    pub(crate) fn new(bytes: Bytes, parts: Parts) -> Self {
        Self { bytes, parts: Arc::new(parts) }
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Returns the encoded update.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns whether the update neither inserts nor deletes anything.
    pub fn is_empty(&self) -> bool {
        self.parts.sections.is_empty() && self.parts.deletions.is_empty()
    }

    /// Returns whether the update inserts anything that `known` does not have; deletions do not count.
    pub fn adds_to(&self, known: &StateVector) -> bool {
        self.parts.sections.iter().any(|section| section.end.clock > known.clock(section.client))
    }

    /// Iterates over its inserts: the clocks of each client.
    pub fn inserts(&self) -> impl Iterator<Item = (ClientId, Range<u32>)> {
        self.parts.sections.iter().map(|section| (section.client, section.start.clock..section.end.clock))
    }

    /// The part of it at clocks that `known` has.
    pub(crate) fn overlaps(
        &self,
        known: &StateVector,
        strict_from: impl Fn(ClientId) -> Option<u32>,
    ) -> Vec<Overlap<'_>> {
        let overlap = |section: &Section| {
            let (client, start) = (section.client, section.start.clock);
            let end = section.end.clock.min(known.clock(client));
            let structs = &self.bytes[section.start.byte as usize..section.end.byte as usize];
            let strict_from = strict_from(client).unwrap_or(u32::MAX);
            (start < end).then_some(Overlap { client, start, end, strict_from, structs })
        };
        self.parts.sections.iter().filter_map(overlap).collect()
    }

    /// Counts the places that it changes: its structs and its ranges of deletions.
    pub fn places(&self) -> usize {
        let structs = self.parts.sections.iter().map(|section| section.end.structs as usize);
        structs.sum::<usize>() + self.parts.deletions.len()
    }

    /// Counts the client ids that `known` does not have.
    pub fn new_clients(&self, known: &StateVector) -> usize {
        self.parts.sections.iter().filter(|section| known.clock(section.client) == 0).count()
    }
}

/// Without the bytes: they hold document text, which must not be logged.
impl std::fmt::Debug for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Update({} bytes)", self.bytes.len())
    }
}
