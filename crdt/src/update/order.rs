//! The order of the sections of one update. Sections may depend on each other, but not in a circle, which yrs would
//! keep pending without end. Example: section A has structs 0 to 9, and B's first struct has A's clock 4 as its origin,
//! while A's clock 7 has B's first as its origin. The plan is A 0 to 6, B, A 7 to 9.

use std::collections::BTreeSet;

use super::{Piece, Point, Section};
use crate::Malformed;

/// yrs follows dependencies between sections with a stack that it searches at every step, and by recursion.
pub(super) const SECTIONS_AT_ONCE: usize = 512;

/// A struct that needs an edit of another section of the same update, or needs everything before it in its own section
/// to be committed.
pub(super) struct Dependency {
    /// The number of the struct's section.
    pub(super) section: u32,
    /// The start of the struct.
    pub(super) before: Point,
    /// The number of the section that it needs, and the clock in it.
    pub(super) needs: u32,
    pub(super) clock: u32,
}

/// Finds an order in which the sections can be integrated, in pieces of at most `step` structs; `dependencies` are in
/// the order of the bytes. The plan is empty if yrs can find one itself.
pub(super) fn plan(sections: &[Section], dependencies: &[Dependency], step: usize) -> Result<Vec<Piece>, Malformed> {
    let structs: usize = sections.iter().map(|section| section.end.structs as usize).sum();
    if dependencies.is_empty() && structs <= step {
        return Ok(Vec::new());
    }
    let mut lanes = Lanes::new(sections, dependencies);
    let mut plan: Vec<Piece> = Vec::new();
    let mut commit_first = vec![false; sections.len()];
    // (needed section, needed clock, waiting section)
    let mut waiting: BTreeSet<(u32, u32, u32)> = BTreeSet::new();
    // Yjs writes higher client ids first, and that order is the cheap one for edits at the same place.
    let mut runnable: Vec<u32> = (0..sections.len() as u32).rev().collect();
    while let Some(section) = runnable.pop() {
        let start = lanes.done[section as usize];
        let needed = lanes.run(section);
        if let Some(needed) = needed {
            waiting.insert((needed.needs, needed.clock, section));
        }
        let end = lanes.done[section as usize];
        let commits = &mut commit_first[section as usize];
        if start.structs < end.structs {
            plan.push(Piece { section, start, end, after_commit: std::mem::take(commits) });
        }
        *commits |= needed.is_some_and(|needed| needed.needs == section);
        let woken = (section, 0, 0)..(section, end.clock, 0);
        while let Some(&waiter) = waiting.range(woken.clone()).next() {
            waiting.remove(&waiter);
            runnable.push(waiter.2);
        }
    }
    if !waiting.is_empty() {
        return Err(Malformed::Invalid("update: edits that need each other"));
    }
    let in_one_go =
        sections.len() <= SECTIONS_AT_ONCE && structs <= step && plan.iter().all(|piece| !piece.after_commit);
    Ok(if in_one_go { Vec::new() } else { plan })
}

/// The progress of each section.
struct Lanes<'a> {
    sections: &'a [Section],
    dependencies: &'a [Dependency],
    /// For each section its first dependency that is not known to be met.
    next: Vec<usize>,
    done: Vec<Point>,
}

impl<'a> Lanes<'a> {
    fn new(sections: &'a [Section], dependencies: &'a [Dependency]) -> Self {
        let first = |section| dependencies.partition_point(|d| d.section < section);
        Self {
            sections,
            dependencies,
            next: (0..sections.len() as u32).map(first).collect(),
            done: sections.iter().map(|section| section.start).collect(),
        }
    }

    /// Continues a section until its end or an unmet dependency, which is returned.
    fn run(&mut self, section: u32) -> Option<&'a Dependency> {
        let lane = section as usize;
        while let Some(needed) = self.dependencies.get(self.next[lane]) {
            if needed.section != section {
                break;
            }
            if self.done[needed.needs as usize].clock <= needed.clock {
                self.done[lane] = needed.before;
                return Some(needed);
            }
            self.next[lane] += 1;
        }
        self.done[lane] = self.sections[lane].end;
        None
    }
}
