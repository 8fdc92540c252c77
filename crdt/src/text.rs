//! The smallest edits between two texts, in UTF-16 units. Pure, and bounded in time for any texts: first the common
//! start and end, then lines, then characters. A part that would cost too much is replaced as a whole.

mod diff;

use std::borrow::Cow;
use std::collections::HashMap;

use self::diff::{Change, changes, trim, unique_matches};

/// The comparisons of one diff: about 50 ms.
const FUEL: usize = 20_000_000;

/// The size in bytes above which a change is not narrowed to characters: each character costs twelve bytes more.
const CHARS_MAX: usize = 64 << 10;

/// One step through the old text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit<'a> {
    Keep(u32),
    Delete(u32),
    Insert(&'a str),
}

/// Makes all line ends `\n` and drops a byte order mark.
pub fn normalize(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

pub(crate) fn utf16_len(text: &str) -> u32 {
    if text.is_ascii() {
        return text.len() as u32;
    }
    text.chars().map(|c| c.len_utf16() as u32).sum()
}

/// Returns the edits that turn `old` into `new`; no edit splits a character.
pub(crate) fn edits<'a>(old: &str, new: &'a str) -> Vec<Edit<'a>> {
    let Some(whole) = between_ends(old, new, Change { old: 0..old.len(), new: 0..new.len() }) else {
        return Vec::new();
    };
    let mut fuel = FUEL;
    let lines = line_changes(old, new, &mut fuel);
    let found: Vec<Change> = lines.into_iter().flat_map(|lines| char_changes(old, new, lines, &mut fuel)).collect();
    let cost = |change: &Change| utf16_len(&old[change.old.clone()]) + utf16_len(&new[change.new.clone()]);
    // Lines that are equal by chance can make a local edit more expensive than all text between the common ends.
    let is_costlier = found.iter().map(cost).sum::<u32>() > cost(&whole);
    let (mut edits, mut kept) = (Vec::new(), 0);
    for change in if is_costlier { vec![whole] } else { found } {
        edits.push(Edit::Keep(utf16_len(&old[kept..change.old.start])));
        edits.push(Edit::Delete(utf16_len(&old[change.old.clone()])));
        edits.push(Edit::Insert(&new[change.new]));
        kept = change.old.end;
    }
    edits.retain(|edit| !matches!(edit, Edit::Keep(0) | Edit::Delete(0) | Edit::Insert("")));
    edits
}

/// Finds the changed lines, as ranges of bytes.
fn line_changes(old: &str, new: &str, fuel: &mut usize) -> Vec<Change> {
    let mut ids = HashMap::new();
    let (old, new) = (Lines::new(old, &mut ids), Lines::new(new, &mut ids));
    let Some(all) = trim(&old.ids, &new.ids, Change::all(&old.ids, &new.ids)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let matches = unique_matches(&old.ids, &new.ids, &all, ids.len());
    for gap in all.split_at(&matches) {
        let Some(gap) = trim(&old.ids, &new.ids, gap) else {
            continue;
        };
        found.extend(changes(&old.ids, &new.ids, gap, fuel));
    }
    let bytes = |change: Change| Change {
        old: old.starts[change.old.start]..old.starts[change.old.end],
        new: new.starts[change.new.start]..new.starts[change.new.end],
    };
    found.into_iter().map(bytes).collect()
}

struct Lines {
    ids: Vec<u32>,
    /// The start of each line, and the end of the last.
    starts: Vec<usize>,
}

impl Lines {
    fn new<'a>(text: &'a str, known: &mut HashMap<&'a str, u32>) -> Self {
        let (mut ids, mut starts, mut at) = (Vec::new(), vec![0], 0);
        for line in text.split_inclusive('\n') {
            let next = known.len() as u32;
            ids.push(*known.entry(line).or_insert(next));
            at += line.len();
            starts.push(at);
        }
        Self { ids, starts }
    }
}

/// Removes the common start and end of a change, up to whole characters; `None` if nothing remains.
fn between_ends(old: &str, new: &str, within: Change) -> Option<Change> {
    let mut change = trim(old.as_bytes(), new.as_bytes(), within)?;
    // Bytes are equal on both sides of the cut, so where one text is inside a character the other is too.
    while !old.is_char_boundary(change.old.start) {
        (change.old.start, change.new.start) = (change.old.start - 1, change.new.start - 1);
    }
    while !old.is_char_boundary(change.old.end) {
        (change.old.end, change.new.end) = (change.old.end + 1, change.new.end + 1);
    }
    Some(change)
}

