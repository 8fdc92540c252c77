//! The frames that authors receive of their own and of others' edits, in every state of the log.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

/// A letter of its own for each client, whose bytes occur nowhere else in a frame.
const LETTERS: [char; 5] = ['①', '②', '③', '④', '⑤'];
/// The client at another node.
const ELSEWHERE: usize = 4;

/// The number of letters of each client at some time.
type Count = [usize; LETTERS.len()];

/// A room whose peers have replicas.
struct Typing {
    room: Room,
    replicas: Vec<Document>,
    typed: Count,
    flushed: Count,
    appending: Count,
    durable: Count,
    /// The number of its own letters that each client received, as an echo or in a requested diff.
    echoed: Count,
    /// The number of letters that each had typed when it requested a diff that has not arrived.
    asked: [Option<usize>; LETTERS.len()],
    /// The number of the queue drop for which each last requested a diff: once each, as sessions do.
    behind: [Option<u64>; LETTERS.len()],
}

impl Typing {
    fn with(dialects: &[Dialect]) -> Self {
        Self::with_outboxes(dialects, usize::MAX)
    }

    fn with_outboxes(dialects: &[Dialect], frames_max: usize) -> Self {
        let replicas = LETTERS.iter().map(|_| Document::new(Limits::default())).collect();
        let zero = Count::default();
        let mut room = Room::with_outboxes(dialects, frames_max);
        // As clients do: without it, the answer comes two seconds later.
        (0..dialects.len()).for_each(|peer| room.says(peer as u64, PeerMessage::Step2([0, 0].to_vec().into())));
        let (asked, behind) = Default::default();
        Self { room, replicas, typed: zero, flushed: zero, appending: zero, durable: zero, echoed: zero, asked, behind }
    }

    /// Types a letter at the end of what the client sees.
    fn types(&mut self, client: usize) {
        self.typed[client] += 1;
        self.turns(client, self.text(client) + &LETTERS[client].to_string());
    }

    /// Types at a random place, or deletes there.
    fn edits(&mut self, client: usize, random: &mut StdRng) {
        let mut text: Vec<char> = self.text(client).chars().collect();
        let at = random.random_range(0..=text.len());
        if at < text.len() && random.random_bool(0.2) {
            text.remove(at);
        } else {
            text.insert(at, LETTERS[client]);
            self.typed[client] += 1;
        }
        self.turns(client, text.into_iter().collect());
    }

    fn turns(&mut self, client: usize, text: String) {
        let update = self.replicas[client].replacement("content", &text, client as u64 + 1).unwrap().unwrap();
        apply(&mut self.replicas[client], &update);
        if client == ELSEWHERE {
            let mut effects = Effects::default();
            let taken = self.room.state.apply_log(vec![update.bytes().clone()], &mut effects);
            assert!(!taken.gap && !effects.rebuild);
        } else {
            self.room.says(client as u64, PeerMessage::Update(update.bytes().clone()));
        }
    }

    fn flush(&mut self) {
        self.room.state.flush();
        self.flushed = self.typed;
    }

    fn begin_append(&mut self) -> bool {
        let begins = self.room.state.take_append().is_some();
        if begins {
            self.appending = self.flushed;
        }
        begins
    }

    fn end_append(&mut self) {
        if self.room.state.appended().is_some() {
            self.durable = self.appending;
        }
    }

    /// Requests what the client lacks, unless a request is unanswered.
    fn asks(&mut self, peer: usize) {
        self.hears(peer);
        if self.asked[peer].is_none() {
            self.asked[peer] = Some(self.typed[peer]);
            let has = self.replicas[peer].state_vector().clone();
            self.room.says(peer as u64, PeerMessage::Step1(has));
        }
    }

    /// Applies the waiting frames of a peer, until there are none.
    fn hears(&mut self, peer: usize) {
        while let Some(batch) = self.room.peers[peer].take().now_or_never() {
            for frame in batch.frames {
                self.takes_in(peer, &frame.bytes);
            }
            if batch.behind.is_some() && self.behind[peer] != batch.behind {
                self.behind[peer] = batch.behind;
                self.room.says(peer as u64, PeerMessage::Behind);
            }
        }
    }

