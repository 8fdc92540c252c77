//! A room's end of its log: appends what the room has taken in, follows what other nodes append, and has a log restored
//! that has lost something. One append at a time. A log that cannot be reached is asked again; one that fails ends the room.

mod healing;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, warn};

use self::healing::{Healing, Restore};
use super::{
    chain::{Broken, Chain, Read},
    parts::Parts,
    snapshots::Growth,
    state::{Effects, State},
};
use crate::{
    close::CloseReason,
    directory::Existence,
    give_way::give_way,
    ids::DocId,
    log::{After, Appended, Contents, Heard, LogError},
    offset::Offset,
    relay::Said,
    storage::{LoadError, Loaded},
};

/// How long a piece of the log that was heard early waits for the one before it, until the log is read.
const LOOK_DELAY: Duration = Duration::from_millis(150);
/// The shortest and the longest pause before the log is asked again.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The shortest time between two replicas that are loaded because an entry of the log differs from what the room has. An
/// entry that came second differs too and changes nothing: nodes of an earlier release may go on writing such entries.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Follower {
    doc: DocId,
    parts: Arc<Parts>,
    /// By what the log has grown since the room last asked.
    growth: Growth,
    /// How far the log is followed.
    chain: Chain,
    /// The append under way, and what is in it, to try it again.
    append: Option<BoxFuture<'static, (Form, Result<Appended, LogError>)>>,
    appending: Vec<Bytes>,
    append_started: Instant,
    /// What is appended together with it for a call, and the entry that the log has to end with.
    call: Option<(Offset, Vec<Bytes>)>,
    /// The newest entry that this room wrote: while the log holds it, nothing that was there before it is lost.
    written: Offset,
    /// A look at the log behind an offset.
    reading: Option<BoxFuture<'static, Reading>>,
    /// What is stored is being loaded, to be merged in.
    reloading: Option<BoxFuture<'static, Result<Loaded, LoadError>>>,
    look_at: Option<Instant>,
    /// Where the log was read from for a call last.
    looked_from: Option<Offset>,
    /// When the replica was last compared with the log's, and when it is to be again.
    doubted: Option<Instant>,
    doubt_at: Option<Instant>,
    /// What is stored is to be compared with the replica once it is loaded.
    reconciling: bool,
    /// The log has lost something: it is being restored, and nothing else is appended meanwhile.
    healing: Option<Healing>,
    pause: Duration,
}

/// What is appended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Updates,
    /// The whole document.
    Whole,
}

/// What the log holds behind an offset.
pub(super) struct Reading {
    after: Offset,
    /// The newest entry that this room had written when the reading began: what it writes meanwhile may not be in it.
    written: Offset,
    contents: Result<Contents, LogError>,
    /// The newest snapshot, where the log is to be restored.
    newest: Offset,
    /// Whether there is a tombstone, where the log is to be restored.
    deleted: bool,
}

/// What the log has answered, or that it is time to ask.
pub(super) enum Event {
    Appended(Form, Result<Appended, LogError>),
    Read(Reading),
    Reloaded(Box<Result<Loaded, LoadError>>),
    Look,
    /// The replica is to be compared with the log's.
    Doubt,
}

impl Follower {
    /// Follows the log of a replica that stands at `offset`.
    pub(super) fn new(doc: DocId, parts: Arc<Parts>, offset: Offset) -> Self {
        Self {
            doc,
            parts,
            growth: Growth::default(),
            chain: Chain::new(offset),
            append: None,
            appending: Vec::new(),
            append_started: Instant::now(),
            call: None,
            written: Offset::ZERO,
            reading: None,
            reloading: None,
            look_at: None,
            looked_from: None,
            doubted: None,
            doubt_at: None,
            reconciling: false,
            healing: None,
            pause: PAUSE,
        }
    }

    /// Everything up to here is in the replica.
    pub(super) fn seen(&self) -> Offset {
        self.chain.seen()
    }

    /// By what the log has grown since this was last asked.
    pub(super) fn take_growth(&mut self) -> Growth {
        std::mem::take(&mut self.growth)
    }

    /// Whether the log is being restored.
    pub(super) fn is_healing(&self) -> bool {
        self.healing.is_some()
    }