/// Narrows a change of whole lines down to characters.
fn char_changes(old: &str, new: &str, lines: Change, fuel: &mut usize) -> Vec<Change> {
    let Some(all) = between_ends(old, new, lines) else {
        return Vec::new();
    };
    if all.old.len().max(all.new.len()) > CHARS_MAX {
        return vec![all];
    }
    let (a, b) = (Chars::new(&old[all.old.clone()]), Chars::new(&new[all.new.clone()]));
    let bytes = |found: Change| Change {
        old: all.old.start + a.starts[found.old.start]..all.old.start + a.starts[found.old.end],
        new: all.new.start + b.starts[found.new.start]..all.new.start + b.starts[found.new.end],
    };
    let whole = Change::all(&a.values, &b.values);
    let found = changes(&a.values, &b.values, whole, fuel);
    found.into_iter().map(bytes).collect()
}

struct Chars {
    values: Vec<char>,
    /// The start of each character, and the end of the last.
    starts: Vec<usize>,
}

impl Chars {
    fn new(text: &str) -> Self {
        let starts = text.char_indices().map(|(start, _)| start);
        Self { values: text.chars().collect(), starts: starts.chain([text.len()]).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies edits in UTF-16 units, as every other replica will.
    fn applied(old: &str, edits: &[Edit<'_>]) -> String {
        let old: Vec<u16> = old.encode_utf16().collect();
        let (mut new, mut at) = (Vec::new(), 0);
        for edit in edits {
            match *edit {
                Edit::Keep(units) => {
                    new.extend_from_slice(&old[at..at + units as usize]);
                    at += units as usize;
                }
                Edit::Delete(units) => at += units as usize,
                Edit::Insert(text) => new.extend(text.encode_utf16()),
            }
        }
        new.extend_from_slice(&old[at..]);
        String::from_utf16(&new).unwrap()
    }

    fn cost(edits: &[Edit<'_>]) -> u32 {
        let cost = |edit: &Edit<'_>| match edit {
            Edit::Keep(_) => 0,
            Edit::Delete(units) => *units,
            Edit::Insert(text) => utf16_len(text),
        };
        edits.iter().map(cost).sum()
    }

    #[test]
    fn a_local_edit_between_lines_that_are_equal_by_chance_stays_local() {
        let lines = "aaa\n\na\n a\n a \n\na\naa \n\na";
        for at in 0..lines.len() - 4 {
            let new = format!("{}\na{}", &lines[..at], &lines[at + 4..]);
            let made = edits(lines, &new);
            assert_eq!(applied(lines, &made), new);
            assert!(cost(&made) <= 4 + 2, "at {at}: {made:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn edits_make_the_new_text(old in "[ab\n\u{e9}\u{e8}\u{1f600}\u{1f601}]{0,40}", new in "[ab\n\u{e9}\u{e8}\u{1f600}\u{1f601}]{0,40}") {
            proptest::prop_assert_eq!(applied(&old, &edits(&old, &new)), new);
        }

        #[test]
        fn one_local_edit_costs_no_more_than_itself(
            old in "[a-z \n\u{1f600}]{0,200}", at in 0.0..1.0f64, deleted in 0usize..5, inserted in "[a-z\n\u{1f601}]{0,5}",
        ) {
            let chars: Vec<char> = old.chars().collect();
            let from = (chars.len() as f64 * at) as usize;
            let to = (from + deleted).min(chars.len());
            let removed: String = chars[from..to].iter().collect();
            let new: String = chars[..from].iter().copied().chain(inserted.chars()).chain(chars[to..].iter().copied()).collect();
            let made = edits(&old, &new);
            proptest::prop_assert_eq!(&applied(&old, &made), &new);
            proptest::prop_assert!(cost(&made) <= utf16_len(&removed) + utf16_len(&inserted));
        }
    }

    #[test]
    fn far_apart_edits_stay_apart() {
        let old: String = (0..2000).map(|i| format!("let line_{i} = {i};\n")).collect();
        let new = old.replace("line_17 ", "line_seventeen ").replace("= 1800;", "= 18;");
        let made = edits(&old, &new);
        assert_eq!(applied(&old, &made), new);
        assert!(cost(&made) <= 20, "{made:?}");
    }

    #[test]
    fn unlike_texts_of_megabytes_are_replaced_in_bounded_time() {
        let of = |from: u32| {
            (0..1_500_000u32).map(|i| char::from(b'a' + (i.wrapping_mul(i ^ from) >> 7) as u8 % 26)).collect::<String>()
        };
        let lines = |text: String| text.replace('q', "\n");
        for (old, new) in
            [(of(1), of(2)), (lines(of(1)), lines(of(2))), ("}\n".repeat(1 << 19), "{\n}\n".repeat(1 << 19))]
        {
            let started = std::time::Instant::now();
            let made = edits(&old, &new);
            let took = started.elapsed();
            assert_eq!(applied(&old, &made), new);
            assert!(took.as_secs() < 20, "{took:?}");
        }
    }

    #[test]
    fn line_ends_and_byte_order_marks_are_normalized() {
        assert_eq!(normalize("\u{feff}a\r\nb\rc\n\r\n"), "a\nb\nc\n\n");
    }
}
