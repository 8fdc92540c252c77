//! The cost of an attack: peak memory, and time beside honest work of the same size.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use peak_alloc::PeakAlloc;

use crate::support::{Wire, check_and_apply, document};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Memory is measured for the whole process, so these tests take turns.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the peak of allocated bytes above the start, and the duration.
pub(crate) fn measure(work: impl FnOnce()) -> (usize, Duration) {
    ALLOCATED.reset_peak_usage();
    let (before, started) = (ALLOCATED.current_usage(), Instant::now());
    work();
    (ALLOCATED.peak_usage() - before, started.elapsed())
}

/// Asserts that `work` on the attack takes at most `ratio` times as long as one client's typing of as many bytes.
pub(crate) fn assert_cheap(attack: &Bytes, ratio: u32, mut work: impl FnMut()) {
    let honest = typing(attack.len());
    let best = |work: &mut dyn FnMut()| (0..3).map(|_| measure(&mut *work).1).min();
    let usual = best(&mut || drop(check_and_apply(&mut document(), &honest)));
    let attacked = best(&mut work);
    println!("{} bytes: {attacked:?}, honestly {usual:?}", attack.len());
    assert!(attacked < usual.map(|usual| usual * ratio), "{attacked:?} for {usual:?}");
}

/// An update of about `len` bytes in which each character was typed at another place.
fn typing(len: usize) -> Bytes {
    let structs = len as u64 / 8;
    let mut wire = Wire::default().numbers(&[1, structs, 1, 0]).root_text("x");
    for clock in 0..structs - 1 {
        wire = wire.text_after(1, clock / 2, "x");
    }
    wire.number(0).bytes()
}
