//! The task of a room: mailbox to state to effects. One flush, one append, then acknowledgements. Owns the timers; decides
//! when the room ends. A log that cannot be reached is tried again while the peers go on, unacknowledged and bounded; a
//! log that fails ends the room: whoever was not acknowledged sends again to the room that loads next.

use std::time::Duration;

use codesync_crdt::{Limits, decode_awareness};
use futures_util::StreamExt;
use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep_until},
};
use tracing::{Instrument, info_span, warn};

use super::{
    Command, Mail, RoomHandle,
    follower::{Event, Follower},
    presence::people,
    registry::Rooms,
    snapshots::Snapshots,
    state::{Effects, State},
};
use crate::{
    error::CloseReason,
    give_way::give_way,
    ids::DocId,
    log::{Heard, Tail},
    relay::{self, Relayed},
    storage::Loaded,
};

/// Commands that wait for a room; when full, sessions wait and so slow their clients down.
const MAILBOX_MAX: usize = 256;
/// Commands that are taken in between two looks at everything else.
const DRAIN_MAX: usize = 128;
/// How often silent clients are looked for.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest time between two announcements of who is here.
const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(250);

pub(super) struct Actor {
    doc: DocId,
    rooms: Rooms,
    mailbox: mpsc::Receiver<Mail>,
    myself: mpsc::WeakSender<Mail>,
    tail: Tail,
    relayed: Relayed,
    state: State,
    log: Follower,
    started: Instant,
    flush_at: Instant,
    idle_at: Instant,
    /// Who came and went until the other nodes were last told.
    announced: u64,
    announced_at: Instant,
}

enum Next {
    Stop,
    Log(Event),
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
    let snapshots = Snapshots::new(doc, rooms.clone(), entries, entry_bytes);
    let actor = Box::new(Actor {
        doc,
        rooms: rooms.clone(),
        mailbox,
        myself: sender.downgrade(),
        tail,
        relayed,
        state: State::new(document, fresh_client(), config.document_bytes_max),
        log: Follower::new(doc, rooms.clone(), offset, snapshots),
        started: now,
        flush_at: now,
        idle_at: now + config.idle,
        announced: 0,
        announced_at: now.checked_sub(ANNOUNCE_INTERVAL * 2).unwrap_or(now),
    });
    rooms.relay().say(doc, relay::Said::Hello);
    rooms.tasks().spawn(actor.run().instrument(info_span!("room", doc.id = %doc)));
    RoomHandle { doc, mailbox: sender }
}

/// A client id that nobody else uses: 53 random bits.
fn fresh_client() -> codesync_crdt::ClientId {
    rand::random::<u64>() >> 11
}

impl Actor {
    async fn run(mut self: Box<Self>) {
        metrics::gauge!("codesync_rooms_live").increment(1);
        let reason = self.run_inner().await;
        self.mailbox.close();
        self.state.end(reason);
        self.rooms.relay().announce(self.doc, Vec::new());
        self.log.snapshots.forget();
        // Who asked meanwhile opens the room anew, and must not find this one.
        self.rooms.forget(self.doc, &self.myself);
        metrics::gauge!("codesync_rooms_live").decrement(1);
    }

    async fn run_inner(&mut self) -> CloseReason {
        let stop = self.rooms.tasks().stop().clone();
        let mut expire = interval(EXPIRE_INTERVAL);
        let mut commands = Vec::new();
        loop {
            let idle = self.state.is_empty() && self.state.is_durable();
            let may_stop = self.state.is_durable() && !self.log.is_healing();
            let snapshot_due = self.log.snapshots.due();
            let next = tokio::select! {
                // The mailbox of a busy room is never empty: what must not starve behind it stands before it.
                biased;
                event = self.log.next() => Next::Log(event),
                () = sleep_until(self.flush_at), if self.state.has_outgoing() => Next::Flush,
                () = sleep_until(snapshot_due.unwrap_or(self.flush_at)), if snapshot_due.is_some() => Next::Snapshot,
                _ = expire.tick() => Next::Expire,
                () = stop.cancelled(), if may_stop => Next::Stop,
                input = Self::input(
                    &mut self.mailbox, &mut self.tail, &mut self.relayed, &mut commands, self.state.accepts()
                ) => Next::Input(input),
                () = sleep_until(self.idle_at), if idle => Next::Idle,
            };
            if let Err(reason) = self.step(next, &mut commands).await {
                return reason;
            }
        }
    }

