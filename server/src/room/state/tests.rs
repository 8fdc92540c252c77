//! The guarantees of a room, without a task, a socket or a log.

mod authors;
mod calls;
mod conflicts;
mod owners;

use std::sync::Arc;

use codesync_crdt::{Limits, Message, StateVector, TEXT, Update, decode_frame};
use futures_util::FutureExt;
use time::OffsetDateTime;

use super::*;
use crate::ids::{DocId, LoginId, UserId};
use crate::{
    auth::SocketGrant,
    room::{Condition, Replaced, RoomError, outbox::Outbox},
};

struct Room {
    state: State,
    peers: Vec<Outbox>,
}

impl Room {
    /// A room with one peer for each given dialect.
    fn with(dialects: &[Dialect]) -> Self {
        Self::with_outboxes(dialects, 8)
    }

    /// The same, with a queue of `frames_max` for each.
    fn with_outboxes(dialects: &[Dialect], frames_max: usize) -> Self {
        let mut room = Self { state: State::new(Document::new(Limits::default()), || 99, 1 << 20), peers: Vec::new() };
        for dialect in dialects {
            let peer = room.join(*dialect, UserId::new(), frames_max);
            assert_eq!(room.hears(peer), ["step1"]);
        }
        room
    }

    /// One more peer; returns its number.
    fn join(&mut self, dialect: Dialect, user: UserId, frames_max: usize) -> usize {
        let outbox = Outbox::new(frames_max, 1 << 16);
        let grant = SocketGrant {
            user,
            name: "ann".into(),
            color: "#123456".into(),
            login: LoginId::new(),
            expires_at: OffsetDateTime::UNIX_EPOCH,
            role: Role::Editor,
        };
        let peer = NewPeer {
            id: PeerId(self.peers.len() as u64),
            grant: Arc::new(grant),
            dialect,
            outbox: outbox.clone(),
            since: OffsetDateTime::UNIX_EPOCH,
        };
        self.handle(Command::Join { peer, joined: oneshot::channel().0 });
        self.peers.push(outbox);
        self.peers.len() - 1
    }

    fn handle(&mut self, command: Command) {
        let mut effects = Effects::default();
        self.state.handle(command, 0, &mut effects);
        assert!(!effects.end && !effects.rebuild);
    }

    fn says(&mut self, peer: u64, message: PeerMessage) {
        self.handle(Command::Peer { from: PeerId(peer), message, received: Instant::now() });
    }

    /// Types a letter as the client of that number; it has typed `clock` letters before.
    fn types(&mut self, peer: u64, clock: u8) {
        let client = u8::try_from(peer).unwrap() + 1;
        let update = match clock.checked_sub(1) {
            Some(before) => vec![1, 1, client, clock, 0x84, client, before, 1, b'x', 0],
            None => [&[1, 1, client, 0, 4, 1, 7][..], b"content", &[1, b'x', 0]].concat(),
        };
        self.says(peer, PeerMessage::Update(update.into()));
    }

    /// Replaces the text for a call.
    fn replaces(&mut self, text: &str, condition: Condition) -> oneshot::Receiver<Result<Replaced, RoomError>> {
        let (reply, answer) = oneshot::channel();
        self.handle(Command::Replace { author: UserId::new(), text: text.to_owned(), condition, reply });
        answer
    }

    fn appends(&mut self) {
        assert!(self.state.take_append().is_some());
    }

    fn document(&self) -> &Document {
        self.state.replica.live().unwrap()
    }

    /// The waiting frames of a peer, by name.
    fn hears(&self, peer: usize) -> Vec<&'static str> {
        let batch = self.peers[peer].take().now_or_never().unwrap_or_default();
        batch.frames.iter().map(|frame| name(&frame.bytes)).collect()
    }
}

fn name(frame: &[u8]) -> &'static str {
    match decode_frame(frame, &Limits::default()).unwrap()[0] {
        Message::SyncStep1(_) => "step1",
        Message::SyncStep2(_) => "step2",
        Message::Update(_) => "update",
        Message::Awareness(_) => "awareness",
        Message::Codesync(Extension::Mark(_)) => "mark",
        _ => "other",
    }
}

