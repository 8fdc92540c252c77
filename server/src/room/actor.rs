//! The task of a room: mailbox to state to effects. One flush, one append, then acknowledgements. Owns the timers; decides
//! when the room ends. A log that cannot be reached is tried again while the peers go on, unacknowledged and bounded; a
//! log that fails ends the room: whoever was not acknowledged sends again to the room that loads next.

use std::time::Duration;

use bytes::Bytes;
use codesync_crdt::{Limits, decode_awareness};
use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt, OptionFuture},
};
use tokio::{
    runtime::RuntimeFlavor,
    sync::mpsc,
    time::{Instant, interval, sleep, sleep_until},
};
use tracing::{Instrument, error, info_span, warn};

use super::{
    Command, RoomHandle,
    chain::{Broken, Chain, Read},
    presence::people,
    registry::Rooms,
    state::{Effects, State},
};
use crate::{
    error::CloseReason,
    ids::DocId,
    log::{Appended, Contents, Heard, LogError, Offset, Tail},
    relay::{self, Relayed},
    storage::Loaded,
};

/// Commands that wait for a room; when full, sessions wait and so slow their clients down.
const MAILBOX_MAX: usize = 256;
/// Commands that are taken in between two looks at everything else.
const DRAIN_MAX: usize = 128;
/// How often silent clients are looked for.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(5);

/// How long a piece of the log that was heard early waits for the one before it, until the log is read.
const LOOK_DELAY: Duration = Duration::from_millis(150);
/// The shortest and the longest pause before the log is asked again.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The shortest time between two announcements of who is here.
const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(250);
/// Bytes of an edit from which on it may take long.
const LARGE_BYTES: usize = 8 << 10;

pub(super) struct Actor {
    doc: DocId,
    rooms: Rooms,
    mailbox: mpsc::Receiver<Command>,
    myself: mpsc::WeakSender<Command>,
    state: State,
    started: Instant,
    /// How far the log is followed.
    chain: Chain,
    tail: Tail,
    relayed: Relayed,
    /// The append under way, and what is in it, to try it again.
    append: Option<BoxFuture<'static, Result<Appended, LogError>>>,
    appending: Vec<Bytes>,
    append_is_whole: bool,
    /// The newest entry that this room wrote: while the log holds it, nothing that was there before it is lost.
    written: Offset,
    /// A look at the log behind an offset.
    reading: Option<BoxFuture<'static, (Offset, Result<Contents, LogError>)>>,
    look_at: Option<Instant>,
    /// The log has lost something: it is being restored, and nothing else is appended meanwhile.
    healing: Option<Healing>,
    pause: Duration,
    append_started: Instant,
    flush_at: Instant,
    /// When a snapshot is due; none while there is nothing new.
    snapshot_at: Option<Instant>,
    compacting: bool,
    compact_started: Instant,
    /// Snapshots in a row that could not be taken, and until when none is tried: an outage of the store must not be
    /// answered with load.
    snapshots_failed: u32,
    snapshot_not_before: Instant,
    /// Updates and bytes in the log that no snapshot holds.
    behind_updates: usize,
    behind_bytes: usize,
    idle_at: Instant,
    /// Who came and went until the other nodes were last told.
    announced: u64,
    announced_at: Instant,
}

enum Healing {
    /// What is left of the log is read.
    Reading,
    /// It ends here; the whole document goes above the second offset.
    Restoring(Offset, Offset),
}

enum Next {
    Stop,
    Appended(Result<Appended, LogError>),
    Read(Offset, Result<Contents, LogError>),
    Look,
    Input(Input),
    Flush,
    Snapshot,
    Expire,
    Idle,
}

/// What comes from outside.
enum Input {
    /// So many commands.
    Commands(usize),
    Heard(Heard),
    Relayed(relay::Said),
}

