//! The task of a room: mailbox to state to effects. One flush, one append, then acknowledgements. It owns the timers
//! and decides when the room ends. An unavailable log is retried, while the peers continue, unacknowledged and bounded.
//! A log that fails ends the room; clients send everything that was not acknowledged to the room that loads next.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use codesync_crdt::{Limits, decode_awareness};
use futures_util::{FutureExt, StreamExt, future::OptionFuture};
use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span, warn};

use super::{
    Command, Mail, Queues, RoomHandle, Urgent,
    compare::Comparison,
    log_link::{Event, LogLink},
    memory::Stay,
    parts::Parts,
    presence::people,
    snapshots::Snapshots,
    state::{Effects, State},
};
use crate::{
    close::CloseReason,
    ids::DocId,
    log::{Tail, TailEvent},
    long_work::yield_if_large,
    relay::{RelayMessage, Relayed},
    storage::Loaded,
};

/// Commands that wait for a room. When the mailbox is full, sessions wait and so slow their clients down.
const MAILBOX_MAX: usize = 256;
/// Urgent commands that wait for a room. Only the server sends them, and they wait for at most one step of the room.
const URGENT_MAX: usize = 256;
/// How long making a lost replica durable and loading it again may take; after that the room ends.
const REBUILD_TIMEOUT: Duration = Duration::from_secs(30);
/// Commands that are applied between two checks of all other inputs.
const DRAIN_MAX: usize = 128;
/// The interval of the check for silent clients.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(5);
/// The interval at which a room that could end checks whether handles are still held.
const HELD_INTERVAL: Duration = Duration::from_millis(50);
/// The growth of a document, in bytes, after which its memory is recorded again; also recorded at each tick.
const MEMORY_STEP: usize = 8 << 10;
/// The shortest interval between two announcements of presence.
const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(250);

pub(super) struct Actor {
    pub(super) doc: DocId,
    pub(super) parts: Arc<Parts>,
    mailbox: mpsc::Receiver<Mail>,
    urgent: mpsc::Receiver<Box<Urgent>>,
    deleted: CancellationToken,
    /// Weak, so that a room does not keep itself alive.
    queues: Weak<Queues>,
    tail: Tail,
    relayed: Relayed,
    pub(super) state: State,
    pub(super) log: LogLink,
    /// Decides when the log is compacted into a snapshot.
    snapshots: Snapshots,
    started: Instant,
    flush_at: Instant,
    idle_at: Instant,
    pub(super) comparison: Comparison,
    memory: Noted,
    /// The count of joins and leaves at the last announcement to the other nodes.
    announced: u64,
    announced_at: Instant,
}

/// The last recorded memory of the room.
struct Noted {
    size: usize,
    is_idle: bool,
    /// The room ends as soon as possible.
    is_unloading: bool,
}

enum Next {
    Urgent(Box<Urgent>),
    Stop,
    Log(Event),
    Input(Input),
    Flush,
    Snapshot,
    Expire,
    Tick,
    Idle,
}

/// Inputs from outside of the room.
enum Input {
    /// The number of commands received.
    Commands(usize),
    Tail(TailEvent),
    Relayed(RelayMessage),
}

/// Makes the room of a loaded replica, and the future that runs it; `tail` and `relayed` were subscribed to before the
/// load.
pub(super) fn start(
    doc: DocId,
    loaded: Loaded,
    tail: Tail,
    relayed: Relayed,
    parts: Arc<Parts>,
) -> (RoomHandle, impl Future<Output = ()> + Send + 'static) {
    let (sender, mailbox) = mpsc::channel(MAILBOX_MAX);
    let (urgent_sender, urgent) = mpsc::channel(URGENT_MAX);
    let deleted = CancellationToken::new();
    let queues = Arc::new(Queues {
        doc,
        mailbox: sender,
        urgent: urgent_sender,
        ended: CancellationToken::new(),
        deleted: deleted.clone(),
        entrance: Mutex::default(),
    });
    let now = Instant::now();
    let Loaded { document, offset, entries, entry_bytes, .. } = loaded;
    let size = document.size_bytes();
    let actor = Box::new(Actor {
        doc,
        mailbox,
        urgent,
        deleted,
        queues: Arc::downgrade(&queues),
        tail,
        relayed,
        state: State::new(document, fresh_client, parts.config.document_bytes_max),
        log: LogLink::new(doc, Arc::clone(&parts), offset),
        snapshots: Snapshots::new(doc, Arc::clone(&parts), entries, entry_bytes),
        started: now,
        flush_at: now,
        idle_at: now + parts.config.idle,
        comparison: Comparison::default(),
        memory: Noted { size, is_idle: true, is_unloading: false },
        announced: 0,
        announced_at: now.checked_sub(ANNOUNCE_INTERVAL * 2).unwrap_or(now),
        parts,
    });
    (RoomHandle(queues), actor.run().instrument(info_span!("room", doc.id = %doc)))
}

