//! Comparing known clocks: honest histories never differ, with any splits, deletions and encoders;
//! other edits under the same client id and clocks always do.

use bytes::Bytes;
use codesync_crdt::{Comparison, Document, Limits, StateVector, Update};
use serde_json::json;

use super::interop::Yjs;
use crate::support::{Chance, PIECES, Wire, check_and_apply, document, seeded, unhex, writer::Writer};

/// The histories of a full run; an everyday run tries a twentieth.
const HISTORIES: u64 = 100_000;

fn histories() -> u64 {
    option_env!("CODESYNC_HISTORIES").map_or(HISTORIES / 20, |count| count.parse().unwrap())
}

fn compare(replica: &Document, bytes: &Bytes) -> Comparison {
    replica.compare(&replica.check(bytes.clone()).unwrap())
}

/// Compares states with each other, whole and from a random vector on.
fn assert_same(states: &[Vec<u8>], chance: &mut Chance) {
    for _ in 0..6 {
        let (one, other) = (chance.pick::<Vec<u8>>(states), chance.pick::<Vec<u8>>(states));
        let replica = Document::load(one, Limits::default()).unwrap();
        assert_eq!(compare(&replica, &other.clone().into()), Comparison::Same);
        let other = Document::load(other, Limits::default()).unwrap();
        let known = |client, clock: u32| clock.min(replica.state_vector().clock(client)) as usize;
        let clocks = other.state_vector().iter().map(|(client, clock)| (client, known(client, clock)));
        let vector: StateVector = clocks.map(|(client, known)| (client, chance.below(known + 1) as u32)).collect();
        assert_eq!(compare(&replica, &other.diff(&vector).into()), Comparison::Same);
    }
}

#[test]
fn honest_histories_of_yrs_never_differ() {
    seeded(histories() * 4 / 5, |chance| {
        let writers: Vec<Writer> = (0..2 + chance.below(3)).map(|_| Writer::new(chance.next() >> 11)).collect();
        for _ in 0..20 + chance.below(30) {
            let (one, other) = (chance.pick(&writers), chance.pick(&writers));
            match chance.one_in(4) {
                true => one.receive(&other.state()),
                false => drop(one.edit(chance)),
            }
        }
        let mut states: Vec<Vec<u8>> = writers.iter().map(Writer::state).collect();
        for writer in &writers {
            states.iter().for_each(|state| writer.receive(state));
        }
        states.extend(writers.iter().map(Writer::state));
        assert_same(&states, chance);
    });
}

#[test]
fn honest_histories_of_yjs_and_yrs_never_differ() {
    let mut yjs = Yjs::start();
    seeded(histories() / 5, |chance| {
        let clients: Vec<u64> = (0..2 + chance.below(2)).map(|_| chance.next() >> 32).collect();
        let edits: Vec<_> = (0..30 + chance.below(30))
            .map(|_| {
                let inserted = if chance.one_in(4) { "" } else { chance.pick::<&str>(&PIECES) };
                let deleted = if chance.one_in(3) { 1 + chance.below(5) } else { 0 };
                json!([chance.below(4), chance.below(4), chance.below(60), deleted, inserted])
            })
            .collect();
        let answer = yjs.ask(&json!({"do": "history", "clients": clients, "edits": edits}));
        let mut states: Vec<Vec<u8>> =
            answer["states"].as_array().unwrap().iter().map(|state| unhex(state.as_str().unwrap()).to_vec()).collect();
        // A yrs writer continues a history of Yjs.
        let writer = Writer::new(chance.next() >> 32);
        writer.receive(chance.pick::<Vec<u8>>(&states));
        for _ in 0..chance.below(20) {
            drop(writer.edit(chance));
        }
        states.push(writer.state());
        assert_same(&states, chance);
    });
}

/// Two writers with the same state that share a client id.
fn twins(chance: &mut Chance) -> (Writer, Writer, u64, u32) {
    let (client, other) = (1 + chance.below(90) as u64, Writer::new(100 + chance.below(90) as u64));
    let (one, two) = (Writer::new(client), Writer::new(client));
    for _ in 0..chance.below(12) {
        drop(other.edit(chance));
        one.receive(&other.state());
        drop(one.edit(chance));
        other.receive(&one.state());
    }
    two.receive(&one.state());
    let clock = one.seen().clock(client);
    (one, two, client, clock)
}

#[test]
fn other_text_at_known_clocks_always_differs() {
    seeded(500, |chance| {
        let (one, two, client, clock) = twins(chance);
        let units = 2 + chance.below(6);
        let at = chance.below(one.len() as usize + 1) as u32;
        drop(one.insert(at, &"g".repeat(units)));
        let forged = two.insert(at, &"ev"[chance.below(2)..].repeat(1 + chance.below(4)));
        let mut replica = document();
        check_and_apply(&mut replica, &one.state().into());
        assert_eq!(compare(&replica, &forged), Comparison::Differs { client, clock });
        // Split, and partly deleted.
        let cut = chance.below(units - 1) as u32;
        drop(one.delete(at + cut, 1));
        let reader = Writer::new(7_777);
        reader.receive(&one.state());
        drop(reader.insert(at + cut, "between"));
        one.receive(&reader.state());
        let mut replica = document();
        check_and_apply(&mut replica, &one.state().into());
        let whole: Bytes = two.state().into();
        let differs = compare(&replica, &whole);
        let survives = cut > 0 || forged_units(&replica, &whole, client, clock) > 1;
        assert_eq!(matches!(differs, Comparison::Differs { .. }), survives, "{differs:?}");
    });
}