/// Starts the room of a loaded replica; `tail` and `relayed` were listened to before it was loaded.
pub(super) fn start(doc: DocId, loaded: Loaded, tail: Tail, relayed: Relayed, rooms: &Rooms) -> RoomHandle {
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
        chain: Chain::new(offset),
        tail,
        relayed,
        append: None,
        appending: Vec::new(),
        append_is_whole: false,
        written: Offset::ZERO,
        reading: None,
        look_at: None,
        healing: None,
        pause: PAUSE,
        append_started: now,
        flush_at: now,
        snapshot_at: (entries > 0).then(|| now + config.snapshot_delay),
        compacting: false,
        compact_started: now,
        snapshots_failed: 0,
        snapshot_not_before: now,
        behind_updates: entries,
        behind_bytes: entry_bytes,
        idle_at: now + config.idle,
        announced: 0,
        announced_at: now.checked_sub(ANNOUNCE_INTERVAL * 2).unwrap_or(now),
    };
    metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(entry_bytes as f64);
    // Since when they have stood in the log is not known.
    rooms.unarchived().set(doc, (entries > 0).then_some(now));
    rooms.relay().say(doc, relay::Said::Hello);
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
        self.rooms.relay().announce(self.doc, Vec::new());
        self.rooms.unarchived().set(self.doc, None);
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
            let snapshot_due = self.snapshot_due();
            let next = tokio::select! {
                // The mailbox of a busy room is never empty: what must not starve behind it stands before it.
                biased;
                Some(result) = OptionFuture::from(self.append.as_mut()) => Next::Appended(result),
                Some((after, read)) = OptionFuture::from(self.reading.as_mut()) => Next::Read(after, read),
                () = sleep_until(self.flush_at), if self.state.has_outgoing() => Next::Flush,
                () = sleep_until(snapshot_due), if self.may_snapshot() => Next::Snapshot,
                () = sleep_until(self.look_at.unwrap_or(self.flush_at)), if self.look_at.is_some() => Next::Look,
                _ = expire.tick() => Next::Expire,
                () = stop.cancelled(), if self.state.is_durable() && self.healing.is_none() => Next::Stop,
                input = Self::input(
                    &mut self.mailbox, &mut self.tail, &mut self.relayed, &mut commands, self.state.accepts()
                ) => Next::Input(input),
                () = sleep_until(self.idle_at), if idle => Next::Idle,
            };
            let ended = match next {
                Next::Stop | Next::Input(Input::Commands(0)) => Some(CloseReason::Unavailable),
                Next::Idle => self.leave().await,
                Next::Appended(result) => self.appended(result).await,
                Next::Read(after, read) => self.read(after, read).await,
                Next::Look => {
                    self.look();
                    None
                }
                Next::Input(Input::Commands(_)) => self.take_in(&mut commands).await,
                Next::Input(Input::Heard(heard)) => self.hear(heard).await,
                Next::Input(Input::Relayed(said)) => {
                    self.relayed(said);
                    None
                }
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
                    self.announce();
                    None
                }
            };
            if let Some(reason) = ended {
                return reason;
            }
        }
    }

    /// Waits for what comes first, without preference: neither our peers nor the other nodes may starve the others.
    async fn input(
        mailbox: &mut mpsc::Receiver<Command>,
        tail: &mut Tail,
        relayed: &mut Relayed,
        commands: &mut Vec<Command>,
        accepts: bool,
    ) -> Input {
        tokio::select! {
            count = mailbox.recv_many(commands, DRAIN_MAX), if accepts => Input::Commands(count),
            Some(heard) = tail.next() => Input::Heard(heard),
            Some(said) = relayed.next() => Input::Relayed(said),
            else => std::future::pending().await,
        }
    }

    fn may_snapshot(&self) -> bool {
        self.snapshot_at.is_some() && !self.compacting
    }

    fn snapshot_due(&self) -> Instant {
        self.snapshot_at.map_or(self.snapshot_not_before, |at| at.max(self.snapshot_not_before))
    }

    async fn take_in(&mut self, commands: &mut Vec<Command>) -> Option<CloseReason> {
        let mut effects = Effects::default();
        let now_ms = self.now_ms();
        metrics::histogram!("codesync_mailbox_commands").record(commands.len() as f64);
        for command in commands.drain(..) {
            if let Command::Compacted(done) = command {
                self.compacting = false;
                self.compacted(done);
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
        self.flush_when_due();
        if self.state.changes() != self.announced && self.announced_at.elapsed() > ANNOUNCE_INTERVAL {
            self.announce();
        }
        None
    }

    /// Tells the other nodes who is here; what is not told at once is with the next look for silent clients.
    fn announce(&mut self) {
        if self.state.is_empty() && self.state.changes() == self.announced {
            return;
        }
        (self.announced, self.announced_at) = (self.state.changes(), Instant::now());
        self.rooms.relay().announce(self.doc, people(self.state.members()));
    }

    /// The first edit after a quiet time goes out at once, those of a busy time together.
    fn flush_when_due(&mut self) {
        if self.state.has_outgoing() && self.flush_at <= Instant::now() {
            self.flush();
        }
    }

    async fn hear(&mut self, heard: Heard) -> Option<CloseReason> {
        let Heard::Entries { origin, appended, mut updates } = heard else {
            if heard != Heard::End(self.chain.seen()) {
                self.look();
            }
            return None;
        };
        if origin == self.rooms.node() {
            // The replica has what this room appended, whose answer may come later.
            updates.clear();
        }
        let known = appended.last <= self.chain.seen();
        match self.chain.heard(appended, updates) {
            Ok(updates) => {
                let (changed, ended) = self.follow(updates).await;
                if known && changed {
                    self.heal();
                }
                self.look_at = self.chain.waits().then(|| self.look_at.unwrap_or(Instant::now() + LOOK_DELAY));
                ended
            }
            Err(Broken) => {
                self.heal();
                None
            }
        }
    }

    /// Takes in what other nodes appended; returns whether any of it was new.
    async fn follow(&mut self, updates: Vec<Bytes>) -> (bool, Option<CloseReason>) {
        if updates.is_empty() {
            return (false, None);
        }
        let (count, bytes) = (updates.len(), updates.iter().map(Bytes::len).sum());
        let mut effects = Effects::default();
        let taken = match bytes < LARGE_BYTES {
            true => self.state.take_in(updates, &mut effects),
            false => give_way(|| self.state.take_in(updates, &mut effects)),
        };
        if taken.changed {
            metrics::counter!("codesync_updates_from_other_nodes_total").increment(count as u64);
            self.grown(count, bytes);
        }
        if taken.gap {
            // Whoever has what is missing is to append it.
            self.rooms.relay().say(self.doc, relay::Said::Lost);
            self.heal();
        }
        let ended = if effects.rebuild { self.rebuild().await } else { None };
        self.flush_when_due();
        (taken.changed, ended)
    }

    /// Looks at what the log holds behind what is known; while healing, at all that it holds.
    fn look(&mut self) {
        self.look_at = None;
        if self.reading.is_some() {
            return;
        }
        let after = if self.healing.is_some() { Offset::ZERO } else { self.chain.seen() };
        let (log, doc) = (self.rooms.storage().log.clone(), self.doc);
        self.reading = Some(async move { (after, log.read(doc, after).await) }.boxed());
    }

    async fn read(&mut self, after: Offset, read: Result<Contents, LogError>) -> Option<CloseReason> {
        self.reading = None;
        let contents = match read {
            Ok(contents) => contents,
            Err(error) => {
                warn!(%error, "the log could not be looked at");
                self.look_at = Some(Instant::now() + self.backed_off());
                return None;
            }
        };
        if let Some(Healing::Reading) = self.healing {
            if after > Offset::ZERO {
                self.look();
                return None;
            }
            return self.restore_from(contents).await;
        }
        match self.chain.read(after, contents) {
            Ok(Read::Updates(updates)) => self.follow(updates).await.1,
            Ok(Read::Trimmed) => self.reload().await,
            Err(Broken) => {
                self.heal();
                None
            }
        }
    }

    /// Begins to restore a log that has lost something.
    fn heal(&mut self) {
        if self.healing.is_none() {
            warn!(log.offset = %self.chain.seen(), "the log has lost entries: the document is appended whole");
            self.healing = Some(Healing::Reading);
            self.look();
        }
    }

    /// What is left of the log is taken in; then the whole document goes above it, and above every snapshot, whose
    /// offset would otherwise hide it.
    async fn restore_from(&mut self, contents: Contents) -> Option<CloseReason> {
        let last = contents.last;
        let updates = contents.entries.into_iter().map(|entry| entry.update).collect();
        let mut effects = Effects::default();
        self.state.take_in(updates, &mut effects);
        if effects.rebuild {
            return Some(CloseReason::Resync);
        }
        let snapshots = self.rooms.storage().snapshots.list(self.doc);
        let newest = match tokio::time::timeout(PAUSE_MAX, snapshots).await {
            Ok(Ok(offsets)) => offsets.first().copied().unwrap_or_default(),
            // Offsets are times: only a clock that went back could bring this one below.
            _ => Offset::ZERO,
        };
        self.healing = Some(Healing::Restoring(last, self.chain.seen().max(last).max(newest)));
        self.start_append();
        None
    }

    /// Merges in what is stored: more was missed than the log still holds.
    async fn reload(&mut self) -> Option<CloseReason> {
        match self.rooms.storage().load(self.doc).await {
            Ok(loaded) => {
                let mut effects = Effects::default();
                let taken = self.state.take_in(vec![loaded.document.state().into()], &mut effects);
                self.chain.reset(loaded.offset);
                (effects.rebuild || taken.gap).then_some(CloseReason::Resync)
            }
            Err(error) => {
                // This replica may be all that is left of something: it stays, and asks again.
                warn!(%error, "what was missed could not be loaded yet");
                self.look_at = Some(Instant::now() + self.backed_off());
                None
            }
        }
    }

    fn relayed(&mut self, said: relay::Said) {
        match said {
            relay::Said::Hello => {
                if let Some(presence) = self.state.own_presence() {
                    self.rooms.relay().say(self.doc, relay::Said::Awareness(presence));
                }
            }
            relay::Said::Lost => self.heal(),
            relay::Said::Awareness(states) => match decode_awareness(&states, &Limits::default()) {
                Ok(entries) => {
                    self.state.take_in_presence(entries, self.now_ms());
                    self.flush_when_due();
                }
                Err(error) => warn!(%error, "presence from another node does not decode"),
            },
        }
    }

    fn backed_off(&mut self) -> Duration {
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        self.pause.mul_f64(rand::random_range(0.5..1.0))
    }

    /// Loads another replica. What the lost one had taken in is made durable first, so that the new one has it too.
    async fn rebuild(&mut self) -> Option<CloseReason> {
        metrics::counter!("codesync_replicas_rebuilt_total").increment(1);
        self.flush();
        while let Some(append) = self.append.as_mut() {
            let result = append.await;
            if let Some(reason) = Box::pin(self.appended(result)).await {
                return Some(reason);
            }
        }
        if self.healing.is_some() {
            return Some(CloseReason::Resync);
        }
        match self.rooms.storage().load(self.doc).await {
            Ok(loaded) => {
                self.chain.reset(loaded.offset);
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
        if let Some(presence) = self.state.flush() {
            self.rooms.relay().say(self.doc, relay::Said::Awareness(presence));
        }
        self.flush_at = Instant::now() + self.rooms.config().fan_out_interval;
        self.start_append();
    }

    fn start_append(&mut self) {
        if self.append.is_some() {
            return;
        }
        match self.healing {
            None => {}
            Some(Healing::Reading) => return,
            Some(Healing::Restoring(..)) => {
                // The whole document has all that waits.
                self.appending.extend(self.state.take_append().unwrap_or_default());
                return self.ask_append(Duration::ZERO);
            }
        }
        let Some(updates) = self.state.take_append() else { return };
        self.grown(updates.len(), updates.iter().map(Bytes::len).sum());
        self.appending = updates;
        self.append_started = Instant::now();
        self.ask_append(Duration::ZERO);
    }

    fn ask_append(&mut self, pause: Duration) {
        let (log, doc, updates) = (self.rooms.storage().log.clone(), self.doc, self.appending.clone());
        let after = self.chain.seen().max(self.written);
        self.append_is_whole = matches!(self.healing, Some(Healing::Restoring(..)));
        self.append = Some(match self.healing {
            Some(Healing::Restoring(_, after)) => {
                let whole = self.state.whole();
                async move {
                    sleep(pause).await;
                    log.restore(doc, whole, after).await
                }
                .boxed()
            }
            _ => async move {
                sleep(pause).await;
                log.append(doc, updates, after).await
            }
            .boxed(),
        });
    }

    /// The log has grown by so much: a snapshot is due some time later.
    fn grown(&mut self, updates: usize, bytes: usize) {
        if self.behind_updates == 0 {
            self.rooms.unarchived().set(self.doc, Some(Instant::now()));
        }
        self.behind_updates += updates;
        self.behind_bytes += bytes;
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(bytes as f64);
        let config = self.rooms.config();
        let delay = match self.behind_updates < config.snapshot_updates_max {
            true => config.snapshot_delay,
            false => Duration::ZERO,
        };
        let due = Instant::now() + delay;
        self.snapshot_at = Some(self.snapshot_at.map_or(due, |at| at.min(due)));
    }

    async fn appended(&mut self, result: Result<Appended, LogError>) -> Option<CloseReason> {
        self.append = None;
        metrics::histogram!("codesync_append_seconds").record(self.append_started.elapsed());
        let appended = match result {
            Ok(appended) => appended,
            Err(LogError::Lost) => {
                self.heal();
                self.start_append();
                return None;
            }
            Err(LogError::Unavailable(error)) => {
                metrics::counter!("codesync_append_retries_total").increment(1);
                warn!(%error, "the log cannot be reached: the append is tried again");
                let pause = self.backed_off();
                self.ask_append(pause);
                return None;
            }
            Err(error @ LogError::Failed(_)) => {
                metrics::counter!("codesync_append_failures_total").increment(1);
                error!(%error, "append failed: the room ends, its clients send again");
                return Some(CloseReason::Resync);
            }
        };
        self.pause = PAUSE;
        self.appending.clear();
        self.written = appended.last;
        if let (true, Some(Healing::Restoring(last, _))) = (self.append_is_whole, &self.healing) {
            self.chain.reset(*last);
            self.healing = None;
            self.grown(1, 0);
        }
        if let Some(received) = self.state.appended() {
            metrics::histogram!("codesync_edit_to_durable_seconds").record(received.elapsed());
        }
        let ended = match self.chain.heard(appended, Vec::new()) {
            // What was heard early and waited for our own piece.
            Ok(updates) => self.follow(updates).await.1,
            Err(Broken) => {
                self.heal();
                None
            }
        };
        if self.chain.waits() {
            self.look_at.get_or_insert(Instant::now() + LOOK_DELAY);
        }
        self.start_append();
        ended
    }

    /// Takes the snapshot in a task of its own: the room goes on meanwhile.
    fn compact(&mut self) {
        self.compacting = true;
        self.compact_started = Instant::now();
        self.snapshot_at = None;
        let (rooms, doc, myself, seen) = (self.rooms.clone(), self.doc, self.myself.clone(), self.chain.seen());
        let stop = self.rooms.tasks().stop().clone();
        self.rooms.tasks().spawn(async move {
            let done = tokio::select! {
                done = rooms.compact(doc, seen) => done,
                // It may end anywhere, and a drain has no time for the snapshots of all rooms.
                () = stop.cancelled() => return,
            };
            if let Some(room) = myself.upgrade() {
                let _ = room.send(Command::Compacted(done)).await;
            }
        });
    }

    fn compacted(&mut self, done: Option<Offset>) {
        let Some(offset) = done else {
            self.snapshots_failed += 1;
            self.snapshot_not_before = Instant::now() + self.backoff().mul_f64(rand::random_range(0.5..1.0));
            self.snapshot_at = Some(self.snapshot_not_before);
            return;
        };
        self.snapshots_failed = 0;
        if offset >= self.chain.seen() {
            metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(self.behind_bytes as f64);
            (self.behind_updates, self.behind_bytes) = (0, 0);
            self.rooms.unarchived().set(self.doc, None);
        } else {
            // What it left out came after it had begun.
            self.rooms.unarchived().set(self.doc, Some(self.compact_started));
        }
    }

    /// Doubles with each failure, up to the configured bound.
    fn backoff(&self) -> Duration {
        let config = self.rooms.config();
        let doubled = config.snapshot_delay.saturating_mul(2_u32.saturating_pow(self.snapshots_failed));
        doubled.min(config.snapshot_retry_max)
    }

    /// Nobody was here for a while: a last snapshot, and the room ends. While none can be taken it stays, for who comes
    /// back would find a document that does not load; unless there are too many such rooms.
    async fn leave(&mut self) -> Option<CloseReason> {
        self.idle_at = Instant::now() + EXPIRE_INTERVAL;
        if self.compacting || self.healing.is_some() || self.append.is_some() {
            return None;
        }
        if self.behind_updates > 0 && !(self.snapshots_failed > 0 && self.rooms.is_crowded()) {
            if self.snapshots_failed == 0 {
                // Its end comes as a command and sets the time anew.
                self.compact();
            }
            return None;
        }
        // The log may have been lost since it was looked at, and this replica be all that is left.
        let seen = self.chain.seen();
        match self.rooms.storage().log.read(self.doc, seen).await {
            Ok(contents) if contents.last >= seen => {}
            Ok(_) => {
                self.heal();
                return None;
            }
            Err(error) => {
                warn!(%error, "the log could not be looked at: the room stays");
                return None;
            }
        }
        // Someone may have come meanwhile.
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
