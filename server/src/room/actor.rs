//! The task of a room: mailbox to state to effects. One flush, one append, then acknowledgements. Owns the timers; decides
//! when the room ends. Ends on a failed append: whoever was not acknowledged sends again to the room that loads next.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use tokio::{
    runtime::RuntimeFlavor,
    sync::mpsc,
    time::{Instant, interval, sleep_until},
};
use tracing::{Instrument, error, info_span, warn};

use super::{
    Command, RoomHandle,
    registry::Rooms,
    state::{Effects, State},
};
use crate::{
    error::CloseReason,
    ids::DocId,
    log::{LogError, Offset},
    storage::Loaded,
};

/// Commands that wait for a room; when full, sessions wait and so slow their clients down.
const MAILBOX_MAX: usize = 256;
/// Commands that are taken in between two looks at everything else.
const DRAIN_MAX: usize = 128;
/// How often silent clients are looked for.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(5);

/// Bytes of an edit from which on it may take long.
const LARGE_BYTES: usize = 8 << 10;

pub(super) struct Actor {
    doc: DocId,
    rooms: Rooms,
    mailbox: mpsc::Receiver<Command>,
    myself: mpsc::WeakSender<Command>,
    state: State,
    started: Instant,
    /// The newest offset of the log that this room knows.
    offset: Offset,
    append: Option<BoxFuture<'static, Result<Offset, LogError>>>,
    append_started: Instant,
    flush_at: Instant,
    /// When a snapshot is due; none while there is nothing new.
    snapshot_at: Option<Instant>,
    compacting: bool,
    /// Updates and bytes in the log that no snapshot holds.
    behind_updates: usize,
    behind_bytes: usize,
    idle_at: Instant,
}

enum Next {
    Stop,
    Appended(Result<Offset, LogError>),
    Commands,
    Flush,
    Snapshot,
    Expire,
    Idle,
}

/// Starts the room of a loaded replica.
pub(super) fn start(doc: DocId, loaded: Loaded, rooms: &Rooms) -> RoomHandle {
    let (sender, mailbox) = mpsc::channel(MAILBOX_MAX);
    let now = Instant::now();
    let config = rooms.config();
    let Loaded { document, offset, entries, entry_bytes, .. } = loaded;
    let actor = Actor {
        doc,
        rooms: rooms.clone(),
        mailbox,
        myself: sender.downgrade(),
        state: State::new(document, fresh_client(), config.document_bytes_max),
        started: now,
        offset,
        append: None,
        append_started: now,
        flush_at: now,
        snapshot_at: (entries > 0).then(|| now + config.snapshot_delay),
        compacting: false,
        behind_updates: entries,
        behind_bytes: entry_bytes,
        idle_at: now + config.idle,
    };
    metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(entry_bytes as f64);
    rooms.tasks().spawn(actor.run().instrument(info_span!("room", doc.id = %doc)));
    RoomHandle { doc, mailbox: sender }
}

/// A client id that nobody else uses: 53 random bits.
fn fresh_client() -> codesync_crdt::ClientId {
    rand::random::<u64>() >> 11
}

impl Actor {
    async fn run(mut self) {
        metrics::gauge!("codesync_rooms_live").increment(1);
        let reason = self.run_inner().await;
        self.mailbox.close();
        self.state.end(reason);
        // Who asked meanwhile opens the room anew, and must not find this one.
        self.rooms.forget(self.doc, &self.myself);
        metrics::gauge!("codesync_rooms_live").decrement(1);
        metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(self.behind_bytes as f64);
    }

    async fn run_inner(&mut self) -> CloseReason {
        let stop = self.rooms.tasks().stop().clone();
        let mut expire = interval(EXPIRE_INTERVAL);
        let mut commands = Vec::new();
        loop {
            let idle = self.state.is_empty() && self.state.is_durable();
            let next = tokio::select! {
                // The mailbox of a busy room is never empty: what must not starve behind it stands before it.
                biased;
                Some(result) = OptionFuture::from(self.append.as_mut()) => Next::Appended(result),
                () = sleep_until(self.flush_at), if self.state.has_outgoing() => Next::Flush,
                () = sleep_until(self.snapshot_at.unwrap_or(self.flush_at)), if self.may_snapshot() => Next::Snapshot,
                _ = expire.tick() => Next::Expire,
                () = stop.cancelled(), if self.state.is_durable() => Next::Stop,
                count = self.mailbox.recv_many(&mut commands, DRAIN_MAX), if self.state.accepts() => {
                    if count == 0 { Next::Stop } else { Next::Commands }
                }
                () = sleep_until(self.idle_at), if idle => Next::Idle,
            };
            let ended = match next {
                Next::Stop => Some(CloseReason::Unavailable),
                Next::Idle => self.leave().await,
                Next::Appended(result) => self.appended(result),
                Next::Commands => self.take_in(&mut commands).await,
                Next::Flush => {
                    self.flush();
                    None
                }
                Next::Snapshot => {
                    self.compact();
                    None
                }
                Next::Expire => {
                    self.state.expire(self.now_ms());
                    None
                }
            };
            if let Some(reason) = ended {
                return reason;
            }
        }
    }

