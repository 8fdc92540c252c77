//! A WebSocket over a former HTTP connection: how it opens, what it keeps in memory, how it closes. Its halves are read
//! and written independently; an idle socket keeps no buffers.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice, Read, Write},
    time::Duration,
};

use axum::{body::Body, extract::Request, response::Response};
use bytes::{Buf, Bytes};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncReadExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::coop::consume_budget,
    time::timeout,
};
use tungstenite::{
    Error, Message, WebSocket,
    error::ProtocolError,
    handshake::server::create_response_with_body,
    protocol::{
        Role, WebSocketConfig,
        frame::{
            FrameHeader,
            coding::{Control, Data},
        },
    },
};

use crate::close::CloseReason;

/// The kind of a frame.
pub(super) use tungstenite::protocol::frame::coding::OpCode;

/// The read buffer of an idle client.
const READ_BYTES: usize = 512;
/// The read buffer after a full read.
const READ_AHEAD_BYTES: usize = 8 << 10;
/// The size up to which messages are gathered before a write; longer messages are written from their own buffers.
const GATHERED_BYTES: usize = 4 << 10;
/// How much longer than allowed a message may be and still be read, so that the refusal can name it.
const SLACK_BYTES: usize = 64 << 10;
/// How long a client may take to read why it was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A message of the protocols above.
pub(super) const BINARY: OpCode = OpCode::Data(Data::Binary);
/// A transport ping and its answer.
pub(super) const PING: OpCode = OpCode::Control(Control::Ping);
pub(super) const PONG: OpCode = OpCode::Control(Control::Pong);
const CLOSE: OpCode = OpCode::Control(Control::Close);

/// A socket that is served or closed as a whole.
pub(super) struct Socket {
    pub(super) read: ReadHalf,
    pub(super) write: WriteHalf,
}

/// The reading half.
pub(super) struct ReadHalf {
    socket: WebSocket<Incoming>,
    /// The stream of the client cannot be read any further.
    failed: bool,
    /// The payload of the client's close frame, to be echoed.
    farewell: Option<Bytes>,
}

/// The writing half.
pub(super) struct WriteHalf {
    tcp: OwnedWriteHalf,
    /// The rest of a partly written message comes first.
    unsent: VecDeque<Bytes>,
}

/// The response that upgrades the connection, and the connection afterwards; `None` if the request asks for no socket.
pub(super) fn accept(request: &mut Request) -> Option<(Response, OnUpgrade)> {
    let response = create_response_with_body(request, Body::empty).ok()?;
    Some((response, hyper::upgrade::on(request)))
}

impl Socket {
    /// The server's end, which reads messages of at most about `message_bytes_max`. Boxed, because it is moved several
    /// times.
    pub(super) fn over(upgraded: Upgraded, message_bytes_max: usize) -> Box<Self> {
        let connection = upgraded.downcast::<TokioIo<TcpStream>>().expect("http::serve accepts nothing else");
        let limit = Some(message_bytes_max + SLACK_BYTES);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(limit)
            .max_frame_size(limit);
        let (read, write) = connection.io.into_inner().into_split();
        // Copied, because it is mostly empty with a large capacity.
        let heard = connection.read_buf.to_vec();
        let socket = WebSocket::from_partially_read(Incoming::over(read), heard, Role::Server, Some(config));
        Box::new(Self {
            read: ReadHalf { socket, failed: false, farewell: None },
            write: WriteHalf { tcp: write, unsent: VecDeque::new() },
        })
    }

    /// Closes with a code that the client can read, or with the client's own.
    pub(super) async fn close(self: Box<Self>, reason: Option<CloseReason>) {
        let _ = timeout(CLOSE_TIMEOUT, self.close_inner(reason)).await;
    }

    async fn close_inner(mut self: Box<Self>, reason: Option<CloseReason>) {
        let Some(reason) = reason else {
            if let Some(farewell) = self.read.farewell {
                self.write.put([(CLOSE, farewell)]);
                let _ = self.write.send(CLOSE_TIMEOUT).await;
            }
            return;
        };
        let (code, words) = reason.code();
        self.write.put([(CLOSE, [&code.to_be_bytes(), words.as_bytes()].concat().into())]);
        if self.write.send(CLOSE_TIMEOUT).await.is_ok() {
            // Closing with unread data would reset the connection before the client has read the code.
            while self.read.next().await.is_ok() {}
            // A message that is far too large is skipped, until its sender reads again.
            if reason == CloseReason::TooLarge && self.read.failed {
                let mut passed = [0; GATHERED_BYTES];
                while let Ok(1..) = self.read.socket.get_mut().tcp.read(&mut passed).await {}
            }
        }
    }
}

