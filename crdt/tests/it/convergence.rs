//! Replicas with the same edits hold the same document, however the edits arrived.

use bytes::Bytes;
use codesync_crdt::{Applied, Document, Limits, Refusal};

use crate::support::writer::Writer;
use crate::support::{Chance, ROOT, apply, assert_same, check_and_apply, document, normal, seeded};

#[test]
fn writers_behind_one_room_converge() {
    seeded(60, |chance| {
        let writers: Vec<Writer> = (1..=4).map(|i| Writer::new(i * 1_000_000_007)).collect();
        let mut room = document();
        // The unsent edits of each writer, and its position in the room's log.
        let mut outgoing: Vec<Vec<Bytes>> = vec![Vec::new(); writers.len()];
        let mut seen = vec![0; writers.len()];
        let mut log: Vec<Bytes> = Vec::new();
        for _ in 0..300 {
            let k = chance.below(writers.len());
            match chance.below(4) {
                0 | 1 => outgoing[k].push(writers[k].edit(chance)),
                2 => send(&mut room, &mut log, &mut outgoing[k]),
                _ => receive(&writers[k], &log, &mut seen[k]),
            }
        }
        for waiting in &mut outgoing {
            send(&mut room, &mut log, waiting);
        }
        for (writer, seen) in writers.iter().zip(&mut seen) {
            receive(writer, &log, seen);
            assert_eq!(writer.text(), room.text(ROOT));
            assert_eq!(&writer.seen(), room.state_vector());
            assert!(normal(&writer.state()) == normal(&room.state()));
        }
        assert_eq!(room.text_len(ROOT) as usize, room.text(ROOT).encode_utf16().count());
        let loaded = Document::load(&room.state(), Limits::default()).unwrap();
        assert_same(&loaded, &room);
    });
}

fn send(room: &mut Document, log: &mut Vec<Bytes>, outgoing: &mut Vec<Bytes>) {
    for update in outgoing.drain(..) {
        check_and_apply(room, &update);
        log.push(update);
    }
}

fn receive(writer: &Writer, log: &[Bytes], seen: &mut usize) {
    log[*seen..].iter().for_each(|update| writer.receive(update));
    *seen = log.len();
}

#[test]
fn edits_out_of_order_are_refused_until_a_sync_fills_the_gap() {
    seeded(60, |chance| {
        let (writers, log) = mixed_history(chance, 120);
        let mut replica = document();
        let mut shuffled: Vec<&Bytes> = log.iter().collect();
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, chance.below(i + 1));
        }
        let mut refused = 0;
        for update in shuffled {
            match replica.check(update.clone()) {
                Ok(update) => drop(apply(&mut replica, &update)),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Gap);
                    refused += 1;
                }
            }
        }
        assert!(refused > 0);
        for writer in &writers {
            let complete = Document::load(&writer.state(), Limits::default()).unwrap();
            let missing = complete.diff(replica.state_vector());
            check_and_apply(&mut replica, &missing.into());
        }
        assert_eq!(replica.text(ROOT), writers[0].text());
        assert!(normal(&replica.state()) == normal(&writers[0].state()));
    });
}

#[test]
fn a_diff_holds_what_is_missing_and_no_more() {
    seeded(40, |chance| {
        let (_, log) = mixed_history(chance, 80);
        let mut room = document();
        let mut late = document();
        let cut = chance.below(log.len());
        for (i, update) in log.iter().enumerate() {
            check_and_apply(&mut room, update);
            if i < cut {
                check_and_apply(&mut late, update);
            }
        }
        let missing: Bytes = room.diff(late.state_vector()).into();
        assert!(missing.len() <= room.state().len());
        check_and_apply(&mut late, &missing);
        assert_same(&late, &room);
        let nothing: Bytes = room.diff(room.state_vector()).into();
        let update = room.check(nothing).unwrap();
        assert_eq!(apply(&mut room, &update), Applied::Unchanged);
        assert_eq!(update.new_clients(&codesync_crdt::StateVector::default()), 0);
    });
}

/// Writers that receive each other's edits at random, and all edits in an order in which they can be applied.
pub(crate) fn mixed_history(chance: &mut Chance, edits: usize) -> (Vec<Writer>, Vec<Bytes>) {
    let writers: Vec<Writer> = (1..=3).map(|i| Writer::new(i * 77)).collect();
    let mut seen = [0; 3];
    let mut log: Vec<Bytes> = Vec::new();
    for _ in 0..edits {
        let k = chance.below(writers.len());
        log.push(writers[k].edit(chance));
        let k = chance.below(writers.len() + 2);
        if let Some(writer) = writers.get(k) {
            receive(writer, &log, &mut seen[k]);
        }
    }
    for (writer, seen) in writers.iter().zip(&mut seen) {
        receive(writer, &log, seen);
    }
    (writers, log)
}
