//! Client ids in use: who may add edits under them, and what their owners are asked before an answer.

use super::{
    conflicts::{close, rejections, text},
    *,
};

fn presence(client: u64, clock: u32, state: &str) -> Vec<AwarenessEntry> {
    vec![AwarenessEntry { client, clock, state: Some(state.into()) }]
}

impl Room {
    fn declares(&mut self, peer: u64, client: u64) {
        self.says(peer, PeerMessage::Awareness(presence(client, 1, "{}")));
        self.state.flush();
        (0..self.peers.len()).for_each(|peer| drop(self.hears(peer)));
    }

    /// Advances the time, and returns whether the log is to be read.
    fn ticks(&mut self, now_ms: u64) -> bool {
        let mut effects = Effects::default();
        self.state.tick(now_ms, &mut effects);
        effects.read_log
    }

    fn answers_step1(&mut self, peer: u64) {
        self.says(peer, PeerMessage::Step2([0, 0].to_vec().into()));
    }

    /// The clock of a client in the newest step 1 that waits for a peer.
    fn asked_from(&self, peer: usize, client: u64) -> Option<u32> {
        let batch = self.peers[peer].take().now_or_never().unwrap_or_default();
        let asked =
            batch.frames.iter().filter_map(|frame| match &decode_frame(&frame.bytes, &Limits::default()).unwrap()[0] {
                Message::SyncStep1(vector) => Some(vector.clock(client)),
                _ => None,
            });
        asked.last()
    }
}

/// A room where the first peer declares client 50 and has written "mine" under it.
fn owned() -> Room {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Codesync, Dialect::Stock]);
    (0..3).for_each(|peer| room.answers_step1(peer));
    room.declares(0, 50);
    room.says(0, PeerMessage::Update(text(50, 0, "mine")));
    room.state.flush();
    room.appends();
    room.state.appended();
    (0..3).for_each(|peer| drop(room.hears(peer)));
    room
}

#[test]
fn edits_under_the_id_of_a_connected_user_are_refused_after_that_socket_sent_its_edits() {
    let mut room = owned();
    for peer in [1, 2] {
        room.says(peer, PeerMessage::Update(text(50, 4, "forged")));
        room.says(peer, PeerMessage::Mark(1));
    }
    assert_eq!(room.hears(1), NONE, "no mark is echoed while they wait");
    assert_eq!(room.hears(0), ["step1", "step1"]);
    room.answers_step1(0);
    room.answers_step1(0);
    for peer in [1, 2] {
        assert_eq!(room.asked_from(peer, 50), Some(4));
        room.says(peer as u64, PeerMessage::Step2(text(50, 4, "forged")));
    }
    assert_eq!(rejections(&room, 1), [("client_conflict".to_owned(), 50, 4)]);
    assert_eq!(close(&room, 2), Some(CloseReason::Conflict));
    assert_eq!(room.content(), "mine");
}

#[test]
fn words_that_the_owner_sends_are_applied_even_if_others_have_them() {
    let mut room = owned();
    room.says(1, PeerMessage::Step2(text(50, 4, "too")));
    room.says(0, PeerMessage::Step2(text(50, 4, "too")));
    assert_eq!(room.content(), "minetoo");
    room.says(1, PeerMessage::Step2([0, 0].to_vec().into()));
    room.state.flush();
    room.appends();
    room.state.appended();
    room.hears(1);
    room.says(1, PeerMessage::Mark(2));
    assert_eq!(room.hears(1), ["mark"]);
    assert_eq!((rejections(&room, 1), close(&room, 2)), (vec![], None));
}

#[test]
fn devices_that_all_have_what_a_restored_server_lacks_do_not_refuse_each_other() {
    let mut room = Room::with(&[Dialect::Codesync, Dialect::Codesync]);
    room.declares(0, 50);
    room.declares(1, 60);
    let (one, other) = (text(60, 0, "one"), text(50, 0, "other"));
    let both: Bytes = [&[2], &one[1..one.len() - 1], &other[1..]].concat().into();
    // Each in answer to the first step 1, and again on request.
    for peer in [0, 1, 0, 1] {
        room.says(peer, PeerMessage::Step2(both.clone()));
    }
    assert_eq!(room.content().len(), 8);
    room.state.flush();
    room.appends();
    room.state.appended();
    for peer in 0..2 {
        room.hears(peer);
        room.says(peer as u64, PeerMessage::Mark(1));
        assert_eq!(room.hears(peer), ["mark"]);
    }
}

