//! A live document as the rest of the server sees it: a handle for requests, and a registry of handles. Everything that
//! happens in a room passes through its mailbox, in one order.

pub mod actor;
mod chain;
mod compactions;
mod compare;
mod damage;
mod edited;
mod effort;
mod evict;
mod loading;
mod log_link;
mod memory;
pub mod outbox;
mod parts;
pub mod peers;
pub mod presence;
mod publishers;
mod recheck;
pub mod registry;
mod slots;
mod snapshots;
pub mod state;
mod unarchived;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use codesync_crdt::{AwarenessEntry, StateVector};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::outbox::Outbox;
use crate::{
    auth::{SocketGrant, events::AccessEvent},
    close::CloseReason,
    hex::hex,
    ids::{DocId, UserId},
    offset::Offset,
};

pub use registry::Rooms;

/// How long a call waits for the log: longer than the log needs to detect that it is unavailable, and shorter than the
/// caller's right to edit is held.
const CALL_PATIENCE: Duration = Duration::from_secs(7);

/// Why a room could not carry out a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// The document could not be loaded, or its log accepts no writes at the moment; the caller may retry.
    #[error("document is unavailable")]
    Unavailable,
    /// The document has been deleted.
    #[error("document has been deleted")]
    Deleted,
    /// The stored document is damaged, and has been for a while; retrying does not help.
    #[error("stored document is damaged")]
    Damaged,
    /// The text differs from the one that `If-Match` names.
    #[error("text has changed")]
    Changed,
    /// The edits of the caller took too much processor time.
    #[error("edits took too much work")]
    TooCostly,
    /// The document would grow past its limit, in bytes.
    #[error("document would exceed {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// The text of a document at one point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text, line ends LF.
    pub text: String,
    /// Identifies this text; equal tags mean equal text. Sent as `ETag` (without quotes).
    pub tag: String,
}

impl Text {
    fn of(text: String) -> Self {
        let tag = hex(&Sha256::digest(text.as_bytes())[..16]);
        Self { text, tag }
    }
}

/// Tags of texts in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`.
    Any,
    /// One of these tags.
    Listed(Vec<String>),
}

/// The condition under which a call replaces the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `If-Match`: the text must have one of these tags.
    pub one_of: Option<Tags>,
    /// `If-None-Match`: the text must have none of these tags; with `*` it must be empty.
    pub none_of: Option<Tags>,
}

impl Condition {
    fn allows(&self, present: &Text) -> bool {
        let wanted = match &self.one_of {
            None | Some(Tags::Any) => true,
            Some(Tags::Listed(tags)) => tags.contains(&present.tag),
        };
        let unwanted = match &self.none_of {
            None => false,
            Some(Tags::Any) => !present.text.is_empty(),
            Some(Tags::Listed(tags)) => tags.contains(&present.tag),
        };
        wanted && !unwanted
    }
}

/// The result of replacing the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The text afterwards.
    pub text: Text,
    /// Whether the text was different before.
    pub changed: bool,
}

/// One socket in a room; never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u64);

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// y-websocket: an author receives its own edit once it is durable.
    Stock,
    /// `codesync.v1`: marks, roles and rejections.
    Codesync,
}

/// A socket that enters a room.
#[derive(Debug)]
pub struct NewPeer {
    /// Its id.
    pub id: PeerId,
    /// The user and its role.
    pub grant: Arc<SocketGrant>,
    /// The protocol that it speaks.
    pub dialect: Dialect,
    /// The queue of its frames.
    pub outbox: Outbox,
    /// When it connected.
    pub since: OffsetDateTime,
}

/// A socket that is in a room.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user and its role.
    pub grant: Arc<SocketGrant>,
    /// When it connected.
    pub since: OffsetDateTime,
}