/// A number in the encoding of updates.
fn number(number: u64) -> Vec<u8> {
    let (mut rest, mut bytes) = (number, Vec::new());
    while rest > 0x7f {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

/// Applies an update to a replica of a client's own.
fn apply(replica: &mut Document, update: &Update) {
    let (changed, _) = std::mem::replace(replica, Document::new(Limits::default())).with_update(update).unwrap();
    *replica = changed;
}

const NONE: [&str; 0] = [];

#[test]
fn peers_receive_an_edit_at_once_and_its_author_once_it_is_durable() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.types(0, 0);
    room.state.flush();
    room.appends();
    assert_eq!(room.hears(1), ["update"]);
    assert_eq!(room.hears(0), NONE);
    room.state.appended();
    assert_eq!(room.hears(0), ["update"]);
}

#[test]
fn a_mark_waits_for_everything_sent_before_it() {
    let mut room = Room::with(&[Dialect::Codesync]);
    room.says(0, PeerMessage::Mark(1));
    assert_eq!(room.hears(0), ["mark"], "nothing is under way");
    room.types(0, 0);
    room.says(0, PeerMessage::Mark(2));
    room.state.flush();
    room.appends();
    room.types(0, 1);
    room.says(0, PeerMessage::Mark(3));
    room.state.flush();
    assert_eq!(room.hears(0), NONE);
    room.state.appended();
    assert_eq!(room.hears(0), ["mark"], "the second edit is not durable yet");
    room.appends();
    room.state.appended();
    assert_eq!(room.hears(0), ["mark"]);
}

#[test]
fn later_edits_do_not_overtake_edits_that_wait_for_the_log() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.types(0, 0);
    room.types(1, 0);
    room.state.flush();
    room.appends();
    room.types(1, 1);
    room.state.flush();
    assert_eq!(room.hears(0), NONE, "its own edit is in the first frame");
    room.state.appended();
    assert_eq!(room.hears(0), ["update", "update"]);
    assert_eq!(room.hears(1), ["update"], "its second edit is not durable yet");
}

#[test]
fn peers_do_not_wait_for_each_other() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.types(0, 0);
    room.state.flush();
    room.appends();
    for clock in 0..2 {
        room.types(1, clock);
        room.state.flush();
    }
    room.state.appended();
    assert_eq!(room.hears(0), ["update", "update", "update"], "all that came before its own edit was durable");
    room.types(1, 2);
    room.state.flush();
    assert_eq!(room.hears(0), ["update"], "and nothing waits that this could overtake");
    assert_eq!(room.hears(1), ["update"], "only what it did not write");
}

#[test]
fn a_flood_of_gaps_is_asked_about_once_and_changes_nothing() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.types(0, 5);
    room.types(0, 5);
    assert_eq!(room.hears(0), ["step1"], "also of who never answered what it was asked first");
    room.says(0, PeerMessage::Step2(vec![0, 0].into()));
    for _ in 0..1_000 {
        room.types(0, 5);
    }
    room.state.flush();
    assert_eq!(room.hears(0), ["step1"]);
    assert_eq!(room.hears(1), NONE);
    assert!(room.state.take_append().is_none());
}

#[test]
fn known_edits_are_neither_sent_nor_appended_again() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.types(0, 0);
    room.types(0, 0);
    room.state.flush();
    room.appends();
    room.state.appended();
    assert_eq!(room.hears(1), ["update"]);
    room.types(0, 0);
    room.state.flush();
    assert!(room.state.take_append().is_none());
    assert_eq!(room.hears(1), NONE);
}