#[test]
fn edits_under_the_id_of_an_absent_user_are_applied() {
    let mut room = owned();
    room.says(1, PeerMessage::Step2(text(50, 4, "brought")));
    room.says(0, PeerMessage::Left);
    room.ticks(1_000);
    assert_eq!(room.asked_from(1, 50), Some(4), "it is asked for them again");
    room.says(1, PeerMessage::Step2(text(50, 4, "brought")));
    assert_eq!(room.content(), "minebrought");
    room.says(2, PeerMessage::Update(text(60, 0, "own")));
    assert_eq!(room.content().len(), 14);
}

#[test]
fn an_owner_that_never_answers_is_waited_for_ten_seconds() {
    let mut room = owned();
    room.says(1, PeerMessage::Step2(text(50, 4, "brought")));
    room.ticks(9_000);
    assert_eq!(room.asked_from(1, 50), None);
    room.ticks(10_000);
    assert_eq!(room.asked_from(1, 50), Some(4));
    room.says(1, PeerMessage::Step2(text(50, 4, "brought")));
    assert_eq!(room.content(), "minebrought");
}

#[test]
fn edits_under_the_id_of_a_user_on_another_node_wait_for_the_log() {
    for (role, refused) in [("editor", true), ("viewer", false)] {
        let mut room = Room::with(&[Dialect::Codesync]);
        room.answers_step1(0);
        let state = format!(r#"{{"user":{{"id":"{}","role":"{role}"}}}}"#, UserId::new().0);
        room.state.apply_presence(presence(50, 1, &state), 0);
        room.says(0, PeerMessage::Step2(text(50, 0, "forged")));
        assert_eq!(room.content() == "forged", !refused);
        if !refused {
            continue;
        }
        assert!(room.ticks(1_000), "the log is read");
        assert!(room.ticks(2_000));
        room.state.without_log();
        room.ticks(60_000);
        room.state.appended();
        assert_eq!(rejections(&room, 0), [], "while the log is unavailable nobody is refused");
        room.ticks(61_000);
        room.says(0, PeerMessage::Step2(text(50, 0, "forged")));
        assert_eq!(rejections(&room, 0), [("client_conflict".to_owned(), 50, 0)]);
    }
}

#[test]
fn nobody_writes_under_the_id_of_the_server() {
    let mut room = Room::with(&[Dialect::Codesync]);
    room.says(0, PeerMessage::Update(text(99, 0, "forged")));
    assert_eq!(rejections(&room, 0), [("client_conflict".to_owned(), 99, 0)]);
}

#[test]
fn a_reconnecting_client_sends_its_own_edits_before_it_is_answered() {
    let mut room = Room::with(&[Dialect::Stock]);
    room.says(0, PeerMessage::Left);
    room.state.apply_log(vec![text(50, 0, "mineevil")], &mut Effects::default());
    let peer = room.join(Dialect::Stock, UserId::new(), 8);
    room.hears(peer);
    let from = peer as u64;
    room.says(from, PeerMessage::Step1([(50, 9)].into_iter().collect()));
    assert_eq!(room.hears(peer), NONE, "its own edits come first");
    room.says(from, PeerMessage::Awareness(presence(50, 1, "{}")));
    assert_eq!(room.asked_from(peer, 50), Some(0), "all that it wrote");
    room.says(from, PeerMessage::Step2(text(50, 8, "d")));
    assert_eq!(room.content(), "mineevil", "the answer to the first step 1 hides what differs");
    room.says(from, PeerMessage::Step2(text(50, 0, "minegoodd")));
    assert_eq!(close(&room, peer), Some(CloseReason::Conflict));
}

#[test]
fn a_reconnect_to_a_room_that_has_all_its_edits_costs_one_message_of_waiting() {
    let mut room = owned();
    let user = room.state.peers.get(PeerId(0)).unwrap().grant.user;
    room.says(0, PeerMessage::Left);
    let peer = room.join(Dialect::Stock, user, 8);
    room.says(peer as u64, PeerMessage::Step1([(50, 4)].into_iter().collect()));
    room.says(peer as u64, PeerMessage::Awareness(presence(50, 3, "{}")));
    assert_eq!(room.hears(peer).iter().filter(|name| **name == "step2").count(), 1);
    room.says(peer as u64, PeerMessage::Update(text(50, 4, "more")));
    assert_eq!(room.content(), "minemore");
}

#[test]
fn edits_of_others_reach_a_client_only_after_its_own_are_compared() {
    let mut room = Room::with(&[Dialect::Stock, Dialect::Stock]);
    room.says(0, PeerMessage::Step1([(50, 9)].into_iter().collect()));
    room.types(1, 0);
    room.state.flush();
    assert_eq!(room.hears(0), NONE);
    room.answers_step1(0);
    assert_eq!(room.hears(0), ["step2"], "which has it");
    room.types(1, 1);
    room.state.flush();
    assert_eq!(room.hears(0), ["update"]);
}

#[test]
fn an_answer_waits_two_seconds_at_most() {
    let mut room = Room::with(&[Dialect::Stock]);
    room.says(0, PeerMessage::Step1([(50, 9)].into_iter().collect()));
    assert_eq!((room.hears(0), room.state.due_ms()), (NONE.to_vec(), Some(2_000)));
    room.ticks(2_000);
    assert_eq!((room.hears(0), room.state.due_ms()), (vec!["step2"], None));
}

#[test]
fn a_client_id_is_kept_for_its_user_a_minute_after_it_was_seen() {
    let mut room = owned();
    room.says(0, PeerMessage::Left);
    for (now_ms, expected) in [(1_000, false), (59_000, false), (61_000, true)] {
        let mut effects = Effects::default();
        let message = PeerMessage::Awareness(presence(50, 10, "{}"));
        let command = Command::Peer { from: PeerId(2), message, received: Instant::now() };
        room.state.handle(command, now_ms, &mut effects);
        let here = room.state.own_presence().is_some();
        assert_eq!(here, expected, "after {now_ms} ms");
    }
}

/// An update of one letter under each of `count` client ids, starting at `first`.
fn flood(first: u64, count: u64) -> Bytes {
    let mut bytes = number(count);
    for client in (first..first + count).rev() {
        bytes.extend([1].into_iter().chain(number(client)));
        bytes.extend_from_slice(b"\0\x04\x01\x07content\x01x");
    }
    bytes.push(0);
    bytes.into()
}

#[test]
fn a_flood_of_client_ids_does_not_hide_edits_appended_to_a_users_words() {
    let mut room = owned();
    let owner = room.state.peers.get(PeerId(0)).unwrap().grant.user;
    room.says(0, PeerMessage::Left);
    // Words that others appended to the owner's and deleted again; and then more ids than are remembered.
    room.says(1, PeerMessage::Update(text(50, 4, "evil")));
    room.says(1, PeerMessage::Update(vec![0, 1, 50, 1, 4, 4].into()));
    for first in (1_000..19_000).step_by(300) {
        room.says(1, PeerMessage::Update(flood(first, 300)));
    }
    room.state.flush();
    let peer = room.join(Dialect::Stock, owner, 8);
    room.says(peer as u64, PeerMessage::Step1([(50, 8)].into_iter().collect()));
    assert_eq!(room.asked_from(peer, 50), Some(4), "its own words may be others");
    // In answer to the first step 1 and to the second.
    for _ in 0..2 {
        room.says(peer as u64, PeerMessage::Step2(text(50, 4, "more")));
    }
    assert_eq!(close(&room, peer), Some(CloseReason::Conflict));
}
