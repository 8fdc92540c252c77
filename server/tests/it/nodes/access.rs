//! Access that is removed while a room accepts nothing: no socket waits for it, in that room or in another.

use std::time::Duration;

use codesync_crdt::{Message, encode};
use serde_json::json;
use tokio::time::timeout;

use super::{Nodes, document};
use crate::{raw::Raw, rest::Caller, rig::redis::Redis};

/// The guarantee is a second; machines that run tests are slow.
const CLOSED_WITHIN: Duration = Duration::from_secs(6);

fn var_uint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// Text of one client after its first `clock` units.
fn typed(clock: usize, length: usize) -> Vec<u8> {
    const CLIENT: u8 = 5;
    let start = match clock.checked_sub(1) {
        None => [&[4, 1, 7][..], b"content"].concat(),
        Some(before) => [&[0x84, CLIENT][..], &var_uint(before)].concat(),
    };
    let update = [&[1, 1, CLIENT][..], &var_uint(clock), &start, &var_uint(length), &vec![b'x'; length], &[0]].concat();
    encode::update(&update)
}

/// Types until nothing more is read: the log is unavailable, and the room and its mailbox are full.
async fn fill(raw: &mut Raw, witness: &mut Raw) {
    let mut clock = 0;
    // The first is being appended; the others are more than may wait, and together less than a document holds.
    for length in [7 << 20; 4] {
        raw.send(typed(clock, length)).await;
        clock += length;
        witness.until_length(u32::try_from(clock).unwrap()).await;
    }
    // More than a mailbox holds, and then a request that would be answered.
    loop {
        for _ in 0..400 {
            raw.send(typed(clock, 1)).await;
            clock += 1;
        }
        raw.send(encode::query_awareness()).await;
        let answer = raw.until(|message| matches!(message, Message::Awareness(_)));
        if timeout(Duration::from_secs(1), answer).await.is_err() {
            return;
        }
    }
}

async fn closed_soon(raw: &mut Raw, what: &str) -> u16 {
    timeout(CLOSED_WITHIN, raw.closed()).await.unwrap_or_else(|_| panic!("{what} stays open"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_room_delays_neither_changes_of_access_nor_a_drain() {
    let nodes = Nodes::start(1, Redis::start().await).await;
    let (ann, full) = nodes.account_and_document().await;
    let other = document(&ann).await;
    let base = nodes.node(0).url("");
    let register = async |name: &str| Caller::at(&base).register(name).await;
    let [bob, eve, uma] = [register("bob").await, register("eve").await, register("uma").await];
    let path = |doc: &str| format!("/api/documents/{doc}");
    for (doc, user) in [(&full, &bob), (&full, &eve), (&other, &bob)] {
        ann.share(&path(doc), user, "editor").await;
    }
    let socket = nodes.socket(0);
    let open = async |doc: &str, caller: &Caller| {
        let mut raw = Raw::connect(&socket, doc, caller.token()).await;
        raw.sync().await;
        raw
    };
    let [mut eve_types, mut bob_reads, mut ann_reads] =
        [open(&full, &eve).await, open(&full, &bob).await, open(&full, &ann).await];
    let [mut bob_elsewhere, mut ann_elsewhere] = [open(&other, &bob).await, open(&other, &ann).await];
    nodes.redis.freeze(true);
    fill(&mut eve_types, &mut ann_reads).await;

    uma.post("/api/auth/logout", json!(null)).await.expect(204);
    let remove = async |doc: &str, user: &Caller| {
        ann.delete(&format!("{}/collaborators/{}", path(doc), user.id())).await.expect(204);
    };
    remove(&other, &bob).await;
    assert_eq!(closed_soon(&mut bob_elsewhere, "a socket of another document").await, 4403);
    remove(&full, &bob).await;
    assert_eq!(closed_soon(&mut bob_reads, "a socket of the document itself").await, 4403);
    remove(&full, &eve).await;
    assert_eq!(closed_soon(&mut eve_types, "the socket that the room does not read").await, 4403);
    let present = timeout(CLOSED_WITHIN, ann.get("/api/admin/rooms")).await;
    assert!(present.is_ok(), "who is here can be asked");

    nodes.node(0).ask_to_stop();
    assert_eq!(closed_soon(&mut ann_elsewhere, "a socket of another document").await, 4503);
    assert_eq!(closed_soon(&mut ann_reads, "a socket of the document itself").await, 4503);
    nodes.redis.freeze(false);
    nodes.end().await;
}
