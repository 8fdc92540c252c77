//! A WebSocket over a connection that was HTTP: how it opens, what of it is in memory, how it closes.

use std::{future::pending, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tungstenite::{
    Error, Message,
    handshake::server::create_response_with_body,
    protocol::{
        CloseFrame, Role, WebSocketConfig,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use crate::error::CloseReason;

/// A socket.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What is read at once from a client, and what an idle one keeps.
const READ_BYTES: usize = 1 << 10;
/// What is gathered before it is written.
const WRITE_BYTES: usize = 4 << 10;
/// The longest frame written. A socket keeps the space of the longest that it ever wrote: not that of whole documents.
const FRAGMENT_BYTES: usize = 16 << 10;
/// How much a message may be longer than allowed, so that one a little too long is still read and named.
const SLACK_BYTES: usize = 64 << 10;
/// How long a client may take to read why it was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The answer that makes a socket of the connection, and the connection once it was sent; `None` where no socket is asked
/// for.
pub(super) fn accept(request: &mut Request) -> Option<(Response, OnUpgrade)> {
    let response = create_response_with_body(request, Body::empty).ok()?;
    Some((response, hyper::upgrade::on(request)))
}

/// The server's end, which reads messages of at most about `message_bytes_max`.
pub(super) async fn over(upgraded: Upgraded, message_bytes_max: usize) -> Socket {
    let limit = Some(message_bytes_max + SLACK_BYTES);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(WRITE_BYTES)
        .max_message_size(limit)
        .max_frame_size(limit);
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await
}

/// A message in frames of at most [`FRAGMENT_BYTES`].
pub(super) fn fragments(mut message: Bytes) -> impl Iterator<Item = Message> {
    let mut kind = Some(Data::Binary);
    std::iter::from_fn(move || {
        let opcode = OpCode::Data(kind.take()?);
        let part = message.split_to(message.len().min(FRAGMENT_BYTES));
        if !message.is_empty() {
            kind = Some(Data::Continue);
        }
        Some(Message::Frame(Frame::message(part, opcode, message.is_empty())))
    })
}

/// Why a socket is closed whose reading failed; `None` where its client is gone.
pub(super) fn read_error(error: &Error) -> Option<CloseReason> {
    match error {
        Error::Capacity(_) => Some(CloseReason::TooLarge),
        Error::Protocol(_) | Error::Utf8(_) => Some(CloseReason::BadMessage),
        _ => None,
    }
}

/// Closes with a code that the client can read.
pub(super) async fn close(mut socket: Socket, reason: CloseReason) {
    let (code, words) = reason.code();
    let frame = CloseFrame { code: code.into(), reason: words.into() };
    let _ = timeout(CLOSE_TIMEOUT, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // Closing with unread data would reset the connection before the client has read the code.
            while let Some(message) = socket.next().await {
                match message {
                    Ok(_) => {}
                    // The rest of it cannot be read; the client is left the time to look up from sending it.
                    Err(error) if read_error(&error) == Some(CloseReason::TooLarge) => pending().await,
                    Err(_) => break,
                }
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_make_up_the_message() {
        for bytes in [0, 1, FRAGMENT_BYTES, FRAGMENT_BYTES + 1, 3 * FRAGMENT_BYTES] {
            let message: Bytes = (0..bytes).map(|byte| byte as u8).collect();
            let frames: Vec<_> = fragments(message.clone())
                .map(|part| if let Message::Frame(frame) = part { frame } else { panic!("not a frame") })
                .collect();
            assert_eq!(frames.len(), bytes.div_ceil(FRAGMENT_BYTES).max(1));
            for (index, frame) in frames.iter().enumerate() {
                let kind = if index == 0 { Data::Binary } else { Data::Continue };
                assert_eq!(frame.header().opcode, OpCode::Data(kind));
                assert_eq!(frame.header().is_final, index == frames.len() - 1);
            }
            let joined: Vec<u8> = frames.iter().flat_map(|frame| frame.payload().to_vec()).collect();
            assert_eq!(joined, message);
        }
    }
}
