//! What a client hears: the room's frames in batches, pings, and the end.

use std::pin::pin;

use bytes::Bytes;
use codesync_crdt::{encode, encode_awareness};
use tokio::time::{Instant, interval_at, sleep};

use super::Session;
use crate::{
    app::Services,
    error::CloseReason,
    room::Said,
    telemetry,
    ws::{
        outbox::{Batch, Frame},
        socket::{BINARY, OpCode, PING, PONG, WriteHalf},
    },
};

pub(super) struct Writer<'a> {
    session: &'a Session,
    services: &'a Services,
}

impl<'a> Writer<'a> {
    pub(super) fn new(session: &'a Session, services: &'a Services) -> Self {
        Self { session, services }
    }

    /// Writes until the socket ends (`None`) or has to be closed.
    pub(super) async fn run(&self, socket: &mut WriteHalf) -> Option<CloseReason> {
        self.run_inner(socket).await.err().flatten()
    }

    async fn run_inner(&self, socket: &mut WriteHalf) -> Result<(), Option<CloseReason>> {
        let period = self.services.config.socket.ping;
        let mut ping = interval_at(Instant::now() + period, period);
        let mut drained = pin!(drained(self.services));
        let mut asked = None;
        loop {
            let (batch, ping) = tokio::select! {
                batch = self.session.outbox.take() => (batch, false),
                // Stock clients hang up after 30 s in which they heard no message; a ping of the transport is none to them.
                // It is what makes the silent speak, also where they are told something all the time.
                _ = ping.tick() => {
                    let nothing = encode::awareness(&encode_awareness([])).into();
                    (Batch { frames: [nothing].into(), ..Batch::default() }, true)
                }
                () = &mut drained => return Err(Some(CloseReason::Unavailable)),
            };
            let received = batch.frames.iter().find_map(|frame| frame.received);
            let (behind, close) = (batch.behind, batch.close);
            socket.put(messages(batch, ping));
            socket.send(self.services.config.socket.stall).await?;
            if let Some(received) = received {
                telemetry::edit_to_peer().record(received.elapsed());
            }
            if let Some(reason) = close {
                return Err(Some(reason));
            }
            if behind.is_some() && asked != behind {
                asked = behind;
                self.session.room.say(self.session.id, Said::Behind).await.map_err(|_| CloseReason::Resync)?;
            }
        }
    }
}

/// What a client is told now.
fn messages(batch: Batch, ping: bool) -> impl Iterator<Item = (OpCode, Bytes)> {
    let frames = batch.frames.into_iter().map(|Frame { bytes, .. }| (BINARY, bytes));
    let ping = ping.then(|| (PING, Bytes::new()));
    let pong = batch.pong.map(|payload| (PONG, payload));
    frames.chain(ping).chain(pong)
}

/// Resolves when it is this socket's turn to go while the node drains: spread out, so that not all come back at once.
async fn drained(services: &Services) {
    services.draining.cancelled().await;
    sleep(services.config.http.drain_spread.mul_f64(rand::random())).await;
}
