//! Calls that replace the text, and calls that read it. An edit for a caller is decided on the replica at one end of
//! the log, appended on condition that the log still ends there, and applied only then. So texts of two callers never
//! mix, and an answer is true at one offset of the log. The log decides whether it still ends there, even if nothing is
//! changed.

use std::collections::VecDeque;

use bytes::Bytes;
use codesync_crdt::{Applied, ClientId, Document, TEXT, Update, normalize};
use tokio::sync::oneshot;
use tracing::warn;

use super::{Effects, State, deferred::Deferred, fan_out::Origin};
use crate::{
    ids::UserId,
    room::{Condition, Replaced, RoomError, Text, effort::Stopwatch},
};

/// Waiting calls, and the bytes of their texts; further calls are refused, so that they delay nobody else's edits.
const CALLS_MAX: usize = 64;
const CALLS_BYTES_MAX: usize = 32 << 20;
/// Calls that wait to read the text.
const READERS_MAX: usize = 1_024;
/// The number of times that a call is decided again because another node appended first.
const TRIES_MAX: u32 = 64;

type Reply = oneshot::Sender<Result<Replaced, RoomError>>;

/// The calls that wait for the log.
#[derive(Default)]
pub(super) struct Calls {
    waiting: VecDeque<Call>,
    bytes: usize,
    /// The decision of the first call, while the log is asked.
    decided: Option<Decision>,
    readers: Vec<oneshot::Sender<Text>>,
}

struct Call {
    author: UserId,
    text: String,
    condition: Condition,
    reply: Reply,
    tries: u32,
    /// The edit of the first call, while it is unknown whether it was appended.
    unanswered: Option<Update>,
}

struct Decision {
    edit: Option<Update>,
    answer: Result<Replaced, RoomError>,
}

impl Call {
    fn decide(&self, document: &mut Document, bytes_max: usize, client: ClientId) -> Decision {
        let answer = |answer| Decision { edit: None, answer };
        let present = Text::of(document.text(TEXT));
        let wanted = normalize(&self.text);
        if let Some(edit) = &self.unanswered {
            let appended = edit.inserts().all(|(client, clocks)| document.state_vector().clock(client) >= clocks.end);
            if present.text == wanted || (appended && edit.inserts().next().is_some()) {
                return answer(Ok(Replaced { text: Text::of(wanted.into_owned()), changed: true }));
            }
        }
        if !self.condition.allows(&present) {
            return answer(Err(RoomError::Changed));
        }
        if wanted.len() > bytes_max || !document.has_room(wanted.len(), bytes_max + present.text.len()) {
            return answer(Err(RoomError::TooLarge { limit: bytes_max }));
        }
        match document.replacement(TEXT, &wanted, client) {
            Ok(None) => answer(Ok(Replaced { text: present, changed: false })),
            Ok(edit) => Decision { edit, answer: Ok(Replaced { text: Text::of(wanted.into_owned()), changed: true }) },
            Err(error) => {
                warn!(%error, "cannot replace the text of the document");
                answer(Err(RoomError::Unavailable))
            }
        }
    }
}

impl Calls {
    fn push(&mut self, author: UserId, text: String, condition: Condition, reply: Reply) {
        if self.waiting.len() >= CALLS_MAX || self.bytes + text.len() > CALLS_BYTES_MAX {
            let _ = reply.send(Err(RoomError::Unavailable));
            return;
        }
        self.bytes += text.len();
        self.waiting.push_back(Call { author, text, condition, reply, tries: 0, unanswered: None });
    }

    /// Whether no call to replace the text waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn pop(&mut self) -> Option<Call> {
        self.decided = None;
        let call = self.waiting.pop_front()?;
        self.bytes -= call.text.len();
        Some(call)
    }

    /// The first call whose caller still waits. A call without a waiting caller no longer holds the right to edit.
    fn first(&mut self) -> Option<&Call> {
        while self.waiting.front().is_some_and(|call| call.reply.is_closed()) {
            self.pop();
        }
        self.waiting.front()
    }
}

impl State {
    /// Adds a call that replaces the text, unless the edits of its caller have cost too much.
    pub(super) fn replace(&mut self, author: UserId, text: String, condition: Condition, reply: Reply) {
        if self.peers.effort(author, self.now_ms).check(0, self.now_ms).is_ok() {
            self.calls.push(author, text, condition, reply);
        } else {
            let _ = reply.send(Err(RoomError::TooCostly));
        }
    }

    /// Whether a caller waits until everything applied so far is in the log.
    pub fn has_callers(&self) -> bool {
        !self.calls.is_empty() || !self.calls.readers.is_empty()
    }

    /// The approximate number of bytes that deciding the next call handles.
    pub fn next_call_bytes(&mut self) -> usize {
        let document = self.replica.live().map_or(0, Document::size_bytes);
        self.calls.first().map_or(0, |call| call.text.len().max(document))
    }

