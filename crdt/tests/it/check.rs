//! What the check accepts, what it refuses, and the messages.

use bytes::Bytes;
use codesync_crdt::{Applied, Document, DocumentError, Limits, Malformed, Refusal, Replica, StateVector};

use crate::support::writer::Writer;
use crate::support::{HISTORIES, ROOT, Wire, apply, check_and_apply, document, recorded, updates};

/// Client 1 typed "ab".
fn two_letters() -> Document {
    let mut replica = document();
    check_and_apply(&mut replica, &typed(1, 0, "ab"));
    replica
}

fn typed(client: u64, clock: u64, text: &str) -> Bytes {
    Wire::default().numbers(&[1, 1, client, clock]).root_text(text).number(0).bytes()
}

fn root_named(name: &str, client: u64) -> Bytes {
    let head = Wire::default().numbers(&[1, 1, client, 0]).raw(&[4]);
    head.number(1).string(name).string("x").number(0).bytes()
}

#[test]
fn every_beginning_of_an_update_is_refused() {
    for name in HISTORIES {
        let mut replica = document();
        for update in updates(&recorded(name)) {
            for end in 0..update.len() {
                let refusal = replica.check(update.slice(..end)).unwrap_err();
                assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal}");
            }
            let longer: Bytes = [&update[..], &[0]].concat().into();
            assert_eq!(replica.check(longer).unwrap_err(), Malformed::Trailing.into());
            check_and_apply(&mut replica, &update);
        }
    }
}

#[test]
fn a_gap_is_not_malformed_but_malformed_comes_first() {
    let replica = two_letters();
    let ahead = Wire::default().numbers(&[1, 1, 1, 3]).text_after(1, 1, "x");
    assert_eq!(replica.check(ahead.clone().number(0).bytes()).unwrap_err(), Refusal::Gap);
    let broken = replica.check(ahead.number(7).bytes()).unwrap_err();
    assert_eq!(broken, Malformed::Count.into());
    let unknown = Wire::default().numbers(&[1, 1, 2, 0]).text_after(1, 2, "x").number(0);
    assert_eq!(replica.check(unknown.bytes()).unwrap_err(), Refusal::Gap);
    let deletion = |clock, len| Wire::default().numbers(&[0, 1, 1, 1, clock, len]).bytes();
    assert_eq!(replica.check(deletion(1, 2)).unwrap_err(), Refusal::Gap);
    assert!(replica.check(deletion(1, 1)).is_ok());
}

#[test]
fn only_the_new_part_of_an_overlapping_update_is_applied() {
    let mut replica = two_letters();
    assert_eq!(check_and_apply(&mut replica, &typed(1, 0, "abc")).1, Applied::Changed);
    assert_eq!(replica.text(ROOT), "abc");
    assert_eq!(check_and_apply(&mut replica, &typed(1, 0, "abc")).1, Applied::Unchanged);
    assert_eq!(replica.state_vector().clock(1), 3);
}

#[test]
fn sections_may_build_on_each_other_in_any_order() {
    let sections = [
        Wire::default().numbers(&[2, 5, 0]).root_text("a").text_after(3, 0, "c"),
        Wire::default().numbers(&[1, 3, 0]).text_after(5, 0, "b"),
    ];
    for order in [[0, 1], [1, 0]] {
        let wire = order.iter().fold(Wire::default().number(2), |wire, i| wire.raw(&sections[*i].0));
        let mut replica = document();
        let deletion_of_its_own = wire.numbers(&[1, 5, 1, 0, 1]).bytes();
        check_and_apply(&mut replica, &deletion_of_its_own);
        assert_eq!(replica.text(ROOT), "bc");
    }
}

#[test]
fn a_client_has_one_section() {
    let twice = Wire::default().number(2).numbers(&[1, 1, 0]).root_text("a");
    let twice = twice.numbers(&[1, 1, 1]).text_after(1, 0, "b").number(0).bytes();
    let refusal = document().check(twice).unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed(Malformed::Invalid(_))));
    let none = Wire::default().numbers(&[1, 0, 1, 0, 0]).raw(&[0]).bytes();
    assert!(document().check(none).is_err());
}

#[test]
fn numbers_are_below_2_to_the_53_and_in_their_shortest_form() {
    assert!(document().check(typed((1 << 53) - 1, 0, "a")).is_ok());
    assert_eq!(document().check(typed(1 << 53, 0, "a")).unwrap_err(), Malformed::Number.into());
    let overlong = Wire::default().raw(&[0x80, 0]).number(0).bytes();
    assert_eq!(document().check(overlong).unwrap_err(), Malformed::Number.into());
    let endless = Wire::default().raw(&[0xff; 12]).bytes();
    assert_eq!(document().check(endless).unwrap_err(), Malformed::Number.into());
}

#[test]
fn text_is_valid_utf8() {
    let broken = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[4, 1, 1, b'r', 2, 0xc3, 0x28, 0]);
    assert_eq!(document().check(broken.bytes()).unwrap_err(), Malformed::Utf8.into());
    let surrogate = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[4, 1, 1, b'r', 3, 0xed, 0xa0, 0x80, 0]);
    assert_eq!(document().check(surrogate.bytes()).unwrap_err(), Malformed::Utf8.into());
}

