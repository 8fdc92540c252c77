//! One test for each known way to abort, stall or bloat a process that passes such bytes to yrs.

use bytes::Bytes;
use codesync_crdt::{
    Applied, Document, DocumentError, Limits, Malformed, Refusal, Replica, StateVector, decode_awareness, decode_frame,
};

use crate::cost::{assert_cheap, measure, turn};
use crate::support::{Wire, apply, check_and_apply, document};

fn refusal(bytes: &Bytes) -> Refusal {
    document().check(bytes.clone()).unwrap_err()
}

fn malformed(bytes: &Bytes) -> Malformed {
    match refusal(bytes) {
        Refusal::Malformed(malformed) => malformed,
        other => panic!("{other}"),
    }
}

/// An update of one struct by client 1, at clock 0 and without origin, with the given content.
fn one_struct(kind: u8, content: Wire) -> Bytes {
    let head = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[kind]);
    head.number(1).string("content").raw(&content.0).number(0).bytes()
}

#[test]
fn nested_values_of_16_kilobytes() {
    let _turn = turn();
    for nested in [[117u8, 1].repeat(8000), [118, 1, 0].repeat(5300)] {
        let update = one_struct(8, Wire::default().number(1).raw(&nested).raw(&[126]));
        assert_eq!(malformed(&update), Malformed::Limit("levels of nested values"));
        let stored = document().check_stored(update.clone()).unwrap_err();
        assert_eq!(stored, Malformed::Limit("levels of nested values").into());
        assert!(Document::load(&update, Limits::default()).is_err());
    }
}

#[test]
fn nested_json_of_16_kilobytes() {
    let _turn = turn();
    let json = format!("{}{}", "[".repeat(8000), "]".repeat(8000));
    let embed = one_struct(5, Wire::default().string(&json));
    assert_eq!(malformed(&embed), Malformed::Limit("levels of nested values"));
    let format = one_struct(6, Wire::default().string("bold").string(&json));
    assert_eq!(malformed(&format), Malformed::Limit("levels of nested values"));
    let awareness = Wire::default().numbers(&[1, 1, 1]).string(&json).bytes();
    let read = decode_awareness(&awareness, &Limits::default());
    assert_eq!(read, Err(Malformed::Limit("levels of nested values")));
}

#[test]
fn nested_types_of_48_kilobytes() {
    let _turn = turn();
    let mut wire = Wire::default().numbers(&[1, 8000, 1, 0]).raw(&[7, 1]).string("content").number(0);
    for clock in 0..7999 {
        wire = wire.raw(&[7]).numbers(&[0, 1, clock, 0]);
    }
    let update = wire.number(0).bytes();
    assert!(update.len() < 60_000);
    assert_eq!(malformed(&update), Malformed::Unsupported("nested shared types"));
    // The same without the root: only root types can be parents.
    let child = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[4]).numbers(&[0, 1, 0]).string("x");
    assert_eq!(malformed(&child.number(0).bytes()), Malformed::Unsupported("nested shared types"));
}

#[test]
fn claimed_counts_reserve_nothing() {
    let _turn = turn();
    let limits = Limits::default();
    for claimed in [100_000_000, 400_000_000, u64::from(u32::MAX), 1 << 52] {
        let count = || Wire::default().number(claimed);
        let (peak, _) = measure(|| {
            for bytes in [count().bytes(), count().raw(&[0; 8]).bytes()] {
                assert_eq!(malformed(&bytes), Malformed::Count);
                assert_eq!(StateVector::decode(&bytes, &limits), Err(Malformed::Count));
                assert_eq!(decode_awareness(&bytes, &limits), Err(Malformed::Count));
                let frame = Wire::default().numbers(&[0, 0, bytes.len() as u64]).raw(&bytes).bytes();
                assert_eq!(decode_frame(&frame, &limits), Err(Malformed::Count));
            }
            let structs = Wire::default().number(1).raw(&count().0).raw(&[1, 0, 0, 1, 0]);
            assert_eq!(malformed(&structs.bytes()), Malformed::Count);
            let values = one_struct(8, count().raw(&[126; 8]));
            assert_eq!(malformed(&values), Malformed::Count);
            let array = one_struct(8, Wire::default().raw(&[1, 117]).raw(&count().0));
            assert_eq!(malformed(&array), Malformed::Count);
            let object = one_struct(8, Wire::default().raw(&[1, 118]).raw(&count().0));
            assert_eq!(malformed(&object), Malformed::Count);
            let clients = Wire::default().number(0).raw(&count().0).raw(&[0; 8]);
            assert_eq!(malformed(&clients.bytes()), Malformed::Count);
            let ranges = Wire::default().numbers(&[0, 1, 1]).raw(&count().0).raw(&[0; 8]);
            assert_eq!(malformed(&ranges.bytes()), Malformed::Count);
        });
        assert!(peak < 64 << 10, "{peak} bytes for a claim of {claimed}");
    }
}