    /// Decides the next call, provided that the log ends where the replica is, and returns the updates to append for
    /// it. `None` if no call waits, or if edits are not passed to the log yet.
    pub fn decide(&mut self) -> Option<Vec<Bytes>> {
        if !self.outgoing.is_durable() {
            return None;
        }
        let (document, publishers) = (self.replica.live_mut()?, &self.publishers);
        let client = self.server_client.unused(document, |client| publishers.is_known(client));
        let call = self.calls.first()?;
        let stopwatch = Stopwatch::start();
        let decision = call.decide(document, self.document_bytes_max, client);
        // Comparing two texts takes the room's time, however few bytes change: the length of the text adds no
        // allowance.
        self.peers.effort(call.author, self.now_ms).charge(0, stopwatch.elapsed());
        let edit = decision.edit.iter().map(|edit| edit.bytes().clone()).collect();
        self.calls.decided = Some(decision);
        Some(edit)
    }

    /// The log ended there, and holds the edit: applies it and answers. Returns the number of bytes of an edit that was
    /// new here.
    pub fn confirmed(&mut self, effects: &mut Effects) -> Option<usize> {
        let Decision { edit, answer } = self.calls.decided.take()?;
        let mut new = None;
        if let Some(edit) = edit {
            self.server_client.wrote(&edit);
            match self.replica.apply(&edit) {
                Ok(Applied::Changed) => {
                    new = Some(edit.bytes().len());
                    self.outgoing.push(edit, Origin::Log, None);
                }
                // It was read from the log before its append returned.
                Ok(Applied::Unchanged) => {}
                Err(error) => {
                    warn!(%error, "replica lost: it is rebuilt from what is stored");
                    effects.rebuild = true;
                }
            }
        }
        if let Some(call) = self.calls.pop() {
            let _ = call.reply.send(answer);
        }
        new
    }

    /// The log continues after the offset of the decision: the call is decided again once that was read.
    pub fn refused(&mut self) {
        self.calls.decided = None;
        let Some(call) = self.calls.waiting.front_mut() else { return };
        call.tries += 1;
        if call.tries >= TRIES_MAX
            && let Some(call) = self.calls.pop()
        {
            let _ = call.reply.send(Err(RoomError::Unavailable));
        }
    }

    /// It is unknown whether the log has the edit: returns whether to retry with the same one. Otherwise the call is
    /// decided again later; or its caller has left, and the edit is read from the log if it was appended.
    pub fn unanswered(&mut self, ask_again: bool) -> bool {
        let awaited = self.calls.waiting.front().is_some_and(|call| !call.reply.is_closed());
        if ask_again && awaited {
            return true;
        }
        let decided = self.calls.decided.take();
        if let (Some(call), Some(Decision { edit: Some(edit), .. })) = (self.calls.waiting.front_mut(), decided) {
            call.unanswered = Some(edit);
        }
        false
    }

    /// Answers with the text once all of it is in the log.
    pub(super) fn read_text(&mut self, reply: oneshot::Sender<Text>) {
        self.calls.readers.retain(|reader| !reader.is_closed());
        if self.calls.readers.len() < READERS_MAX {
            self.calls.readers.push(reply);
        }
        if self.is_saved() {
            self.answer_readers();
        }
    }

    /// Promises waiting readers the text that the append in progress makes durable.
    pub(super) fn defer_readers(&mut self) {
        if self.calls.readers.is_empty() || !self.outgoing.is_durable() {
            return;
        }
        let Some(document) = self.replica.live() else { return };
        let text = Text::of(document.text(TEXT));
        let readers = std::mem::take(&mut self.calls.readers);
        self.waiting.defer(self.waiting.flushed(), Deferred::Text(readers, text));
    }

    /// Answers waiting readers; all of the text is in the log.
    pub(super) fn answer_readers(&mut self) {
        if self.calls.readers.is_empty() {
            return;
        }
        let Some(document) = self.replica.live() else { return };
        let text = Text::of(document.text(TEXT));
        for reader in self.calls.readers.drain(..) {
            let _ = reader.send(text.clone());
        }
    }
}

/// The client id of the server's own edits: one for all edits of a room, unless another client uses it.
pub(super) struct ServerClient {
    fresh: fn() -> ClientId,
    id: ClientId,
    /// The clock after the server's last edit.
    clock: u32,
}

impl ServerClient {
    /// Takes ids from `fresh`.
    pub(super) fn new(fresh: fn() -> ClientId) -> Self {
        Self { fresh, id: fresh(), clock: 0 }
    }

    /// Whether the server currently uses that client id.
    pub(super) fn is(&self, client: ClientId) -> bool {
        self.id == client
    }

    fn unused(&mut self, document: &Document, is_known: impl Fn(ClientId) -> bool) -> ClientId {
        // A random id is in use once in billions of times: several in a row are no coincidence.
        for _ in 0..8 {
            if document.state_vector().clock(self.id) == self.clock && !is_known(self.id) {
                break;
            }
            (self.id, self.clock) = ((self.fresh)(), 0);
        }
        self.id
    }

    fn wrote(&mut self, edit: &Update) {
        let own = edit.inserts().filter(|(client, _)| *client == self.id);
        self.clock = own.map(|(_, clocks)| clocks.end).max().unwrap_or(self.clock);
    }
}
