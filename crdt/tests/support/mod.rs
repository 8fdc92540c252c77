//! Helpers of several tests.

mod chance;
mod recorded;
mod wire;
pub(crate) mod writer;

use bytes::Bytes;
use codesync_crdt::{Applied, Document, Limits, Update};

pub(crate) use chance::{Chance, seeded};
pub(crate) use recorded::{HISTORIES, bytes, recorded, updates};
pub(crate) use wire::Wire;

pub(crate) const ROOT: &str = "content";

/// Pieces of text that take one, two or many UTF-16 units, and some that combine with their neighbours.
pub(crate) const PIECES: [&str; 12] =
    ["fn ", "x", "let y = 1;\n", "\t", "(", "ö", "e\u{301}", "\u{301}", "漢字", "😀", "👩‍👩‍👧", "🏳️‍🌈"];

pub(crate) fn document() -> Document {
    Document::new(Limits::default())
}

/// Checks and applies, as a room does.
pub(crate) fn check_and_apply(document: &mut Document, bytes: &Bytes) -> (Update, Applied) {
    let update = document.check(bytes.clone()).unwrap();
    let effect = apply(document, &update);
    (update, effect)
}

/// Applies an update that was checked against the document.
pub(crate) fn apply(document: &mut Document, update: &Update) -> Applied {
    let (changed, effect) = std::mem::replace(document, self::document()).with_update(update).unwrap();
    *document = changed;
    effect
}

/// Changes the text into another as `client`; `None` if nothing differs.
pub(crate) fn replace_text(document: &mut Document, text: &str, client: u64) -> Option<Update> {
    let update = document.replacement(ROOT, text, client).unwrap()?;
    apply(document, &update);
    Some(update)
}

/// Asserts that two replicas hold the same, in content and in bytes.
pub(crate) fn assert_same(a: &Document, b: &Document) {
    assert_eq!(a.state_vector(), b.state_vector());
    assert_eq!(a.text(ROOT), b.text(ROOT));
    assert!(normal(&a.state()) == normal(&b.state()), "the states differ");
}

/// Joins text that one replica holds in one piece and another in several.
pub(crate) fn normal(state: &[u8]) -> Vec<u8> {
    Document::load(state, Limits::default()).unwrap().state()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Bytes {
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Returns the path of a script of `tests/node`, whose packages must be installed.
pub(crate) fn node_script(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node");
    let installed = std::path::Path::new(folder).join("node_modules/yjs").exists();
    assert!(installed, "run `npm ci --prefix crdt/tests/node` first");
    format!("{folder}/{name}")
}
