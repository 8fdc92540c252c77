//! Merging checked updates by their bytes alone. Each was gap-free on top of the ones before it, so consecutive
//! sections are joined struct by struct, and nothing is decoded again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::encode::{write_deletions, write_section};
use super::order::SECTIONS_AT_ONCE;
use super::{Parts, Point, Run, Section, Update};
use crate::ClientId;
use crate::lib0::{write_buffer, write_number};

/// The size limit of a batch, so that every replica accepts merged batches; a larger update stays alone.
const BATCH_BYTES_MAX: usize = 128 << 10;

impl Update {
    /// Merges updates that were applied in this order into as few as possible, with the same effect in the same order.
    pub fn merge(updates: &[Update]) -> Vec<Update> {
        let mut merged = Vec::new();
        let mut rest = updates;
        while let Some((first, others)) = rest.split_first() {
            let mut batch = Batch::default();
            batch.add(first);
            let taken = others
                .iter()
                .take_while(|update| {
                    batch.accepts(update) && {
                        batch.add(update);
                        true
                    }
                })
                .count();
            merged.push(if taken == 0 { first.clone() } else { batch.finish() });
            rest = &others[taken..];
        }
        merged
    }
}

#[derive(Default)]
struct Batch {
    sections: BTreeMap<ClientId, Joined>,
    parts: Parts,
    bytes: usize,
}

/// The sections of one client, joined.
struct Joined {
    clock: u32,
    end: u32,
    structs: u32,
    closed: Vec<u8>,
    /// The last struct while it may still grow: its bytes before the text, the text, its right origin.
    open: Option<Open>,
}

struct Open {
    run: Run,
    head: Vec<u8>,
    text: Vec<u8>,
}

impl Batch {
    fn accepts(&self, update: &Update) -> bool {
        let follows = |section: &Section| {
            self.sections.get(&section.client).is_none_or(|joined| joined.end == section.start.clock)
        };
        let sections = &update.parts.sections;
        self.bytes + update.bytes.len() <= BATCH_BYTES_MAX
            && self.sections.len() + sections.len() <= SECTIONS_AT_ONCE
            && sections.iter().all(follows)
    }

    fn add(&mut self, update: &Update) {
        self.bytes += update.bytes.len();
        self.parts.deletions.extend_from_slice(&update.parts.deletions);
        for root in &update.parts.new_roots {
            if !self.parts.new_roots.contains(root) {
                self.parts.new_roots.push(root.clone());
            }
        }
        for section in &update.parts.sections {
            match self.sections.entry(section.client) {
                Entry::Vacant(entry) => drop(entry.insert(Joined::new(section, &update.bytes))),
                Entry::Occupied(entry) => entry.into_mut().append(section, &update.bytes),
            }
        }
    }

    fn finish(mut self) -> Update {
        let mut out = Vec::with_capacity(self.bytes);
        write_number(&mut out, self.sections.len() as u64);
        // Higher client ids first, as Yjs writes them.
        for (client, mut joined) in self.sections.into_iter().rev() {
            joined.close();
            let (clock, structs) = (joined.clock, joined.structs);
            write_section(&mut out, client, clock, structs);
            let start = Point { clock, byte: out.len() as u32, structs: 0, places: 0 };
            out.extend_from_slice(&joined.closed);
            let end = Point { clock: joined.end, byte: out.len() as u32, structs, places: 0 };
            self.parts.sections.push(Section { client, start, end, first_run: None, last_run: None });
        }
        self.parts.step = usize::MAX;
        coalesce(&mut self.parts);
        write_deletions(&mut out, &self.parts.deletions);
        Update::new(out.into(), self.parts)
    }
}

impl Joined {
    fn new(section: &Section, bytes: &[u8]) -> Self {
        let mut joined =
            Self { clock: section.start.clock, end: section.end.clock, structs: 0, closed: Vec::new(), open: None };
        joined.push(section, section.start.byte, bytes);
        joined
    }

    fn append(&mut self, section: &Section, bytes: &[u8]) {
        self.end = section.end.clock;
        match (&mut self.open, &section.first_run) {
            (Some(open), Some(run)) if run.joins(&open.run) => {
                open.text.extend_from_slice(slice(bytes, &run.content));
                if section.end.structs > 1 {
                    self.structs -= 1;
                    self.close();
                    self.push(section, run.content.end, bytes);
                }
            }
            _ => {
                self.close();
                self.push(section, section.start.byte, bytes);
            }
        }
    }

    /// Appends the structs of `section` from byte `start` on, leaving the last open if it can grow.
    fn push(&mut self, section: &Section, start: u32, bytes: &[u8]) {
        self.structs += section.end.structs;
        let end = section.last_run.as_ref().map_or(section.end.byte, |run| run.start);
        self.closed.extend_from_slice(slice(bytes, &(start..end)));
        self.open = section.last_run.as_ref().map(|run| Open::new(run, bytes));
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.closed.extend_from_slice(&open.head);
            write_buffer(&mut self.closed, &open.text);
        }
    }
}

impl Open {
    fn new(run: &Run, bytes: &[u8]) -> Self {
        let text = slice(bytes, &run.content);
        let mut length = Vec::new();
        write_number(&mut length, text.len() as u64);
        let head = run.start..run.content.start - length.len() as u32;
        Self { run: run.clone(), head: slice(bytes, &head).to_vec(), text: text.to_vec() }
    }
}

fn slice<'a>(bytes: &'a [u8], range: &std::ops::Range<u32>) -> &'a [u8] {
    &bytes[range.start as usize..range.end as usize]
}

fn coalesce(parts: &mut Parts) {
    parts.deletions.sort_unstable();
    parts.deletions.dedup_by(|next, kept| {
        let joins = next.client == kept.client && next.clock <= kept.end;
        if joins {
            kept.end = kept.end.max(next.end);
        }
        joins
    });
}
