//! A sequence of updates against one document: each is refused or applied as a whole, and the document can always be
//! loaded again. The input is a list of updates, each after its length in two bytes (big-endian).

#![no_main]

use bytes::Bytes;
use codesync_crdt::{Comparison, Document, Limits, Update};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut document = Document::new(Limits::default());
    let mut taken = Vec::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (bytes, tail) = tail.split_at(tail.len().min(u16::from_be_bytes(*length).into()));
        rest = tail;
        let Ok(update) = document.check(Bytes::copy_from_slice(bytes)) else {
            continue;
        };
        assert_ne!(document.compare(&update), Comparison::NotComparable);
        (document, _) = document
            .with_update(&update)
            .expect("a checked update is taken in");
        taken.push(update);
    }
    let state = document.state();
    let loaded = Document::load(&state, Limits::default()).expect("a state can be loaded");
    assert_eq!(loaded.state_vector(), document.state_vector());
    document.diff(loaded.state_vector());
    document.text("content");

    let mut merged = Document::new(Limits::default());
    for update in Update::merge(&taken) {
        let update = merged
            .check_stored(update.bytes().clone())
            .expect("a batch is sound");
        (merged, _) = merged.with_update(&update).expect("a batch is taken in");
    }
    assert_eq!(merged.state_vector(), document.state_vector());
    document
        .replacement("content", "rewritten", 1 << 52)
        .expect("a text can be replaced");
});
