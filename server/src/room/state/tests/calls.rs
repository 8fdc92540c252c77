//! The answers of calls that replace or read the text, and their times.

use super::*;
use crate::room::Tags;

fn tag(text: &str) -> Condition {
    Condition { one_of: Some(Tags::Listed(vec![crate::room::Text::of(text.to_owned()).tag])), none_of: None }
}

fn answer(call: &mut oneshot::Receiver<Result<Replaced, RoomError>>) -> Option<Result<(String, bool), RoomError>> {
    let answer = call.try_recv().ok()?;
    Some(answer.map(|replaced| (replaced.text.text, replaced.changed)))
}

fn ok(text: &str, changed: bool) -> Option<Result<(String, bool), RoomError>> {
    Some(Ok((text.to_owned(), changed)))
}

impl Room {
    fn decides(&mut self) -> usize {
        self.state.flush();
        self.state.decide().expect("a call waits").len()
    }

    fn confirms(&mut self) {
        let mut effects = Effects::default();
        self.state.confirmed(&mut effects);
        assert!(!effects.rebuild);
    }

    /// Applies an append of another node.
    fn elsewhere(&mut self, text: &str) {
        let update = self.document().replacement(TEXT, text, 7_000).unwrap().unwrap();
        self.state.apply_log(vec![update.bytes().clone()], &mut Effects::default());
    }
}

#[test]
fn an_edit_for_a_call_is_applied_once_the_log_has_it() {
    let mut room = Room::with(&[Dialect::Stock]);
    let mut call = room.replaces("one\r\ntwo", Condition::default());
    assert_eq!(room.decides(), 1);
    assert_eq!((room.document().text(TEXT).as_str(), answer(&mut call)), ("", None));
    room.types(0, 0);
    room.confirms();
    assert_eq!(answer(&mut call), ok("one\ntwo", true), "the text at its place in the log");
    room.state.flush();
    assert_eq!(room.hears(0), NONE, "its own edit waits");
    room.appends();
    room.state.appended();
    assert!(room.hears(0).contains(&"update"));
    let text = room.document().text(TEXT);
    assert!(text == "one\ntwox" || text == "xone\ntwo", "{text:?}");
}

#[test]
fn a_refused_call_is_decided_on_the_newer_text() {
    let mut room = Room::with(&[]);
    room.elsewhere("begin");
    let mut same = room.replaces("end", tag("begin"));
    let mut free = room.replaces("end", Condition::default());
    assert_eq!(room.decides(), 1);
    room.state.refused();
    room.elsewhere("end");
    assert_eq!(room.decides(), 0);
    room.confirms();
    assert_eq!(answer(&mut same), Some(Err(RoomError::Changed)));
    assert_eq!(room.decides(), 0, "there is nothing to change");
    assert_eq!(answer(&mut free), None, "the log has not been asked");
    room.confirms();
    assert_eq!(answer(&mut free), ok("end", false));
    assert!(!room.state.has_callers());
}

#[test]
fn a_call_comes_after_all_edits_before_it() {
    let mut room = Room::with(&[Dialect::Codesync]);
    room.types(0, 0);
    let mut call = room.replaces("x", Condition::default());
    assert!(room.state.decide().is_none(), "the letter is not given to the log yet");
    assert_eq!(room.decides(), 0);
    assert!(room.state.take_append().is_some(), "goes with it in one append");
    assert_eq!(answer(&mut call), None);
    room.confirms();
    assert_eq!(answer(&mut call), ok("x", false));
}

#[test]
fn a_call_whose_edit_was_appended_unnoticed_is_not_refused_for_it() {
    for text in ["longer than before", ""] {
        let mut room = Room::with(&[]);
        room.elsewhere("before");
        let mut call = room.replaces(text, tag("before"));
        room.state.flush();
        let edit = room.state.decide().unwrap();
        assert!(!room.state.unanswered(false));
        // As it is read from the log.
        room.state.apply_log(edit, &mut Effects::default());
        assert_eq!(room.decides(), 0);
        room.confirms();
        assert_eq!(answer(&mut call), ok(text, true));
        assert_eq!(room.document().text(TEXT), text);
    }
}

