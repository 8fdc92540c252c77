//! The queue to one client: bounded, of frames that are encoded once and shared. The room fills it without waiting, and
//! the session empties it. On overflow everything but a diff is dropped, and the client is behind until the room pushes
//! one diff: a slow client costs constant memory and delays nobody.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::close::CloseReason;

/// A frame, and when its oldest edit arrived.
#[derive(Clone, Debug)]
pub struct Frame {
    /// One message, encoded.
    pub bytes: Bytes,
    /// When the oldest edit in it was read from its author's socket.
    pub received: Option<Instant>,
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), received: None }
    }
}

/// The result of pushing a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for the session.
    Queued,
    /// It was dropped with the whole queue: the client needs a diff.
    Dropped,
}

/// The waiting work of a session.
#[derive(Debug, Default)]
pub struct Batch {
    /// The frames to write, in order.
    pub frames: SmallVec<[Frame; 1]>,
    /// The queue was dropped, and how many times so far. Request a diff from the room after these frames, once for each
    /// number.
    pub behind: Option<u64>,
    /// Send a ping.
    pub ping: bool,
    /// Answer the newest ping of the client.
    pub pong: Option<Bytes>,
    /// Write these frames, then close.
    pub close: Option<CloseReason>,
}

/// The queue, shared by the room and the session. One future at a time may take from it.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    frames_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    batch: Batch,
    /// Bytes of all frames but the diff.
    bytes: usize,
    /// The position of the diff among the frames.
    diff: Option<usize>,
    drops: u64,
    /// There is something that the session has not taken.
    news: bool,
    /// The waker of the waiting session.
    waiting: Option<Waker>,
}

impl Queue {
    /// Drops everything but the diff, which the room assumes to arrive.
    fn drop_all(&mut self) {
        let diff = self.diff.take().map(|at| self.batch.frames.swap_remove(at));
        self.diff = diff.as_ref().map(|_| 0);
        self.batch.frames = diff.into_iter().collect();
        self.bytes = 0;
        self.drops += 1;
        self.batch.behind = Some(self.drops);
        metrics::counter!("codesync_outboxes_dropped_total").increment(1);
    }
}

impl Outbox {
    /// An empty outbox with its limits.
    pub fn new(frames_max: usize, bytes_max: usize) -> Self {
        let queue = Mutex::default();
        Self(Arc::new(Shared { queue, frames_max, bytes_max }))
    }

    /// Adds a frame, or drops the queue if it would be too long. A frame above the limit is accepted into an empty
    /// queue.
    pub fn push(&self, frame: Frame) -> Pushed {
        let mut queue = self.queue();
        if queue.batch.behind.is_some() {
            return Pushed::Dropped;
        }
        let full = queue.batch.frames.len() >= self.0.frames_max
            || (queue.bytes > 0 && queue.bytes + frame.bytes.len() > self.0.bytes_max);
        let pushed = if full {
            queue.drop_all();
            Pushed::Dropped
        } else {
            queue.bytes += frame.bytes.len();
            queue.batch.frames.push(frame);
            Pushed::Queued
        };
        wake_session(queue);
        pushed
    }

    /// Adds the diff, which counts towards no limit and is never dropped. Only one may wait, in a queue that is not
    /// behind.
    pub fn push_diff(&self, frame: Frame) {
        let mut queue = self.queue();
        queue.diff = Some(queue.batch.frames.len());
        queue.batch.frames.push(frame);
        wake_session(queue);
    }

    /// Drops the queue: the client gets a diff as soon as it reads again.
    pub fn fall_behind(&self) {
        let mut queue = self.queue();
        // Once is enough until the room has pushed its diff: of two, the first might be dropped.
        if queue.batch.behind.is_none() {
            queue.drop_all();
        }
        wake_session(queue);
    }

    /// Accepts frames again: the room is about to push the diff.
    pub fn resume(&self) {
        self.queue().batch.behind = None;
    }

