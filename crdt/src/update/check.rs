//! The check before yrs: one pass over the v1 bytes, no recursion, and no allocation from a claimed count. yrs
//! integrates a checked update completely: nothing is pending or missing, and no clock is near an overflow. Examples:
//! `[1, 1, 7, 5, …]` on an empty replica is a gap, because client 7 starts at clock 5; a count of 4e8 clients in an
//! update of 5 bytes is malformed, because each needs a byte.

use std::collections::BTreeSet;

use bytes::Bytes;
use smallvec::SmallVec;

use super::encode::{write_deletions, write_section};
use super::item::Cursor;
use super::order::{self, Dependency};
use super::{Deletion, Parts, Point, Run, Section, Update};
use crate::lib0::{Reader, write_number};
use crate::{ClientId, Limits, Malformed, Refusal, StateVector};

/// Well below the clocks near 2^31 at which yrs's arithmetic breaks.
const CLOCK_MAX: u32 = 1 << 30;

/// The state of a replica before the update.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) clocks: &'a StateVector,
    pub(crate) roots: &'a BTreeSet<Box<str>>,
}

/// Checks an update against the known state and the limits.
pub(crate) fn check(bytes: Bytes, known: Known<'_>, limits: &Limits) -> Result<Update, Refusal> {
    // Positions in the update are kept as 32-bit numbers.
    let limit = limits.update_bytes.min(u32::MAX as usize);
    if bytes.len() > limit {
        return Err(Refusal::TooLarge { limit, actual: bytes.len() });
    }
    let step = limits.step_structs.max(1);
    let mut check = Check {
        reader: Reader::new(&bytes),
        known,
        limits,
        parts: Parts::default(),
        references: Vec::new(),
        values_left: limits.json_values,
        step,
        new_clients: 0,
        gap: false,
        skipped_at: None,
        has_skips: false,
    };
    check.sections()?;
    check.count_clients()?;
    let by_client = check.index_sections()?;
    check.deletions(&by_client)?;
    check.reader.finish()?;
    if check.has_skips {
        return self::check(check.without_skips(&bytes).into(), known, limits);
    }
    let dependencies = check.resolve(&by_client);
    // A gap is reported only for otherwise sound bytes: the answer to it costs a sync.
    if check.gap {
        return Err(Refusal::Gap);
    }
    let mut parts = check.parts;
    parts.step = step;
    parts.plan = order::plan(&parts.sections, &dependencies, step)?;
    Ok(Update::new(bytes, parts))
}

/// yrs joins structs at the end of a transaction, from the last to the first, and copies all that was joined so far at each
/// step: this many bytes are copied in one transaction at most.
const JOINED_BYTES_MAX: usize = 8 << 20;

/// The cost of joining the structs of a section.
#[derive(Default)]
struct Joining {
    structs: usize,
    bytes: usize,
}

impl Joining {
    /// Counts one more struct, and returns whether those before it should be joined first.
    fn is_costly(&mut self, before: Option<&Run>, run: Option<&Run>) -> bool {
        let joined = run.zip(before).filter(|(run, before)| run.joins(before));
        self.structs = joined.map_or(0, |_| self.structs + 1);
        self.bytes += self.structs * joined.map_or(0, |(run, _)| run.memory());
        let costly = self.bytes > JOINED_BYTES_MAX;
        if costly {
            *self = Self::default();
        }
        costly
    }
}

/// The state of one pass.
pub(super) struct Check<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) known: Known<'a>,
    pub(super) limits: &'a Limits,
    pub(super) parts: Parts,
    /// References to other clients' edits that were not known before the update.
    references: Vec<Reference>,
    pub(super) values_left: usize,
    step: usize,
    new_clients: usize,
    gap: bool,
    /// The first skip of the current section.
    pub(super) skipped_at: Option<Point>,
    has_skips: bool,
}

struct Reference {
    section: u32,
    /// The start of the referring struct.
    before: Point,
    client: ClientId,
    clock: u32,
}

/// Section numbers, ordered by client.
type ByClient = SmallVec<[(ClientId, u32); 1]>;

