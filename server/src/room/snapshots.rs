//! When the next snapshot of a room is due: some time after its log has grown, with a pause between two, and with
//! growing pauses while none can be taken.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc::WeakSender, time::Instant};

use super::{Command, Mail, parts::Parts};
use crate::{ids::DocId, offset::Offset};

/// The shortest interval between the starts of two snapshots, however much is written.
const PACE_MIN: Duration = Duration::from_secs(5);
/// The longest interval between two during continuous editing.
const PACE_MAX: Duration = Duration::from_secs(60);
/// The pause as a multiple of the duration of the last snapshot, so that a large document takes only a small part of
/// the time; and the same for a log that has become so long that loading takes long.
const PAUSE_FACTOR: u32 = 20;
const PAUSE_FACTOR_LONG: u32 = 4;
/// The bytes behind the snapshot above which a log counts as long.
const LONG_BYTES: usize = 8 << 20;

pub(super) struct Snapshots {
    doc: DocId,
    parts: Arc<Parts>,
    /// When the next snapshot is due; none while nothing is new.
    due: Option<Instant>,
    /// When the current snapshot began, and how many updates and bytes it covers at least.
    begun: Option<(Instant, usize, usize)>,
    pace: Pace,
    /// The number of failures in a row, and until when no attempt is made: an outage of the store must not cause more
    /// load.
    failed: u32,
    not_before: Instant,
    /// Updates and bytes in the log that no snapshot covers.
    behind_updates: usize,
    behind_bytes: usize,
}

/// The growth of a log.
#[derive(Default)]
pub(super) struct Growth {
    updates: usize,
    bytes: usize,
    /// Whether the document was edited; otherwise only edits that it holds already were appended.
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
    /// The snapshots of a document with uncovered updates and bytes in its log.
    pub(super) fn new(doc: DocId, parts: Arc<Parts>, behind_updates: usize, behind_bytes: usize) -> Self {
        let now = Instant::now();
        metrics::gauge!("codesync_log_bytes_behind_snapshot").increment(behind_bytes as f64);
        // How long they have been in the log is unknown.
        parts.gauges.unarchived.set(doc, (behind_updates > 0).then_some(now));
        let due = (behind_updates > 0).then(|| now + parts.config.snapshot_delay);
        let delay = parts.config.snapshot_delay;
        let pace = Pace { shortest: delay.min(PACE_MIN), delay, begun: None, took: Duration::ZERO, grown_at: now };
        Self { doc, parts, due, begun: None, pace, failed: 0, not_before: now, behind_updates, behind_bytes }
    }

    /// When to begin the next snapshot.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.due.filter(|_| !self.is_under_way())?.max(self.not_before);
        Some(self.pace.next(self.is_long()).map_or(due, |next| due.max(next)))
    }

    /// Whether too much is covered by no snapshot.
    fn is_long(&self) -> bool {
        self.behind_updates >= self.parts.config.snapshot_updates_max || self.behind_bytes >= LONG_BYTES
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether the log holds something that no snapshot covers.
    pub(super) fn is_behind(&self) -> bool {
        self.behind_updates > 0
    }

    /// Whether the last snapshot failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Records growth of the log.
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

    /// The last peer has left: a snapshot is due at once.
    pub(super) fn hurry(&mut self) {
        if self.is_behind() {
            self.due = Some(Instant::now());
            self.pace.took = Duration::ZERO;
        }
    }

    /// Takes a snapshot of `seen` or later in a separate task, which sends the result to the room.
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
                // It may stop at any point, and a drain has no time for the snapshots of all rooms.
                () = stop.cancelled() => return,
            };
            if let Some(room) = room.upgrade() {
                let _ = room.send(Box::new(Command::Compacted(done))).await;
            }
        });
    }

    /// The current snapshot covers that offset, or failed; the log is at `seen` by now.
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
            self.reset();
        } else if let Some((begun, updates, bytes)) = begun {
            // Updates that it does not cover were written after it had begun.
            self.behind_updates = self.behind_updates.saturating_sub(updates).max(1);
            let bytes = bytes.min(self.behind_bytes);
            self.behind_bytes -= bytes;
            metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(bytes as f64);
            self.parts.gauges.unarchived.set(self.doc, Some(begun));
        }
    }

    /// Counts nothing as uncovered: there is a snapshot of everything.
    fn reset(&mut self) {
        metrics::gauge!("codesync_log_bytes_behind_snapshot").decrement(self.behind_bytes as f64);
        (self.behind_updates, self.behind_bytes) = (0, 0);
        self.parts.gauges.unarchived.set(self.doc, None);
    }

    /// Stops counting, because the room ends.
    pub(super) fn end(&mut self) {
        self.reset();
        self.parts.gauges.edited.remove(self.doc);
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
    /// From the start of one to the start of the next.
    shortest: Duration,
    /// How long nothing is written until the document counts as quiet.
    delay: Duration,
    begun: Option<Instant>,
    /// The duration of the last snapshot.
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
