//! Long work in a task, without keeping the other tasks of its thread waiting.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Bytes from which on work on them may take long.
const LARGE_BYTES: usize = 8 << 10;

/// Does work on so many bytes; what may take long while other tasks go on, on other threads where there are some. A drain
/// waits for it, as it is part of its task.
pub(crate) fn give_way<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes < LARGE_BYTES {
        return work();
    }
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => work(),
        _ => tokio::task::block_in_place(work),
    }
}
