//! A WebSocket over a connection that was HTTP: how it opens, what of it is in memory, how it closes. Its halves are read and
//! written apart; an idle one keeps no space for what it once wrote.

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

/// What a frame is.
pub(super) use tungstenite::protocol::frame::coding::OpCode;

/// What is read at once from a client, and what an idle one keeps.
const READ_BYTES: usize = 512;
/// What is read at once where more has come.
const READ_AHEAD_BYTES: usize = 8 << 10;
/// What is gathered before it is written; longer messages are written from where they are.
const GATHERED_BYTES: usize = 4 << 10;
/// How much a message may be longer than allowed, so that one a little too long is still read and named.
const SLACK_BYTES: usize = 64 << 10;
/// How long a client may take to read why it was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A message of the protocols above.
pub(super) const BINARY: OpCode = OpCode::Data(Data::Binary);
/// Asks the transport for a sign of life, and gives one.
pub(super) const PING: OpCode = OpCode::Control(Control::Ping);
pub(super) const PONG: OpCode = OpCode::Control(Control::Pong);
const CLOSE: OpCode = OpCode::Control(Control::Close);

/// A socket that is served or closed as a whole.
pub(super) struct Socket {
    pub(super) read: ReadHalf,
    pub(super) write: WriteHalf,
}

/// What the client says.
pub(super) struct ReadHalf {
    socket: WebSocket<Incoming>,
    /// What comes cannot be read any further.
    failed: bool,
    /// What the client's close said, to be said back.
    farewell: Option<Bytes>,
}

/// What the client is told.
pub(super) struct WriteHalf {
    tcp: OwnedWriteHalf,
    /// Where a message is sent in part, its rest comes first.
    unsent: VecDeque<Bytes>,
}

/// The answer that makes a socket of the connection, and the connection once it was sent; `None` where no socket is asked
/// for.
pub(super) fn accept(request: &mut Request) -> Option<(Response, OnUpgrade)> {
    let response = create_response_with_body(request, Body::empty).ok()?;
    Some((response, hyper::upgrade::on(request)))
}

impl Socket {
    /// The server's end, which reads messages of at most about `message_bytes_max`. Boxed, as it goes from hand to hand.
    pub(super) fn over(upgraded: Upgraded, message_bytes_max: usize) -> Box<Self> {
        let connection = upgraded.downcast::<TokioIo<TcpStream>>().expect("http::serve accepts nothing else");
        let limit = Some(message_bytes_max + SLACK_BYTES);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(limit)
            .max_frame_size(limit);
        let (read, write) = connection.io.into_inner().into_split();
        // Copied: it is most often empty, and its space large.
        let heard = connection.read_buf.to_vec();
        let socket = WebSocket::from_partially_read(Incoming::over(read), heard, Role::Server, Some(config));
        Box::new(Self {
            read: ReadHalf { socket, failed: false, farewell: None },
            write: WriteHalf { tcp: write, unsent: VecDeque::new() },
        })
    }

    /// Closes with a code that the client can read, or as the client asked for.
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
            // What is far too large is passed over, until its sender looks up from sending it.
            if reason == CloseReason::TooLarge && self.read.failed {
                let mut passed = [0; GATHERED_BYTES];
                while let Ok(1..) = self.read.socket.get_mut().tcp.read(&mut passed).await {}
            }
        }
    }
}

impl ReadHalf {
    /// The next message. Fails with why the socket has to be closed, or `None` where its client has gone or says so.
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
            // Who sends faster than it is read must not keep the thread.
            consume_budget().await;
            match self.socket.read() {
                Ok(Message::Close(frame)) => {
                    let code = frame.map(|frame| u16::from(frame.code).to_be_bytes());
                    self.farewell = Some(code.map_or_else(Bytes::new, |code| Bytes::copy_from_slice(&code)));
                    return Err(None);
                }
                Ok(message) => return Ok(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Smaller than the library's own future, of which every idle socket has one.
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
    /// Takes messages to be sent.
    pub(super) fn put(&mut self, messages: impl IntoIterator<Item = (OpCode, Bytes)>) {
        let mut gathered = Vec::new();
        for (kind, message) in messages {
            let header = FrameHeader { opcode: kind, ..FrameHeader::default() };
            let (length, copied) = (message.len() as u64, message.len() < GATHERED_BYTES);
            // One message alone, as most come, takes the space that it needs and no more.
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

    /// Sends what was put, of which the client has to take something within `stall` again and again. Cancelled, it leaves
    /// the rest to who sends next.
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
        // Nor is the room kept that they stood in.
        self.unsent = VecDeque::new();
        Ok(())
    }

    fn send_some(&mut self) -> io::Result<usize> {
        let sent = match (self.unsent.front(), self.unsent.get(1)) {
            (Some(first), Some(second)) => self.tcp.try_write_vectored(&[IoSlice::new(first), IoSlice::new(second)])?,
            // Costs the system less than a list of one.
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

/// What arrives, for a reader that waits by itself. Who says much at once is read ahead, which costs fewer calls of the
/// system; who says little keeps no space for it.
struct Incoming {
    tcp: OwnedReadHalf,
    ahead: Bytes,
    /// As much came last as was asked for.
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

/// What a reader would answer by itself: the session answers, between two messages.
impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