impl ReadHalf {
    /// The next message. Fails with the reason to close the socket, or `None` if the client has left or is closing.
    pub(super) async fn next(&mut self) -> Result<Message, Option<CloseReason>> {
        if self.failed {
            return Err(None);
        }
        let message = self.next_inner().await;
        self.failed = matches!(message, Err(Some(_)));
        message
    }

    async fn next_inner(&mut self) -> Result<Message, Option<CloseReason>> {
        loop {
            // A client that sends faster than it is read must not occupy the thread.
            consume_budget().await;
            match self.socket.read() {
                Ok(Message::Close(frame)) => {
                    let code = frame.map(|frame| u16::from(frame.code).to_be_bytes());
                    self.farewell = Some(code.map_or_else(Bytes::new, |code| Bytes::copy_from_slice(&code)));
                    return Err(None);
                }
                Ok(message) => return Ok(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Smaller than the library's own future; every idle socket has one.
                    let tcp = self.socket.get_ref().tcp.as_ref();
                    poll_fn(|task| tcp.poll_read_ready(task)).await.map_err(|_| None)?;
                }
                Err(Error::Capacity(_)) => return Err(Some(CloseReason::TooLarge)),
                Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return Err(None),
                Err(Error::Protocol(_) | Error::Utf8(_)) => return Err(Some(CloseReason::BadMessage)),
                Err(_) => return Err(None),
            }
        }
    }
}

impl WriteHalf {
    /// Queues messages to be sent.
    pub(super) fn put(&mut self, messages: impl IntoIterator<Item = (OpCode, Bytes)>) {
        let mut gathered = Vec::new();
        for (kind, message) in messages {
            let header = FrameHeader { opcode: kind, ..FrameHeader::default() };
            let (length, copied) = (message.len() as u64, message.len() < GATHERED_BYTES);
            // A single message, the usual case, takes only the space that it needs.
            gathered.reserve(header.len(length) + if copied { message.len() } else { 0 });
            header.format(length, &mut gathered).expect("memory takes it");
            if copied {
                gathered.extend_from_slice(&message);
            } else {
                self.unsent.extend([std::mem::take(&mut gathered).into(), message]);
            }
        }
        if !gathered.is_empty() {
            self.unsent.push_back(gathered.into());
        }
    }

    /// Sends the queued messages. The client must read something within `stall`, again and again. If cancelled, the
    /// next call continues.
    pub(super) async fn send(&mut self, stall: Duration) -> Result<(), Option<CloseReason>> {
        while !self.unsent.is_empty() {
            match self.send_some() {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let tcp = self.tcp.as_ref();
                    let taken = timeout(stall, poll_fn(|task| tcp.poll_write_ready(task))).await;
                    taken.map_err(|_| Some(CloseReason::Resync))?.map_err(|_| None)?;
                }
                Ok(_) | Err(_) => return Err(None),
            }
        }
        // The buffer is freed too once it is empty.
        self.unsent = VecDeque::new();
        Ok(())
    }

    fn send_some(&mut self) -> io::Result<usize> {
        let sent = match (self.unsent.front(), self.unsent.get(1)) {
            (Some(first), Some(second)) => self.tcp.try_write_vectored(&[IoSlice::new(first), IoSlice::new(second)])?,
            // Costs the system less than a vectored write of one.
            (first, _) => self.tcp.try_write(first.map_or(&[], |first| first))?,
        };
        let mut left = sent;
        while let Some(first) = self.unsent.front_mut().filter(|_| left > 0) {
            let taken = left.min(first.len());
            first.advance(taken);
            left -= taken;
            self.unsent.pop_front_if(|first| first.is_empty());
        }
        Ok(sent)
    }
}

/// The incoming bytes, for a reader that waits itself. A client that sends much is read ahead, which needs fewer system
/// calls; a client that sends little keeps no buffer.
struct Incoming {
    tcp: OwnedReadHalf,
    ahead: Bytes,
    /// The last read filled its buffer.
    more: bool,
}

impl Incoming {
    fn over(tcp: OwnedReadHalf) -> Self {
        Self { tcp, ahead: Bytes::new(), more: false }
    }
}

impl Read for Incoming {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            if !self.more {
                let read = self.tcp.try_read(bytes)?;
                self.more = read == bytes.len();
                return Ok(read);
            }
            self.more = false;
            let mut space = [0; READ_AHEAD_BYTES];
            let read = self.tcp.try_read(&mut space)?;
            self.more = read == space.len();
            let taken = read.min(bytes.len());
            bytes[..taken].copy_from_slice(&space[..taken]);
            self.ahead = Bytes::copy_from_slice(&space[taken..read]);
            return Ok(taken);
        }
        let taken = self.ahead.len().min(bytes.len());
        self.ahead.copy_to_slice(&mut bytes[..taken]);
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Ok(taken)
    }
}

/// The answers of the reader: the session sends them, between two messages.
impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