    /// Whether the queue was dropped and waits for the diff.
    pub fn is_behind(&self) -> bool {
        self.queue().batch.behind.is_some()
    }

    /// Whether the session took everything that was pushed, and nothing was dropped.
    pub fn is_drained(&self) -> bool {
        let queue = self.queue();
        queue.batch.frames.is_empty() && queue.batch.behind.is_none()
    }

    /// Makes the session ping its client.
    pub fn ping(&self) {
        let mut queue = self.queue();
        queue.batch.ping = true;
        wake_session(queue);
    }

    /// Makes the session answer a ping of the transport; only the newest counts.
    pub fn pong(&self, payload: Bytes) {
        let mut queue = self.queue();
        queue.batch.pong = Some(payload);
        wake_session(queue);
    }

    /// Makes the session close the socket after the waiting frames; the first reason counts.
    pub fn close(&self, reason: CloseReason) {
        let mut queue = self.queue();
        queue.batch.close.get_or_insert(reason);
        wake_session(queue);
    }

    /// Takes everything that waits, as soon as there is something new.
    pub fn take(&self) -> impl Future<Output = Batch> {
        poll_fn(|session| {
            let mut queue = self.queue();
            if !std::mem::take(&mut queue.news) {
                queue.waiting = Some(session.waker().clone());
                return Poll::Pending;
            }
            (queue.bytes, queue.diff) = (0, None);
            // It stays behind until the room resumes it, and closed for good.
            let Batch { behind, close, .. } = queue.batch;
            Poll::Ready(std::mem::replace(&mut queue.batch, Batch { behind, close, ..Batch::default() }))
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while the lock is held; if it did, the queue would still be consistent.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the session, after the lock is released.
fn wake_session(mut queue: MutexGuard<'_, Queue>) {
    queue.news = true;
    let waiting = queue.waiting.take();
    drop(queue);
    if let Some(session) = waiting {
        session.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Frame {
        vec![0; bytes].into()
    }

    #[tokio::test]
    async fn takes_the_whole_queue_in_one_batch() {
        let outbox = Outbox::new(4, 100);
        outbox.push(frame(1));
        outbox.push(frame(2));
        let batch = outbox.take().await;
        assert_eq!(batch.frames.iter().map(|frame| frame.bytes.len()).collect::<Vec<_>>(), [1, 2]);
        assert!(batch.behind.is_none() && outbox.is_drained());
    }

    #[tokio::test]
    async fn drops_everything_past_a_limit_until_resumed() {
        for (frames, bytes) in [(3, 1), (2, 60)] {
            let outbox = Outbox::new(2, 100);
            for _ in 1..frames {
                assert_eq!(outbox.push(frame(bytes)), Pushed::Queued);
            }
            assert_eq!(outbox.push(frame(bytes)), Pushed::Dropped);
            let batch = outbox.take().await;
            assert!(batch.behind.is_some() && batch.frames.is_empty());
            assert_eq!(outbox.push(frame(1)), Pushed::Dropped);
            outbox.resume();
            assert_eq!(outbox.push(frame(1_000)), Pushed::Queued);
        }
    }

    #[tokio::test]
    async fn keeps_the_diff_when_everything_else_is_dropped() {
        let outbox = Outbox::new(3, 100);
        outbox.push(frame(1));
        outbox.push_diff(frame(1_000));
        assert_eq!(outbox.push(frame(60)), Pushed::Queued);
        for _ in 0..2 {
            assert_eq!(outbox.push(frame(60)), Pushed::Dropped);
        }
        let batch = outbox.take().await;
        assert_eq!(batch.frames.iter().map(|frame| frame.bytes.len()).collect::<Vec<_>>(), [1_000]);
        assert!(batch.behind.is_some());
        outbox.resume();
        outbox.push(frame(1));
        outbox.fall_behind();
        assert!(outbox.take().await.frames.is_empty(), "it is kept once");
    }
}
