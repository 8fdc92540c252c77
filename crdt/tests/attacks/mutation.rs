//! Mutated updates, states and frames: each is refused or applied as a whole, and the result can be loaded again.

use bytes::Bytes;
use codesync_crdt::{
    Applied, Comparison, Document, Limits, Message, Refusal, StateVector, decode_awareness, decode_frame,
};

use crate::cost::turn;
use crate::support::{
    Chance, HISTORIES, PIECES, ROOT, Wire, apply, bytes, check_and_apply, document, recorded, replace_text, seeded,
    updates,
};

/// Of 200 mutants each.
const ROUNDS: u64 = 200;

/// Numbers at which behaviour changes: clocks, lengths, counts, content kinds.
const NUMBERS: [u64; 14] =
    [0, 1, 2, 10, 63, 127, 128, 16_383, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 53, u64::MAX >> 1];

fn mutate(chance: &mut Chance, original: &[u8], others: &[Bytes]) -> Bytes {
    let mut made = original.to_vec();
    for _ in 0..1 + chance.below(3) {
        let at = chance.below(made.len() + 1);
        let end = (at + 1 + chance.below(8)).min(made.len());
        match chance.below(8) {
            0 | 1 if at < made.len() => made[at] = chance.next() as u8,
            2 if at < made.len() => made[at] = made[at].wrapping_add([1, 255, 128, 64][chance.below(4)]),
            3 => drop(made.drain(at..end)),
            4 => made.insert(at, chance.next() as u8),
            5 => drop(made.splice(at..end, number(*chance.pick(&NUMBERS)))),
            6 => {
                let piece = made[at..end].to_vec();
                made.splice(at..at, piece);
            }
            _ => {
                let other: &Bytes = chance.pick(others);
                let from = chance.below(other.len());
                let to = (from + chance.below(24)).min(other.len());
                made.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    made.into()
}

fn number(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Makes an update that is well-formed but meaningless: origins anywhere, any content in any root.
fn crafted(chance: &mut Chance, known: &StateVector) -> Bytes {
    let clocks: Vec<(u64, u32)> = known.iter().chain([(99, 0)]).collect();
    let (client, clock) = *chance.pick(&clocks);
    let structs = 1 + chance.below(4);
    let mut wire = Wire::default().numbers(&[1, structs as u64, client, clock.into()]);
    for _ in 0..structs {
        wire = crafted_struct(chance, &clocks, wire);
    }
    let deletions = chance.below(2) as u64;
    wire = wire.number(deletions);
    if deletions > 0 {
        let (client, clock) = *chance.pick(&clocks);
        let from = chance.below(clock as usize) as u64;
        wire = wire.numbers(&[client, 1, from, 1 + chance.below(3) as u64]);
    }
    wire.bytes()
}

fn crafted_struct(chance: &mut Chance, clocks: &[(u64, u32)], mut wire: Wire) -> Wire {
    let content = *chance.pick(&[1u8, 3, 4, 4, 4, 4, 5, 6, 8, 8]);
    let origins = *chance.pick(&[0u8, 0x40, 0x80, 0xc0]);
    let key = *chance.pick(&[0u8, 0, 0x20]);
    wire = wire.raw(&[content | origins | key]);
    for _ in 0..origins.count_ones() {
        let (client, clock) = *chance.pick(clocks);
        wire = wire.numbers(&[client, chance.below(clock as usize) as u64]);
    }
    if origins == 0 {
        wire = wire.number(1).string(chance.pick::<&str>(&[ROOT, "meta", "list", "new"]));
        if key != 0 {
            wire = wire.string(chance.pick::<&str>(&["a", "b", ""]));
        }
    }
    match content {
        1 => wire.number(1 + chance.below(3) as u64),
        3 => wire.string("bin"),
        4 => wire.string(chance.pick::<&str>(&PIECES)),
        5 => wire.string("{\"image\":\"x\"}"),
        6 => wire.string("bold").string("true"),
        _ => wire.number(2).raw(&[126, 120]),
    }
}

#[derive(Debug, Default)]
struct Tally {
    gaps: u32,
    accepted: u32,
    changed: u32,
}

#[test]
fn mutated_updates_are_refused_or_applied_whole() {
    let _turn = turn();
    let mut tally = Tally::default();
    seeded(ROUNDS, |chance| {
        let history = updates(&recorded(chance.pick::<&str>(&HISTORIES)));
        let (before, after) = history.split_at(chance.below(history.len()));
        let mut base = document();
        for update in before {
            check_and_apply(&mut base, update);
        }
        let state = base.state();
        for _ in 0..200 {
            let mutant = match chance.below(8) {
                0 => mutate(chance, &state, &history),
                1 => {
                    let any = chance.below(history.len());
                    mutate(chance, &history[any], &history)
                }
                2 | 3 => crafted(chance, base.state_vector()),
                _ => {
                    let next = chance.below(after.len().min(3));
                    mutate(chance, &after[next], &history)
                }
            };
            if apply_mutant(&mut base, mutant, &mut tally) == Applied::Unchanged {
                continue;
            }
            live_on(&mut base, after, chance);
            // From time to time the damage is left to accumulate.
            if chance.one_in(3) {
                base = Document::load(&state, Limits::default()).unwrap();
            }
        }
    });
    println!("{tally:?}");
}

fn apply_mutant(base: &mut Document, mutant: Bytes, tally: &mut Tally) -> Applied {
    let update = match base.check(mutant) {
        Ok(update) => update,
        Err(refusal) => {
            tally.gaps += u32::from(refusal == Refusal::Gap);
            return Applied::Unchanged;
        }
    };
    assert_ne!(base.compare(&update), Comparison::NotComparable, "its own encoding can be read");
    tally.accepted += 1;
    let effect = apply(base, &update);
    tally.changed += u32::from(effect == Applied::Changed);
    let loaded = Document::load(&base.state(), Limits::default()).unwrap();
    assert_eq!(loaded.state_vector(), base.state_vector());
    effect
}

/// Continues with a document that accepted mutants: nothing in it may fail.
fn live_on(document: &mut Document, later: &[Bytes], chance: &mut Chance) {
    for update in later.iter().take(20) {
        if let Ok(update) = document.check(update.clone()) {
            apply(document, &update);
        }
    }
    let text = *chance.pick(&["rewritten 😀\n", "", "{\n}\n"]);
    replace_text(document, text, 1 << 40);
    let seen = document.state_vector().iter();
    let theirs: StateVector =
        seen.map(|(client, clock)| (client, clock.saturating_sub(chance.below(4) as u32))).collect();
    let (state, diff) = (document.state(), document.diff(&theirs));
    assert!(diff.len() <= state.len() + 16);
    let loaded = Document::load(&state, Limits::default()).unwrap();
    assert_eq!(loaded.state_vector(), document.state_vector());
}

#[test]
fn mutated_frames_are_refused_or_read_whole() {
    let _turn = turn();
    let messages = recorded("messages");
    let frames: Vec<Bytes> = messages
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("frame"))
        .map(|(_, frame)| bytes(frame))
        .collect();
    let limits = Limits::default();
    let mut read = 0u32;
    seeded(100, |chance| {
        for _ in 0..500 {
            let original = chance.pick(&frames).clone();
            let frame = mutate(chance, &original, &frames);
            for message in decode_frame(&frame, &limits).unwrap_or_default() {
                read += 1;
                match message {
                    Message::Awareness(bytes) => drop(decode_awareness(bytes, &limits)),
                    Message::SyncStep2(bytes) | Message::Update(bytes) => {
                        drop(document().check(Bytes::copy_from_slice(bytes)))
                    }
                    _ => {}
                }
            }
        }
    });
    println!("{read} messages read");
}
