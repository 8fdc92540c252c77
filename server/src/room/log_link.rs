//! A room's end of its log: it appends the edits of the room, follows the appends of other nodes, and restores a log
//! that has lost something. One append at a time. An unavailable log is retried; a log that fails ends the room.

mod appending;
mod healing;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::warn;

use self::{appending::Form, healing::Healing};
use super::{
    chain::{Broken, Chain, Read},
    parts::Parts,
    snapshots::Growth,
    state::{Effects, State},
};
use crate::{
    close::CloseReason,
    directory::Existence,
    ids::DocId,
    log::{Appended, Contents, LogError, TailEvent},
    long_work::yield_if_large,
    offset::Offset,
    relay::RelayMessage,
    storage::{LoadError, Loaded},
};

/// How long an entry that arrived early waits for the one before it, until the log is read.
const READ_DELAY: Duration = Duration::from_millis(150);
/// The shortest and the longest pause before a retry.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The shortest interval between two replicas that are loaded because an entry of the log differs from the room's
/// replica. An entry that came second differs too and changes nothing: nodes of an earlier release may continue to
/// write such entries.
const DOUBT_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct LogLink {
    doc: DocId,
    parts: Arc<Parts>,
    /// The growth of the log since the last call of `take_growth`.
    growth: Growth,
    /// The position in the log.
    chain: Chain,
    /// The append in progress, and its content for a retry.
    append: Option<BoxFuture<'static, (Form, Result<Appended, LogError>)>>,
    appending: Vec<Bytes>,
    append_started: Instant,
    /// The updates of a call that are part of the append, and the entry that the log must end with.
    call: Option<(Offset, Vec<Bytes>)>,
    /// The newest entry that this room wrote: while the log holds it, nothing before it is lost.
    written: Offset,
    /// A read of the log after an offset.
    reading: Option<BoxFuture<'static, Reading>>,
    /// The load of the stored document, to be merged into the replica.
    reloading: Option<BoxFuture<'static, Result<Loaded, LoadError>>>,
    read_at: Option<Instant>,
    /// The offset of the last read for a call.
    read_from: Option<Offset>,
    /// When the replica was last compared with that of the log, and when it will be again.
    doubted: Option<Instant>,
    doubt_at: Option<Instant>,
    /// The stored document is compared with the replica once it is loaded.
    reconciling: bool,
    /// The log has lost something: it is being restored, and nothing else is appended until then.
    healing: Option<Healing>,
    pause: Duration,
}

/// The contents of the log after an offset.
pub(super) struct Reading {
    after: Offset,
    /// The newest entry that this room had written when the read began: later entries may be missing from the read.
    written: Offset,
    contents: Result<Contents, LogError>,
    /// The newest snapshot, if the log is to be restored.
    newest: Offset,
    /// Whether there is a tombstone, if the log is to be restored.
    deleted: bool,
}

/// An answer of the log, or the time for a request.
pub(super) enum Event {
    Appended(Form, Result<Appended, LogError>),
    Read(Reading),
    Reloaded(Box<Result<Loaded, LoadError>>),
    /// It is time to read the log.
    ReadDue,
    /// The replica is to be compared with that of the log.
    Doubt,
}

impl LogLink {
    /// Follows the log of a replica at `offset`.
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
            read_at: None,
            read_from: None,
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

    /// The growth of the log since this was last called.
    pub(super) fn take_growth(&mut self) -> Growth {
        std::mem::take(&mut self.growth)
    }

    /// Whether the log is being restored.
    pub(super) fn is_healing(&self) -> bool {
        self.healing.is_some()
    }