#[test]
fn a_flood_of_gaps_leaves_nothing_behind() {
    let _turn = turn();
    let replica = document();
    let floods = 20_000u64;
    let (peak, _) = measure(|| {
        for i in 1..=floods {
            let ahead = Wire::default().numbers(&[1, 1, 1, 2 * i]).root_text("x").number(0);
            assert_eq!(replica.check(ahead.bytes()).unwrap_err(), Refusal::Gap);
        }
    });
    assert!(peak < 64 << 10, "{peak} bytes");
    assert_eq!(replica.state(), [0, 0]);
}

#[test]
fn a_flood_of_unknown_origins_leaves_nothing_behind() {
    let _turn = turn();
    let replica = document();
    let (peak, _) = measure(|| {
        for i in 1..=8000 {
            let pending = Wire::default().numbers(&[1, 1, i, 0]).text_after(1 << 40, i, "x").number(0);
            assert_eq!(replica.check(pending.bytes()).unwrap_err(), Refusal::Gap);
        }
    });
    assert!(peak < 64 << 10, "{peak} bytes");
    assert_eq!(replica.state(), [0, 0]);
}

#[test]
fn deletions_of_a_million_unknown_edits() {
    let _turn = turn();
    let mut wire = Wire::default().numbers(&[0, 1, 5, 1_000_000]);
    for i in 0..1_000_000 {
        wire = wire.numbers(&[2 * i, 1]);
    }
    let update = wire.bytes();
    let (peak, _) = measure(|| assert_eq!(refusal(&update), Refusal::Gap));
    assert!(peak < 10 * update.len(), "{peak} bytes for {}", update.len());
}

#[test]
fn skipped_edits() {
    let _turn = turn();
    for kind in [10u8, 0x8a, 0x4a, 0xca] {
        let skip = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[kind]).numbers(&[5, 0, 0, 0]);
        assert!(matches!(refusal(&skip.bytes()), Refusal::Malformed(_)));
    }
    // Structs behind a skip are left out, with their deletions; the rest counts.
    let replica = Document::new(Limits::default());
    let skip = Wire::default().numbers(&[1, 3, 1, 0]).raw(&[0, 2, 10, 5, 0, 1]).numbers(&[1, 1, 2, 1, 1, 7, 1]);
    let update = replica.check(skip.bytes()).unwrap();
    assert_eq!(update.inserts().collect::<Vec<_>>(), [(1, 0..2)]);
    assert_eq!(&update.bytes()[..], [1, 1, 1, 0, 0, 2, 1, 1, 1, 1, 1]);
    let nothing = replica.check(Wire::default().numbers(&[1, 1, 1, 0]).raw(&[10, 5, 0]).bytes()).unwrap();
    assert!(nothing.is_empty());
    let short = Wire::default().numbers(&[1, 2, 1, 0]).raw(&[10, 5]);
    assert!(matches!(refusal(&short.bytes()), Refusal::Malformed(_)));
}

