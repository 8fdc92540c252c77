//! Long work in a task, without delaying the other tasks of its thread.

use tokio::runtime::{Handle, RuntimeFlavor};

/// The size in bytes above which work may take long.
const LARGE_BYTES: usize = 8 << 10;

/// Runs work on `bytes`. If it may take long, other tasks move to other threads, if there are any. A drain waits
/// for it, because it is part of its task.
pub(crate) fn yield_if_large<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes < LARGE_BYTES {
        return work();
    }
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}