/// A message from a socket.
#[derive(Debug)]
pub enum PeerMessage {
    /// Sync step 1: what the client has.
    Step1(StateVector),
    /// Sync step 2: what this room lacks.
    Step2(Bytes),
    /// An edit.
    Update(Bytes),
    /// Presence, its `user` stamped by the session.
    Awareness(Vec<AwarenessEntry>),
    /// Requests the presence of all clients.
    QueryAwareness,
    /// Requests an echo once everything sent before is durable.
    Mark(u64),
    /// The outbox was dropped and is empty now.
    Behind,
    /// The socket has closed.
    Left,
}

/// Commands of a room.
#[derive(Debug)]
pub enum Command {
    /// A socket joins.
    Join {
        /// The socket.
        peer: NewPeer,
        /// Answered once it has joined.
        joined: oneshot::Sender<()>,
    },
    /// A message from a socket.
    Peer {
        /// The socket.
        from: PeerId,
        /// The message.
        message: PeerMessage,
        /// When it was read from the socket.
        received: Instant,
    },
    /// Reads the text; answered once the text that is returned is durable.
    Text(oneshot::Sender<Text>),
    /// Changes the text into another.
    Replace {
        /// The caller.
        author: UserId,
        /// The new text.
        text: String,
        /// The condition on the current text.
        condition: Condition,
        /// Answered once the change is durable.
        reply: oneshot::Sender<Result<Replaced, RoomError>>,
    },
    /// Waits until all edits applied so far are durable.
    Save(oneshot::Sender<()>),
    /// A snapshot of this offset exists, or none could be taken.
    Compacted(Option<Offset>),
}

/// Commands that a room handles before its mailbox, and also while it reads nothing from its mailbox.
#[derive(Debug)]
pub enum Urgent {
    /// The access of a user has changed.
    Access(AccessEvent),
    /// A new token of a socket was accepted.
    Renewed(PeerId, Arc<SocketGrant>),
    /// Requests the list of sockets in this room.
    Members(oneshot::Sender<Vec<Member>>),
    /// Closes every socket; a client that still has access connects again.
    Kick,
    /// Ends the room if it has no peers, because its memory is needed.
    Unload,
    /// The document is deleted: closes all sockets and stores nothing more.
    Delete(oneshot::Sender<()>),
}

/// A queued command. Boxed, because a mailbox reserves space for dozens of commands, even while it is empty.
type Mail = Box<Command>;

impl Command {
    /// The number of bytes of an edit that must be applied.
    fn bytes(&self) -> usize {
        match self {
            Self::Peer { message: PeerMessage::Step2(bytes) | PeerMessage::Update(bytes), .. } => bytes.len(),
            _ => 0,
        }
    }
}

/// A live document. A room does not end for lack of peers while a caller holds its handle.
#[derive(Clone, Debug)]
pub struct RoomHandle(Arc<Queues>);

/// The queues into a room.
#[derive(Debug)]
struct Queues {
    doc: DocId,
    mailbox: mpsc::Sender<Mail>,
    /// Boxed for the same reason as the mailbox. When this queue is full, all sockets of the room are checked again.
    urgent: mpsc::Sender<Box<Urgent>>,
    /// Cancelled once the room has ended and its slot is free.
    ended: CancellationToken,
    /// Cancelled before the mailbox closes, if the room ends because its document is deleted.
    deleted: CancellationToken,
    /// Held while the registry hands out a handle, and by a room that ends because no handle is left.
    entrance: Mutex<()>,
}

