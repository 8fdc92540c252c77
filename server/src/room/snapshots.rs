//! When the snapshots of a room are due: some time after its log has grown, never without a pause between two, and later and
//! later while none can be taken.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc::WeakSender, time::Instant};

use super::{Command, Mail, parts::Parts};
use crate::{ids::DocId, offset::Offset};

/// The shortest pause from the beginning of one snapshot to the next, however much is written.
const PACE_MIN: Duration = Duration::from_secs(5);
/// The longest pause between two while everybody types on.
const PACE_MAX: Duration = Duration::from_secs(60);
/// How many times as long as the last one took the pause is, so that a large document costs no more than a small part of the
/// time; and while the log has grown so much that loading it takes long.
const PAUSE_FACTOR: u32 = 20;
const PAUSE_FACTOR_LONG: u32 = 4;
/// Bytes behind the snapshot from which on a log counts as long.
const LONG_BYTES: usize = 8 << 20;

pub(super) struct Snapshots {
    doc: DocId,
    parts: Arc<Parts>,
    /// When the next one is due; none while there is nothing new.
    due: Option<Instant>,
    /// When the one under way was begun, and how many updates and bytes it covers at least.
    begun: Option<(Instant, usize, usize)>,
    pace: Pace,
    /// Those in a row that could not be taken, and until when none is tried: an outage of the store must not be answered
    /// with load.
    failed: u32,
    not_before: Instant,
    /// Updates and bytes in the log that no snapshot holds.
    behind_updates: usize,
    behind_bytes: usize,
}

/// By how much a log has grown.
#[derive(Default)]
pub(super) struct Growth {
    updates: usize,
    bytes: usize,
    /// The document was edited; otherwise only edits that it holds already were appended.
    is_edit: bool,
}

impl Growth {
    /// Edits were appended.
    pub(super) fn edited(&mut self, updates: usize, bytes: usize) {
        self.is_edit = true;
        self.grown(updates, bytes);
    }

    /// Edits that the document holds already were appended.
    pub(super) fn grown(&mut self, updates: usize, bytes: usize) {
        self.updates += updates;
        self.bytes += bytes;
    }
}

impl Snapshots {
    /// Those of a document of whose log so many updates and bytes are in no snapshot.
    pub(super) fn new(doc: DocId, parts: Arc<Parts>, behind_updates: usize, behind_bytes: usize) -> Self {
        let now = Instant::now();
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(behind_bytes as f64);
        // Since when they have stood in the log is not known.
        parts.gauges.unarchived.set(doc, (behind_updates > 0).then_some(now));
        let due = (behind_updates > 0).then(|| now + parts.config.snapshot_delay);
        let delay = parts.config.snapshot_delay;
        let pace = Pace { shortest: delay.min(PACE_MIN), delay, begun: None, took: Duration::ZERO, grown_at: now };
        Self { doc, parts, due, begun: None, pace, failed: 0, not_before: now, behind_updates, behind_bytes }
    }

