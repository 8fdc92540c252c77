//! Differences between two sequences. Well-kept diff libraries bound neither the work nor the memory of a hostile pair
//! of texts, which this one must.

use std::ops::Range;

/// The largest number of edits that is searched for: memory grows with its square.
const EDITS_MAX: usize = 512;

/// A range of the old sequence and its replacement in the new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

impl Change {
    pub(super) fn all<T>(old: &[T], new: &[T]) -> Self {
        Self { old: 0..old.len(), new: 0..new.len() }
    }

    /// Returns the ranges between pairs of equal elements, given in order.
    pub(super) fn split_at(&self, pairs: &[(usize, usize)]) -> Vec<Change> {
        let mut from = (self.old.start, self.new.start);
        let ends = pairs.iter().copied().chain([(self.old.end, self.new.end)]);
        let gap = |to: (usize, usize)| {
            let (old, new) = (from.0..to.0, from.1..to.1);
            from = (to.0 + 1, to.1 + 1);
            Change { old, new }
        };
        ends.map(gap).collect()
    }
}

/// Removes the common start and end; `None` if nothing remains.
pub(super) fn trim<T: PartialEq>(old: &[T], new: &[T], change: Change) -> Option<Change> {
    let Change { old: a, new: b } = change;
    let pairs = old[a.clone()].iter().zip(&new[b.clone()]);
    let head = pairs.take_while(|(a, b)| a == b).count();
    let (a, b) = (a.start + head..a.end, b.start + head..b.end);
    let pairs = old[a.clone()].iter().rev().zip(new[b.clone()].iter().rev());
    let tail = pairs.take_while(|(a, b)| a == b).count();
    let (old, new) = (a.start..a.end - tail, b.start..b.end - tail);
    (!old.is_empty() || !new.is_empty()).then_some(Change { old, new })
}

/// Pairs the elements that occur once in both ranges, as many as keep their order; `ids` is one more than the largest
/// element.
pub(super) fn unique_matches(old: &[u32], new: &[u32], within: &Change, ids: usize) -> Vec<(usize, usize)> {
    let once = |elements: &[u32], range: &Range<usize>| {
        let mut places = vec![None; ids];
        for i in range.clone() {
            let place = &mut places[elements[i] as usize];
            *place = Some(if place.is_none() { i } else { usize::MAX });
        }
        places
    };
    let (in_old, in_new) = (once(old, &within.old), once(new, &within.new));
    let mut pairs: Vec<(usize, usize)> = in_old.into_iter().zip(in_new).filter_map(both).collect();
    pairs.sort_unstable();
    longest_increasing(&pairs)
}

fn both((old, new): (Option<usize>, Option<usize>)) -> Option<(usize, usize)> {
    let pair = (old?, new?);
    (pair.0 != usize::MAX && pair.1 != usize::MAX).then_some(pair)
}

/// The longest subsequence of pairs, already ordered by the first, in which the second increases too.
fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // The last pair of the best subsequence of each length, and for each pair the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (i, pair) in pairs.iter().enumerate() {
        let len = ends.partition_point(|end| pairs[*end].1 < pair.1);
        before.push(len.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(len) {
            Some(end) => *end = i,
            None => ends.push(i),
        }
    }
    let mut found = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(i) = at {
        found.push(pairs[i]);
        at = before[i];
    }
    found.reverse();
    found
}

/// Finds the fewest edits inside a change (Myers' greedy search); returns the change itself if that takes too long.
pub(super) fn changes<T: PartialEq>(old: &[T], new: &[T], within: Change, fuel: &mut usize) -> Vec<Change> {
    let (a, b) = (&old[within.old.clone()], &new[within.new.clone()]);
    if a.is_empty() || b.is_empty() {
        return vec![within];
    }
    let Some(rounds) = search(a, b, fuel) else {
        return vec![within];
    };
    let mut pairs = matches(&rounds);
    for pair in &mut pairs {
        *pair = (pair.0 + within.old.start, pair.1 + within.new.start);
    }
    let mut found = within.split_at(&pairs);
    found.retain(|change| !change.old.is_empty() || !change.new.is_empty());
    found
}

/// For each number of edits `d`, how far into `a` each diagonal `2i - d` was followed.
type Rounds = Vec<Vec<usize>>;

fn search<T: PartialEq>(a: &[T], b: &[T], fuel: &mut usize) -> Option<Rounds> {
    let mut rounds: Rounds = Vec::new();
    for d in 0..=EDITS_MAX {
        let mut round = Vec::with_capacity(d + 1);
        for i in 0..=d {
            let (from, _) = rounds.last().map_or((0, 0), |last| step(last, i));
            // On this diagonal x - y = 2i - d.
            let (mut x, mut y) = (from, from + d - 2 * i);
            while x < a.len() && y < b.len() && a[x] == b[y] {
                x += 1;
                y += 1;
            }
            *fuel = fuel.checked_sub(x - from + 1)?;
            round.push(x);
            if x >= a.len() && y >= b.len() {
                rounds.push(round);
                return Some(rounds);
            }
        }
        rounds.push(round);
    }
    None
}

/// Returns how far the last round brings diagonal `i` of the next one by one edit, and from which of its own diagonals.
fn step(last: &[usize], i: usize) -> (usize, usize) {
    let inserts = i < last.len() && (i == 0 || last[i - 1] < last[i]);
    if inserts { (last[i], i) } else { (last[i - 1] + 1, i - 1) }
}

/// Walks back through the rounds and collects equal elements.
fn matches(rounds: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut i = rounds.last().map_or(0, |last| last.len() - 1);
    for d in (0..rounds.len()).rev() {
        let to = rounds[d][i];
        let (from, previous) = match d {
            0 => (0, 0),
            _ => step(&rounds[d - 1], i),
        };
        pairs.extend((from..to).rev().map(|x| (x, x + d - 2 * i)));
        i = previous;
    }
    pairs.reverse();
    pairs
}
