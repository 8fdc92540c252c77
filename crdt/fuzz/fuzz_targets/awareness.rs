//! Awareness updates: a decoded one is within the limits, and is encoded and decoded again to the same.

#![no_main]

use codesync_crdt::{Awareness, Limits, decode_awareness, encode_awareness};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let Ok(entries) = decode_awareness(data, &limits) else {
        return;
    };
    assert!(entries.len() <= limits.awareness_clients_per_update);
    assert_eq!(
        decode_awareness(&encode_awareness(&entries), &limits),
        Ok(entries.clone())
    );
    let mut room = Awareness::new(&limits);
    for (now, entry) in entries.into_iter().enumerate() {
        if let Some(state) = &entry.state {
            let value: serde_json::Value = serde_json::from_str(state).expect("states are json");
            assert!(value.is_object() && state.len() <= limits.awareness_state_bytes);
        }
        room.apply(entry, now as u64);
    }
    let here = room.len();
    assert_eq!(room.states().count(), here);
    assert_eq!(room.expire(1 << 40).len(), here);
    assert!(room.is_empty());
});
