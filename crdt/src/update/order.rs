//! Sections of one update may build on each other, but not in a circle: yrs would keep a circle pending for ever.

use std::collections::BTreeSet;

use super::Section;
use crate::Malformed;

/// An edit of one section that needs an edit of another section of the same update.
pub(super) struct Reference {
    /// The section that refers.
    pub(super) section: u32,
    /// The clock of the struct that refers.
    pub(super) before: u32,
    /// The client that is referred to; once resolved, the number of its section.
    pub(super) client: u64,
    /// The clock that must be integrated first.
    pub(super) clock: u32,
}

/// Tells whether the sections can be integrated in some order; `references` are resolved and in the order of the bytes.
pub(super) fn check(sections: &[Section], references: &[Reference]) -> Result<(), Malformed> {
    if references.is_empty() {
        return Ok(());
    }
    let mut next: Vec<usize> = (0..sections.len())
        .map(|section| {
            references.partition_point(|reference| (reference.section as usize) < section)
        })
        .collect();
    let last: Vec<usize> = next
        .iter()
        .skip(1)
        .copied()
        .chain([references.len()])
        .collect();
    // (needed section, needed clock, waiting section)
    let mut waiting: BTreeSet<(u64, u32, usize)> = BTreeSet::new();
    let mut runnable: Vec<usize> = (0..sections.len()).rev().collect();
    let progress = |section: usize, next: &[usize]| {
        if next[section] == last[section] {
            sections[section].end
        } else {
            references[next[section]].before
        }
    };
    while let Some(section) = runnable.pop() {
        while next[section] < last[section] {
            let needed = &references[next[section]];
            if progress(needed.client as usize, &next) <= needed.clock {
                waiting.insert((needed.client, needed.clock, section));
                break;
            }
            next[section] += 1;
        }
        let reached = progress(section, &next);
        while let Some(&entry) = waiting
            .range((section as u64, 0, 0)..(section as u64, reached, 0))
            .next()
        {
            waiting.remove(&entry);
            runnable.push(entry.2);
        }
    }
    if waiting.is_empty() {
        Ok(())
    } else {
        Err(Malformed::Invalid("update: edits that need each other"))
    }
}
