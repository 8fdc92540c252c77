//! What a client hears: the room's frames in batches, pings, and the end.

use std::{collections::VecDeque, pin::pin, time::Duration};

use bytes::Bytes;
use codesync_crdt::{encode, encode_awareness};
use futures_util::{SinkExt, stream::SplitSink};
use tokio::time::{Instant, interval_at, sleep, timeout};
use tungstenite::Message;

use super::Session;
use crate::{
    app::Services,
    error::CloseReason,
    room::Said,
    telemetry,
    ws::{
        outbox::{Batch, Frame},
        socket::{self, Socket},
    },
};

pub(super) struct Writer<'a> {
    sink: SplitSink<Socket, Message>,
    session: &'a Session,
    services: &'a Services,
}

impl<'a> Writer<'a> {
    pub(super) fn new(sink: SplitSink<Socket, Message>, session: &'a Session, services: &'a Services) -> Self {
        Self { sink, session, services }
    }

    pub(super) fn into_sink(self) -> SplitSink<Socket, Message> {
        self.sink
    }

    /// Writes until the socket ends (`None`) or has to be closed.
    pub(super) async fn run(&mut self) -> Option<CloseReason> {
        self.run_inner().await.err().flatten()
    }

    async fn run_inner(&mut self) -> Result<(), Option<CloseReason>> {
        let period = self.services.config.socket.ping;
        let mut ping = interval_at(Instant::now() + period, period);
        let mut drained = pin!(drained(self.services));
        let mut asked = None;
        loop {
            let (Batch { frames, behind, close }, pings) = tokio::select! {
                batch = self.session.outbox.take() => (batch, false),
                // Stock clients hang up after 30 s in which they heard no message; a ping of the transport is none to them.
                // It is what makes the silent speak, also where they are told something all the time.
                _ = ping.tick() => {
                    let nothing = encode::awareness(&encode_awareness([])).into();
                    (Batch { frames: [nothing].into(), ..Batch::default() }, true)
                }
                () = &mut drained => return Err(Some(CloseReason::Unavailable)),
            };
            self.write(frames, pings).await?;
            if let Some(reason) = close {
                return Err(Some(reason));
            }
            if behind.is_some() && asked != behind {
                asked = behind;
                self.session.room.say(self.session.id, Said::Behind).await.map_err(|_| CloseReason::Resync)?;
            }
        }
    }

    /// Writes all and flushes once; a client that takes nothing for too long has stalled.
    async fn write(&mut self, mut frames: VecDeque<Frame>, ping: bool) -> Result<(), Option<CloseReason>> {
        let stall = self.services.config.socket.stall;
        let received = frames.iter().find_map(|frame| frame.received);
        while let Some(Frame { bytes, .. }) = frames.pop_front() {
            for message in socket::fragments(bytes) {
                progress(stall, self.sink.feed(message)).await?;
            }
        }
        if ping {
            progress(stall, self.sink.feed(Message::Ping(Bytes::new()))).await?;
        }
        progress(stall, self.sink.flush()).await?;
        if let Some(received) = received {
            telemetry::edit_to_peer().record(received.elapsed());
        }
        Ok(())
    }
}

/// Resolves when it is this socket's turn to go while the node drains: spread out, so that not all come back at once.
async fn drained(services: &Services) {
    services.draining.cancelled().await;
    sleep(services.config.http.drain_spread.mul_f64(rand::random())).await;
}

async fn progress(
    stall: Duration,
    write: impl Future<Output = Result<(), tungstenite::Error>>,
) -> Result<(), Option<CloseReason>> {
    match timeout(stall, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(CloseReason::Resync)),
    }
}
