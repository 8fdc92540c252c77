//! Histories shared with real Yjs, over the frames of y-websocket.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bytes::Bytes;
use codesync_crdt::{Document, Limits, Message, StateVector, Update, decode_frame, encode};
use serde_json::{Value, json};

use crate::support::{
    Chance, PIECES, ROOT, assert_same, check_and_apply, document, hex, node_script, normal, replace_text, seeded, unhex,
};

/// A Node process with any number of Yjs replicas.
pub(crate) struct Yjs {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Yjs {
    pub(crate) fn start() -> Self {
        let mut node = Command::new("node");
        node.arg(node_script("peer.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = node.spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, commands, answers }
    }

    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// Sends a command to a replica and returns its frames.
    fn frames(&mut self, command: &Value) -> Vec<Bytes> {
        let answer = self.ask(command);
        answer["sent"].as_array().unwrap().iter().map(|frame| unhex(frame.as_str().unwrap())).collect()
    }
}

impl Drop for Yjs {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A room as in the server: the replica, and the log of relayed updates.
struct Room {
    replica: Document,
    log: Vec<Update>,
}

impl Room {
    fn receive(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let messages = decode_frame(frame, &Limits::default()).unwrap();
        match &messages[..] {
            [Message::SyncStep1(theirs)] => {
                return Some(encode::sync_step2(&self.replica.diff(theirs)));
            }
            [Message::SyncStep2(update) | Message::Update(update)] => {
                let update = Bytes::copy_from_slice(update);
                self.log.push(check_and_apply(&mut self.replica, &update).0);
            }
            other => panic!("{other:?}"),
        }
        None
    }
}

/// A Yjs replica that is sometimes offline.
struct Peer {
    name: String,
    outgoing: Vec<Bytes>,
    seen: usize,
}

impl Peer {
    fn edit(&mut self, yjs: &mut Yjs, chance: &mut Chance, length: usize) {
        let edits: Vec<Value> = (0..1 + chance.below(3))
            .map(|_| {
                let deleted = if chance.one_in(3) { chance.below(6) } else { 0 };
                let inserted = if deleted > 0 && chance.one_in(2) { "" } else { chance.pick::<&str>(&PIECES) };
                json!([chance.below(length + 8), deleted, inserted])
            })
            .collect();
        self.outgoing.extend(yjs.frames(&json!({"replica": self.name, "do": "edit", "edits": edits})));
    }

    fn upload(&mut self, room: &mut Room) {
        for frame in self.outgoing.drain(..) {
            assert_eq!(room.receive(&frame), None);
        }
    }

    /// Applies what the room has relayed since, one by one or merged.
    fn download(&mut self, yjs: &mut Yjs, room: &Room, chance: &mut Chance) {
        let news = &room.log[self.seen..];
        let news = if chance.one_in(2) { news.to_vec() } else { Update::merge(news) };
        for update in news {
            self.receive(yjs, &encode::update(update.bytes()));
        }
        self.seen = room.log.len();
    }

    /// Both sides request what they lack, as after a reconnect; unsent edits are lost with the old connection.
    fn resync(&mut self, yjs: &mut Yjs, room: &mut Room) {
        self.outgoing.clear();
        let step1 = yjs.ask(&json!({"replica": self.name, "do": "step1"}));
        let step2 = room.receive(&unhex(step1["frame"].as_str().unwrap())).unwrap();
        self.receive(yjs, &step2);
        for answer in self.receive(yjs, &encode::sync_step1(room.replica.state_vector())) {
            room.receive(&answer);
        }
        self.seen = room.log.len();
    }

    fn receive(&self, yjs: &mut Yjs, frame: &[u8]) -> Vec<Bytes> {
        yjs.frames(&json!({"replica": self.name, "do": "receive", "frame": hex(frame)}))
    }

    fn assert_holds(&self, yjs: &mut Yjs, room: &Room) {
        let look = yjs.ask(&json!({"replica": self.name, "do": "look"}));
        assert_eq!(look["text"].as_str().unwrap(), room.replica.text(ROOT));
        assert_eq!(look["length"], room.replica.text_len(ROOT));
        assert_eq!(look["pending"], false);
        let vector = unhex(look["vector"].as_str().unwrap());
        assert_eq!(&StateVector::decode(&vector, &Limits::default()).unwrap(), room.replica.state_vector());
        let state = unhex(look["state"].as_str().unwrap());
        assert!(normal(&state) == normal(&room.replica.state()), "the states differ");
    }
}

#[test]
fn yjs_replicas_and_a_room_converge_through_outages_and_inside_surrogate_pairs() {
    let mut yjs = Yjs::start();
    seeded(30, |chance| {
        let mut room = Room { replica: document(), log: Vec::new() };
        let mut peers: Vec<Peer> = (0..3)
            .map(|i| {
                let (name, client) = (format!("{i}"), chance.next() >> 11);
                yjs.ask(&json!({"do": "open", "replica": name, "client": client}));
                Peer { name, outgoing: Vec::new(), seen: 0 }
            })
            .collect();
        for step in 0..120u64 {
            let peer = chance.below(peers.len());
            let peer = &mut peers[peer];
            match chance.below(10) {
                0..=4 => peer.edit(&mut yjs, chance, room.replica.text_len(ROOT) as usize),
                5 | 6 => peer.upload(&mut room),
                7 => peer.resync(&mut yjs, &mut room),
                8 => rewrite(&mut room, chance, step),
                _ => peer.download(&mut yjs, &room, chance),
            }
        }
        for _ in 0..2 {
            for peer in &mut peers {
                peer.resync(&mut yjs, &mut room);
            }
        }
        for peer in &peers {
            peer.assert_holds(&mut yjs, &room);
        }
        let mut replayed = document();
        for update in Update::merge(&room.log) {
            check_and_apply(&mut replayed, update.bytes());
        }
        assert_same(&replayed, &room.replica);
    });
}

/// The room's own edit: it replaces the text through the API.
fn rewrite(room: &mut Room, chance: &mut Chance, step: u64) {
    let text = room.replica.text(ROOT);
    let mut chars: Vec<char> = text.chars().collect();
    let at = chance.below(chars.len() + 1);
    let end = (at + chance.below(4)).min(chars.len());
    chars.splice(at..end, chance.pick::<&str>(&PIECES).chars());
    let text: String = chars.into_iter().collect();
    if let Some(update) = replace_text(&mut room.replica, &text, (1 << 52) + step) {
        room.log.push(update);
    }
}

#[test]
fn yjs_reads_our_updates_identically() {
    let mut yjs = Yjs::start();
    seeded(10, |chance| {
        let mut room = Room { replica: document(), log: Vec::new() };
        for step in 0..60 {
            rewrite(&mut room, chance, step % 7);
        }
        for (name, updates) in [("single", room.log.clone()), ("merged", Update::merge(&room.log))] {
            yjs.ask(&json!({"do": "open", "replica": name, "client": 1}));
            let peer = Peer { name: name.to_owned(), outgoing: Vec::new(), seen: 0 };
            for update in &updates {
                assert!(peer.receive(&mut yjs, &encode::update(update.bytes())).is_empty());
            }
            peer.assert_holds(&mut yjs, &room);
        }
    });
}

#[test]
fn a_client_that_lacks_edits_before_some_that_it_has_is_understood() {
    let mut yjs = Yjs::start();
    for (name, client) in [("a", 1), ("b", 2)] {
        yjs.ask(&json!({"do": "open", "replica": name, "client": client}));
    }
    let edit = |yjs: &mut Yjs, name: &str, at: usize, text: &str| {
        yjs.frames(&json!({"replica": name, "do": "edit", "edits": [[at, 0, text]]})).remove(0)
    };
    let frames = [edit(&mut yjs, "a", 0, "one "), edit(&mut yjs, "a", 4, "two "), edit(&mut yjs, "a", 8, "three ")];
    edit(&mut yjs, "b", 0, "mine ");
    let receive = |yjs: &mut Yjs, name: &str, frame: &[u8]| {
        yjs.frames(&json!({"replica": name, "do": "receive", "frame": hex(frame)}))
    };
    receive(&mut yjs, "b", &frames[0]);
    receive(&mut yjs, "b", &frames[2]);
    let mut room = Room { replica: document(), log: Vec::new() };
    let answer = receive(&mut yjs, "b", &encode::sync_step1(room.replica.state_vector())).remove(0);
    assert!(answer.windows(2).any(|bytes| bytes == [10, 4]), "it has a skip of four edits");
    room.receive(&answer);
    assert_eq!(room.replica.text(ROOT).len(), "mine one ".len());
    for frame in &frames {
        room.receive(frame);
        receive(&mut yjs, "b", frame);
    }
    let seen = yjs.ask(&json!({"replica": "b", "do": "look"}));
    assert_eq!((&seen["text"], &seen["pending"]), (&json!(room.replica.text(ROOT)), &json!(false)));
}
