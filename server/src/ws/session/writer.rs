//! What a client hears: the room's frames in batches, pings, and the end.

use bytes::Bytes;
use codesync_crdt::{encode, encode_awareness};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::task::coop::consume_budget;

use super::Session;
use crate::{
    close::CloseReason,
    room::{
        RoomError, Said,
        outbox::{Batch, Frame},
    },
    services::Services,
    telemetry,
    ws::socket::{BINARY, OpCode, PING, PONG, WriteHalf},
};

/// Writes until the socket ends (`None`) or has to be closed.
pub(super) async fn run(session: &Session, services: &Services, socket: &mut WriteHalf) -> Option<CloseReason> {
    run_inner(session, services, socket).await.err().flatten()
}

async fn run_inner(session: &Session, services: &Services, socket: &mut WriteHalf) -> Result<(), Option<CloseReason>> {
    let mut asked = None;
    // Asks the room for a diff. Boxed: few sockets ever fall behind.
    let mut asking: Option<BoxFuture<'_, Result<(), RoomError>>> = None;
    loop {
        // A room that says something all the time must not keep its client from being heard.
        consume_budget().await;
        let batch = match &mut asking {
            None => session.outbox.take().await,
            // A room that takes nothing at the moment may close the socket all the same.
            Some(ask) => tokio::select! {
                biased;
                batch = session.outbox.take() => batch,
                said = ask => {
                    said.map_err(|_| CloseReason::Resync)?;
                    asking = None;
                    continue;
                }
            },
        };
        let received = batch.frames.iter().find_map(|frame| frame.received);
        let (behind, close) = (batch.behind, batch.close);
        socket.put(messages(batch));
        socket.send(services.config.socket.stall).await?;
        if let Some(received) = received {
            telemetry::edit_to_peer().record(received.elapsed());
        }
        if let Some(reason) = close {
            return Err(Some(reason));
        }
        if behind.is_some() && asked != behind {
            asked = behind;
            asking = Some(session.room.say(session.id, Said::Behind).boxed());
        }
    }
}

/// What a client is told now.
fn messages(batch: Batch) -> impl Iterator<Item = (OpCode, Bytes)> {
    let frames = batch.frames.into_iter().map(|Frame { bytes, .. }| (BINARY, bytes));
    // Stock clients hang up after 30 s in which they heard no message; a ping of the transport is none to them. It is
    // what makes the silent speak, also where they are told something all the time.
    let nothing = || (BINARY, encode::awareness(&encode_awareness([])).into());
    let ping = batch.ping.then(|| [nothing(), (PING, Bytes::new())]);
    let pong = batch.pong.map(|payload| (PONG, payload));
    frames.chain(ping.into_iter().flatten()).chain(pong)
}