    fn may_snapshot(&self) -> bool {
        self.snapshot_at.is_some() && !self.compacting
    }

    async fn take_in(&mut self, commands: &mut Vec<Command>) -> Option<CloseReason> {
        let mut effects = Effects::default();
        let now_ms = self.now_ms();
        metrics::histogram!("codesync_mailbox_commands").record(commands.len() as f64);
        for command in commands.drain(..) {
            if let Command::Compacted(done) = &command {
                self.compacting = false;
                self.compacted(done.as_ref().map(|done| done.offset));
            }
            match command.bytes() < LARGE_BYTES {
                true => self.state.handle(command, now_ms, &mut effects),
                false => give_way(|| self.state.handle(command, now_ms, &mut effects)),
            }
            if std::mem::take(&mut effects.rebuild)
                && let Some(reason) = self.rebuild().await
            {
                return Some(reason);
            }
        }
        if effects.end {
            return Some(CloseReason::Resync);
        }
        if effects.snapshot && self.behind_updates > 0 {
            self.snapshot_at = Some(Instant::now());
        }
        self.idle_at = Instant::now() + self.rooms.idle();
        // The first edit after a quiet time goes out at once, those of a busy time together.
        if self.state.has_outgoing() && self.flush_at <= Instant::now() {
            self.flush();
        }
        None
    }

    /// Loads another replica. What the lost one had taken in is made durable first, so that the new one has it too.
    async fn rebuild(&mut self) -> Option<CloseReason> {
        metrics::counter!("codesync_replicas_rebuilt_total").increment(1);
        self.flush();
        while let Some(append) = self.append.as_mut() {
            let result = append.await;
            if let Some(reason) = self.appended(result) {
                return Some(reason);
            }
        }
        match self.rooms.storage().load(self.doc).await {
            Ok(loaded) => {
                self.state.rebuilt(loaded.document);
                None
            }
            Err(error) => {
                error!(%error, "replica could not be rebuilt: the room ends");
                Some(CloseReason::Resync)
            }
        }
    }

    fn flush(&mut self) {
        self.state.flush();
        self.flush_at = Instant::now() + self.rooms.config().fan_out_interval;
        self.start_append();
    }

    fn start_append(&mut self) {
        let Some(updates) = self.state.take_append() else { return };
        self.behind_updates += updates.len();
        let bytes: usize = updates.iter().map(bytes::Bytes::len).sum();
        self.behind_bytes += bytes;
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(bytes as f64);
        let (log, doc, floor) = (self.rooms.storage().log.clone(), self.doc, self.offset);
        self.append_started = Instant::now();
        self.append = Some(async move { log.append(doc, updates, floor).await }.boxed());
    }

    fn appended(&mut self, result: Result<Offset, LogError>) -> Option<CloseReason> {
        self.append = None;
        metrics::histogram!("codesync_append_seconds").record(self.append_started.elapsed());
        match result {
            Ok(offset) => self.offset = offset,
            Err(error) => {
                metrics::counter!("codesync_append_failures_total").increment(1);
                error!(%error, "append failed: the room ends, its clients send again");
                return Some(CloseReason::Resync);
            }
        }
        if let Some(received) = self.state.appended() {
            metrics::histogram!("codesync_edit_to_durable_seconds").record(received.elapsed());
        }
        let config = self.rooms.config();
        let delay = match self.behind_updates < config.snapshot_updates_max {
            true => config.snapshot_delay,
            false => Duration::ZERO,
        };
        let due = Instant::now() + delay;
        self.snapshot_at = Some(self.snapshot_at.map_or(due, |at| at.min(due)));
        self.start_append();
        None
    }

    /// Takes the snapshot in a task of its own: the room goes on meanwhile.
    fn compact(&mut self) {
        self.compacting = true;
        self.snapshot_at = None;
        let (rooms, doc, myself) = (self.rooms.clone(), self.doc, self.myself.clone());
        self.rooms.tasks().spawn(async move {
            let done = rooms.compact(doc).await;
            if let Some(room) = myself.upgrade() {
                let _ = room.send(Command::Compacted(done)).await;
            }
        });
    }

    fn compacted(&mut self, done: Option<Offset>) {
        let Some(offset) = done else {
            warn!("no snapshot could be taken: the log stays as it is");
            self.snapshot_at = Some(Instant::now() + self.rooms.config().snapshot_delay);
            return;
        };
        if offset >= self.offset {
            metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(self.behind_bytes as f64);
            (self.behind_updates, self.behind_bytes) = (0, 0);
        }
    }

    /// Nobody was here for a while: a last snapshot, and the room ends.
    async fn leave(&mut self) -> Option<CloseReason> {
        if self.compacting {
            // Its end comes as a command and sets the time anew.
            self.idle_at = Instant::now() + EXPIRE_INTERVAL;
            return None;
        }
        if self.behind_updates > 0 {
            let done = self.rooms.compact(self.doc).await;
            self.compacted(done.map(|done| done.offset));
        }
        // Someone may have come while the snapshot was taken.
        self.mailbox.is_empty().then_some(CloseReason::Resync)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("a room lives less than 500 million years")
    }
}

/// Does what may take long while other tasks go on, on other threads where there are some.
fn give_way<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}