impl Queues {
    fn entrance(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data.
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomHandle {
    /// The id of this document.
    pub fn doc(&self) -> DocId {
        self.0.doc
    }

    /// Another handle; the room does not end for lack of handles while it is made.
    fn handed_out(&self) -> Self {
        let _entrance = self.0.entrance();
        self.clone()
    }

    /// Whether the room accepts no more commands.
    fn is_closed(&self) -> bool {
        self.0.mailbox.is_closed()
    }

    /// Waits until the room has ended.
    async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    /// Joins the room.
    ///
    /// # Errors
    /// When the room has ended; open it again.
    pub async fn join(&self, peer: NewPeer) -> Result<(), RoomError> {
        let (joined, answer) = oneshot::channel();
        self.ask(Command::Join { peer, joined }, answer).await
    }

    /// Passes on a message of a socket. Waits while the room is busy, and so slows the socket down.
    ///
    /// # Errors
    /// When the room has ended.
    pub async fn send(&self, from: PeerId, message: PeerMessage) -> Result<(), RoomError> {
        // Space is reserved first: a future that holds the command while it waits stores it three times, in every
        // socket.
        let place = self.0.mailbox.reserve().await.map_err(|_| self.gone())?;
        place.send(Box::new(Command::Peer { from, message, received: Instant::now() }));
        Ok(())
    }

    /// Reads the text, once all of it is durable.
    ///
    /// # Errors
    /// When the room has ended, or its log accepts no writes for some time.
    pub async fn text(&self) -> Result<Text, RoomError> {
        let (reply, answer) = oneshot::channel();
        within(CALL_PATIENCE, self.ask(Command::Text(reply), answer)).await
    }

    /// Changes the text into `text` by the smallest edits, visible to all peers, if the text at the end of the log
    /// fulfils the condition. Returns once the edits are durable.
    ///
    /// # Errors
    /// [`RoomError::Changed`] and [`RoomError::TooLarge`] change nothing. After [`RoomError::Unavailable`] it is
    /// unknown whether the text was replaced.
    pub async fn replace_text(
        &self,
        author: UserId,
        text: String,
        condition: Condition,
    ) -> Result<Replaced, RoomError> {
        let (reply, answer) = oneshot::channel();
        within(CALL_PATIENCE, self.ask(Command::Replace { author, text, condition, reply }, answer)).await?
    }

    /// Waits until all edits applied so far are durable.
    ///
    /// # Errors
    /// When the room has ended, or its log accepts no writes for some time.
    pub async fn save(&self) -> Result<(), RoomError> {
        let (reply, answer) = oneshot::channel();
        within(CALL_PATIENCE, self.ask(Command::Save(reply), answer)).await
    }

    /// Lists the sockets in this room.
    ///
    /// # Errors
    /// When the room has ended.
    pub async fn members(&self) -> Result<Vec<Member>, RoomError> {
        let (reply, answer) = oneshot::channel();
        self.send_urgent(Urgent::Members(reply)).await?;
        answer.await.map_err(|_| RoomError::Unavailable)
    }

    /// Replaces the grant of a socket by that of a new token.
    ///
    /// # Errors
    /// When the room has ended.
    pub async fn renewed(&self, peer: PeerId, grant: Arc<SocketGrant>) -> Result<(), RoomError> {
        self.send_urgent(Urgent::Renewed(peer, grant)).await
    }

    async fn send_urgent(&self, urgent: Urgent) -> Result<(), RoomError> {
        self.0.urgent.send(Box::new(urgent)).await.map_err(|_| RoomError::Unavailable)
    }

    /// Whether the room will receive the command, without a wait; a room that has ended has no sockets.
    fn try_urgent(&self, urgent: Urgent) -> bool {
        let sent = self.0.urgent.try_send(Box::new(urgent));
        !matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
    }

    async fn push(&self, command: Command) -> Result<(), RoomError> {
        self.0.mailbox.send(Box::new(command)).await.map_err(|_| self.gone())
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Result<T, RoomError> {
        self.push(command).await?;
        answer.await.map_err(|_| self.gone())
    }

    /// Why a room that has ended does not answer.
    fn gone(&self) -> RoomError {
        if self.0.deleted.is_cancelled() { RoomError::Deleted } else { RoomError::Unavailable }
    }
}

async fn within<T>(patience: Duration, answer: impl Future<Output = Result<T, RoomError>>) -> Result<T, RoomError> {
    timeout(patience, answer).await.unwrap_or(Err(RoomError::Unavailable))
}

impl From<RoomError> for CloseReason {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Damaged => Self::Damaged,
            RoomError::Deleted => Self::NotFound,
            _ => Self::Unavailable,
        }
    }
}
