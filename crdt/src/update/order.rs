//! Sections of one update may build on each other, but not in a circle: yrs would keep a circle pending for ever.

use std::collections::BTreeSet;

use super::Section;
use crate::Malformed;

/// A struct that needs an edit of another section of the same update.
pub(super) struct Dependency {
    /// The number of the struct's section.
    pub(super) section: u32,
    /// The clock of the struct.
    pub(super) before: u32,
    /// The number of the section that it needs, and up to which clock.
    pub(super) needs: u32,
    pub(super) clock: u32,
}

/// Makes sure that the sections can be integrated in some order; `dependencies` are in the order of the bytes.
pub(super) fn check(sections: &[Section], dependencies: &[Dependency]) -> Result<(), Malformed> {
    if dependencies.is_empty() {
        return Ok(());
    }
    let mut lanes = Lanes::new(sections, dependencies);
    // (needed section, needed clock, waiting section)
    let mut waiting: BTreeSet<(u32, u32, u32)> = BTreeSet::new();
    let mut runnable: Vec<u32> = (0..sections.len() as u32).collect();
    while let Some(section) = runnable.pop() {
        if let Some(needed) = lanes.run(section) {
            waiting.insert((needed.needs, needed.clock, section));
        }
        let reached = lanes.reached(section);
        let from = (section, 0, 0);
        while let Some(&wakes) = waiting.range(from..(section, reached, 0)).next() {
            waiting.remove(&wakes);
            runnable.push(wakes.2);
        }
    }
    if waiting.is_empty() {
        Ok(())
    } else {
        Err(Malformed::Invalid("update: edits that need each other"))
    }
}

/// How far each section could be integrated.
struct Lanes<'a> {
    sections: &'a [Section],
    dependencies: &'a [Dependency],
    /// For each section its first dependency that is not known to be met.
    next: Vec<usize>,
}

impl<'a> Lanes<'a> {
    fn new(sections: &'a [Section], dependencies: &'a [Dependency]) -> Self {
        let first = |section| dependencies.partition_point(|d| d.section < section);
        Self {
            sections,
            dependencies,
            next: (0..sections.len() as u32).map(first).collect(),
        }
    }

    /// Goes on with a section until its end or an unmet dependency, which is returned.
    fn run(&mut self, section: u32) -> Option<&'a Dependency> {
        loop {
            let needed = self.blocker(section)?;
            if self.reached(needed.needs) <= needed.clock {
                return Some(needed);
            }
            self.next[section as usize] += 1;
        }
    }

    fn blocker(&self, section: u32) -> Option<&'a Dependency> {
        let dependency = self.dependencies.get(self.next[section as usize]);
        dependency.filter(|dependency| dependency.section == section)
    }

    fn reached(&self, section: u32) -> u32 {
        let blocker = self.blocker(section);
        blocker.map_or(self.sections[section as usize].end, |blocker| {
            blocker.before
        })
    }
}
