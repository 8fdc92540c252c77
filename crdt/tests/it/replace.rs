//! Replacing a text by its smallest edits, while others type.

use codesync_crdt::{Document, Limits};

use crate::support::writer::Writer;
use crate::support::{PIECES, ROOT, assert_same, check_and_apply, document, recorded, replace_text, seeded, updates};

#[test]
fn random_texts_replace_each_other_everywhere() {
    seeded(80, |chance| {
        let mut room = document();
        let mut peer = document();
        let writer = Writer::new(5);
        let mut text = String::new();
        for round in 0..20 {
            let mut chars: Vec<char> = text.chars().collect();
            for _ in 0..chance.below(4) {
                let from = chance.below(chars.len() + 1);
                let to = (from + chance.below(5)).min(chars.len());
                let piece: Vec<char> = chance.pick::<&str>(&PIECES).chars().collect();
                chars.splice(from..to, piece);
            }
            text = chars.into_iter().collect();
            let client = 1000 + round;
            if let Some(update) = replace_text(&mut room, &text, client) {
                check_and_apply(&mut peer, update.bytes());
                writer.receive(update.bytes());
            }
            assert_eq!(room.text(ROOT), text);
            assert_eq!(writer.text(), text);
            assert_same(&room, &peer);
            let typed = writer.edit(chance);
            check_and_apply(&mut room, &typed);
            check_and_apply(&mut peer, &typed);
            text = room.text(ROOT);
        }
    });
}

#[test]
fn edits_typed_during_a_restore_are_kept() {
    let mut room = document();
    let first = replace_text(&mut room, "one\ntwo\nthree\n", 1).unwrap();
    let writer = Writer::new(2);
    writer.receive(first.bytes());
    let typed = writer.insert(4, "(and a half) ");
    replace_text(&mut room, "one\ntwo\nthree\nfour\n", 3);
    check_and_apply(&mut room, &typed);
    assert_eq!(room.text(ROOT), "one\n(and a half) two\nthree\nfour\n");
}

#[test]
fn the_same_text_is_no_update() {
    let mut room = document();
    assert!(replace_text(&mut room, "", 1).is_none());
    assert!(replace_text(&mut room, "a\r\nb\rc", 1).is_some());
    assert_eq!(room.text(ROOT), "a\nb\nc");
    assert!(replace_text(&mut room, "\u{feff}a\nb\nc", 1).is_none());
    let state = room.state();
    assert!(replace_text(&mut room, "a\r\nb\r\nc", 1).is_none());
    assert_eq!(room.state(), state);
}

#[test]
fn one_changed_letter_costs_a_few_bytes() {
    let mut room = document();
    let text = "let x = 1;\n".repeat(10_000);
    replace_text(&mut room, &text, 1);
    let changed = format!("{}let y = 1;\n{}", &text[..11 * 5000], &text[11 * 5001..]);
    let update = replace_text(&mut room, &changed, 2).unwrap();
    assert!(update.bytes().len() < 40, "{}", update.bytes().len());
    assert_eq!(room.text(ROOT), changed);
}

#[test]
fn surrogate_pairs_are_never_split() {
    let mut room = document();
    let first = replace_text(&mut room, "😀", 1).unwrap();
    let second = replace_text(&mut room, "😁", 2).unwrap();
    assert!(!room.text(ROOT).contains('\u{fffd}'));
    let writer = Writer::new(3);
    writer.receive(first.bytes());
    writer.receive(second.bytes());
    assert_eq!(writer.text(), "😁");
    assert_eq!(room.text_len(ROOT), 2);
}

#[test]
fn embedded_values_go_with_the_old_text() {
    let mut room = document();
    for update in updates(&recorded("rich")) {
        check_and_apply(&mut room, &update);
    }
    assert_ne!(room.text_len(ROOT) as usize, room.text(ROOT).encode_utf16().count());
    replace_text(&mut room, "plain 😀\n", 99).unwrap();
    assert_eq!(room.text(ROOT), "plain 😀\n");
    assert_eq!(room.text_len(ROOT), 9);
    let loaded = Document::load(&room.state(), Limits::default()).unwrap();
    assert_eq!(loaded.text(ROOT), "plain 😀\n");
}

#[test]
fn megabytes_are_replaced_at_once() {
    let mut room = document();
    let old: String = (0..200_000).map(|i| format!("line {i} of the old\n")).collect();
    let new: String = (0..200_000).map(|i| format!("row {} of the new\n", i * 7)).collect();
    replace_text(&mut room, &old, 1);
    let update = replace_text(&mut room, &new, 2).unwrap();
    assert_eq!(room.text(ROOT), new);
    assert!(update.bytes().len() > Limits::default().update_bytes / 4);
    assert_eq!(Document::load(&room.state(), Limits::default()).unwrap().text(ROOT), new);
}