/// A random client id below 2^32, as in Yjs: pycrdt before 0.13 truncates larger ids, treats their text as missing, and
/// sends all of it a second time.
fn fresh_client() -> codesync_crdt::ClientId {
    rand::random::<u32>().into()
}

impl Actor {
    async fn run(mut self: Box<Self>) {
        self.parts.relay.send(self.doc, RelayMessage::Hello);
        metrics::gauge!("codesync_rooms_live").increment(1);
        let ended = AssertUnwindSafe(self.run_inner()).catch_unwind().await;
        let reason = ended.unwrap_or_else(|_| {
            error!("the room panicked: it ends, and its clients send again");
            CloseReason::Resync
        });
        if reason == CloseReason::NotFound {
            self.deleted.cancel();
        }
        self.mailbox.close();
        self.urgent.close();
        self.state.end(reason);
        // The next room reads the log after this append.
        self.log.finish_append().await;
        self.parts.relay.announce(self.doc, Vec::new());
        self.snapshots.end();
        metrics::gauge!("codesync_rooms_live").decrement(1);
    }

    async fn run_inner(&mut self) -> CloseReason {
        let stop = self.parts.tasks.stop().clone();
        let mut expire = interval(EXPIRE_INTERVAL);
        let mut commands = Vec::new();
        loop {
            let idle = self.state.is_empty() && self.state.is_durable();
            let may_stop = self.state.is_durable() && !self.log.is_healing();
            let snapshot_due = self.snapshots.due();
            let tick_at = self.state.due_ms().map(|due| self.started + Duration::from_millis(due));
            let next = tokio::select! {
                // The mailbox of a busy room is never empty, so inputs that must not starve come before it.
                biased;
                Some(urgent) = self.urgent.recv() => Next::Urgent(urgent),
                event = self.log.next() => Next::Log(event),
                () = sleep_until(self.flush_at), if self.state.has_outgoing() => Next::Flush,
                () = sleep_until(snapshot_due.unwrap_or(self.flush_at)), if snapshot_due.is_some() => Next::Snapshot,
                _ = expire.tick() => Next::Expire,
                () = sleep_until(tick_at.unwrap_or(self.flush_at)), if tick_at.is_some() => Next::Tick,
                () = stop.cancelled(), if may_stop => Next::Stop,
                input = Self::input(
                    &mut self.mailbox, &mut self.tail, &mut self.relayed, &mut commands, self.state.accepts()
                ) => Next::Input(input),
                () = sleep_until(self.idle_at), if idle => Next::Idle,
            };
            let stepped = self.step(next, &mut commands).await;
            self.snapshots.note(self.log.take_growth());
            if let Err(reason) = stepped.and_then(|()| self.note_memory_when_changed()) {
                return reason;
            }
        }
    }

    /// Handles the next input; an error ends the room.
    async fn step(&mut self, next: Next, commands: &mut Vec<Mail>) -> Result<(), CloseReason> {
        let mut effects = Effects::default();
        match next {
            Next::Stop | Next::Input(Input::Commands(0)) => return Err(CloseReason::Unavailable),
            Next::Urgent(urgent) => return self.urgent(*urgent),
            Next::Idle => return self.leave().await,
            Next::Log(event) => {
                if matches!(event, Event::Reloaded(_)) {
                    self.comparison.reset();
                }
                self.log.handle(event, &mut self.state, &mut effects)?;
            }
            Next::Input(Input::Commands(_)) => return self.apply_commands(commands).await,
            Next::Input(Input::Tail(event)) => self.log.on_tail_event(event, &mut self.state, &mut effects),
            Next::Input(Input::Relayed(message)) => self.relayed(message),
            Next::Flush => self.flush(),
            Next::Snapshot => self.begin_snapshot(),
            Next::Tick => self.state.tick(self.now_ms(), &mut effects),
            Next::Expire => {
                self.state.expire(self.now_ms());
                self.send_digest_when_at_rest();
                self.note_memory()?;
                self.announce();
            }
        }
        if effects.read_log {
            self.log.read_log();
        }
        if effects.rebuild {
            Box::pin(self.rebuild()).await?;
        }
        self.flush_when_due();
        Ok(())
    }

