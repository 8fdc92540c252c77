//! What waits for one client: a bounded queue of frames that are encoded once and shared. Filled by the room without
//! waiting, emptied by the session. When it overflows it is dropped, but for a diff, and its owner is behind until the room
//! has put one diff into it: a slow client costs O(1) memory and nobody's time.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::close::CloseReason;

/// A frame and the moment when the edit in it arrived.
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

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for the session.
    Queued,
    /// It was dropped with all that waited: the client needs a diff.
    Dropped,
}

/// What the session finds when it looks.
#[derive(Debug, Default)]
pub struct Batch {
    /// The frames to write, in order.
    pub frames: SmallVec<[Frame; 1]>,
    /// The queue was dropped, for this many times by now: ask the room for a diff once these are written, once each time.
    pub behind: Option<u64>,
    /// Asks for a sign of life.
    pub ping: bool,
    /// Answers the client's newest ping.
    pub pong: Option<Bytes>,
    /// Write these frames, then close.
    pub close: Option<CloseReason>,
}

/// The queue, shared by the room and the session, of which one future at a time takes.
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
    /// Where the diff stands among the frames.
    diff: Option<usize>,
    drops: u64,
    /// There is something that the session has not seen.
    news: bool,
    /// The session, where it waits for news.
    waiting: Option<Waker>,
}

impl Queue {
    /// Drops all but the diff: the room counts on it that what it gave once arrives.
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

    /// Adds a frame, or drops what waits if there is too much. One larger than the whole limit goes into an empty queue.
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
        tell(queue);
        pushed
    }

    /// Adds the one frame that no limit counts and that is dropped with no others. Only one may wait, in a queue that is
    /// not behind.
    pub fn push_diff(&self, frame: Frame) {
        let mut queue = self.queue();
        queue.diff = Some(queue.batch.frames.len());
        queue.batch.frames.push(frame);
        tell(queue);
    }

    /// Drops what waits: the client is to be brought up to date with a diff as soon as it takes anything.
    pub fn fall_behind(&self) {
        let mut queue = self.queue();
        // Once is enough until the room has put its diff: of two the first might be dropped.
        if queue.batch.behind.is_none() {
            queue.drop_all();
        }
        tell(queue);
    }

    /// Takes frames again: the room is about to push the diff.
    pub fn resume(&self) {
        self.queue().batch.behind = None;
    }

    /// Whether it was dropped and waits for the diff.
    pub fn is_behind(&self) -> bool {
        self.queue().batch.behind.is_some()
    }

    /// Whether everything pushed was taken by the session and none of it dropped.
    pub fn is_drained(&self) -> bool {
        let queue = self.queue();
        queue.batch.frames.is_empty() && queue.batch.behind.is_none()
    }

    /// Has the session ping its client.
    pub fn ping(&self) {
        let mut queue = self.queue();
        queue.batch.ping = true;
        tell(queue);
    }

    /// Has the session answer a ping of the transport; of several the newest.
    pub fn pong(&self, payload: Bytes) {
        let mut queue = self.queue();
        queue.batch.pong = Some(payload);
        tell(queue);
    }

    /// Has the session close the socket after what waits; the first reason stays.
    pub fn close(&self, reason: CloseReason) {
        let mut queue = self.queue();
        queue.batch.close.get_or_insert(reason);
        tell(queue);
    }

    /// Takes everything that waits, once there is something that was not seen before.
    pub fn take(&self) -> impl Future<Output = Batch> {
        poll_fn(|session| {
            let mut queue = self.queue();
            if !std::mem::take(&mut queue.news) {
                queue.waiting = Some(session.waker().clone());
                return Poll::Pending;
            }
            (queue.bytes, queue.diff) = (0, None);
            // It stays behind until the room says otherwise, and closed for good.
            let Batch { behind, close, .. } = queue.batch;
            Poll::Ready(std::mem::replace(&mut queue.batch, Batch { behind, close, ..Batch::default() }))
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held; were it so, the queue would still be whole.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the session, which must not find the queue held.
fn tell(mut queue: MutexGuard<'_, Queue>) {
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
    async fn hands_over_what_waits_in_one_batch() {
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
    async fn keeps_the_diff_whatever_else_is_dropped() {
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
