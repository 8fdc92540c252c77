//! The timers of a session: it pings its client, and ends when the node drains.

use std::pin::pin;

use tokio::time::{Instant, interval_at, sleep};

use super::Session;
use crate::{close::CloseReason, services::Services};

/// Sends pings until the socket must be closed.
pub(super) async fn run(session: &Session, services: &Services) -> Option<CloseReason> {
    let period = services.config.socket.ping;
    let mut ping = interval_at(Instant::now() + period, period);
    let mut drained = pin!(drained(services));
    loop {
        tokio::select! {
            _ = ping.tick() => session.outbox.ping(),
            () = &mut drained => return Some(CloseReason::Unavailable),
        }
    }
}

/// Resolves when this socket must close during a drain: spread over time, so that clients do not all reconnect at once.
async fn drained(services: &Services) {
    services.draining.cancelled().await;
    sleep(services.config.http.drain_spread.mul_f64(rand::random())).await;
}