#[test]
fn a_call_whose_caller_has_gone_is_not_appended() {
    let mut room = Room::with(&[]);
    drop(room.replaces("gone before", Condition::default()));
    let call = room.replaces("gone meanwhile", Condition::default());
    assert_eq!(room.decides(), 1);
    assert!(room.state.unanswered(true), "somebody waits for the answer");
    drop(call);
    assert!(!room.state.unanswered(true));
    assert!(room.state.decide().is_none());
    assert!(!room.state.has_callers() && room.state.is_durable());
}

#[test]
fn conditions_name_one_text_several_or_none() {
    let listed = |texts: &[&str]| {
        Some(Tags::Listed(texts.iter().map(|text| crate::room::Text::of((*text).to_owned()).tag).collect()))
    };
    let text = |text: &str| crate::room::Text::of(text.to_owned());
    for (one_of, none_of, allowed_by, refused_by) in [
        (listed(&["a", "b"]), None, vec!["a", "b"], vec!["", "c"]),
        (listed(&[]), None, vec![], vec!["", "a"]),
        (Some(Tags::Any), None, vec!["", "a"], vec![]),
        (None, Some(Tags::Any), vec![""], vec!["a"]),
        (None, listed(&["a", ""]), vec!["b"], vec!["a", ""]),
        (listed(&["a"]), Some(Tags::Any), vec![], vec!["a", ""]),
    ] {
        let condition = Condition { one_of, none_of };
        assert!(allowed_by.into_iter().all(|present| condition.allows(&text(present))), "{condition:?}");
        assert!(!refused_by.into_iter().any(|present| condition.allows(&text(present))), "{condition:?}");
    }
}

#[test]
fn more_calls_than_may_wait_are_refused() {
    let mut room = Room::with(&[]);
    let large = "x".repeat(20 << 20);
    let mut calls: Vec<_> = (0..2).map(|_| room.replaces(&large, Condition::default())).collect();
    assert_eq!(answer(&mut calls[1]), Some(Err(RoomError::Unavailable)));
    let mut small: Vec<_> = (0..100).map(|_| room.replaces("x", Condition::default())).collect();
    assert_eq!(answer(&mut small[0]), None);
    assert_eq!(answer(&mut small[99]), Some(Err(RoomError::Unavailable)));
    assert!(room.state.accepts(), "nobody else waits for them");
}

#[test]
fn the_text_is_read_once_it_is_durable() {
    let mut room = Room::with(&[Dialect::Stock]);
    let read = |room: &mut Room| {
        let (reply, text) = oneshot::channel();
        room.handle(Command::Text(reply));
        text
    };
    assert_eq!(read(&mut room).try_recv().unwrap().text, "");
    room.types(0, 0);
    let mut first = read(&mut room);
    room.state.flush();
    room.appends();
    room.types(0, 1);
    let mut second = read(&mut room);
    assert!(first.try_recv().is_err() && second.try_recv().is_err());
    room.state.appended();
    assert_eq!(first.try_recv().unwrap().text, "x", "a letter that came later is not durable");
    assert!(second.try_recv().is_err());
    room.state.flush();
    room.appends();
    room.state.appended();
    assert_eq!(second.try_recv().unwrap().text, "xx");
}

#[test]
fn the_server_never_writes_under_an_id_that_another_client_uses() {
    fn fresh() -> ClientId {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
    let mut room = Room::with(&[Dialect::Stock]);
    room.state = State::new(Document::new(Limits::default()), fresh, 1 << 20);
    room.state.publishers.receive(vec![AwarenessEntry { client: 2, clock: 1, state: Some("{}".into()) }], 0);
    let writes = |room: &mut Room, text: &str| {
        let before = room.document().state_vector().clone();
        let mut call = room.replaces(text, Condition::default());
        room.decides();
        room.confirms();
        assert_eq!(answer(&mut call), ok(text, true));
        let mut grown = room.document().state_vector().iter().filter(|(id, clock)| before.clock(*id) < *clock);
        grown.next().unwrap().0
    };
    let first = writes(&mut room, "a");
    assert_eq!(writes(&mut room, "ab"), first, "one id for all its edits");
    let next = room.document().state_vector().clock(first);
    let intruder = codesync_crdt::Document::load(&room.document().state(), Limits::default()).unwrap();
    let update = intruder.replacement(TEXT, "abc", first).unwrap().unwrap();
    assert!(update.inserts().any(|(id, clocks)| id == first && clocks.start == next));
    room.state.apply_log(vec![update.bytes().clone()], &mut Effects::default());
    let second = writes(&mut room, "abcd");
    assert!(second != first && second != 2, "{first} {second}");
}