fn forged_units(replica: &Document, bytes: &Bytes, client: u64, clock: u32) -> u32 {
    let update = replica.check(bytes.clone()).unwrap();
    let end = update.inserts().find(|(inserted, _)| *inserted == client).map_or(clock, |(_, clocks)| clocks.end);
    end - clock
}

#[test]
fn the_same_text_at_another_place_always_differs() {
    seeded(500, |chance| {
        let (one, two, client, clock) = twins(chance);
        drop(one.insert(0, "some more room"));
        two.receive(&one.state());
        let clock = clock + 14;
        let at = chance.below(one.len() as usize) as u32;
        let elsewhere = at + 1 + chance.below((one.len() - at) as usize) as u32;
        let text = *chance.pick(&PIECES);
        drop(one.insert(at, text));
        let forged = two.insert(elsewhere, text);
        // Deleted edits keep their place.
        if chance.one_in(2) {
            drop(one.delete(at, utf16_units(text)));
        }
        let mut replica = document();
        check_and_apply(&mut replica, &one.state().into());
        assert_eq!(compare(&replica, &forged), Comparison::Differs { client, clock });
    });
}

fn utf16_units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

/// An update of one struct of client 2 at clock 0, above a text "abcd" of client 1.
fn one_struct(write: impl Fn(Wire) -> Wire) -> Bytes {
    write(Wire::default().numbers(&[1, 1, 2, 0])).number(0).bytes()
}

fn base() -> Bytes {
    Wire::default().numbers(&[1, 1, 1, 0]).root_text("abcd").number(0).bytes()
}

fn with(update: &Bytes) -> Document {
    let mut replica = document();
    check_and_apply(&mut replica, &base());
    check_and_apply(&mut replica, update);
    replica
}

#[test]
fn a_struct_differs_by_origin_right_origin_root_key_or_kind() {
    let between =
        |left: u64, right: u64| one_struct(|wire| wire.raw(&[0xc4]).numbers(&[1, left, 1, right]).string("xy"));
    let in_root = |root: &str| one_struct(|wire| wire.raw(&[0x04]).number(1).string(root).string("xy"));
    let keyed = |key: &str| one_struct(|wire| wire.raw(&[0x28]).number(1).string("meta").string(key).raw(&[1, 126]));
    let after = |rest: &[u8]| one_struct(|wire| wire.raw(rest));
    let text = after(&[0x84, 1, 1, 2, b'x', b'y']);
    let groups = [
        vec![between(0, 1), between(0, 2), between(1, 2), text.clone()],
        vec![in_root("content"), in_root("other"), text.clone()],
        vec![keyed("a"), keyed("b")],
        // Text, values, an embedded value, a format, and a garbage-collected struct.
        vec![
            text.clone(),
            after(&[0x88, 1, 1, 2, 126, 126]),
            after(&[0x85, 1, 1, 2, b'{', b'}']),
            after(&[0x86, 1, 1, 1, b'b', 1, b'1']),
            after(&[0, 2]),
        ],
    ];
    for group in &groups {
        for one in group {
            for other in group {
                let expected = match one == other {
                    true => Comparison::Same,
                    false => Comparison::Differs { client: 2, clock: 0 },
                };
                assert_eq!(compare(&with(one), other), expected, "{one:?} {other:?}");
            }
        }
    }
}

#[test]
fn only_half_a_surrogate_pair_passes_for_a_replacement_character() {
    let text = |text: &str| one_struct(|wire| wire.text_after(1, 1, text));
    let split = text("\u{fffd}\u{fffd}");
    assert_eq!(compare(&with(&split), &text("😀")), Comparison::Same);
    assert_eq!(compare(&with(&text("😀")), &split), Comparison::Same);
    for (one, other) in [(&text("ab"), &split), (&split, &text("ab"))] {
        assert_eq!(compare(&with(one), other), Comparison::Differs { client: 2, clock: 0 });
    }
}

#[test]
fn only_a_strict_comparison_finds_what_was_deleted_at_the_same_place() {
    let text = |text: &str| one_struct(|wire| wire.text_after(1, 1, text));
    let mut replica = with(&text("evil"));
    check_and_apply(&mut replica, &Wire::default().numbers(&[0, 1, 2, 1, 0, 4]).bytes());
    let update = replica.check(text("goodwords")).unwrap();
    assert_eq!(replica.compare(&update), Comparison::Same);
    let strictly = |from| replica.compare_strictly(&update, |client| (client == 2).then_some(from));
    assert_eq!(strictly(0), Comparison::Differs { client: 2, clock: 0 });
    assert_eq!(strictly(3), Comparison::Differs { client: 2, clock: 3 });
    assert_eq!(strictly(4), Comparison::Same);
    let deleted = replica.check(one_struct(|wire| wire.raw(&[0x81, 1, 1, 4]))).unwrap();
    assert_eq!(replica.compare_strictly(&deleted, |_| Some(0)), Comparison::Same);
}

#[test]
fn a_longer_update_is_compared_only_at_known_clocks() {
    let text = |text: &str| one_struct(|wire| wire.text_after(1, 1, text));
    let replica = with(&text("good"));
    assert_eq!(compare(&replica, &text("goodwords")), Comparison::Same);
    assert_eq!(compare(&replica, &text("goo")), Comparison::Same);
    assert_eq!(compare(&replica, &text("goofwords")), Comparison::Differs { client: 2, clock: 3 });
    let behind = Wire::default().numbers(&[1, 1, 2, 4]).raw(&[0x84]).numbers(&[2, 3]).string("words").number(0);
    assert_eq!(compare(&replica, &behind.bytes()), Comparison::Same, "nothing of it is known");
    let merged = Update::merge(&[replica.check(text("good")).unwrap(), replica.check(base()).unwrap()]);
    merged.iter().for_each(|update| assert_eq!(replica.compare(update), Comparison::Same));
}
