//! When the snapshots of a room are due: some time after its log has grown, and later and later while none can be taken.

use std::time::Duration;

use tokio::{sync::mpsc::WeakSender, time::Instant};

use super::{Command, Mail, registry::Rooms};
use crate::{ids::DocId, log::Offset};

pub(super) struct Snapshots {
    doc: DocId,
    rooms: Rooms,
    /// When the next one is due; none while there is nothing new.
    due: Option<Instant>,
    /// When the one under way was begun.
    begun: Option<Instant>,
    /// Those in a row that could not be taken, and until when none is tried: an outage of the store must not be answered
    /// with load.
    failed: u32,
    not_before: Instant,
    /// Updates and bytes in the log that no snapshot holds.
    behind_updates: usize,
    behind_bytes: usize,
}

impl Snapshots {
    /// Those of a document of whose log so many updates and bytes are in no snapshot.
    pub(super) fn new(doc: DocId, rooms: Rooms, behind_updates: usize, behind_bytes: usize) -> Self {
        let now = Instant::now();
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(behind_bytes as f64);
        // Since when they have stood in the log is not known.
        rooms.unarchived().set(doc, (behind_updates > 0).then_some(now));
        let due = (behind_updates > 0).then(|| now + rooms.config().snapshot_delay);
        Self { doc, rooms, due, begun: None, failed: 0, not_before: now, behind_updates, behind_bytes }
    }

    /// When to begin the next one.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.is_under_way()).map(|due| due.max(self.not_before))
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether the log has something that no snapshot holds.
    pub(super) fn is_behind(&self) -> bool {
        self.behind_updates > 0
    }

    /// Whether the last one could not be taken.
    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// The log has grown by so much.
    pub(super) fn grown(&mut self, updates: usize, bytes: usize) {
        let now = Instant::now();
        if self.behind_updates == 0 {
            self.rooms.unarchived().set(self.doc, Some(now));
        }
        self.behind_updates += updates;
        self.behind_bytes += bytes;
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(bytes as f64);
        let config = self.rooms.config();
        let delay = match self.behind_updates < config.snapshot_updates_max {
            true => config.snapshot_delay,
            false => Duration::ZERO,
        };
        let due = now + delay;
        self.due = Some(self.due.map_or(due, |at| at.min(due)));
    }

    /// Nobody is here any more: what is new is not to wait.
    pub(super) fn hurry(&mut self) {
        if self.is_behind() {
            self.due = Some(Instant::now());
        }
    }

    /// Takes one of `seen` or later in a task of its own, which tells the room: that goes on meanwhile.
    pub(super) fn begin(&mut self, seen: Offset, room: WeakSender<Mail>) {
        self.begun = Some(Instant::now());
        self.due = None;
        let (rooms, doc) = (self.rooms.clone(), self.doc);
        let stop = self.rooms.tasks().stop().clone();
        self.rooms.tasks().spawn(async move {
            let done = tokio::select! {
                done = rooms.compact(doc, seen) => done,
                // It may end anywhere, and a drain has no time for the snapshots of all rooms.
                () = stop.cancelled() => return,
            };
            if let Some(room) = room.upgrade() {
                let _ = room.send(Box::new(Command::Compacted(done))).await;
            }
        });
    }

    /// The one under way covers that offset, or could not be taken; the log is at `seen` by now.
    pub(super) fn ended(&mut self, done: Option<Offset>, seen: Offset) {
        let begun = self.begun.take();
        let Some(offset) = done else {
            self.failed += 1;
            self.not_before = Instant::now() + self.backoff().mul_f64(rand::random_range(0.5..1.0));
            self.due = Some(self.not_before);
            return;
        };
        self.failed = 0;
        if offset >= seen {
            self.forget();
        } else {
            // What it left out came after it had begun.
            self.rooms.unarchived().set(self.doc, begun);
        }
    }

    /// Counts nothing as behind any more: there is a snapshot of all, or the room ends.
    pub(super) fn forget(&mut self) {
        metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(self.behind_bytes as f64);
        (self.behind_updates, self.behind_bytes) = (0, 0);
        self.rooms.unarchived().set(self.doc, None);
    }

    /// Doubles with each failure, up to the configured bound.
    fn backoff(&self) -> Duration {
        let config = self.rooms.config();
        let doubled = config.snapshot_delay.saturating_mul(2_u32.saturating_pow(self.failed));
        doubled.min(config.snapshot_retry_max)
    }
}
