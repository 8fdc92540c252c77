//! Histories and messages recorded from Yjs 13.6 and y-protocols: read, and written back byte for byte.

use codesync_crdt::{Applied, Document, Limits, Update};
use serde_json::Value;

use crate::support::{HISTORIES, ROOT, assert_same, bytes, check_and_apply, document, hex, recorded, updates};

#[test]
fn histories_of_yjs_end_in_its_text_and_bytes() {
    for name in HISTORIES {
        let history = recorded(name);
        let mut replica = document();
        for update in updates(&history) {
            check_and_apply(&mut replica, &update);
        }
        assert_matches(&replica, &history);

        let mut merged = document();
        check_and_apply(&mut merged, &bytes(&history["merged"]));
        assert_matches(&merged, &history);

        let loaded = Document::load(&replica.state(), Limits::default()).unwrap();
        assert_same(&loaded, &replica);
        assert_eq!(loaded.size_bytes(), replica.state().len());
    }
}

#[test]
fn a_history_sent_again_changes_nothing() {
    for name in HISTORIES {
        let history = recorded(name);
        let mut replica = document();
        let all: Vec<Update> = updates(&history).iter().map(|update| check_and_apply(&mut replica, update).0).collect();
        let state = replica.state();
        for update in &all {
            assert_eq!(check_and_apply(&mut replica, update.bytes()).1, Applied::Unchanged, "{name}");
        }
        assert_eq!(check_and_apply(&mut replica, &state.clone().into()).1, Applied::Unchanged);
        assert_eq!(check_and_apply(&mut replica, &bytes(&history["merged"])).1, Applied::Unchanged);
        assert_eq!(replica.state(), state);
    }
}

fn assert_matches(replica: &Document, history: &Value) {
    assert_eq!(replica.text(ROOT), history["text"].as_str().unwrap());
    assert_eq!(hex(&replica.state_vector().encode()), history["vector"].as_str().unwrap());
    let state = replica.state();
    let structs = bytes(&history["structs"]);
    assert_eq!(hex(&state[..structs.len()]), hex(&structs));
    let deletions: Value = deletions(&state[structs.len()..]).into();
    assert_eq!(deletions, history["deletions"]);
}

/// Reads a delete set, whose clients Yjs and yrs write in opposite orders.
fn deletions(bytes: &[u8]) -> Vec<Vec<u64>> {
    let mut numbers = bytes.iter();
    let mut next = || {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = *numbers.next().unwrap();
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    let mut found = Vec::new();
    for _ in 0..next() {
        let client = next();
        for _ in 0..next() {
            found.push(vec![client, next(), next()]);
        }
    }
    assert!(numbers.next().is_none());
    found.sort();
    found
}
