//! Encoding of updates of our own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::order::SECTIONS_AT_ONCE;
use super::{Deletion, Parts, Piece, Section, Update};
use crate::lib0::{write_buffer, write_number};
use crate::{ClientId, StateVector};

/// The content of a struct that inserts text.
const STRING: u8 = 4;

/// A part of an update that yrs applies at once.
pub(crate) struct Stage<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// The number of its structs and deletions that may each split a block.
    pub(crate) places: usize,
}

impl Update {
    /// Returns the update in the form for yrs: whole, or in stages that are committed one by one, if it would follow
    /// too many dependencies, join too much or take too long at once.
    pub(crate) fn stages(&self) -> Vec<Stage<'_>> {
        let Parts { plan, step, .. } = &*self.parts;
        if plan.is_empty() && self.parts.deletions.len() <= *step {
            let structs: usize = self.parts.sections.iter().map(|section| section.end.places as usize).sum();
            let places = structs + self.parts.deletions.len();
            return vec![Stage { bytes: Cow::Borrowed(&self.bytes), places }];
        }
        let mut stages = Vec::new();
        let mut stage: BTreeMap<u32, Piece> = BTreeMap::new();
        let mut structs = 0;
        for piece in self.pieces() {
            let known = stage.contains_key(&piece.section);
            let full = structs + piece.structs() > *step
                || (!known && stage.len() == SECTIONS_AT_ONCE)
                || (known && piece.after_commit);
            if full {
                stages.push(self.stage(&stage));
                stage.clear();
                structs = 0;
            }
            structs += piece.structs();
            stage.entry(piece.section).or_insert(piece).end = piece.end;
        }
        stages.push(self.stage(&stage));
        for deletions in self.parts.deletions.chunks(*step) {
            let mut out = vec![0];
            write_deletions(&mut out, deletions);
            stages.push(Stage { bytes: Cow::Owned(out), places: deletions.len() });
        }
        stages
    }

    fn pieces(&self) -> Vec<Piece> {
        let whole = |(section, number): (&Section, u32)| Piece {
            section: number,
            start: section.start,
            end: section.end,
            after_commit: false,
        };
        if self.parts.plan.is_empty() {
            self.parts.sections.iter().zip(0..).map(whole).collect()
        } else {
            self.parts.plan.clone()
        }
    }

    fn stage(&self, pieces: &BTreeMap<u32, Piece>) -> Stage<'static> {
        let mut out = Vec::new();
        write_number(&mut out, pieces.len() as u64);
        for piece in pieces.values() {
            let (start, end) = (piece.start, piece.end);
            let client = self.parts.sections[piece.section as usize].client;
            write_section(&mut out, client, start.clock, piece.structs() as u32);
            out.extend_from_slice(&self.bytes[start.byte as usize..end.byte as usize]);
        }
        out.push(0);
        Stage { bytes: Cow::Owned(out), places: pieces.values().map(Piece::places).sum() }
    }
}

/// Encodes an update that deletes everything known and writes `text` into one root type.
pub(crate) fn start_anew(known: &StateVector, client: ClientId, root: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    write_number(&mut out, u64::from(!text.is_empty()));
    if !text.is_empty() {
        write_section(&mut out, client, known.clock(client), 1);
        // No origins, and a parent that is a root type.
        out.extend_from_slice(&[STRING, 1]);
        write_buffer(&mut out, root.as_bytes());
        write_buffer(&mut out, text.as_bytes());
    }
    let all = known.iter().map(|(client, end)| Deletion { client, clock: 0, end });
    write_deletions(&mut out, &all.collect::<Vec<_>>());
    out
}

/// Writes the head of a section.
pub(super) fn write_section(out: &mut Vec<u8>, client: ClientId, clock: u32, structs: u32) {
    write_number(out, u64::from(structs));
    write_number(out, client);
    write_number(out, u64::from(clock));
}

/// Writes a delete set; `deletions` are grouped by client, and are written in reverse, as Yjs does.
pub(super) fn write_deletions(out: &mut Vec<u8>, deletions: &[Deletion]) {
    let clients: Vec<&[Deletion]> = deletions.chunk_by(|a, b| a.client == b.client).collect();
    write_number(out, clients.len() as u64);
    for ranges in clients.into_iter().rev() {
        write_number(out, ranges[0].client);
        write_number(out, ranges.len() as u64);
        for range in ranges {
            write_number(out, u64::from(range.clock));
            write_number(out, u64::from(range.end - range.clock));
        }
    }
}