impl Check<'_> {
    fn sections(&mut self) -> Result<(), Malformed> {
        for _ in 0..self.reader.count(5)? {
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
        let seen = self.known.clocks.clock(client);
        self.gap |= clock > seen;
        self.new_clients += usize::from(seen == 0);
        let start = Point { clock, byte: self.reader.position(), structs: 0, places: 0 };
        let mut at = Cursor { client, at: start };
        let first_run = self.item(&mut at)?;
        let mut last_run = first_run.clone();
        let mut joining = Joining::default();
        for index in 1..structs {
            let before = at.at;
            let run = self.item(&mut at)?;
            let costly = joining.is_costly(last_run.as_ref(), run.as_ref());
            if costly || index % self.step == 0 {
                // Within its own section an edit needs a place to commit at: see `order`.
                self.need(before, (client, before.clock - 1));
            }
            last_run = run;
        }
        let skipped_at = self.skipped_at.take();
        self.has_skips |= skipped_at.is_some();
        Ok(Section {
            client,
            start,
            end: skipped_at.unwrap_or(at.at),
            first_run: first_run.filter(Run::is_text),
            last_run: last_run.filter(Run::is_text),
        })
    }

    /// Reads the id of an edit that must exist before the struct at `at`.
    pub(super) fn reference(&mut self, at: &Cursor) -> Result<(ClientId, u32), Malformed> {
        let client = self.reader.number()?;
        let clock = self.reader.number_u32()?;
        if client == at.client {
            if clock >= at.at.clock {
                return Err(Malformed::Invalid("origin: it is not before its own edit"));
            }
        } else if clock >= self.known.clocks.clock(client) {
            self.need(at.at, (client, clock));
        }
        Ok((client, clock))
    }

    fn need(&mut self, before: Point, (client, clock): (ClientId, u32)) {
        self.references.push(Reference { section: self.parts.sections.len() as u32, before, client, clock });
    }

    fn count_clients(&self) -> Result<(), Refusal> {
        let limit = self.limits.state_vector_clients;
        let actual = self.known.clocks.len() + self.new_clients;
        if self.new_clients > 0 && actual > limit {
            return Err(Refusal::TooManyClients { limit });
        }
        Ok(())
    }

    fn index_sections(&self) -> Result<ByClient, Malformed> {
        let sections = self.parts.sections.iter().zip(0..);
        let mut by_client: ByClient = sections.map(|(section, i)| (section.client, i)).collect();
        by_client.sort_unstable();
        if by_client.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Malformed::Invalid("update: a client has two sections"));
        }
        Ok(by_client)
    }

    fn deletions(&mut self, by_client: &ByClient) -> Result<(), Malformed> {
        for _ in 0..self.reader.count(4)? {
            let client = self.reader.number()?;
            let here = find(by_client, client).map_or(0, |i| self.parts.sections[i as usize].end.clock);
            let known = here.max(self.known.clocks.clock(client));
            for _ in 0..self.reader.count(2)? {
                let clock = self.reader.number_u32()?;
                let end = end_clock(clock, self.reader.number_u32()?)?;
                self.gap |= end > known;
                self.parts.deletions.push(Deletion { client, clock, end });
            }
        }
        Ok(())
    }

    /// Encodes the update without the structs behind a skip, and without deletions of edits that are then unknown. A
    /// client writes skips while it lacks edits before some that it has. The edits behind a skip cannot be applied;
    /// their author sends them with the skipped ones.
    fn without_skips(&self, bytes: &[u8]) -> Vec<u8> {
        let sections = self.parts.sections.iter().filter(|section| section.end.structs > 0);
        let kept: Vec<&Section> = sections.collect();
        let mut out = Vec::with_capacity(bytes.len());
        write_number(&mut out, kept.len() as u64);
        for section in &kept {
            write_section(&mut out, section.client, section.start.clock, section.end.structs);
            out.extend_from_slice(&bytes[section.start.byte as usize..section.end.byte as usize]);
        }
        let known = |client| {
            let here = kept.iter().find(|section| section.client == client).map_or(0, |section| section.end.clock);
            here.max(self.known.clocks.clock(client))
        };
        let deletions = self.parts.deletions.iter();
        let clipped = deletions.map(|deletion| Deletion { end: deletion.end.min(known(deletion.client)), ..*deletion });
        let clipped: Vec<Deletion> = clipped.filter(|deletion| deletion.clock < deletion.end).collect();
        write_deletions(&mut out, &clipped);
        out
    }

    fn resolve(&mut self, by_client: &ByClient) -> Vec<Dependency> {
        let mut dependencies = Vec::with_capacity(self.references.len());
        for reference in &self.references {
            let needs = find(by_client, reference.client);
            let here = |i: &u32| reference.clock < self.parts.sections[*i as usize].end.clock;
            match needs.filter(here) {
                Some(needs) => dependencies.push(Dependency {
                    section: reference.section,
                    before: reference.before,
                    needs,
                    clock: reference.clock,
                }),
                None => self.gap = true,
            }
        }
        dependencies
    }
}

fn find(by_client: &ByClient, client: ClientId) -> Option<u32> {
    let found = by_client.binary_search_by_key(&client, |entry| entry.0);
    found.ok().map(|i| by_client[i].1)
}

/// Returns the clock after a range, which must not be empty.
pub(super) fn end_clock(clock: u32, len: u32) -> Result<u32, Malformed> {
    let end = clock.checked_add(len).filter(|end| *end <= CLOCK_MAX);
    end.filter(|_| len > 0).ok_or(Malformed::Invalid("range of clocks"))
}
