//! The check that stands before yrs: one pass over the v1 bytes, no recursion, nothing allocated from a claimed count.
//! What passes here yrs integrates whole: nothing pending, nothing missing, no clock near an overflow.

use std::collections::BTreeSet;

use bytes::Bytes;
use smallvec::SmallVec;

use super::content::{check_json, skip_any, skip_key};
use super::order::{self, Reference};
use super::{Deletion, Parts, Run, Section, Update};
use crate::lib0::Reader;
use crate::{ClientId, Limits, Malformed, Refusal, StateVector};

/// Well below the clocks near 2^31 at which yrs's arithmetic breaks.
const CLOCK_MAX: u32 = 1 << 30;

const GC: u8 = 0;
const DELETED: u8 = 1;
const JSON: u8 = 2;
const BINARY: u8 = 3;
const STRING: u8 = 4;
const EMBED: u8 = 5;
const FORMAT: u8 = 6;
const TYPE: u8 = 7;
const ANY: u8 = 8;
const DOC: u8 = 9;
const SKIP: u8 = 10;

const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
const CONTENT: u8 = 0x1f;

/// What a replica knows before the update.
pub(crate) struct Known<'a> {
    pub(crate) clocks: &'a StateVector,
    pub(crate) roots: &'a BTreeSet<Box<str>>,
    pub(crate) limits: &'a Limits,
}

/// Checks an update from outside.
pub(crate) fn check(bytes: Bytes, known: &Known<'_>) -> Result<Update, Refusal> {
    let limit = known.limits.update_bytes;
    if bytes.len() > limit {
        return Err(Refusal::TooLarge {
            limit,
            actual: bytes.len(),
        });
    }
    check_any_size(bytes, known, known.limits.update_clients)
}

/// Checks a state or an update of our own making, which may hold a whole document.
pub(crate) fn check_any_size(
    bytes: Bytes,
    known: &Known<'_>,
    sections_max: usize,
) -> Result<Update, Refusal> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(Malformed::Limit("bytes").into());
    }
    let mut check = Check {
        reader: Reader::new(&bytes),
        known,
        parts: Parts::default(),
        references: Vec::new(),
        json_budget: known.limits.json_values,
        gap: false,
    };
    check.sections(sections_max)?;
    let by_client = check.index_sections()?;
    check.resolve_references(&by_client);
    check.deletions(&by_client)?;
    check.reader.finish()?;
    let Check {
        parts,
        gap,
        references,
        ..
    } = check;
    if gap {
        return Err(Refusal::Gap);
    }
    order::check(&parts.sections, &references)?;
    Ok(Update::new(bytes, parts))
}

struct Check<'a> {
    reader: Reader<'a>,
    known: &'a Known<'a>,
    parts: Parts,
    /// References to other clients' edits that are not known yet.
    references: Vec<Reference>,
    json_budget: usize,
    gap: bool,
}

/// Section numbers, ordered by client.
type ByClient = SmallVec<[(ClientId, u32); 1]>;