#[test]
fn lengths_and_clocks_near_the_end_of_their_range() {
    let _turn = turn();
    for len in [(1 << 30) + 1, (1 << 31) - 1, 1 << 31, u64::from(u32::MAX)] {
        let gone = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[0]).numbers(&[len, 0]);
        assert_eq!(malformed(&gone.bytes()), Malformed::Invalid("range of clocks"));
        assert_eq!(malformed(&one_struct(1, Wire::default().number(len))), Malformed::Invalid("range of clocks"));
        let deletion = Wire::default().numbers(&[0, 1, 1, 1, 1, len]);
        assert_eq!(malformed(&deletion.bytes()), Malformed::Invalid("range of clocks"));
    }
    for nothing in [one_struct(1, Wire::default().number(0)), one_struct(4, Wire::default().string(""))] {
        assert_eq!(malformed(&nothing), Malformed::Invalid("range of clocks"));
    }
    let mut replica = document();
    let long = Wire::default().numbers(&[1, 1, 1, 0]).raw(&[0]).numbers(&[1 << 30, 0]).bytes();
    assert_eq!(check_and_apply(&mut replica, &long).1, Applied::Changed);
    let beyond = Wire::default().numbers(&[1, 1, 1, 1 << 30]).root_text("x").number(0).bytes();
    assert_eq!(replica.check(beyond).unwrap_err(), Malformed::Invalid("range of clocks").into());
    assert_eq!(Document::load(&replica.state(), Limits::default()).unwrap().state_vector().clock(1), 1 << 30);
}

#[test]
fn twenty_thousand_clients_at_one_position_in_one_update() {
    let _turn = turn();
    let clients = 20_000u64;
    let mut wire = Wire::default().number(clients);
    for client in (1..=clients).rev() {
        wire = wire.numbers(&[1, client, 0]).root_text("x");
    }
    let flood = wire.number(0).bytes();
    let mut replica = document();
    assert_eq!(replica.check(flood.clone()).unwrap().new_clients(replica.state_vector()), clients as usize);
    assert_cheap(&flood, 40, || {
        replica = document();
        assert_eq!(check_and_apply(&mut replica, &flood).1, Applied::Changed);
    });
    assert_eq!(replica.text_len("content"), clients as u32);
}

#[test]
fn a_long_chain_of_clients_that_each_need_the_next() {
    let _turn = turn();
    let clients = 20_000u64;
    let mut wire = Wire::default().number(clients);
    for client in (2..=clients).rev() {
        wire = wire.numbers(&[1, client, 0]).text_after(client - 1, 0, "x");
    }
    let chain = wire.numbers(&[1, 1, 0]).root_text("x").number(0).bytes();
    let mut replica = document();
    assert_cheap(&chain, 40, || {
        replica = document();
        assert_eq!(check_and_apply(&mut replica, &chain).1, Applied::Changed);
    });
    let loaded = Document::load(&replica.state(), Limits::default()).unwrap();
    assert_eq!(loaded.text_len("content"), clients as u32);
}

#[test]
fn edits_that_need_each_other() {
    let _turn = turn();
    let circle = Wire::default().number(2).numbers(&[1, 2, 0]).text_after(1, 0, "b");
    let circle = circle.numbers(&[1, 1, 0]).text_after(2, 0, "a").number(0).bytes();
    assert_eq!(malformed(&circle), Malformed::Invalid("update: edits that need each other"));
    let itself = Wire::default().numbers(&[1, 1, 1, 0]).text_after(1, 0, "a").number(0).bytes();
    assert!(matches!(malformed(&itself), Malformed::Invalid(_)));
}

#[test]
fn more_clients_than_a_document_may_know() {
    let _turn = turn();
    let limits = Limits { state_vector_clients: 3, ..Limits::default() };
    let mut replica = Document::new(limits);
    for client in 1..=3 {
        check_and_apply(&mut replica, &Wire::default().numbers(&[1, 1, client, 0]).root_text("x").number(0).bytes());
    }
    let fourth = Wire::default().numbers(&[1, 1, 4, 0]).root_text("x").number(0).bytes();
    assert_eq!(replica.check(fourth).unwrap_err(), Refusal::TooManyClients { limit: 3 });
    check_and_apply(&mut replica, &Wire::default().numbers(&[1, 1, 3, 1]).root_text("x").number(0).bytes());
}

/// An update of one client whose first struct writes into the root.
fn structs(count: u64, mut next: impl FnMut(Wire, u64) -> Wire) -> Bytes {
    let mut wire = Wire::default().numbers(&[1, count, 1, 0]).root_text("x");
    for clock in 0..count - 1 {
        wire = next(wire, clock);
    }
    wire.number(0).bytes()
}

