//! The smallest edits between two texts, in UTF-16 units. Pure, and bounded in time whatever the texts are.

use std::borrow::Cow;

/// One step through the old text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit<'a> {
    Keep(u32),
    Delete(u32),
    Insert(&'a str),
}

/// Makes all line ends `\n` and drops a byte order mark.
pub(crate) fn normalize(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns the edits that turn `old` into `new`.
pub(crate) fn edits<'a>(old: &str, new: &'a str) -> Vec<Edit<'a>> {
    let prefix = common_prefix(old, new);
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix = common_suffix(old_rest, new_rest);
    let deleted = &old_rest[..old_rest.len() - suffix];
    let inserted = &new_rest[..new_rest.len() - suffix];
    let mut edits = vec![
        Edit::Keep(units(&old[..prefix])),
        Edit::Delete(units(deleted)),
        Edit::Insert(inserted),
    ];
    edits.retain(|edit| !matches!(edit, Edit::Keep(0) | Edit::Delete(0) | Edit::Insert("")));
    edits
}

fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

fn common_prefix(a: &str, b: &str) -> usize {
    let mut len = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    while !a.is_char_boundary(len) || !b.is_char_boundary(len) {
        len -= 1;
    }
    len
}

fn common_suffix(a: &str, b: &str) -> usize {
    let mut len = a
        .bytes()
        .rev()
        .zip(b.bytes().rev())
        .take_while(|(a, b)| a == b)
        .count();
    while !a.is_char_boundary(a.len() - len) || !b.is_char_boundary(b.len() - len) {
        len -= 1;
    }
    len
}
