//! Frames and state vectors: the bytes of y-protocols, and of our extension.

use codesync_crdt::protocol::codesync;
use codesync_crdt::{Limits, Malformed, Message, StateVector, decode_frame, encode};

use crate::support::{bytes, check_and_apply, document, recorded};

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn messages_are_those_of_y_protocols_byte_for_byte() {
    let messages = recorded("messages");
    let frame = |name: &str| bytes(&messages[name]);
    let update = frame("update");
    let vector = StateVector::decode(&frame("vector"), &limits()).unwrap();
    let mut replica = document();
    check_and_apply(&mut replica, &update);
    assert_eq!(replica.state_vector(), &vector);
    assert_eq!(vector.encode(), frame("vector"));

    let awareness = frame("awareness");
    let cases = [
        ("frame_step1", Message::SyncStep1(vector.clone()), encode::sync_step1(&vector)),
        ("frame_step2", Message::SyncStep2(&update), encode::sync_step2(&update)),
        ("frame_update", Message::Update(&update), encode::update(&update)),
        ("frame_awareness", Message::Awareness(&awareness), encode::awareness(&awareness)),
        ("frame_query_awareness", Message::QueryAwareness, encode::query_awareness()),
        ("frame_denied", Message::Auth("no accéss"), encode::permission_denied("no accéss")),
    ];
    for (name, message, encoded) in cases {
        assert_eq!(encoded, frame(name), "{name}");
        assert_eq!(decode_frame(&encoded, &limits()), Ok(vec![message]), "{name}");
    }
}

#[test]
fn the_extension_is_read_back() {
    use codesync::Message::*;
    let messages = [
        Mark(0),
        Mark((1 << 53) - 1),
        Hello { json: r#"{"role":"editor"}"# },
        Role { role: "viewer" },
        Rejected { json: "{}" },
        Token { token: "" },
        TokenAccepted { expires_at: "2026-01-01T00:00:00Z" },
    ];
    for message in messages {
        let frame = encode::codesync(&message);
        assert_eq!(frame[0], 100);
        assert_eq!(decode_frame(&frame, &limits()), Ok(vec![Message::Codesync(message)]));
    }
    assert_eq!(encode::codesync(&Mark(300)), [100, 0, 0xac, 2]);
    assert_eq!(decode_frame(&[100, 6], &limits()), Ok(vec![Message::Unknown]));
    assert!(decode_frame(&[100, 0], &limits()).is_err());
}

#[test]
fn frames_of_several_messages_are_read_whole_or_not_at_all() {
    let parts = [encode::update(&[0, 0]), encode::query_awareness(), encode::sync_step1(&StateVector::default())];
    let frame = parts.concat();
    let expected = [Message::Update(&[0, 0]), Message::QueryAwareness, Message::SyncStep1(StateVector::default())];
    assert_eq!(decode_frame(&frame, &limits()).unwrap(), expected);
    let ends: Vec<usize> = parts
        .iter()
        .scan(0, |end, part| {
            *end += part.len();
            Some(*end)
        })
        .collect();
    for end in 1..frame.len() {
        assert_eq!(decode_frame(&frame[..end], &limits()).is_ok(), ends.contains(&end), "{end}");
    }
    let most = encode::query_awareness().repeat(limits().frame_messages);
    assert_eq!(decode_frame(&most, &limits()).unwrap().len(), limits().frame_messages);
    let more = encode::query_awareness().repeat(limits().frame_messages + 1);
    assert_eq!(decode_frame(&more, &limits()), Err(Malformed::Limit("messages in a frame")));
}

#[test]
fn debug_output_of_messages_has_no_content() {
    let token = codesync::Message::Token { token: "secret" };
    for message in [Message::Update(b"secret"), Message::Awareness(b"secret"), Message::Codesync(token)] {
        assert!(!format!("{message:?}").contains("secret"), "{message:?}");
        assert!(!format!("{message:?}").contains("115"), "{message:?}");
    }
}

#[test]
fn unknown_messages_are_ignored_and_malformed_ones_refused() {
    for frame in [&[4u8][..], &[99, 0], &[0, 3, 0], &[0, 100], &[2, 1, 0], &[100, 77, 1], b"ping"] {
        assert_eq!(decode_frame(frame, &limits()), Ok(vec![Message::Unknown]), "{frame:?}");
    }
    // Its length is unknown, so nothing after it is read.
    let behind = [encode::query_awareness(), vec![99], encode::query_awareness()].concat();
    assert_eq!(decode_frame(&behind, &limits()), Ok(vec![Message::QueryAwareness, Message::Unknown]));
    assert_eq!(decode_frame(&[], &limits()), Ok(Vec::new()));
    for frame in [&[1u8][..], &[0], &[0x81], &[0, 2, 9], &[0xff; 12]] {
        assert!(decode_frame(frame, &limits()).is_err(), "{frame:?}");
    }
}

#[test]
fn state_vectors_compare_by_what_they_know() {
    let vector: StateVector = [(7, 3), (1 << 40, 9), (2, 0)].into_iter().collect();
    assert_eq!(StateVector::decode(&vector.encode(), &limits()), Ok(vector.clone()));
    assert_eq!((vector.len(), vector.clock(7), vector.clock(2)), (2, 3, 0));
    let less: StateVector = [(7, 3)].into_iter().collect();
    assert!(vector.covers(&less) && !less.covers(&vector) && less.covers(&StateVector::default()));
    assert_eq!(StateVector::decode(&[1, 5, 0], &limits()), Ok(StateVector::default()));
    assert!(StateVector::decode(&[2, 5, 1, 5, 2], &limits()).is_err());
    assert!(StateVector::decode(&[0, 0], &limits()).is_err());
    let few = Limits { state_vector_clients: 1, ..limits() };
    assert!(StateVector::decode(&vector.encode(), &few).is_err());
}
