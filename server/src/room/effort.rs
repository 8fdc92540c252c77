//! The cost of a user for a room: new authors, and the processor time of edits. Counted per user, so that another
//! socket adds no allowance. A few hostile kilobytes can keep yrs busy for seconds.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::close::CloseReason;

/// New authors that a user may add at once, and per second. Each makes later edits at the same place more expensive for
/// everyone.
const AUTHORS: Rate = Rate { burst: 256, per_s: 4 };
/// Microseconds beyond the time of ordinary edits that a user may use at once, and per second.
const EXCESS_US: Rate = Rate { burst: 3_000_000, per_s: 50_000 };
/// The longest time of an ordinary edit: this, plus a microsecond per byte.
const HONEST: Duration = Duration::from_millis(1);
/// The deadline for applying one update: this, plus a microsecond per byte, plus a nanosecond for each place and 128
/// bytes of the document, because at each place yrs may move the list of all blocks. The maximum bounds the sum.
const GIVE_UP: Duration = Duration::from_millis(500);
const MOVED_BYTES_A_NS: usize = 128;
const GIVE_UP_MAX: Duration = Duration::from_secs(5);

/// How old a reading of the thread's clock may be to count as current.
const READ_AGAIN: Duration = Duration::from_micros(200);

struct Rate {
    burst: u64,
    per_s: u64,
}

/// An allowance that refills over time.
#[derive(Debug)]
struct Allowance {
    used: u64,
    at_ms: u64,
}

impl Allowance {
    fn new(now_ms: u64) -> Self {
        Self { used: 0, at_ms: now_ms }
    }

    fn left(&mut self, rate: &Rate, now_ms: u64) -> u64 {
        let gained = now_ms.saturating_sub(self.at_ms).saturating_mul(rate.per_s) / 1_000;
        if gained > 0 {
            self.used = self.used.saturating_sub(gained);
            self.at_ms = now_ms;
        }
        rate.burst.saturating_sub(self.used)
    }
}

/// The allowances of one user in one room.
#[derive(Debug)]
pub(super) struct Effort {
    authors: Allowance,
    excess_us: Allowance,
}

impl Effort {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { authors: Allowance::new(now_ms), excess_us: Allowance::new(now_ms) }
    }

    /// Checks whether an edit with `new_authors` is accepted now; an error is the reason to close the socket.
    pub(super) fn check(&mut self, new_authors: usize, now_ms: u64) -> Result<(), CloseReason> {
        if self.excess_us.left(&EXCESS_US, now_ms) == 0 {
            return Err(CloseReason::TooCostly);
        }
        if new_authors == 0 {
            return Ok(());
        }
        if self.authors.left(&AUTHORS, now_ms) == 0 {
            return Err(CloseReason::TooManyAuthors);
        }
        // One update is one pass over the place, however many authors it adds.
        self.authors.used += 1;
        Ok(())
    }

    /// Charges the time of applying `bytes` beyond that of ordinary edits.
    pub(super) fn charge(&mut self, bytes: usize, took: Duration) {
        let excess = took.saturating_sub(HONEST + a_microsecond_each(bytes));
        self.excess_us.used += u64::try_from(excess.as_micros()).unwrap_or(u64::MAX);
    }

    /// Whether all allowances of the user are full again.
    pub(super) fn is_rested(&mut self, now_ms: u64) -> bool {
        self.authors.left(&AUTHORS, now_ms) == AUTHORS.burst
            && self.excess_us.left(&EXCESS_US, now_ms) == EXCESS_US.burst
    }
}

/// The deadline of applying an update of `bytes` that changes `places` of a document of `size` bytes.
pub(super) fn deadline(bytes: usize, places: usize, size: usize) -> Duration {
    let moved = Duration::from_nanos((places as u64).saturating_mul((size / MOVED_BYTES_A_NS) as u64));
    (GIVE_UP + a_microsecond_each(bytes)).saturating_add(moved).min(GIVE_UP_MAX)
}

fn a_microsecond_each(bytes: usize) -> Duration {
    Duration::from_micros(bytes as u64)
}

/// Measures processor time of this thread, at most `READ_AGAIN` too much, so that load of other processes is not
/// charged. Reading that clock takes as long as many edits do. So it is read rarely, and not at all for an edit that
/// took an ordinary time by any clock.
pub(super) struct Stopwatch {
    started: Instant,
    thread_time: Duration,
}

thread_local! {
    static LAST_READ: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

impl Stopwatch {
    pub(super) fn start() -> Self {
        let started = Instant::now();
        let fresh = LAST_READ.get().filter(|(at, _)| started.duration_since(*at) < READ_AGAIN);
        let (_, thread_time) = fresh.unwrap_or_else(|| {
            let read = (started, thread_time());
            LAST_READ.set(Some(read));
            read
        });
        Self { started, thread_time }
    }

    pub(super) fn elapsed(&self) -> Duration {
        let by_the_wall = self.started.elapsed();
        if by_the_wall <= HONEST {
            by_the_wall
        } else {
            thread_time().saturating_sub(self.thread_time).min(by_the_wall)
        }
    }
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_measured_and_waiting_is_not() {
        let (work, wait) = (Duration::from_millis(5), Duration::from_millis(50));
        for _ in 0..2 {
            let (stopwatch, before) = (Stopwatch::start(), thread_time());
            std::thread::sleep(wait);
            assert!(stopwatch.elapsed() < wait / 2, "waiting cost {:?}", stopwatch.elapsed());
            while thread_time() - before < work {}
            let elapsed = stopwatch.elapsed();
            assert!(elapsed >= work && elapsed < wait, "work cost {elapsed:?}");
        }
    }
}
