//! Whole frames, as a session reads them: every message, and its content.

#![no_main]

use bytes::Bytes;
use codesync_crdt::{Document, Limits, Message, decode_awareness, decode_frame, encode};
use libfuzzer_sys::fuzz_target;

/// A message type that has no meaning.
const UNKNOWN: u8 = 99;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let Ok(messages) = decode_frame(data, &limits) else {
        return;
    };
    assert!(messages.len() <= limits.frame_messages);
    let mut document = Document::new(limits.clone());
    let mut again = Vec::new();
    for message in &messages {
        match message {
            Message::SyncStep1(theirs) => drop(document.diff(theirs)),
            Message::SyncStep2(update) | Message::Update(update) => {
                if let Ok(update) = document.check(Bytes::copy_from_slice(update)) {
                    (document, _) = document
                        .with_update(&update)
                        .expect("a checked update is taken in");
                }
            }
            Message::Awareness(update) => drop(decode_awareness(update, &limits)),
            Message::QueryAwareness | Message::Auth(_) | Message::Codesync(_) | Message::Unknown => {}
        }
        again.extend(match message {
            Message::SyncStep1(theirs) => encode::sync_step1(theirs),
            Message::SyncStep2(update) => encode::sync_step2(update),
            Message::Update(update) => encode::update(update),
            Message::Awareness(update) => encode::awareness(update),
            Message::QueryAwareness => encode::query_awareness(),
            Message::Auth(reason) => encode::permission_denied(reason),
            Message::Codesync(message) => encode::codesync(message),
            Message::Unknown => vec![UNKNOWN],
        });
    }
    assert_eq!(decode_frame(&again, &limits), Ok(messages));
});