    /// Does what is next; an error ends the room.
    async fn step(&mut self, next: Next, commands: &mut Vec<Mail>) -> Result<(), CloseReason> {
        let mut effects = Effects::default();
        match next {
            Next::Stop | Next::Input(Input::Commands(0)) => return Err(CloseReason::Unavailable),
            Next::Idle => return self.leave().await,
            Next::Log(event) => self.log.handle(event, &mut self.state, &mut effects).await?,
            Next::Input(Input::Commands(_)) => return self.take_in(commands).await,
            Next::Input(Input::Heard(heard)) => self.log.hear(heard, &mut self.state, &mut effects),
            Next::Input(Input::Relayed(said)) => self.relayed(said),
            Next::Flush => self.flush(),
            Next::Snapshot => self.log.snapshots.begin(self.log.seen(), self.myself.clone()),
            Next::Expire => {
                self.state.expire(self.now_ms());
                self.announce();
            }
        }
        if effects.rebuild {
            Box::pin(self.rebuild()).await?;
        }
        self.flush_when_due();
        Ok(())
    }

    /// Waits for what comes first, without preference: neither our peers nor the other nodes may starve the others.
    async fn input(
        mailbox: &mut mpsc::Receiver<Mail>,
        tail: &mut Tail,
        relayed: &mut Relayed,
        commands: &mut Vec<Mail>,
        accepts: bool,
    ) -> Input {
        tokio::select! {
            count = mailbox.recv_many(commands, DRAIN_MAX), if accepts => Input::Commands(count),
            Some(heard) = tail.next() => Input::Heard(heard),
            Some(said) = relayed.next() => Input::Relayed(said),
            else => std::future::pending().await,
        }
    }

    async fn take_in(&mut self, commands: &mut Vec<Mail>) -> Result<(), CloseReason> {
        let mut effects = Effects::default();
        let now_ms = self.now_ms();
        metrics::histogram!("codesync_mailbox_commands").record(commands.len() as f64);
        for command in commands.drain(..) {
            if let Command::Compacted(done) = *command {
                self.log.snapshots.ended(done, self.log.seen());
            }
            give_way(command.bytes(), || self.state.handle(*command, now_ms, &mut effects));
            if std::mem::take(&mut effects.rebuild) {
                Box::pin(self.rebuild()).await?;
            }
        }
        if effects.end {
            return Err(CloseReason::Resync);
        }
        if effects.snapshot {
            self.log.snapshots.hurry();
        }
        self.idle_at = Instant::now() + self.rooms.idle();
        self.flush_when_due();
        if self.state.changes() != self.announced && self.announced_at.elapsed() > ANNOUNCE_INTERVAL {
            self.announce();
        }
        Ok(())
    }

    /// Tells the other nodes who is here; what is not told at once is with the next look for silent clients.
    fn announce(&mut self) {
        if self.state.is_empty() && self.state.changes() == self.announced {
            return;
        }
        (self.announced, self.announced_at) = (self.state.changes(), Instant::now());
        self.rooms.relay().announce(self.doc, people(self.state.members()));
    }

    fn relayed(&mut self, said: relay::Said) {
        match said {
            relay::Said::Hello => {
                if let Some(presence) = self.state.own_presence() {
                    self.rooms.relay().say(self.doc, relay::Said::Awareness(presence));
                }
            }
            relay::Said::Lost => self.log.heal("another node misses something"),
            relay::Said::Awareness(states) => match decode_awareness(&states, &Limits::default()) {
                Ok(entries) => self.state.take_in_presence(entries, self.now_ms()),
                Err(error) => warn!(%error, "presence from another node does not decode"),
            },
        }
    }

    /// The first edit after a quiet time goes out at once, those of a busy time together.
    fn flush_when_due(&mut self) {
        if self.state.has_outgoing() && self.flush_at <= Instant::now() {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Some(presence) = self.state.flush() {
            self.rooms.relay().say(self.doc, relay::Said::Awareness(presence));
        }
        self.flush_at = Instant::now() + self.rooms.config().fan_out_interval;
        self.log.start_append(&mut self.state);
    }

    /// Goes on with another replica in place of one that was lost.
    async fn rebuild(&mut self) -> Result<(), CloseReason> {
        metrics::counter!("codesync_replicas_rebuilt_total").increment(1);
        self.flush();
        self.log.rebuild(&mut self.state).await
    }

    /// Nobody was here for a while: a last snapshot, and the room ends. While none can be taken it stays, for who comes
    /// back would find a document that does not load; unless there are too many such rooms.
    async fn leave(&mut self) -> Result<(), CloseReason> {
        self.idle_at = Instant::now() + EXPIRE_INTERVAL;
        let (is_behind, has_failed) = (self.log.snapshots.is_behind(), self.log.snapshots.has_failed());
        if self.log.snapshots.is_under_way() || self.log.is_busy() {
            return Ok(());
        }
        if is_behind && !(has_failed && self.rooms.is_crowded()) {
            if !has_failed {
                // Its end comes as a command and sets the time anew.
                self.log.snapshots.hurry();
            }
            return Ok(());
        }
        // The log may have been lost since it was looked at, and this replica be all that is left. Someone may have come
        // while it is looked at once more.
        if self.log.is_whole().await && self.mailbox.is_empty() { Err(CloseReason::Resync) } else { Ok(()) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("a room lives less than 500 million years")
    }
}