#[test]
fn a_megabyte_of_structs_that_yrs_joins_from_the_last_to_the_first() {
    let _turn = turn();
    let count = 100_000;
    let texts = structs(count, |wire, clock| wire.text_after(1, clock, "x"));
    let values = structs(count, |wire, clock| wire.raw(&[0x88]).numbers(&[1, clock]).raw(&[1, 126]));
    let scattered = structs(count, |wire, clock| wire.text_after(1, clock / 2, "x"));
    for update in [texts, values, scattered] {
        let mut replica = document();
        let (peak, took) = measure(|| drop(check_and_apply(&mut replica, &update)));
        println!("{} bytes: {peak} bytes of memory, {took:?}", update.len());
        assert!(peak < 60 * update.len(), "{peak} for {}", update.len());
        let loaded = Document::load(&replica.state(), Limits::default()).unwrap();
        assert_eq!(loaded.text("content"), replica.text("content"));
    }
}

#[test]
fn edits_that_make_yrs_walk_the_whole_document_can_be_stopped() {
    let _turn = turn();
    let count = 3000;
    // Each claims to be between the start and another place further on, so that everything in between is compared.
    let mut far = Wire::default().numbers(&[2, count, 1, 0]).root_text("x");
    for clock in 0..count - 1 {
        far = far.text_after(1, clock / 2, "x");
    }
    far = far.numbers(&[count, 0, 0]);
    for clock in 0..count {
        far = far.raw(&[0x44]).numbers(&[1, count - 1 - clock]).string("y");
    }
    // Clients at one place, forced into the costly order by their dependencies.
    let mut forced = Wire::default().number(count);
    for client in (2..=count).rev() {
        forced = forced.numbers(&[2, client, 0]).text_after(client - 1, 0, "x").root_text("y");
    }
    let forced = forced.numbers(&[1, 1, 0]).root_text("y");
    for attack in [far.number(0).bytes(), forced.number(0).bytes()] {
        let mut replica = Replica::from(document());
        let update = document().check(attack).unwrap();
        let mut steps = 0;
        let applied = replica.apply_while(&update, || {
            steps += 1;
            steps < 4
        });
        assert_eq!(applied, Err(DocumentError::Poisoned));
        assert_eq!(steps, 4);
        assert!(replica.live().is_none(), "nobody reads what is left of it");
        assert_eq!(replica.apply(&update), Err(DocumentError::Poisoned));
        steps = 0;
        let applied = Replica::from(document()).apply_while(&update, || {
            steps += 1;
            true
        });
        assert_eq!(applied, Ok(Applied::Changed));
        assert!(steps >= 2 * count as usize / Limits::default().step_structs, "{steps}");
    }
}

#[test]
fn thousands_of_deletions_inside_one_paste() {
    let _turn = turn();
    let mut replica = document();
    let paste = Wire::default().numbers(&[1, 1, 1, 0]).root_text(&"x".repeat(1 << 20)).number(0).bytes();
    check_and_apply(&mut replica, &paste);
    let mut wire = Wire::default().numbers(&[0, 1, 1, 20_000]);
    for i in 0..20_000 {
        wire = wire.numbers(&[50 * i, 1]);
    }
    let update = wire.bytes();
    let (_, took) = measure(|| drop(check_and_apply(&mut replica, &update)));
    println!("20,000 deletions in one item: {took:?}");
    assert_eq!(replica.text_len("content"), (1 << 20) - 20_000);
}

#[test]
fn an_author_who_writes_other_things_at_the_same_clocks() {
    let _turn = turn();
    let text = |root: &str, text: &str| {
        Wire::default().numbers(&[1, 1, 7, 0]).raw(&[4]).number(1).string(root).string(text).number(0).bytes()
    };
    // Deleted from the start, and the value of a key: what yrs counts of the root type before it falls below zero.
    let deleted = Wire::default().numbers(&[1, 1, 7, 0]).raw(&[0x21]).number(1).string("third").string("key");
    let updates = [text("first", "a"), text("second", "12345678"), deleted.numbers(&[48, 0]).bytes()];
    let mut replica = document();
    for update in &updates {
        check_and_apply(&mut replica, update);
    }
    let loaded = Document::load(&replica.state(), Limits::default()).unwrap();
    for root in ["first", "second", "third"] {
        assert_eq!(replica.text(root), loaded.text(root), "{root}");
    }
    let update = replica.replacement("first", "anew", 8).unwrap().unwrap();
    apply(&mut replica, &update);
    assert_eq!(replica.text("first"), "anew");
}
