//! One update that edits a large text at thousands of places, in every order in which editors send them.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::support::writer::Writer;
use crate::support::{Chance, PIECES, ROOT, Wire, check_and_apply, document, seeded};

const PASTED: u64 = 1;
const AUTHOR: u64 = 2;

/// The update that pastes `text` into an empty document, as one block.
fn paste(text: &str) -> Bytes {
    Wire::default().numbers(&[1, 1, PASTED, 0]).root_text(text).number(0).bytes()
}

/// The update that deletes `deleted` units at each place of the paste and inserts `text` behind them, in this order: what Yjs
/// makes of one transaction.
fn replacements(places: &[u64], deleted: u64, text: &str) -> Bytes {
    let count = places.len() as u64;
    let structs = if text.is_empty() { 0 } else { count };
    let mut wire = Wire::default().number(u64::from(structs > 0));
    if structs > 0 {
        wire = wire.numbers(&[structs, AUTHOR, 0]);
        for place in places {
            let at = place + deleted;
            wire = wire.raw(&[0xc4]).numbers(&[PASTED, at - 1, PASTED, at]).string(text);
        }
    }
    if deleted == 0 {
        return wire.number(0).bytes();
    }
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    wire = wire.numbers(&[1, PASTED, count]);
    for place in sorted {
        wire = wire.numbers(&[place, deleted]);
    }
    wire.bytes()
}

fn shuffled(places: &[u64], chance: &mut Chance) -> Vec<u64> {
    let mut places = places.to_vec();
    for last in (1..places.len()).rev() {
        places.swap(last, chance.below(last + 1));
    }
    places
}

/// The shortest of three times that a replica of `text` takes for an update.
fn time(text: &str, update: &Bytes) -> Duration {
    let paste = paste(text);
    let one = || {
        let mut replica = document();
        check_and_apply(&mut replica, &paste);
        let started = Instant::now();
        check_and_apply(&mut replica, update);
        started.elapsed()
    };
    (0..3).map(|_| one()).min().unwrap()
}

#[test]
fn the_order_of_the_places_costs_little() {
    let text = "let old_name = 1;\n".repeat(1_000_000 / 18);
    let places: Vec<u64> = (0..5000).map(|i| 4 + 198 * i).collect();
    let backward: Vec<u64> = places.iter().rev().copied().collect();
    for (deleted, inserted) in [(8, "longer_new_name"), (0, "x"), (8, "")] {
        let forward = time(&text, &replacements(&places, deleted, inserted));
        let orders = [backward.clone(), shuffled(&places, &mut Chance::new(1))];
        for order in orders {
            let took = time(&text, &replacements(&order, deleted, inserted));
            println!("{deleted} deleted, {inserted:?} inserted: {took:?}, first place first {forward:?}");
            assert!(took < forward * 10, "{took:?}, first place first {forward:?}");
        }
    }
}

#[test]
fn a_paste_and_inserts_all_over_it_may_come_in_one_update() {
    // As after a period offline: the paste is in as many pieces as the inserts made of it, and yrs joins them at each
    // step.
    let (piece, pieces) = ("y".repeat(198), 5000u64);
    let mut structs = Wire::default().root_text(&piece);
    for i in 1..pieces {
        structs = structs.text_after(PASTED, 198 * i - 1, &piece);
    }
    let update = |places: &mut dyn Iterator<Item = u64>| {
        let mut wire = Wire::default().numbers(&[1, pieces * 2 - 1, PASTED, 0]).raw(&structs.0);
        for place in places {
            wire = wire.raw(&[0xc4]).numbers(&[PASTED, 198 * place - 1, PASTED, 198 * place]).string("word");
        }
        wire.number(0).bytes()
    };
    let time = |update: &Bytes| {
        let mut replica = document();
        let started = Instant::now();
        check_and_apply(&mut replica, update);
        (started.elapsed(), replica.text(ROOT))
    };
    let (forward, text) = time(&update(&mut (1..pieces)));
    let (backward, same) = time(&update(&mut (1..pieces).rev()));
    println!("{backward:?}, first place first {forward:?}");
    assert!(text == same && text == [&*piece; 5000].join("word"));
    assert!(backward < forward * 10, "{backward:?}, first place first {forward:?}");
}

#[test]
fn a_text_that_was_split_takes_edits_of_many_places_as_any_other() {
    seeded(6, |chance| {
        let text: String = (0..100_000).map(|_| *chance.pick::<&str>(&PIECES)).collect();
        let units = text.encode_utf16().count();
        let mut places: Vec<u64> = (0..2000).map(|_| 1 + chance.below(units - 20) as u64).collect();
        places.sort_unstable();
        // At a distance from each other; some are inside surrogate pairs, where Yjs and yrs leave two replacement
        // characters.
        places.dedup_by(|next, kept| *next < *kept + 8);
        let update = replacements(&shuffled(&places, chance), chance.below(6) as u64, chance.pick::<&str>(&PIECES));
        let (mut room, writer) = (document(), Writer::new(9));
        for update in [paste(&text), update] {
            check_and_apply(&mut room, &update);
            writer.receive(&update);
        }
        assert!(room.text(ROOT) == writer.text(), "the texts differ");
        assert_eq!(room.state_vector(), &writer.seen());
        let loaded = codesync_crdt::Document::load(&room.state(), codesync_crdt::Limits::default()).unwrap();
        assert!(loaded.text(ROOT) == writer.text(), "the loaded text differs");
        for _ in 0..50 {
            let typed = writer.edit(chance);
            check_and_apply(&mut room, &typed);
        }
        assert!(room.text(ROOT) == writer.text(), "the texts differ after more edits");
    });
}