#[test]
fn a_document_has_so_many_roots_of_so_long_names() {
    let limits = Limits::default();
    let mut replica = document();
    for i in 0..limits.roots as u64 {
        check_and_apply(&mut replica, &root_named(&format!("root {i}"), i));
    }
    let one_more = replica.check(root_named("one more", 99)).unwrap_err();
    assert_eq!(one_more, Malformed::Limit("root types").into());
    check_and_apply(&mut replica, &root_named("root 3", 99));
    let again = Document::load(&replica.state(), Limits::default()).unwrap();
    assert!(again.check(root_named("one more", 100)).is_err());

    assert!(document().check(root_named(&"n".repeat(64), 1)).is_ok());
    assert!(document().check(root_named(&"n".repeat(65), 1)).is_err());
    assert!(document().check(root_named("", 1)).is_ok());
}

#[test]
fn values_are_limited_in_depth_number_and_key_length() {
    let value = |bytes: &[u8]| {
        let head = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[8, 1]).string("list");
        head.number(1).raw(bytes).number(0).bytes()
    };
    let nested = |depth: usize| [&[117, 1].repeat(depth)[..], &[126]].concat();
    let depth = Limits::default().json_depth;
    assert!(document().check(value(&nested(depth))).is_ok());
    assert!(document().check(value(&nested(depth + 1))).is_err());
    let limits = Limits { json_values: 3, key_bytes: 4, ..Limits::default() };
    let strict = Document::new(limits);
    assert!(strict.check(value(&[117, 2, 126, 126])).is_ok());
    assert!(strict.check(value(&[117, 3, 126, 126, 126])).is_err());
    assert!(strict.check(value(b"\x76\x01\x04keys\x7e")).is_ok());
    assert!(strict.check(value(b"\x76\x01\x05keys!\x7e")).is_err());
    let many_keys = value(b"\x76\x02\x01a\x7d\x41\x01b\x7b\x40\x09\x21\xfb\x54\x44\x2d\x18");
    check_and_apply(&mut document(), &many_keys);
}

#[test]
fn json_is_read_as_yrs_reads_it() {
    let embed = |json: &str| {
        let head = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[5, 1]).string(ROOT);
        head.string(json).number(0).bytes()
    };
    for good in ["{}", "null", "\"[[[[[[[[[[[[[[[[[[[[[[\"", "[1,-2,3.5,1e300]", "9223372036854775807"] {
        check_and_apply(&mut document(), &embed(good));
    }
    for bad in ["", "{", "[1,]", "1e999", "18446744073709551615", "\"\\ud800\"", "undefined", "[1] 2"] {
        let refusal = document().check(embed(bad)).unwrap_err();
        assert!(matches!(refusal, Refusal::Malformed(_)), "{bad}");
    }
}

#[test]
fn an_update_over_the_limit_is_too_large_but_may_be_in_the_log() {
    let limits = Limits { update_bytes: 100, ..Limits::default() };
    let mut replica = Document::new(limits);
    let large = typed(1, 0, &"x".repeat(100));
    let actual = large.len();
    assert_eq!(replica.check(large.clone()).unwrap_err(), Refusal::TooLarge { limit: 100, actual });
    let stored = replica.check_stored(large).unwrap();
    assert_eq!(apply(&mut replica, &stored), Applied::Changed);
}

#[test]
fn an_update_is_applied_only_where_it_was_checked() {
    let replica = two_letters();
    let next = Wire::default().numbers(&[1, 1, 1, 2]).text_after(1, 1, "c").number(0).bytes();
    let update = replica.check(next).unwrap();
    let mut elsewhere = Replica::from(document());
    assert!(matches!(elsewhere.apply(&update), Err(DocumentError::Corrupt(_))));
    assert_eq!(elsewhere.live().unwrap().state(), [0, 0]);
}

#[test]
fn new_clients_are_counted() {
    let replica = two_letters();
    let known = replica.check(typed(1, 0, "abc")).unwrap();
    assert_eq!(known.new_clients(replica.state_vector()), 0);
    assert_eq!(known.new_clients(&StateVector::default()), 1);
    assert_eq!(replica.check(typed(2, 0, "x")).unwrap().new_clients(replica.state_vector()), 1);
    assert!(known.adds_to(replica.state_vector()));
    assert!(!replica.check(typed(1, 0, "ab")).unwrap().adds_to(replica.state_vector()));
}

#[test]
fn a_state_that_is_not_one_is_corrupt() {
    for state in [&b""[..], b"\x01", b"garbage", b"\x00\x00\x00"] {
        let loaded = Document::load(state, Limits::default());
        assert!(matches!(loaded, Err(DocumentError::Corrupt(_))), "{state:?}");
    }
    let later = Writer::new(4);
    later.insert(0, "a");
    let part = later.insert(1, "b");
    assert!(matches!(Document::load(&part, Limits::default()), Err(DocumentError::Corrupt(_))));
    assert_eq!(Document::load(&[0, 0], Limits::default()).unwrap().text(ROOT), "");
}

#[test]
fn errors_contain_no_document_text() {
    let refusal = document().check(typed(1 << 53, 0, "secret")).unwrap_err();
    assert_eq!(refusal.to_string(), "malformed update: a number is out of range or not in its shortest form");
    let update = document().check(typed(1, 0, "secret")).unwrap();
    assert_eq!(format!("{update:?}"), "Update(22 bytes)");
}
