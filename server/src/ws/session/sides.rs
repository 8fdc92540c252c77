//! Futures side by side in one task. The first is polled whenever the task is, with the task's own waker; the others
//! only when they were woken themselves, because a write to an idle client must not cost a read of its socket. Smaller
//! than the general sets of futures.

use std::{
    array,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// One of the futures.
pub(super) type Side<'a, T> = Pin<&'a mut (dyn Future<Output = T> + Send)>;

/// Which of the others were woken, one bit each, and the task that polls them.
struct Bells {
    rung: AtomicU8,
    task: Mutex<Waker>,
}

impl Bells {
    fn task(&self) -> MutexGuard<'_, Waker> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the task for one of them.
struct Bell {
    bit: u8,
    bells: Arc<Bells>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.bells.rung.fetch_or(self.bit, Ordering::Release);
        let task = self.bells.task().clone();
        task.wake();
    }
}

/// The output of the future that ends first.
pub(super) fn first<'a, T, const N: usize>(
    mut foremost: Side<'a, T>,
    mut others: [Side<'a, T>; N],
) -> impl Future<Output = T> {
    const { assert!(N <= u8::BITS as usize) };
    let bells = Arc::new(Bells { rung: AtomicU8::new(u8::MAX), task: Mutex::new(Waker::noop().clone()) });
    let bit = |side: usize| 1_u8 << side;
    let wakers: [Waker; N] = array::from_fn(|side| Arc::new(Bell { bit: bit(side), bells: Arc::clone(&bells) }).into());
    // The stored waker: compared at every poll, without the lock.
    let mut known = Waker::noop().clone();
    poll_fn(move |task| {
        if let ended @ Poll::Ready(_) = foremost.as_mut().poll(task) {
            return ended;
        }
        // Before the bits are read, so that a later wake-up wakes the task.
        if !known.will_wake(task.waker()) {
            known.clone_from(task.waker());
            bells.task().clone_from(task.waker());
        }
        // Most often none was woken, and the shared data is only read.
        if bells.rung.load(Ordering::Acquire) == 0 {
            return Poll::Pending;
        }
        let rung = bells.rung.swap(0, Ordering::Acquire);
        for (at, (side, waker)) in others.iter_mut().zip(&wakers).enumerate() {
            if rung & bit(at) == 0 {
                continue;
            }
            if let ended @ Poll::Ready(_) = side.as_mut().poll(&mut Context::from_waker(waker)) {
                return ended;
            }
        }
        Poll::Pending
    })
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        pin::pin,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use tokio::sync::Notify;

    use super::*;

    /// Counts its polls, and ends after `times` notifications.
    async fn counted(polls: &AtomicU32, told: &Notify, times: u32) -> u32 {
        let mut waits = pin!(async {
            for _ in 0..times {
                told.notified().await;
            }
        });
        poll_fn(|task| {
            polls.fetch_add(1, Relaxed);
            waits.as_mut().poll(task)
        })
        .await;
        times
    }

    #[tokio::test]
    async fn a_side_is_polled_only_when_it_was_woken() {
        let (quiet, busy) = (Notify::new(), Notify::new());
        let (quiet_polls, busy_polls) = (AtomicU32::new(0), AtomicU32::new(0));
        let both = async {
            let (quiet, busy) = (counted(&quiet_polls, &quiet, 1), counted(&busy_polls, &busy, 100));
            first(pin!(pending()), [pin!(quiet), pin!(busy)]).await
        };
        let tell = async {
            for _ in 0..100 {
                busy.notify_one();
                tokio::task::yield_now().await;
            }
        };
        let (ended, ()) = tokio::join!(both, tell);
        assert_eq!(ended, 100);
        assert_eq!(quiet_polls.load(Relaxed), 1);
        assert!(busy_polls.load(Relaxed) > 50);
    }

    #[tokio::test]
    async fn it_moves_to_another_task() {
        let told = Arc::new(Notify::new());
        let polls = AtomicU32::new(0);
        let mut sides = Box::pin(async { first(pin!(pending()), [pin!(counted(&polls, &told, 1))]).await });
        assert!(futures_util::poll!(sides.as_mut()).is_pending());
        let ended = tokio::join!(tokio::time::timeout(std::time::Duration::from_secs(5), sides), async {
            tokio::task::yield_now().await;
            told.notify_one();
        });
        assert_eq!(ended.0, Ok(1));
    }

    #[tokio::test]
    async fn any_side_may_end_it() {
        assert_eq!(first(pin!(async { 1 }), [pin!(pending())]).await, 1);
        assert_eq!(first(pin!(pending()), [pin!(async { 2 }), pin!(pending())]).await, 2);
        assert_eq!(first(pin!(pending()), [pin!(pending()), pin!(async { 3 })]).await, 3);
    }
}