    /// Whether the replica is equal to the log as far as it was read, and nothing is in progress.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.is_busy() && self.reading.is_none() && !self.chain.waits()
    }

    /// Whether an append is in progress.
    pub(super) fn is_appending(&self) -> bool {
        self.append.is_some()
    }

    /// Whether an append or a read is in progress.
    pub(super) fn is_busy(&self) -> bool {
        self.is_healing() || self.append.is_some() || self.reloading.is_some()
    }

    /// Waits for the next event; the future may be dropped at any time.
    pub(super) async fn next(&mut self) -> Event {
        let (read_at, doubt_at) = (self.read_at, self.doubt_at);
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
            () = sleep_until(read_at.unwrap_or_else(Instant::now)), if read_at.is_some() => Event::ReadDue,
            () = sleep_until(doubt_at.unwrap_or_else(Instant::now)), if doubt_at.is_some() => Event::Doubt,
            else => std::future::pending().await,
        }
    }

    pub(super) fn handle(&mut self, event: Event, state: &mut State, effects: &mut Effects) -> Result<(), CloseReason> {
        match event {
            Event::Appended(form, result) => self.appended(form, result, state, effects),
            Event::Read(read) => self.read(read, state, effects),
            Event::Reloaded(loaded) => self.reloaded(*loaded, state, effects),
            Event::ReadDue => {
                self.read_log();
                Ok(())
            }
            Event::Doubt => {
                self.doubt(state, effects);
                Ok(())
            }
        }
    }

    pub(super) fn on_tail_event(&mut self, event: TailEvent, state: &mut State, effects: &mut Effects) {
        let TailEvent::Entries { origin, appended, mut updates } = event else {
            // A log to be restored is read again until that has succeeded, wherever it ends.
            if self.is_healing() || event != TailEvent::End(self.chain.seen()) {
                self.read_log();
            }
            return;
        };
        let known = appended.last <= self.chain.seen();
        // The replica has what this room appended, even if its answer comes later. It lacks what an earlier room of
        // this node appended without an answer.
        if origin == self.parts.node && (known || updates == self.appending) {
            updates.clear();
        }
        match self.chain.appended(appended, updates) {
            Ok(updates) => {
                let changed = self.follow(updates, state, effects);
                if known && changed {
                    self.heal("it was written to below what was read");
                }
                if self.chain.waits() {
                    self.read_at.get_or_insert(Instant::now() + READ_DELAY);
                } else if !self.is_healing() {
                    self.read_at = None;
                }
            }
            Err(Broken) => self.heal("an append is below an offset that was read"),
        }
    }

    /// Applies the appends of other nodes; returns whether any of them was new.
    fn follow(&mut self, updates: Vec<Bytes>, state: &mut State, effects: &mut Effects) -> bool {
        if updates.is_empty() {
            return false;
        }
        let (count, bytes) = (updates.len(), updates.iter().map(Bytes::len).sum());
        let taken = yield_if_large(bytes, || state.apply_log(updates, effects));
        if taken.changed {
            metrics::counter!("codesync_updates_from_other_nodes_total").increment(count as u64);
            self.growth.edited(count, bytes);
        }
        if let Some((client, clock)) = taken.differs {
            warn!(client, clock, "an entry of the log differs from the replica: the log decides");
            self.doubt(state, effects);
        }
        if taken.gap {
            // A node that has what is missing appends it.
            self.parts.relay.send(self.doc, RelayMessage::Lost);
            self.heal("what is in it does not follow");
        }
        taken.changed
    }

    /// Compares the replica with one that is loaded from the log: now, or once the last comparison is old enough.
    fn doubt(&mut self, state: &mut State, effects: &mut Effects) {
        state.doubt();
        let now = Instant::now();
        let mut due = self.doubted.map_or(now, |last| last + DOUBT_PAUSE);
        if self.is_healing() {
            // This replica may be the last copy of something.
            due = due.max(now + READ_DELAY);
        }
        self.doubt_at = (due > now).then_some(due);
        if due <= now {
            self.doubted = Some(now);
            effects.rebuild = true;
        }
    }

    /// Reads the log after the known offset. While healing it reads all of the log, until the whole document is being
    /// appended: a later read would be compared with an offset that is about to change.
    pub(super) fn read_log(&mut self) {
        self.read_at = None;
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
                // Offsets are times: without an answer, only a clock that was set back could place the state below the
                // newest snapshot.
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
                warn!(%error, "the log could not be read");
                state.without_log();
                self.read_at = Some(Instant::now() + self.backed_off());
                return Ok(());
            }
        };
        match self.healing {
            None => {}
            Some(Healing::Reading) if after == Offset::ZERO => return self.restore_from(contents, newest, state),
            Some(_) => {
                self.read_log();
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

    /// Sends the applied edits to the peers of this node and to the other nodes.
    pub(super) fn flush(&self, state: &mut State) {
        if let Some(presence) = state.flush() {
            self.parts.relay.send(self.doc, RelayMessage::Awareness(presence));
        }
    }
}