    fn takes_in(&mut self, peer: usize, frame: &Bytes) {
        let (update, asked) = match decode_frame(frame, &Limits::default()).unwrap()[0] {
            Message::Update(update) => (update, None),
            Message::SyncStep2(diff) => (diff, self.asked[peer].take()),
            _ => return,
        };
        let replica = &mut self.replicas[peer];
        let update = replica.check(frame.slice_ref(update)).expect("nothing overtakes what it builds on");
        apply(replica, &update);
        let own = update.inserts().filter(|(client, _)| *client == peer as u64 + 1);
        let heard = own.map(|(_, clocks)| clocks.end as usize).chain(asked).max().unwrap_or(0);
        assert!(heard <= self.durable[peer], "peer {peer} was told of its own before it was durable");
        self.echoed[peer] = self.echoed[peer].max(heard);
    }

    fn comes_to_rest(&mut self) {
        loop {
            self.flush();
            self.end_append();
            if !self.begin_append() {
                break;
            }
        }
        for peer in 0..self.room.peers.len() {
            self.hears(peer);
            assert_eq!(self.text(peer), self.room.document().text("content"), "peer {peer}");
        }
    }

    fn text(&self, peer: usize) -> String {
        self.replicas[peer].text("content")
    }
}

#[test]
fn authors_see_each_other_while_the_log_is_unavailable() {
    let mut typing = Typing::with(&[Dialect::Stock, Dialect::Codesync, Dialect::Stock]);
    (0..3).for_each(|peer| typing.types(peer));
    typing.flush();
    assert!(typing.begin_append());
    (0..3).for_each(|peer| typing.hears(peer));
    assert_eq!(typing.text(0), "①", "what others wrote together with it waits as its own does");
    typing.room.state.without_log();
    for _ in 0..2 {
        for peer in 0..3 {
            typing.hears(peer);
            let others = LETTERS[..3].iter().filter(|letter| !typing.text(peer).contains(**letter)).count();
            assert_eq!(others, 0, "peer {peer} sees {:?}", typing.text(peer));
            assert_eq!(typing.echoed[peer], 0);
        }
        (0..3).for_each(|peer| typing.types(peer));
        typing.flush();
    }
    typing.comes_to_rest();
    assert_eq!(typing.echoed, [typing.typed[0], 0, typing.typed[2], 0, 0], "a client of ours asks for marks instead");
}

#[test]
fn an_author_receives_edits_of_another_node_at_the_same_time() {
    for dialect in [Dialect::Stock, Dialect::Codesync] {
        let mut typing = Typing::with(&[dialect]);
        typing.types(0);
        typing.types(ELSEWHERE);
        typing.comes_to_rest();
        assert_eq!(typing.text(0).chars().count(), 2, "{dialect:?}");
    }
}

#[test]
fn nothing_overtakes_and_nothing_is_echoed_early() {
    let seed = rand::random();
    println!("CODESYNC_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..120 {
        // In every second round a client that does not read falls behind.
        let frames_max = if round % 2 == 0 { usize::MAX } else { 3 };
        let dialects = [Dialect::Stock, Dialect::Codesync, Dialect::Stock, Dialect::Codesync];
        let mut typing = Typing::with_outboxes(&dialects, frames_max);
        for _ in 0..100 {
            match random.random_range(0..11) {
                0..5 => typing.edits(random.random_range(0..LETTERS.len()), &mut random),
                5 => typing.flush(),
                6 => drop(typing.begin_append()),
                7 => typing.end_append(),
                8 => typing.hears(random.random_range(0..4)),
                9 => typing.asks(random.random_range(0..4)),
                _ => typing.room.state.without_log(),
            }
        }
        typing.comes_to_rest();
        for stock in [0, 2] {
            assert_eq!(typing.echoed[stock], typing.typed[stock], "all of it was echoed");
        }
    }
}
