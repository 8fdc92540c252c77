//! Encoding of messages, one per frame: stock y-websocket reads only the first message of a frame.

use super::{AUTH, AWARENESS, CODESYNC, QUERY_AWARENESS, STEP_1, STEP_2, SYNC, UPDATE, codesync};
use crate::StateVector;
use crate::lib0::{write_buffer, write_number};

/// Writes sync step 1.
pub fn sync_step1(seen: &StateVector) -> Vec<u8> {
    framed(&[SYNC, STEP_1], &seen.encode())
}

/// Writes sync step 2.
pub fn sync_step2(update: &[u8]) -> Vec<u8> {
    framed(&[SYNC, STEP_2], update)
}

/// Writes an edit.
pub fn update(update: &[u8]) -> Vec<u8> {
    framed(&[SYNC, UPDATE], update)
}

/// Writes an awareness update.
pub fn awareness(update: &[u8]) -> Vec<u8> {
    framed(&[AWARENESS], update)
}

/// Requests the presence of all clients.
pub fn query_awareness() -> Vec<u8> {
    vec![QUERY_AWARENESS as u8]
}

/// Denies permission, with the reason.
pub fn permission_denied(reason: &str) -> Vec<u8> {
    framed(&[AUTH, 0], reason.as_bytes())
}

/// Writes a message of our extension.
pub fn codesync(message: &codesync::Message<'_>) -> Vec<u8> {
    let mut out = vec![CODESYNC as u8];
    codesync::encode(message, &mut out);
    out
}

fn framed(head: &[u64], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 8);
    for number in head {
        write_number(&mut out, *number);
    }
    write_buffer(&mut out, body);
    out
}