#[test]
fn a_peer_that_fell_behind_gets_one_diff_and_the_mark_it_missed() {
    let mut room = Room::with(&[Dialect::Codesync, Dialect::Stock]);
    room.says(0, PeerMessage::Step1(StateVector::default()));
    room.hears(0);
    for clock in 0..20 {
        room.types(1, clock);
        room.state.flush();
        room.appends();
        room.state.appended();
    }
    room.says(0, PeerMessage::Mark(7));
    assert_eq!(room.hears(0), NONE, "its outbox was dropped");
    room.says(0, PeerMessage::Behind);
    assert_eq!(
        room.hears(0).iter().filter(|name| **name != "awareness").collect::<Vec<_>>(),
        [&"update", &"step1", &"mark"]
    );
}

#[test]
fn a_diff_holds_what_others_wrote_and_no_early_echo() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock, Dialect::Stock]);
    for flush in 0..2 {
        room.types(0, flush);
        room.types(1, flush);
        room.state.flush();
    }
    room.appends();
    room.says(0, PeerMessage::Step1(StateVector::default()));
    room.says(2, PeerMessage::Step1(StateVector::default()));
    assert_eq!(room.hears(2), ["update", "update", "step2"], "who wrote nothing waits for nothing");
    assert_eq!(room.hears(0), NONE);
    for flush in 2..4 {
        room.types(0, flush);
        room.state.flush();
    }
    room.state.appended();
    let batch = room.peers[0].take().now_or_never().unwrap_or_default();
    let frames = batch.frames.iter().map(|frame| decode_frame(&frame.bytes, &Limits::default()).unwrap().remove(0));
    let diff = frames.filter_map(|message| if let Message::SyncStep2(diff) = message { Some(diff) } else { None });
    let diff = Document::new(Limits::default()).check(Bytes::copy_from_slice(diff.last().unwrap())).unwrap();
    let clocks: Vec<_> = diff.inserts().collect();
    assert_eq!(clocks, [(2, 0..2)], "its last two edits are not durable yet");
}

#[test]
fn nothing_is_read_from_a_replica_on_which_an_update_failed() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Codesync]);
    room.state.replica = Document::new(Limits { step_structs: 1, ..Limits::default() }).into();
    room.types(0, 0);
    let durable = room.state.whole().unwrap();
    room.says(0, PeerMessage::Step1(StateVector::default()));
    room.says(1, PeerMessage::Mark(1));
    room.state.flush();
    room.appends();
    assert_eq!(room.hears(1), ["update"]);
    // Two letters, each a step of its own; the second one fails.
    let two = [1, 2, 5, 0, 0x84, 1, 0, 1, b'y', 0xc4, 5, 0, 1, 0, 1, b'z', 0].to_vec();
    let update = room.document().check(two.into()).unwrap();
    room.state.replica.apply_while(&update, || false).unwrap_err();
    room.state.appended();
    assert!(room.state.whole().is_none(), "it restores no log");
    room.says(1, PeerMessage::Step1(StateVector::default()));
    let (reply, mut text) = oneshot::channel();
    room.handle(Command::Text(reply));
    assert!(text.try_recv().is_err());
    assert_eq!((room.hears(0), room.hears(1)), (NONE.to_vec(), NONE.to_vec()));
    room.state.rebuilt(Document::load(&durable, Limits::default()).unwrap());
    assert_eq!(room.document().text(TEXT), "x");
    assert_eq!((room.hears(0), room.hears(1)), (vec!["step2", "update"], vec!["mark", "step2"]));
}

#[test]
fn peers_receive_what_another_replica_holds_beyond_the_lost_one() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.says(0, PeerMessage::Step1(StateVector::default()));
    room.hears(0);
    let mut stored = Document::new(Limits::default());
    let update = stored.replacement(TEXT, "appended by another node", 9).unwrap().unwrap();
    apply(&mut stored, &update);
    room.state.rebuilt(stored);
    assert_eq!((room.hears(0), room.hears(1)), (vec!["update"], NONE.to_vec()), "the other one has yet to ask");
}

