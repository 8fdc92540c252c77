//! Other edits under a known client id and clocks: refused as a whole, and never acknowledged.

use super::*;

/// The rejections among the frames of a peer: code, client and clock.
pub(super) fn rejections(room: &Room, peer: usize) -> Vec<(String, u64, u64)> {
    let batch = room.peers[peer].take().now_or_never().unwrap_or_default();
    let mut rejections = Vec::new();
    for frame in &batch.frames {
        for message in decode_frame(&frame.bytes, &Limits::default()).unwrap() {
            if let Message::Codesync(Extension::Rejected { json }) = message {
                let json: serde_json::Value = serde_json::from_str(json).unwrap();
                let number = |name: &str| json[name].as_u64().unwrap_or_default();
                rejections.push((json["code"].as_str().unwrap().to_owned(), number("client"), number("clock")));
            }
        }
    }
    rejections
}

pub(super) fn close(room: &Room, peer: usize) -> Option<CloseReason> {
    room.peers[peer].take().now_or_never().and_then(|batch| batch.close)
}

/// An update of text by one client, at its clock 0 or after its own previous clock.
pub(super) fn text(client: u8, clock: u8, text: &str) -> Bytes {
    let length = u8::try_from(text.len()).unwrap();
    let head = match clock.checked_sub(1) {
        Some(before) => vec![1, 1, client, clock, 0x84, client, before, length],
        None => [&[1, 1, client, 0, 4, 1, 7][..], b"content", &[length]].concat(),
    };
    [&head[..], text.as_bytes(), &[0]].concat().into()
}

/// A room whose text "abcdefgh" was written as client 50, all of it durable.
fn written(dialects: &[Dialect]) -> Room {
    let mut room = Room::with(dialects);
    room.apply_entries(vec![text(50, 0, "abcdefgh")]);
    room.state.flush();
    (0..dialects.len()).for_each(|peer| drop(room.hears(peer)));
    room
}

impl Room {
    fn apply_entries(&mut self, entries: Vec<Bytes>) -> crate::room::state::edits::LogApplied {
        let mut effects = Effects::default();
        let taken = self.state.apply_log(entries, &mut effects);
        assert!(!effects.rebuild);
        taken
    }

    pub(super) fn content(&self) -> String {
        self.document().text(TEXT)
    }
}

#[test]
fn other_edits_at_known_clocks_are_refused_whole_and_never_acknowledged() {
    // Known clocks alone, and with new ones after them; as an update, and as an answer to step 1.
    for (bytes, clock) in [(text(50, 0, "abcdEFGH"), 4), (text(50, 6, "GHijkl"), 6), (text(50, 0, "Xbcdefghijkl"), 0)] {
        for message in [PeerMessage::Update as fn(Bytes) -> PeerMessage, PeerMessage::Step2] {
            let mut room = written(&[Dialect::Codesync, Dialect::Stock, Dialect::Stock]);
            room.says(0, message(bytes.clone()));
            assert_eq!(rejections(&room, 0), [("client_conflict".to_owned(), 50, clock)]);
            room.says(1, message(bytes.clone()));
            assert_eq!(close(&room, 1), Some(CloseReason::Conflict));
            room.state.flush();
            assert_eq!(room.content(), "abcdefgh");
            assert!(room.state.take_append().is_none(), "nothing of it goes to the log");
            assert_eq!(room.hears(2), NONE, "nor to anybody else");
            room.says(0, PeerMessage::Mark(1));
            assert_eq!(rejections(&room, 0), [("client_conflict".to_owned(), 50, clock)], "instead of the mark");
        }
    }
}

#[test]
fn nothing_more_is_accepted_from_a_client_whose_replica_differs() {
    let mut room = written(&[Dialect::Codesync, Dialect::Stock]);
    room.says(0, PeerMessage::Update(text(50, 0, "ABCDEFGHIJ")));
    room.says(0, PeerMessage::Update(text(50, 8, "k")));
    room.says(0, PeerMessage::Update([0, 1, 50, 1, 0, 8].to_vec().into()));
    assert_eq!(room.content(), "abcdefgh", "its deletions were meant for other words");
    room.says(1, PeerMessage::Update(text(60, 0, "more")));
    assert_eq!(room.content().len(), 12, "others go on");
}

#[test]
fn the_same_edits_again_are_no_conflict() {
    let mut room = written(&[Dialect::Codesync]);
    for bytes in [text(50, 0, "abcdefgh"), text(50, 3, "defgh"), text(50, 3, "defghi")] {
        room.says(0, PeerMessage::Step2(bytes));
    }
    assert_eq!((room.content().as_str(), rejections(&room, 0)), ("abcdefghi", vec![]));
}