    /// When to begin the next one.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.due.filter(|_| !self.is_under_way())?.max(self.not_before);
        Some(self.pace.next(self.is_long()).map_or(due, |next| due.max(next)))
    }

    /// Whether more is in no snapshot than should be.
    fn is_long(&self) -> bool {
        self.behind_updates >= self.parts.config.snapshot_updates_max || self.behind_bytes >= LONG_BYTES
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

    /// The log has grown.
    pub(super) fn note(&mut self, Growth { updates, bytes, is_edit }: Growth) {
        if updates == 0 {
            return;
        }
        if is_edit {
            self.parts.gauges.edited.now(self.doc);
        }
        let now = Instant::now();
        if self.behind_updates == 0 {
            self.parts.gauges.unarchived.set(self.doc, Some(now));
        }
        self.behind_updates += updates;
        self.behind_bytes += bytes;
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(bytes as f64);
        self.pace.grown_at = now;
        let due = if self.is_long() { now } else { now + self.parts.config.snapshot_delay };
        self.due = Some(self.due.map_or(due, |at| at.min(due)));
    }

    /// Nobody is here any more: what is new is not to wait.
    pub(super) fn hurry(&mut self) {
        if self.is_behind() {
            self.due = Some(Instant::now());
            self.pace.took = Duration::ZERO;
        }
    }

    /// Takes one of `seen` or later in a task of its own, which tells the room: that goes on meanwhile.
    pub(super) fn begin(&mut self, seen: Offset, room: WeakSender<Mail>) {
        let now = Instant::now();
        self.begun = Some((now, self.behind_updates, self.behind_bytes));
        self.pace.begun = Some(now);
        self.due = None;
        let (parts, doc) = (self.parts.clone(), self.doc);
        let stop = self.parts.tasks.stop().clone();
        self.parts.tasks.spawn(async move {
            let done = tokio::select! {
                done = parts.compact(doc, seen) => done,
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
        self.pace.took = begun.map_or(Duration::ZERO, |(begun, ..)| begun.elapsed());
        let Some(offset) = done else {
            self.failed += 1;
            self.not_before = Instant::now() + self.backoff().mul_f64(rand::random_range(0.5..1.0));
            self.due = Some(self.not_before);
            return;
        };
        self.failed = 0;
        if offset >= seen {
            self.forget();
        } else if let Some((begun, updates, bytes)) = begun {
            // What it left out was written after it had begun.
            self.behind_updates = self.behind_updates.saturating_sub(updates).max(1);
            let bytes = bytes.min(self.behind_bytes);
            self.behind_bytes -= bytes;
            metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(bytes as f64);
            self.parts.gauges.unarchived.set(self.doc, Some(begun));
        }
    }

    /// Counts nothing as behind any more: there is a snapshot of all.
    fn forget(&mut self) {
        metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(self.behind_bytes as f64);
        (self.behind_updates, self.behind_bytes) = (0, 0);
        self.parts.gauges.unarchived.set(self.doc, None);
    }

    /// Counts nothing any more, because the room ends.
    pub(super) fn end(&mut self) {
        self.forget();
        self.parts.gauges.edited.forget(self.doc);
    }

    /// Doubles with each failure, up to the configured bound.
    fn backoff(&self) -> Duration {
        let config = &self.parts.config;
        let doubled = config.snapshot_delay.saturating_mul(2_u32.saturating_pow(self.failed));
        doubled.min(config.snapshot_retry_max)
    }
}

/// The pauses between snapshots.
struct Pace {
    /// From the beginning of one to the beginning of the next.
    shortest: Duration,
    /// How long nothing is written before the document counts as quiet.
    delay: Duration,
    begun: Option<Instant>,
    /// How long the last one took.
    took: Duration,
    grown_at: Instant,
}

impl Pace {
    /// When the next snapshot may begin; none before the first. A document that has become quiet waits no longer.
    fn next(&self, is_long: bool) -> Option<Instant> {
        let begun = self.begun?;
        let factor = if is_long { PAUSE_FACTOR_LONG } else { PAUSE_FACTOR };
        let pause = (self.took * factor).min(PACE_MAX);
        let quiet = self.grown_at + self.delay;
        Some((begun + self.took + pause).min(quiet).max(begun + self.shortest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_pause_grows_with_the_cost_and_ends_soon_after_the_last_edit() {
        let begun = Instant::now();
        let pace = |took: Duration, grown: Duration| Pace {
            shortest: PACE_MIN,
            delay: PACE_MIN,
            begun: Some(begun),
            took,
            grown_at: begun + grown,
        };
        let next = |took, grown, is_long| pace(took, grown).next(is_long).expect("one has begun") - begun;
        let typing = SECOND * 1_000;
        assert_eq!(next(SECOND / 10, typing, false), SECOND * 5, "a cheap one");
        assert_eq!(next(SECOND / 10, typing, true), SECOND * 5, "however much is written");
        assert_eq!(next(SECOND, typing, false), SECOND * 21, "one that took a second");
        assert_eq!(next(SECOND, typing, true), SECOND * 5, "a long log");
        assert_eq!(next(SECOND * 8, typing, false), SECOND * 68, "the longest pause");
        assert_eq!(next(SECOND * 8, SECOND * 10, false), SECOND * 15, "soon after the last edit");
        assert_eq!(next(SECOND * 8, Duration::ZERO, false), SECOND * 5, "but not sooner than the shortest pause");
    }
}