#[test]
fn edits_of_a_lost_replica_are_sent_again() {
    let mut room = Room::with(&[Dialect::Codesync]);
    room.state.replica = Document::new(Limits { step_structs: 1, ..Limits::default() }).into();
    let two = [&[1, 2, 5, 0, 4, 1, 7][..], b"content", &[1, b'y', 0x84, 5, 0, 1, b'z', 0]].concat();
    let update = room.document().check(two.clone().into()).unwrap();
    room.state.replica.apply_while(&update, || false).unwrap_err();
    let mut effects = Effects::default();
    let message = PeerMessage::Update(two.into());
    let command = Command::Peer { from: PeerId(0), message, received: Instant::now() };
    room.state.handle(command, 0, &mut effects);
    assert!(effects.rebuild);
    let close = room.peers[0].take().now_or_never().and_then(|batch| batch.close);
    assert_eq!(close, Some(CloseReason::Resync));
}

#[test]
fn a_text_is_not_replaced_for_a_caller_that_waits_no_longer() {
    let mut room = Room::with(&[]);
    drop(room.replaces("late", Condition::default()));
    assert!(room.state.decide().is_none());
    assert_eq!(room.document().text(TEXT), "");
}

#[test]
fn a_diff_larger_than_the_outbox_arrives() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    let text = "x".repeat(1 << 17);
    let _call = room.replaces(&text, Condition::default());
    assert!(room.state.decide().is_some());
    room.state.confirmed(&mut Effects::default());
    room.state.flush();
    room.says(1, PeerMessage::Awareness(vec![AwarenessEntry { client: 2, clock: 1, state: Some("{}".into()) }]));
    room.state.flush();
    assert_eq!(room.hears(0), NONE, "its outbox was dropped");
    room.says(0, PeerMessage::Behind);
    assert_eq!(room.hears(0)[..2], ["update", "awareness"]);
}

#[test]
fn a_client_that_asks_while_behind_is_answered() {
    let mut room = Room::with_outboxes(&[Dialect::Stock, Dialect::Stock], 2);
    for clock in 0..3 {
        room.types(1, clock);
        room.state.flush();
    }
    room.says(0, PeerMessage::Step1(StateVector::default()));
    assert_eq!(room.hears(0), NONE, "its outbox was dropped");
    room.says(0, PeerMessage::Behind);
    assert_eq!(room.hears(0)[..1], ["step2"]);
}

#[test]
fn a_document_is_too_large_by_its_size_and_not_by_how_it_was_typed() {
    let mut room = Room::with(&[Dialect::Stock]);
    room.state.document_bytes_max = 600;
    for clock in 0..100 {
        room.types(0, clock);
    }
    assert_eq!(room.document().text_len(TEXT), 100);
    let long = [&[1, 1, 1, 100, 0x84, 1, 99, 0xd8, 0x04][..], &[b'x'; 600], &[0]].concat();
    room.says(0, PeerMessage::Update(long.into()));
    assert_eq!(room.document().text_len(TEXT), 100, "that would be too much");
    room.says(0, PeerMessage::Update([1, 1, 1, 100, 0x84, 1, 99, 1, b'x', 0].to_vec().into()));
    assert_eq!(room.document().text_len(TEXT), 100, "who was refused is gone");
}

#[test]
fn revoking_access_closes_only_that_users_sockets() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    let user = room.state.peers.get(PeerId(0)).unwrap().grant.user;
    let removed = AccessEvent::Grant { doc: DocId::new(), user, role: None };
    room.state.handle_urgent(Urgent::Access(removed), 0, &mut Effects::default());
    let close = |peer: usize| room.peers[peer].take().now_or_never().and_then(|batch| batch.close);
    assert_eq!(close(0), Some(CloseReason::Forbidden));
    assert_eq!(close(1), None);
}

#[test]
fn closing_every_socket_changes_who_is_here() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Codesync]);
    let before = room.state.changes();
    room.state.handle_urgent(Urgent::Delete(oneshot::channel().0), 0, &mut Effects::default());
    assert!(room.state.is_empty());
    assert!(room.state.changes() > before, "the other nodes would not be told");
}
