//! Frames to a client: the room's in batches, pings, and the close.

use bytes::Bytes;
use codesync_crdt::{encode, encode_awareness};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::task::coop::consume_budget;

use super::Session;
use crate::{
    close::CloseReason,
    room::{
        PeerMessage, RoomError,
        outbox::{Batch, Frame},
    },
    services::Services,
    telemetry,
    ws::socket::{BINARY, OpCode, PING, PONG, WriteHalf},
};

/// Writes until the socket ends (`None`) or must be closed.
pub(super) async fn run(session: &Session, services: &Services, socket: &mut WriteHalf) -> Option<CloseReason> {
    run_inner(session, services, socket).await.err().flatten()
}

async fn run_inner(session: &Session, services: &Services, socket: &mut WriteHalf) -> Result<(), Option<CloseReason>> {
    let mut asked = None;
    // Requests a diff from the room. Boxed, because few sockets ever fall behind.
    let mut asking: Option<BoxFuture<'_, Result<(), RoomError>>> = None;
    loop {
        // A room that sends all the time must not keep its client from being read.
        consume_budget().await;
        let batch = match &mut asking {
            None => session.outbox.take().await,
            // A room that accepts nothing at the moment may still close the socket.
            Some(ask) => tokio::select! {
                biased;
                batch = session.outbox.take() => batch,
                asked = ask => {
                    asked.map_err(|_| CloseReason::Resync)?;
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
            asking = Some(session.room.send(session.id, PeerMessage::Behind).boxed());
        }
    }
}

/// The messages of a batch.
fn messages(batch: Batch) -> impl Iterator<Item = (OpCode, Bytes)> {
    let frames = batch.frames.into_iter().map(|Frame { bytes, .. }| (BINARY, bytes));
    // Stock clients disconnect after 30 s without a message, and a transport ping is no message to them. It is also
    // sent to a busy client, because it makes a silent client answer.
    let nothing = || (BINARY, encode::awareness(&encode_awareness([])).into());
    let ping = batch.ping.then(|| [nothing(), (PING, Bytes::new())]);
    let pong = batch.pong.map(|payload| (PONG, payload));
    frames.chain(ping.into_iter().flatten()).chain(pong)
}