#[test]
fn comparing_is_charged_to_the_user_who_makes_it_necessary() {
    let mut room = Room::with(&[Dialect::Codesync]);
    room.apply_entries(vec![{
        let mut bytes = [&[1, 1, 50, 0, 4, 1, 7][..], b"content"].concat();
        // A million letters; their number takes three bytes.
        bytes.extend([0x80, 0x80, 0x40]);
        bytes.extend(vec![b'x'; 1 << 20]);
        bytes.push(0);
        bytes.into()
    }]);
    let user = room.state.peers.user(PeerId(0)).unwrap();
    for _ in 0..4 {
        room.says(0, PeerMessage::Update(text(50, 0, "x")));
    }
    assert!(!room.state.peers.effort(user, 0).is_rested(0));
}

#[test]
fn a_mark_behind_a_gap_is_not_echoed() {
    let mut room = Room::with(&[Dialect::Codesync]);
    room.types(0, 5);
    room.says(0, PeerMessage::Mark(1));
    assert_eq!(room.hears(0), ["step1"], "what it sent is not taken in");
    room.says(0, PeerMessage::Step2(text(1, 0, "abcdef")));
    room.says(0, PeerMessage::Mark(2));
    room.state.flush();
    room.appends();
    room.state.appended();
    assert_eq!(room.hears(0), ["mark"]);
}

#[test]
fn a_refusal_outlives_a_dropped_outbox() {
    let mut room = Room::with_outboxes(&[Dialect::Codesync, Dialect::Stock], 4);
    room.apply_entries(vec![text(50, 0, "abcdefgh")]);
    room.state.flush();
    for clock in 0..8 {
        room.types(1, clock);
        room.state.flush();
    }
    room.says(0, PeerMessage::Update(text(50, 0, "X")));
    room.says(0, PeerMessage::Mark(1));
    assert_eq!(rejections(&room, 0), [], "its outbox was dropped");
    room.says(0, PeerMessage::Behind);
    assert_eq!(rejections(&room, 0), [("client_conflict".to_owned(), 50, 0)]);
}

#[test]
fn a_replica_that_lost_against_the_log_is_given_up_with_its_clients() {
    let mut room = Room::with(&[Dialect::Codesync, Dialect::Stock]);
    room.says(0, PeerMessage::Update(text(50, 0, "good")));
    room.state.flush();
    room.appends();
    room.state.appended();
    assert_eq!(room.apply_entries(vec![text(50, 0, "evil!")]).differs, Some((50, 0)));
    let mut log = Document::new(Limits::default());
    for entry in [text(50, 0, "evil!"), text(50, 0, "good")] {
        let update = log.check_stored(entry).unwrap();
        log = log.with_update(&update).unwrap().0;
    }
    room.state.flush();
    room.state.doubt();
    room.state.rebuilt(log);
    assert_eq!(room.content(), "evil!");
    assert_eq!(rejections(&room, 0), [("client_conflict".to_owned(), 50, 0)]);
    assert_eq!(close(&room, 1), Some(CloseReason::Conflict));
}

#[test]
fn an_entry_that_lost_against_the_log_changes_nothing() {
    let mut room = Room::with(&[Dialect::Codesync, Dialect::Stock]);
    room.apply_entries(vec![text(50, 0, "good")]);
    assert_eq!(room.apply_entries(vec![text(50, 0, "evil")]).differs, Some((50, 0)));
    room.state.flush();
    let log = Document::load(&room.state.whole().unwrap(), Limits::default()).unwrap();
    room.state.doubt();
    room.state.rebuilt(log);
    assert_eq!((rejections(&room, 0), close(&room, 1)), (vec![], None));
}

/// The log of a client that put `count` letters before each other, one per entry: no two form a block.
fn letters(count: u64) -> Vec<Bytes> {
    let before =
        |clock: u64| [&[1, 1, 50][..], &number(clock), &[0x44, 50], &number(clock - 1), &[1, b'x', 0]].concat().into();
    std::iter::once(text(50, 0, "x")).chain((1..count).map(before)).collect()
}

#[test]
fn applying_a_known_log_again_takes_linear_time() {
    let seconds = |count| {
        let mut room = Room::with(&[]);
        room.apply_entries(letters(count));
        let started = Instant::now();
        assert!(!room.apply_entries(letters(count)).changed);
        started.elapsed().as_secs_f64()
    };
    let fastest = |count| (0..5).map(|_| seconds(count)).fold(f64::MAX, f64::min);
    let (short, long) = (fastest(500), fastest(8_000));
    assert!(long < 60.0 * short, "16 times as many entries took {} times as long", long / short);
}

#[test]
fn of_known_entries_one_that_differs_and_one_that_deletes_are_found() {
    let mut room = written(&[Dialect::Stock]);
    let taken = room.apply_entries(vec![text(50, 0, "abcd"), text(50, 4, "efXh")]);
    assert_eq!((taken.differs, taken.changed), (Some((50, 6)), false));
    let deletes: Bytes = vec![0, 1, 50, 1, 0, 2].into();
    let taken = room.apply_entries(vec![text(50, 0, "abcd"), deletes, text(50, 4, "efgh")]);
    assert_eq!((taken.differs, taken.changed), (None, true));
    assert_eq!(room.content(), "cdefgh");
}
