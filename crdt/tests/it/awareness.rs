//! Presence: the newest state wins, silent clients are removed, and nobody reappears after leaving.

use codesync_crdt::{Awareness, AwarenessEntry, Limits, Malformed, decode_awareness, encode_awareness};
use serde_json::Value;

use crate::support::{bytes, recorded};

fn entry(client: u64, clock: u32, state: Option<&str>) -> AwarenessEntry {
    AwarenessEntry { client, clock, state: state.map(str::to_owned) }
}

fn decode(entries: &[AwarenessEntry]) -> Result<Vec<AwarenessEntry>, Malformed> {
    decode_awareness(&encode_awareness(entries), &Limits::default())
}

#[test]
fn awareness_of_y_protocols_is_read_and_written_byte_for_byte() {
    let messages = recorded("messages");
    for name in ["awareness", "awareness_gone"] {
        let update = bytes(&messages[name]);
        let entries = decode_awareness(&update, &Limits::default()).unwrap();
        let states: Vec<Value> =
            entries.iter().map(|entry| serde_json::json!([entry.client, entry.clock, entry.state])).collect();
        assert_eq!(Value::from(states), messages[format!("{name}_states")]);
        assert_eq!(encode_awareness(&entries), update);
    }
}

#[test]
fn states_are_json_objects_within_the_limits() {
    assert!(decode(&[entry(1, 1, Some("{\"user\":{\"name\":\"😀\"}}")), entry(2, 0, None)]).is_ok());
    for state in ["[]", "1", "\"text\"", "true", "{", "", "{} {}", "{\"a\":}"] {
        assert!(decode(&[entry(1, 1, Some(state))]).is_err(), "{state}");
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(Limits::default().awareness_state_bytes));
    assert_eq!(decode(&[entry(1, 1, Some(&large))]), Err(Malformed::Limit("bytes of awareness")));
    let crowd: Vec<AwarenessEntry> = (0..2000).map(|i| entry(i, 1, None)).collect();
    assert_eq!(decode(&crowd), Err(Malformed::Limit("clients in an awareness update")));
    let update = encode_awareness(&[entry(1, 1, Some("{}"))]);
    for end in 0..update.len() {
        assert!(decode_awareness(&update[..end], &Limits::default()).is_err());
    }
    assert!(decode_awareness(&[&update[..], &[0]].concat(), &Limits::default()).is_err());
}

#[test]
fn halves_of_surrogate_pairs_become_replacement_characters() {
    for (sent, kept) in [
        (r#"{"initial":"\ud83d"}"#, r#"{"initial":"\ufffd"}"#),
        (
            r#"{"\ude00":["\uDE00\uD83D","\ud83d\ud83d\ude00!"]}"#,
            r#"{"\ufffd":["\ufffd\ufffd","\ufffd\ud83d\ude00!"]}"#,
        ),
        (
            r#"{"pair":"\ud83d\ude00","escaped":"\\ud83d","quote":"\"\\\ud83d"}"#,
            r#"{"pair":"\ud83d\ude00","escaped":"\\ud83d","quote":"\"\\\ufffd"}"#,
        ),
    ] {
        let read = decode(&[entry(1, 1, Some(sent))]).unwrap();
        assert_eq!(read, [entry(1, 1, Some(kept))]);
        assert!(serde_json::from_str::<Value>(kept).is_ok());
    }
    for broken in [r#"{"a":"\ud83"}"#, r#"{"a":"\"#, r#"{"a":"\ud83dö"#, r#"{"a":"\ö"}"#, r#"{"a":"\u+83d"}"#] {
        assert!(decode(&[entry(1, 1, Some(broken))]).is_err(), "{broken}");
    }
}

#[test]
fn the_newest_clock_wins() {
    let mut room = Awareness::default();
    assert!(!room.apply(entry(1, 0, Some("{}")), 0), "as in y-protocols, a first clock of 0 is no news");
    assert!(room.apply(entry(1, 2, Some("{\"a\":1}")), 0));
    assert!(!room.apply(entry(1, 2, Some("{\"a\":2}")), 0));
    assert!(!room.apply(entry(1, 1, None), 0));
    assert_eq!(room.states().collect::<Vec<_>>(), [&entry(1, 2, Some("{\"a\":1}"))]);
    assert!(room.apply(entry(1, 2, None), 0), "leaving needs no newer clock");
    assert!(!room.apply(entry(1, 2, None), 0));
    assert!(room.is_empty());
    assert_eq!(room.clock(1), Some(2));
    assert!(room.apply(entry(1, 3, Some("{}")), 0));
    assert_eq!((room.len(), room.clock(9)), (1, None));
}

#[test]
fn an_echo_does_not_revive_a_removed_client() {
    let mut room = Awareness::default();
    room.apply(entry(1, 5, Some("{}")), 0);
    assert_eq!(room.remove(1, 10), Some(entry(1, 6, None)));
    assert_eq!(room.remove(1, 10), None);
    assert_eq!(room.remove(2, 10), None);
    assert!(!room.apply(entry(1, 5, Some("{}")), 20));
    assert!(!room.apply(entry(1, 6, Some("{}")), 20));
    room.expire(59_000);
    assert!(!room.apply(entry(1, 5, Some("{}")), 59_000));
    room.expire(60_010);
    assert_eq!(room.clock(1), None);
    assert!(room.apply(entry(1, 5, Some("{}")), 60_020));
}

#[test]
fn silent_clients_expire_after_thirty_seconds() {
    let mut room = Awareness::default();
    room.apply(entry(1, 1, Some("{}")), 0);
    room.apply(entry(2, 1, Some("{}")), 20_000);
    assert!(room.expire(29_999).is_empty());
    assert_eq!(room.expire(30_000), [entry(1, 2, None)]);
    assert!(room.apply(entry(2, 2, Some("{}")), 40_000), "a renewal counts as being heard");
    assert!(room.expire(60_000).is_empty());
    assert_eq!(room.expire(70_000), [entry(2, 3, None)]);
    assert!(room.is_empty());
}

#[test]
fn the_crowd_is_bounded_and_so_are_its_tombstones() {
    let limits = Limits { awareness_clients: 3, ..Limits::default() };
    let mut room = Awareness::new(&limits);
    for client in 1..=3 {
        assert!(room.apply(entry(client, 1, Some("{}")), client));
    }
    assert!(!room.apply(entry(4, 1, Some("{}")), 4));
    for client in 1..=100 {
        room.apply(entry(client, 1, Some("{}")), client);
        room.remove(client, client);
    }
    assert!(room.is_empty());
    let remembered = (1..=100).filter(|client| room.clock(*client).is_some()).count();
    assert_eq!(remembered, 6);
    assert!(room.clock(100).is_some() && room.clock(1).is_none());
    // A remembered client counts as new when it returns.
    let gone: Vec<u64> = (1..=100).filter(|client| room.clock(*client).is_some()).collect();
    let back = gone.iter().filter(|client| room.apply(entry(**client, 9, Some("{}")), 200)).count();
    assert_eq!((back, room.len()), (3, 3));
}

#[test]
fn clocks_end_without_wrapping() {
    let mut room = Awareness::default();
    room.apply(entry(1, u32::MAX, Some("{}")), 0);
    assert_eq!(room.remove(1, 0), Some(entry(1, u32::MAX, None)));
}