impl Check<'_> {
    fn sections(&mut self, sections_max: usize) -> Result<(), Malformed> {
        let count = self.reader.count(5)?;
        if count > sections_max {
            return Err(Malformed::Limit("clients in an update"));
        }
        for _ in 0..count {
            let section = self.section()?;
            self.parts.sections.push(section);
        }
        Ok(())
    }

    fn section(&mut self) -> Result<Section, Malformed> {
        let structs = self.reader.count(2)?;
        let client = self.reader.number()?;
        let clock = self.reader.number_u32()?;
        if structs == 0 {
            return Err(Malformed::Invalid("section: no structs"));
        }
        self.gap |= clock > self.known.clocks.clock(client);
        let start = self.reader.position() as u32;
        let mut at = Cursor { client, clock };
        let mut first_run = None;
        let mut last_run = None;
        for index in 0..structs {
            last_run = self.item(&mut at)?;
            if index == 0 {
                first_run.clone_from(&last_run);
            }
        }
        let body = start..self.reader.position() as u32;
        let structs = structs as u32;
        Ok(Section {
            client,
            clock,
            end: at.clock,
            structs,
            body,
            first_run,
            last_run,
        })
    }

    /// Reads one struct and moves `at` behind it.
    fn item(&mut self, at: &mut Cursor) -> Result<Option<Run>, Malformed> {
        let start = self.reader.position() as u32;
        let info = self.reader.byte()?;
        if info == GC {
            let len = self.reader.number_u32()?;
            at.advance(len)?;
            return Ok(None);
        }
        let origin = if info & HAS_ORIGIN != 0 {
            Some(self.reference(at)?)
        } else {
            None
        };
        let right_origin = if info & HAS_RIGHT_ORIGIN != 0 {
            Some(self.reference(at)?)
        } else {
            None
        };
        if origin.is_none() && right_origin.is_none() {
            self.parent(info)?;
        }
        let continues = at.clock > 0 && origin == Some((at.client, at.clock - 1));
        if info & CONTENT == STRING {
            let text = self.reader.string()?;
            let end = self.reader.position() as u32;
            at.advance(utf16_len(text))?;
            return Ok(Some(Run {
                start,
                text: end - text.len() as u32..end,
                continues,
                right_origin,
            }));
        }
        let len = self.content(info & CONTENT)?;
        at.advance(len)?;
        Ok(None)
    }

    /// Reads the id of an edit that must be there before the struct at `at`.
    fn reference(&mut self, at: &Cursor) -> Result<(ClientId, u32), Malformed> {
        let client = self.reader.number()?;
        let clock = self.reader.number_u32()?;
        if client == at.client {
            if clock >= at.clock {
                return Err(Malformed::Invalid("origin: it comes after its own edit"));
            }
        } else if clock >= self.known.clocks.clock(client) {
            let section = self.parts.sections.len() as u32;
            self.references.push(Reference {
                section,
                before: at.clock,
                client,
                clock,
            });
        }
        Ok((client, clock))
    }

    fn parent(&mut self, info: u8) -> Result<(), Malformed> {
        if self.reader.number()? != 1 {
            return Err(Malformed::Unsupported("nested shared types"));
        }
        let limits = self.known.limits;
        let name = self.reader.string()?;
        if name.len() > limits.root_name_bytes {
            return Err(Malformed::Limit("root name bytes"));
        }
        let new_roots = &mut self.parts.new_roots;
        if !self.known.roots.contains(name) && !new_roots.iter().any(|root| **root == *name) {
            if self.known.roots.len() + new_roots.len() >= limits.roots {
                return Err(Malformed::Limit("root types"));
            }
            new_roots.push(name.into());
        }
        if info & HAS_KEY != 0 {
            skip_key(&mut self.reader, limits)?;
        }
        Ok(())
    }

    fn content(&mut self, kind: u8) -> Result<u32, Malformed> {
        let limits = self.known.limits;
        match kind {
            DELETED => self.reader.number_u32(),
            BINARY => self.reader.buffer().map(|_| 1),
            EMBED => {
                check_json(self.reader.string()?, limits, &mut self.json_budget)?;
                Ok(1)
            }
            FORMAT => {
                skip_key(&mut self.reader, limits)?;
                check_json(self.reader.string()?, limits, &mut self.json_budget)?;
                Ok(1)
            }
            ANY => {
                let count = self.reader.count(1)?;
                for _ in 0..count {
                    skip_any(&mut self.reader, limits, &mut self.json_budget)?;
                }
                Ok(count as u32)
            }
            // yrs reads one string too many here; Yjs has not written it for years.
            JSON => Err(Malformed::Unsupported("legacy json values")),
            TYPE => Err(Malformed::Unsupported("nested shared types")),
            DOC => Err(Malformed::Unsupported("subdocuments")),
            SKIP => Err(Malformed::Unsupported("skipped edits")),
            _ => Err(Malformed::Invalid("struct: unknown content")),
        }
    }

    fn index_sections(&self) -> Result<ByClient, Malformed> {
        let sections = &self.parts.sections;
        let mut by_client: ByClient = sections
            .iter()
            .zip(0..)
            .map(|(section, index)| (section.client, index))
            .collect();
        by_client.sort_unstable();
        if by_client.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Malformed::Invalid("update: a client has two sections"));
        }
        let fresh = sections
            .iter()
            .filter(|section| self.known.clocks.clock(section.client) == 0)
            .count();
        if fresh > 0 && self.known.clocks.len() + fresh > self.known.limits.state_vector_clients {
            return Err(Malformed::Limit("clients in a document"));
        }
        Ok(by_client)
    }

    fn resolve_references(&mut self, by_client: &ByClient) {
        for reference in &mut self.references {
            match find(by_client, reference.client) {
                Some(index) if reference.clock < self.parts.sections[index].end => {
                    reference.client = index as u64
                }
                _ => self.gap = true,
            }
        }
    }

    fn deletions(&mut self, by_client: &ByClient) -> Result<(), Malformed> {
        for _ in 0..self.reader.count(4)? {
            let client = self.reader.number()?;
            let here = find(by_client, client).map_or(0, |index| self.parts.sections[index].end);
            let known = here.max(self.known.clocks.clock(client));
            for _ in 0..self.reader.count(2)? {
                let clock = self.reader.number_u32()?;
                let len = self.reader.number_u32()?;
                let end = clock
                    .checked_add(len)
                    .filter(|end| *end <= CLOCK_MAX && len > 0);
                let end = end.ok_or(Malformed::Invalid("deletion: its range"))?;
                self.gap |= end > known;
                self.parts.deletions.push(Deletion { client, clock, end });
            }
        }
        Ok(())
    }
}

fn find(by_client: &ByClient, client: ClientId) -> Option<usize> {
    let found = by_client
        .binary_search_by_key(&client, |(client, _)| *client)
        .ok()?;
    Some(by_client[found].1 as usize)
}

struct Cursor {
    client: ClientId,
    clock: u32,
}

impl Cursor {
    fn advance(&mut self, len: u32) -> Result<(), Malformed> {
        let end = self
            .clock
            .checked_add(len)
            .filter(|end| *end <= CLOCK_MAX && len > 0);
        self.clock = end.ok_or(Malformed::Invalid("struct: its length"))?;
        Ok(())
    }
}

fn utf16_len(text: &str) -> u32 {
    if text.is_ascii() {
        text.len() as u32
    } else {
        text.chars().map(|c| c.len_utf16() as u32).sum()
    }
}