    /// Waits for the first input, in random order: neither our peers nor the other nodes may starve the others.
    async fn input(
        mailbox: &mut mpsc::Receiver<Mail>,
        tail: &mut Tail,
        relayed: &mut Relayed,
        commands: &mut Vec<Mail>,
        accepts: bool,
    ) -> Input {
        tokio::select! {
            count = mailbox.recv_many(commands, DRAIN_MAX), if accepts => Input::Commands(count),
            Some(event) = tail.next() => Input::Tail(event),
            Some(message) = relayed.next() => Input::Relayed(message),
            else => std::future::pending().await,
        }
    }

    async fn apply_commands(&mut self, commands: &mut Vec<Mail>) -> Result<(), CloseReason> {
        let mut effects = Effects::default();
        let now_ms = self.now_ms();
        metrics::histogram!("codesync_mailbox_commands").record(commands.len() as f64);
        for command in commands.drain(..) {
            if let Command::Compacted(done) = *command {
                self.snapshots.ended(done, self.log.seen());
            }
            yield_if_large(command.bytes(), || self.state.handle(*command, now_ms, &mut effects));
            if std::mem::take(&mut effects.rebuild) {
                Box::pin(self.rebuild()).await?;
            }
        }
        if effects.end {
            return Err(CloseReason::NotFound);
        }
        if effects.read_log {
            self.log.read_log();
        }
        if effects.snapshot {
            self.snapshots.hurry();
        }
        self.idle_at = Instant::now() + self.parts.idle();
        self.memory.is_unloading = false;
        self.flush_when_due();
        self.announce_when_changed();
        Ok(())
    }

    fn note_memory_when_changed(&mut self) -> Result<(), CloseReason> {
        let Noted { size, is_idle, .. } = self.memory;
        let has_changed = self.state.size_bytes(size) > size + MEMORY_STEP || self.state.is_empty() != is_idle;
        if has_changed { self.note_memory() } else { Ok(()) }
    }

    /// Records the memory that the room uses, and checks whether the room may stay.
    fn note_memory(&mut self) -> Result<(), CloseReason> {
        self.memory.size = self.state.size_bytes(self.memory.size);
        self.memory.is_idle = self.state.is_empty();
        match self.parts.gauges.memory.update(self.doc, self.memory.size, self.memory.is_idle) {
            Stay::Stays => {}
            Stay::Unloads => self.unload(),
            Stay::Closes if !self.state.is_durable() || self.log.is_healing() => {}
            Stay::Closes => {
                warn!(document.bytes = self.memory.size, "open documents take too much memory: the largest is closed");
                return Err(CloseReason::Unavailable);
            }
        }
        Ok(())
    }

    /// Ends the room as soon as possible, unless a peer joins before.
    fn unload(&mut self) {
        if self.state.is_empty() {
            (self.memory.is_unloading, self.idle_at) = (true, Instant::now());
        }
    }

    fn urgent(&mut self, urgent: Urgent) -> Result<(), CloseReason> {
        let (mut effects, is_unload) = (Effects::default(), matches!(urgent, Urgent::Unload));
        self.state.handle_urgent(urgent, self.now_ms(), &mut effects);
        if effects.end {
            return Err(CloseReason::NotFound);
        }
        self.idle_at = Instant::now() + self.parts.idle();
        if is_unload {
            self.unload();
        }
        self.announce_when_changed();
        Ok(())
    }

    fn announce_when_changed(&mut self) {
        if self.state.changes() != self.announced && self.announced_at.elapsed() > ANNOUNCE_INTERVAL {
            self.announce();
        }
    }

    /// Announces presence to the other nodes; changes that come too soon are announced at the next check for silent
    /// clients.
    fn announce(&mut self) {
        if self.state.is_empty() && self.state.changes() == self.announced {
            return;
        }
        (self.announced, self.announced_at) = (self.state.changes(), Instant::now());
        self.parts.relay.announce(self.doc, people(self.state.members()));
    }