    /// Whether the replica holds what the log holds up to what was read, and nothing is on its way.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.is_busy() && self.reading.is_none() && !self.chain.waits()
    }

    /// Whether an append is under way.
    pub(super) fn is_appending(&self) -> bool {
        self.append.is_some()
    }

    /// Whether something is being written or caught up with.
    pub(super) fn is_busy(&self) -> bool {
        self.is_healing() || self.append.is_some() || self.reloading.is_some()
    }

    /// Waits for what comes next; may be dropped at any time.
    pub(super) async fn next(&mut self) -> Event {
        let (look_at, doubt_at) = (self.look_at, self.doubt_at);
        tokio::select! {
            biased;
            Some((form, result)) = OptionFuture::from(self.append.as_mut()) => {
                self.append = None;
                Event::Appended(form, result)
            }
            Some(read) = OptionFuture::from(self.reading.as_mut()) => {
                self.reading = None;
                Event::Read(read)
            }
            Some(loaded) = OptionFuture::from(self.reloading.as_mut()) => {
                self.reloading = None;
                Event::Reloaded(Box::new(loaded))
            }
            () = sleep_until(look_at.unwrap_or_else(Instant::now)), if look_at.is_some() => Event::Look,
            () = sleep_until(doubt_at.unwrap_or_else(Instant::now)), if doubt_at.is_some() => Event::Doubt,
            else => std::future::pending().await,
        }
    }

    pub(super) fn handle(&mut self, event: Event, state: &mut State, effects: &mut Effects) -> Result<(), CloseReason> {
        match event {
            Event::Appended(form, result) => self.appended(form, result, state, effects),
            Event::Read(read) => self.read(read, state, effects),
            Event::Reloaded(loaded) => self.reloaded(*loaded, state, effects),
            Event::Look => {
                self.look();
                Ok(())
            }
            Event::Doubt => {
                self.doubt(state, effects);
                Ok(())
            }
        }
    }

    pub(super) fn hear(&mut self, heard: Heard, state: &mut State, effects: &mut Effects) {
        let Heard::Entries { origin, appended, mut updates } = heard else {
            // What is to be restored is read again until that has succeeded, wherever the log ends.
            if self.is_healing() || heard != Heard::End(self.chain.seen()) {
                self.look();
            }
            return;
        };
        let known = appended.last <= self.chain.seen();
        // The replica has what this room appended, whose answer may come later. It lacks what an earlier room of this node
        // appended and had no answer to.
        if origin == self.parts.node && (known || updates == self.appending) {
            updates.clear();
        }
        match self.chain.heard(appended, updates) {
            Ok(updates) => {
                let changed = self.follow(updates, state, effects);
                if known && changed {
                    self.heal("it was written to below what was read");
                }
                if self.chain.waits() {
                    self.look_at.get_or_insert(Instant::now() + LOOK_DELAY);
                } else if !self.is_healing() {
                    self.look_at = None;
                }
            }
            Err(Broken) => self.heal("an append stands below what was read"),
        }
    }

    /// Takes in what other nodes appended; returns whether any of it was new.
    fn follow(&mut self, updates: Vec<Bytes>, state: &mut State, effects: &mut Effects) -> bool {
        if updates.is_empty() {
            return false;
        }
        let (count, bytes) = (updates.len(), updates.iter().map(Bytes::len).sum());
        let taken = give_way(bytes, || state.take_in(updates, effects));
        if taken.changed {
            metrics::counter!("codesync_updates_from_other_nodes_total").increment(count as u64);
            self.growth.edited(count, bytes);
        }
        if let Some((client, clock)) = taken.differs {
            warn!(client, clock, "an entry of the log differs from the replica: the log decides");
            self.doubt(state, effects);
        }
        if taken.gap {
            // Whoever has what is missing is to append it.
            self.parts.relay.say(self.doc, Said::Lost);
            self.heal("what is in it does not follow");
        }
        taken.changed
    }

    /// Has the replica compared with one that is loaded from the log, now or when that was last done long enough ago.
    fn doubt(&mut self, state: &mut State, effects: &mut Effects) {
        state.doubt();
        let now = Instant::now();
        let mut due = self.doubted.map_or(now, |last| last + DOUBT_PAUSE);
        if self.is_healing() {
            // This replica may be all that is left of something.
            due = due.max(now + LOOK_DELAY);
        }
        self.doubt_at = (due > now).then_some(due);
        if due <= now {
            self.doubted = Some(now);
            effects.rebuild = true;
        }
    }

    /// Looks at what the log holds behind what is known; while healing, at all that it holds, until the whole document is
    /// on its way: what is read then would be held against a place that is about to change.
    pub(super) fn look(&mut self) {
        self.look_at = None;
        let after = match self.healing {
            None => self.chain.seen(),
            Some(Healing::Reading) => Offset::ZERO,
            Some(Healing::Restoring(..)) => return,
        };
        if self.reading.is_some() {
            return;
        }
        let (storage, doc, heals) = (self.parts.storage.clone(), self.doc, self.is_healing());
        let written = self.written;
        let directory = self.parts.directory.clone();
        let read = async move {
            let contents = storage.log.read(doc, after).await;
            let newest = match heals {
                // Offsets are times: without an answer only a clock that was set back could bring the state below it.
                true => timeout(PAUSE_MAX, storage.snapshots.list(doc)).await.ok().and_then(Result::ok),
                false => None,
            };
            let newest = newest.and_then(|offsets| offsets.first().copied()).unwrap_or_default();
            let existence = match heals {
                true => timeout(PAUSE_MAX, directory.existence(doc)).await.ok().and_then(Result::ok),
                false => None,
            };
            Reading { after, written, contents, newest, deleted: existence == Some(Existence::Deleted) }
        };
        self.reading = Some(read.boxed());
    }

    fn read(&mut self, read: Reading, state: &mut State, effects: &mut Effects) -> Result<(), CloseReason> {
        let Reading { after, written, contents, newest, deleted } = read;
        if deleted {
            return Err(CloseReason::NotFound);
        }
        let contents = match contents {
            Ok(contents) => contents,
            Err(error) => {
                warn!(%error, "the log could not be looked at");
                state.without_log();
                self.look_at = Some(Instant::now() + self.backed_off());
                return Ok(());
            }
        };
        match self.healing {
            None => {}
            Some(Healing::Reading) if after == Offset::ZERO => return self.restore_from(contents, newest, state),
            Some(_) => {
                self.look();
                return Ok(());
            }
        }
        let end = contents.last;
        match self.chain.read(after, contents) {
            Ok(Read::Updates(updates)) => {
                self.follow(updates, state, effects);
                if end < written && self.append.is_none() {
                    self.heal("it ends below what was appended");
                }
                Ok(())
            }
            Ok(Read::Trimmed) => {
                self.reload();
                Ok(())
            }
            Err(Broken) => {
                self.heal("it does not reach on from what was read");
                Ok(())
            }
        }
    }

    fn backed_off(&mut self) -> Duration {
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.pause.mul_f64(rand::random_range(0.5..1.0))
    }

    /// Fans out what was taken in, here and to the other nodes.
    pub(super) fn flush(&self, state: &mut State) {
        if let Some(presence) = state.flush() {
            self.parts.relay.say(self.doc, Said::Awareness(presence));
        }
    }

    /// Appends what waits, unless an append is under way.
    pub(super) fn start_append(&mut self, state: &mut State) {
        if self.append.is_some() {
            return;
        }
        match self.healing {
            None => {}
            Some(Healing::Reading) => return,
            Some(Healing::Restoring(..)) => {
                // The whole document has all that waits.
                self.appending.extend(state.take_append().unwrap_or_default());
                return self.ask_append(Duration::ZERO, state);
            }
        }
        if state.has_callers() {
            // They come after all edits that were taken in before.
            self.flush(state);
        }
        self.appending = state.take_append().unwrap_or_default();
        self.call = self.begin_call(state);
        if !self.appending.is_empty() {
            self.growth.edited(self.appending.len(), self.appending.iter().map(Bytes::len).sum());
        }
        self.append_started = Instant::now();
        self.ask_append(Duration::ZERO, state);
    }

    /// Decides the next call on the replica, which has all that is known of the log; where more is known to be in the log,
    /// that is read first.
    fn begin_call(&mut self, state: &mut State) -> Option<(Offset, Vec<Bytes>)> {
        if !state.has_callers() || self.reading.is_some() || self.reloading.is_some() {
            return None;
        }
        if self.chain.waits() || self.written > self.chain.seen() {
            let seen = self.chain.seen();
            if self.looked_from.replace(seen) == Some(seen) {
                // The last look brought nothing.
                self.look_at.get_or_insert(Instant::now() + LOOK_DELAY);
            } else if self.look_at.is_none() || self.pause == PAUSE {
                self.look();
            }
            return None;
        }
        let edit = give_way(state.next_call_bytes(), || state.decide())?;
        Some((self.chain.seen(), edit))
    }

    fn ask_append(&mut self, pause: Duration, state: &State) {
        let restores = matches!(self.healing, Some(Healing::Restoring(..)));
        if self.appending.is_empty() && self.call.is_none() && !restores {
            return;
        }
        let (log, doc) = (self.parts.storage.log.clone(), self.doc);
        self.append = Some(match self.healing {
            Some(Healing::Restoring(Restore { above, .. })) => {
                // A lost replica restores nothing: loading another one ends the room.
                let Some(whole) = state.whole() else { return };
                async move {
                    sleep(pause).await;
                    (Form::Whole, log.restore(doc, whole, above).await)
                }
                .boxed()
            }
            _ => {
                let (mut updates, mut after) =
                    (self.appending.clone(), After::Known(self.chain.seen().max(self.written)));
                if let Some((end, edit)) = &self.call {
                    updates.extend_from_slice(edit);
                    after = After::Exactly(*end);
                }
                async move {
                    sleep(pause).await;
                    (Form::Updates, log.append(doc, updates, after).await)
                }
                .boxed()
            }
        });
    }

    fn appended(
        &mut self,
        form: Form,
        result: Result<Appended, LogError>,
        state: &mut State,
        effects: &mut Effects,
    ) -> Result<(), CloseReason> {
        metrics::histogram!("codesync_append_seconds").record(self.append_started.elapsed());
        let call = self.call.take();
        let appended = match result {
            Ok(appended) => appended,
            Err(LogError::Lost) => {
                state.unanswered(false);
                self.heal("it does not hold what was appended behind");
                self.start_append(state);
                return Ok(());
            }
            Err(LogError::Deleted) => return Err(CloseReason::NotFound),
            Err(LogError::Unavailable(error)) => {
                metrics::counter!("codesync_append_retries_total").increment(1);
                warn!(%error, "the log cannot be reached: the append is tried again");
                state.without_log();
                let pause = self.backed_off();
                if call.is_some() && state.unanswered(!self.is_healing()) {
                    self.call = call;
                } else if call.is_some() {
                    // It may have been appended, or still be.
                    self.look_at.get_or_insert(Instant::now() + pause);
                }
                self.ask_append(pause, state);
                return Ok(());
            }
            Err(LogError::Moved) => {
                metrics::counter!("codesync_exact_appends_refused_total").increment(1);
                state.refused();
                self.look();
                // The edits of sockets need no condition.
                self.ask_append(Duration::ZERO, state);
                return Ok(());
            }
            Err(error @ LogError::Failed(_)) => {
                metrics::counter!("codesync_append_failures_total").increment(1);
                error!(%error, "append failed: the room ends, its clients send again");
                return Err(CloseReason::Resync);
            }
        };
        self.pause = PAUSE;
        self.appending.clear();
        self.written = appended.last;
        if call.is_some()
            && let Some(bytes) = state.confirmed(effects)
        {
            self.growth.edited(1, bytes);
        }
        if let (Form::Whole, Some(Healing::Restoring(Restore { end, fork, .. }))) = (form, &self.healing) {
            if let Some(place) = fork {
                state.forked(*place);
                return Err(CloseReason::Resync);
            }
            self.chain.reset(*end);
            self.healing = None;
            self.growth.grown(1, 0);
            // What was heard meanwhile was not followed.
            self.look_at = Some(Instant::now() + LOOK_DELAY);
        }
        if let Some(received) = state.appended() {
            metrics::histogram!("codesync_edit_to_durable_seconds").record(received.elapsed());
        }
        match self.chain.heard(appended, Vec::new()) {
            // What was heard early and waited for our own piece.
            Ok(updates) => drop(self.follow(updates, state, effects)),
            Err(Broken) => self.heal("our append stands below what was read"),
        }
        if self.chain.waits() {
            self.look_at.get_or_insert(Instant::now() + LOOK_DELAY);
        }
        self.start_append(state);
        Ok(())
    }
}
