//! A WebSocket client that costs almost nothing: the load generator shares its machine with the measured server.
//!
//! Client frames have the mask key 0, so that masking is free here and costs the server as much as always.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const READ_BYTES_MIN: usize = 4 * 1024;
const READ_BYTES_MAX: usize = 256 * 1024;

/// The sending half; single-threaded, like the generator.
pub struct Socket {
    stream: TcpStream,
    out: RefCell<Vec<u8>>,
}

/// The receiving half.
pub struct Incoming {
    socket: Rc<Socket>,
    unread: Vec<u8>,
    /// The fragments of a message that is not complete.
    fragments: Vec<u8>,
    /// Doubles while the server sends faster than it is read: idle connections stay small.
    read_bytes: usize,
}

pub async fn open(addr: SocketAddr, path: &str) -> Result<(Rc<Socket>, Incoming)> {
    let mut stream = TcpStream::connect(addr).await.context("connect")?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    let end = loop {
        ensure!(stream.read_buf(&mut head).await? > 0, "closed during the handshake");
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let status = String::from_utf8_lossy(&head[..end]);
    ensure!(status.starts_with("HTTP/1.1 101"), "refused: {}", status.lines().next().unwrap_or(""));
    let socket = Rc::new(Socket { stream, out: RefCell::default() });
    Ok((
        Rc::clone(&socket),
        Incoming { socket, unread: head.split_off(end), fragments: Vec::new(), read_bytes: READ_BYTES_MIN },
    ))
}

impl Socket {
    /// Queues one binary message.
    pub fn queue(&self, payload: &[u8]) {
        self.queue_frame(BINARY, payload);
    }

    fn queue_frame(&self, opcode: u8, payload: &[u8]) {
        let mut out = self.out.borrow_mut();
        out.push(FINAL | opcode);
        match payload.len() {
            short @ 0..=125 => out.push(MASKED | short as u8),
            medium @ 126..=0xffff => {
                out.push(MASKED | 126);
                out.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                out.push(MASKED | 127);
                out.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(payload);
    }

    pub fn queued_bytes(&self) -> usize {
        self.out.borrow().len()
    }

    /// Sends what is queued, waiting for the server while its window is full.
    pub async fn flush(&self) -> Result<()> {
        while !self.try_flush()? {
            self.stream.writable().await?;
        }
        Ok(())
    }

    /// Sends as much as the window accepts now; false if something is left.
    pub fn try_flush(&self) -> Result<bool> {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            match self.stream.try_write(&out) {
                Ok(sent) => drop(out.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

impl Incoming {
    /// Waits for bytes and passes on the complete binary messages.
    ///
    /// # Errors
    /// When the server closes the socket, with its close code.
    pub async fn read(&mut self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut taken = 0;
        while let Some((first, start, end)) = frame(&self.unread[taken..])? {
            let payload = &self.unread[taken + start..taken + end];
            let is_final = first & FINAL != 0;
            match first & !FINAL {
                BINARY if is_final => each(payload)?,
                BINARY | CONTINUATION => {
                    self.fragments.extend_from_slice(payload);
                    if is_final {
                        each(&std::mem::take(&mut self.fragments))?;
                    }
                }
                PING => {
                    self.socket.queue_frame(PONG, payload);
                    self.socket.try_flush()?;
                }
                CLOSE => bail!("closed by the server: {}", close_reason(payload)),
                _ => {}
            }
            taken += end;
        }
        self.unread.drain(..taken);
        self.unread.reserve(self.read_bytes);
        loop {
            self.socket.stream.readable().await?;
            match self.socket.stream.try_read_buf(&mut self.unread) {
                Ok(0) => bail!("closed by the server without a word"),
                Ok(count) if count >= self.read_bytes => {
                    self.read_bytes = (2 * self.read_bytes).min(READ_BYTES_MAX);
                    return Ok(());
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The first byte of the first frame and the range of its payload, once all of it has arrived.
fn frame(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    ensure!(second & MASKED == 0, "a masked frame");
    let (header, length) = match (second, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize),
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, usize::from(*short)),
    };
    Ok((bytes.len() >= header + length).then_some((*first, header, header + length)))
}

fn close_reason(payload: &[u8]) -> String {
    match payload {
        [a, b, reason @ ..] => {
            format!("{} {}", u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(reason))
        }
        _ => "no code".into(),
    }
}
