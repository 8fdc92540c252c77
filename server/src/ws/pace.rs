//! The pace of a socket. A client above its rate is read more slowly, not closed: nothing is lost, and only this client
//! waits.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The burst of a socket, in seconds of its rate.
const BURST_S: f64 = 10.0;

/// A token bucket of messages.
#[derive(Debug)]
pub(super) struct Pace {
    per_s: f64,
    left: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(per_s: u32) -> Self {
        let per_s = f64::from(per_s.max(1));
        Self { per_s, left: per_s * BURST_S, at: Instant::now() }
    }

    /// Waits until one more message may be read.
    pub(super) async fn one(&mut self) {
        if self.left < 1.0 {
            let now = Instant::now();
            let gained = now.duration_since(self.at).as_secs_f64() * self.per_s;
            self.left = (self.left + gained).min(self.per_s * BURST_S);
            self.at = now;
        }
        if self.left < 1.0 {
            metrics::counter!("codesync_sockets_slowed_total").increment(1);
            sleep(Duration::from_secs_f64((1.0 - self.left) / self.per_s)).await;
        }
        self.left -= 1.0;
    }
}
