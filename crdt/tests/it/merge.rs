//! A merged batch has the effect of its updates, one after the other.

use bytes::Bytes;
use codesync_crdt::{Document, Limits, Update};

use crate::convergence::mixed_history;
use crate::support::writer::Writer;
use crate::support::{
    Chance, HISTORIES, ROOT, apply, assert_same, check_and_apply, document, recorded, seeded, updates,
};

/// Applies updates one by one and in merged batches of random size; both replicas must be the same after every batch.
fn assert_merges(chance: &mut Chance, log: &[Bytes]) -> usize {
    let (mut single, mut batched) = (document(), document());
    let mut rest = log;
    let mut merged_count = 0;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(1 + chance.below(rest.len().min(32)));
        let checked: Vec<Update> = batch.iter().map(|update| check_and_apply(&mut single, update).0).collect();
        for merged in Update::merge(&checked) {
            check_and_apply(&mut batched, merged.bytes());
            merged_count += 1;
        }
        assert_same(&single, &batched);
        rest = later;
    }
    merged_count
}

#[test]
fn batches_of_random_histories_equal_their_updates() {
    seeded(60, |chance| {
        let (_, mut log) = mixed_history(chance, 150);
        for i in 0..log.len() / 10 {
            let resent = log[chance.below(i * 10 + 1)].clone();
            log.insert(i * 10 + 1, resent);
        }
        assert_merges(chance, &log);
    });
}

#[test]
fn batches_of_recorded_histories_equal_their_updates() {
    seeded(10, |chance| {
        for name in HISTORIES {
            assert_merges(chance, &updates(&recorded(name)));
        }
    });
}

#[test]
fn typing_merges_into_one_run() {
    let writer = Writer::new(9);
    let text = "let answer = 42; // 😀\n";
    let mut at = 0;
    let typed: Vec<Bytes> = text
        .chars()
        .map(|c| {
            let update = writer.insert(at, &c.to_string());
            at += c.len_utf16() as u32;
            update
        })
        .collect();
    let mut room = document();
    let checked: Vec<Update> = typed.iter().map(|update| check_and_apply(&mut room, update).0).collect();
    let merged = Update::merge(&checked);
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0].bytes(), &Bytes::from(writer.state()));
}

#[test]
fn a_resend_starts_a_new_batch() {
    let writer = Writer::new(9);
    let (a, b) = (writer.insert(0, "a"), writer.insert(1, "b"));
    let mut room = document();
    let all = [&a, &b, &a, &b].map(|update| check_and_apply(&mut room, update).0);
    let merged = Update::merge(&all);
    assert_eq!(merged.len(), 2, "the second a overlaps the first");
    let mut replica = document();
    merged.iter().for_each(|update| drop(check_and_apply(&mut replica, update.bytes())));
    assert_eq!(replica.text(ROOT), "ab");
}

#[test]
fn a_batch_stays_small_enough_for_every_replica() {
    let writer = Writer::new(3);
    let line = "x".repeat(1000);
    let mut room = document();
    let all: Vec<Update> = (0..400).map(|_| check_and_apply(&mut room, &writer.insert(0, &line)).0).collect();
    let merged = Update::merge(&all);
    assert!(merged.len() >= 3 && merged.iter().all(|update| update.bytes().len() <= 128 << 10));
    let mut replica = document();
    merged.iter().for_each(|update| drop(check_and_apply(&mut replica, update.bytes())));
    assert_same(&replica, &room);
}

#[test]
fn merging_one_or_none_or_empty_updates() {
    assert!(Update::merge(&[]).is_empty());
    let mut room = document();
    let empty = room.check(Bytes::from_static(&[0, 0])).unwrap();
    assert!(empty.is_empty());
    let (typed, _) = check_and_apply(&mut room, &Writer::new(1).insert(0, "a"));
    assert_eq!(Update::merge(std::slice::from_ref(&typed))[0].bytes(), typed.bytes());
    let merged = Update::merge(&[empty.clone(), empty.clone()]);
    assert_eq!(merged.len(), 1);
    assert!(merged[0].is_empty());
    assert_eq!(Update::merge(&[empty, typed.clone()])[0].bytes(), typed.bytes());
}

#[test]
fn a_state_survives_a_load_from_merged_batches() {
    seeded(20, |chance| {
        let (_, log) = mixed_history(chance, 200);
        let mut room = document();
        let all: Vec<Update> = log.iter().map(|update| check_and_apply(&mut room, update).0).collect();
        let merged = Update::merge(&all);
        let mut replica = document();
        for update in &merged {
            let update = replica.check_stored(update.bytes().clone()).unwrap();
            apply(&mut replica, &update);
        }
        assert_same(&replica, &room);
        assert_same(&Document::load(&replica.state(), Limits::default()).unwrap(), &room);
    });
}
