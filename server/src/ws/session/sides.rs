//! Two futures side by side in one task, each polled only when it was woken itself: what is written to an idle client must
//! not cost it a look into its socket. Smaller than the sets of futures that do the same for any number.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake},
};

use futures_util::task::AtomicWaker;

/// Wakes the task on behalf of one side.
struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Bell {
    fn rung() -> Arc<Self> {
        Arc::new(Self { rung: AtomicBool::new(true), task: AtomicWaker::new() })
    }

    fn poll<T>(self: &Arc<Self>, side: Pin<&mut impl Future<Output = T>>, task: &Context<'_>) -> Poll<T> {
        // Before the look, so that whoever rings after it wakes the task.
        self.task.register(task.waker());
        if !self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        side.poll(&mut Context::from_waker(&Arc::clone(self).into()))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

/// What the side gives that ends first.
pub(super) fn first<T>(
    mut one: Pin<&mut impl Future<Output = T>>,
    mut other: Pin<&mut impl Future<Output = T>>,
) -> impl Future<Output = T> {
    let (bell, other_bell) = (Bell::rung(), Bell::rung());
    poll_fn(move |task| match bell.poll(one.as_mut(), task) {
        Poll::Pending => other_bell.poll(other.as_mut(), task),
        ended => ended,
    })
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending, pin::pin};

    use tokio::sync::Notify;

    use super::*;

    /// Counts how often it is polled, and ends when it has been told to so many times.
    async fn counted(polls: &Cell<u32>, told: &Notify, times: u32) -> u32 {
        let mut waits = pin!(async {
            for _ in 0..times {
                told.notified().await;
            }
        });
        poll_fn(|task| {
            polls.set(polls.get() + 1);
            waits.as_mut().poll(task)
        })
        .await;
        times
    }

    #[tokio::test]
    async fn a_side_is_polled_only_when_it_was_woken() {
        let (quiet, busy) = (Notify::new(), Notify::new());
        let (quiet_polls, busy_polls) = (Cell::new(0), Cell::new(0));
        let both =
            async { first(pin!(counted(&quiet_polls, &quiet, 1)), pin!(counted(&busy_polls, &busy, 100))).await };
        let tell = async {
            for _ in 0..100 {
                busy.notify_one();
                tokio::task::yield_now().await;
            }
        };
        let (ended, ()) = tokio::join!(both, tell);
        assert_eq!(ended, 100);
        assert_eq!(quiet_polls.get(), 1);
        assert!(busy_polls.get() > 50);
    }

    #[tokio::test]
    async fn either_side_may_end_it() {
        assert_eq!(first(pin!(async { 1 }), pin!(pending())).await, 1);
        assert_eq!(first(pin!(pending()), pin!(async { 2 })).await, 2);
    }
}