    fn relayed(&mut self, message: RelayMessage) {
        match message {
            RelayMessage::Hello => {
                if let Some(presence) = self.state.own_presence() {
                    self.parts.relay.send(self.doc, RelayMessage::Awareness(presence));
                }
                self.send_digest();
            }
            RelayMessage::Digest(offset, digest) => self.compare(offset, digest),
            RelayMessage::Lost => self.log.heal("another node lacks entries"),
            RelayMessage::Awareness(states) => match decode_awareness(&states, &Limits::default()) {
                Ok(entries) => self.state.apply_presence(entries, self.now_ms()),
                Err(error) => warn!(%error, "presence from another node cannot be decoded"),
            },
        }
    }

    /// Sends the first edit after a quiet period at once, and edits of a busy period together; also at once if a caller
    /// waits for the log.
    fn flush_when_due(&mut self) {
        if self.state.has_outgoing() && self.flush_at <= Instant::now() {
            self.flush();
        } else if self.state.has_callers() {
            self.log.start_append(&mut self.state);
        }
    }

    fn flush(&mut self) {
        self.log.flush(&mut self.state);
        self.flush_at = Instant::now() + self.parts.config.fan_out_interval;
        self.log.start_append(&mut self.state);
    }

    /// Continues with another replica in place of a lost one. The edits of the lost replica are made durable first, so
    /// that the new one has them too. Changes of access are handled during that time.
    async fn rebuild(&mut self) -> Result<(), CloseReason> {
        metrics::counter!("codesync_replicas_rebuilt_total").increment(1);
        self.flush();
        let (stop, deadline) = (self.parts.tasks.stop().clone(), Instant::now() + REBUILD_TIMEOUT);
        let mut stored = None;
        loop {
            if self.log.is_healing() {
                return Err(CloseReason::Resync);
            }
            if !self.log.is_appending() {
                stored.get_or_insert_with(|| self.log.stored());
            }
            let loaded = tokio::select! {
                biased;
                Some(urgent) = self.urgent.recv() => {
                    self.urgent(*urgent)?;
                    continue;
                }
                () = stop.cancelled() => return Err(CloseReason::Unavailable),
                () = sleep_until(deadline) => {
                    error!("the replica was not rebuilt in time: the room ends");
                    return Err(CloseReason::Resync);
                }
                Some(event) = self.log.next_append() => {
                    // The replica is replaced anyway, so losing it again changes nothing.
                    self.log.handle(event, &mut self.state, &mut Effects::default())?;
                    continue;
                }
                Some(loaded) = OptionFuture::from(stored.as_mut()) => loaded,
            };
            self.comparison.reset();
            return self.log.rebuilt(loaded, &mut self.state);
        }
    }

    /// Handles a room that nobody used for a while: takes a last snapshot, and ends the room. While no snapshot can be
    /// taken the room stays, because a returning client could not load the document; unless there are too many such
    /// rooms.
    async fn leave(&mut self) -> Result<(), CloseReason> {
        if self.queues.strong_count() > 1 {
            // The last session is about to end, or a call is in progress.
            self.idle_at = Instant::now() + HELD_INTERVAL;
            return Ok(());
        }
        self.idle_at = Instant::now() + EXPIRE_INTERVAL;
        let (is_behind, has_failed) = (self.snapshots.is_behind(), self.snapshots.has_failed());
        if self.snapshots.is_under_way() || self.log.is_busy() {
            return Ok(());
        }
        // The sweeper compacts rooms that are unloaded to free memory.
        if is_behind && !self.memory.is_unloading && !(has_failed && self.parts.is_crowded()) {
            if !has_failed {
                // The end of the snapshot is received as a command and resets the time.
                self.snapshots.hurry();
            }
            return Ok(());
        }
        // The log may have been lost since the last check, and this replica may be the last copy. A client may join
        // during the check.
        let may_end = self.log.is_whole().await && self.retire();
        if may_end { Err(CloseReason::Resync) } else { Ok(()) }
    }

    /// Closes the mailbox, unless a caller besides the registry holds a handle: for that caller the room must not have
    /// ended.
    fn retire(&mut self) -> bool {
        let Some(queues) = self.queues.upgrade() else { return true };
        let _nobody_enters = queues.entrance();
        // The registry's handle and our own.
        let is_held = Arc::strong_count(&queues) > 2 || !self.mailbox.is_empty();
        if !is_held {
            self.mailbox.close();
        }
        !is_held
    }

    fn begin_snapshot(&mut self) {
        let myself = self.queues.upgrade().map(|queues| queues.mailbox.downgrade());
        if let Some(myself) = myself {
            self.snapshots.begin(self.log.seen(), myself);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("a room lives less than 500 million years")
    }
}
