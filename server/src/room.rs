//! A live document as the rest of the server sees it: a handle to ask things of, and a registry to get it from. All that
//! happens in a room comes through its mailbox, in one order.

pub mod actor;
mod chain;
mod compactions;
mod compare;
mod damage;
mod edited;
mod effort;
mod evict;
mod follower;
mod loading;
mod memory;
pub mod outbox;
mod parts;
pub mod peers;
pub mod presence;
mod recheck;
pub mod registry;
mod slots;
mod snapshots;
mod speakers;
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

/// How long a call waits for the log: longer than the log takes to notice that it cannot be reached, and less than the
/// caller's right to edit is held.
const CALL_PATIENCE: Duration = Duration::from_secs(7);

/// Why a room could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// The document could not be loaded, or its log does not take writes at the moment; try again later.
    #[error("document is unavailable")]
    Unavailable,
    /// The document has been deleted.
    #[error("document has been deleted")]
    Deleted,
    /// What is stored of the document is damaged, and has been for a while; trying again does not help.
    #[error("stored document is damaged")]
    Damaged,
    /// The text differs from the one that `If-Match` names.
    #[error("text has changed")]
    Changed,
    /// The caller's edits took too much processor time.
    #[error("edits took too much work")]
    TooCostly,
    /// The document would grow past its limit, in bytes.
    #[error("document would exceed {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// The text of a document at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text, line ends LF.
    pub text: String,
    /// Names this text; equal tags mean equal text. Goes into `ETag` (without quotes).
    pub tag: String,
}

impl Text {
    fn of(text: String) -> Self {
        let tag = hex(&Sha256::digest(text.as_bytes())[..16]);
        Self { text, tag }
    }
}

/// Tags of texts, as a condition names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`.
    Any,
    /// These.
    Listed(Vec<String>),
}

/// What the text has to be for a call to replace it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// `If-Match`: the text has to have one of these tags.
    pub one_of: Option<Tags>,
    /// `If-None-Match`: the text must have none of these tags; for `*` it has to be empty.
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

/// What replacing the text came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The text.
    pub text: Text,
    /// Whether it was another one before.
    pub changed: bool,
}

/// One socket in a room; never used twice in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u64);

/// What a client understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// y-websocket: an author hears its own edit once it is durable.
    Stock,
    /// `codesync.v1`: marks, roles and refusals in words.
    Codesync,
}

/// A socket that enters a room.
#[derive(Debug)]
pub struct NewPeer {
    /// Its id.
    pub id: PeerId,
    /// Who it is.
    pub grant: Arc<SocketGrant>,
    /// What it understands.
    pub dialect: Dialect,
    /// Where its frames go.
    pub outbox: Outbox,
    /// When it came.
    pub since: OffsetDateTime,
}

/// A socket that is in a room.
#[derive(Clone, Debug)]
pub struct Member {
    /// Who it is.
    pub grant: Arc<SocketGrant>,
    /// When it came.
    pub since: OffsetDateTime,
}

/// What a socket says.
#[derive(Debug)]
pub enum Said {
    /// Sync step 1: what the client has.
    Step1(StateVector),
    /// Sync step 2: what we lack.
    Step2(Bytes),
    /// An edit.
    Update(Bytes),
    /// Presence, its `user` stamped by the session.
    Awareness(Vec<AwarenessEntry>),
    /// Asks for everyone's presence.
    QueryAwareness,
    /// Asks for an echo once everything before is durable.
    Mark(u64),
    /// The outbox was dropped and is empty now.
    Behind,
    /// The socket is gone.
    Left,
}

/// What can be asked of a room.
#[derive(Debug)]
pub enum Command {
    /// A socket enters.
    Join {
        /// Who.
        peer: NewPeer,
        /// Answered once it is in.
        joined: oneshot::Sender<()>,
    },
    /// A socket says something.
    Peer {
        /// Who.
        from: PeerId,
        /// What.
        said: Said,
        /// When it was read from the socket.
        received: Instant,
    },
    /// Reads the text; answered once what is read is durable.
    Text(oneshot::Sender<Text>),
    /// Turns the text into another.
    Replace {
        /// Who calls.
        author: UserId,
        /// The text to be.
        text: String,
        /// What the present text has to be.
        condition: Condition,
        /// Answered once it is durable.
        reply: oneshot::Sender<Result<Replaced, RoomError>>,
    },
    /// Waits until all edits that were taken in are durable.
    Save(oneshot::Sender<()>),
    /// There is a snapshot of this offset, or none could be taken.
    Compacted(Option<Offset>),
}

/// What a room does before anything in its mailbox, and also while it takes nothing out of it.
#[derive(Debug)]
pub enum Urgent {
    /// The access of a user has changed.
    Access(AccessEvent),
    /// A fresh token of a socket was accepted.
    Renewed(PeerId, Arc<SocketGrant>),
    /// Asks which sockets are here.
    Members(oneshot::Sender<Vec<Member>>),
    /// Closes every socket; a client that still has access connects again.
    Kick,
    /// Ends the room if it has no peers: its memory is needed.
    Unload,
    /// The document is deleted: close all and keep nothing.
    Delete(oneshot::Sender<()>),
}

/// A command on its way. Boxed: a mailbox keeps space for dozens, also where nobody says anything.
type Mail = Box<Command>;

impl Command {
    /// Bytes of an edit that has to be applied.
    fn bytes(&self) -> usize {
        match self {
            Self::Peer { said: Said::Step2(bytes) | Said::Update(bytes), .. } => bytes.len(),
            _ => 0,
        }
    }
}

/// A live document. While a caller holds its handle, its room does not end for want of peers.
#[derive(Clone, Debug)]
pub struct RoomHandle(Arc<Doors>);

/// The ways into a room.
#[derive(Debug)]
struct Doors {
    doc: DocId,
    mailbox: mpsc::Sender<Mail>,
    /// Boxed for the same reason as the mailbox. When it is full, all sockets of the room are checked again.
    urgent: mpsc::Sender<Box<Urgent>>,
    /// Cancelled once the room has ended and its slot is free.
    ended: CancellationToken,
    /// Cancelled before the mailbox closes where the room ends with its document.
    deleted: CancellationToken,
    /// Held while the registry hands out a handle, and by a room that ends because there is none.
    entrance: Mutex<()>,
}

impl Doors {
    fn entrance(&self) -> MutexGuard<'_, ()> {
        // It guards no data.
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomHandle {
    /// Which document this is.
    pub fn doc(&self) -> DocId {
        self.0.doc
    }

    /// Another handle, made while the room does not end for want of one.
    fn handed_out(&self) -> Self {
        let _entrance = self.0.entrance();
        self.clone()
    }

    /// Whether it takes nothing more.
    fn is_closed(&self) -> bool {
        self.0.mailbox.is_closed()
    }

    /// Waits until the room has ended.
    async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    /// Enters the room.
    ///
    /// # Errors
    /// When the room has ended meanwhile: open it again.
    pub async fn join(&self, peer: NewPeer) -> Result<(), RoomError> {
        let (joined, answer) = oneshot::channel();
        self.ask(Command::Join { peer, joined }, answer).await
    }

    /// Hands on what a socket said; waits while the room is busy, and so slows the socket down.
    ///
    /// # Errors
    /// When the room has ended.
    pub async fn say(&self, from: PeerId, said: Said) -> Result<(), RoomError> {
        // Reserved first: a future that holds the command while it waits holds it three times, in every socket.
        let place = self.0.mailbox.reserve().await.map_err(|_| self.gone())?;
        place.send(Box::new(Command::Peer { from, said, received: Instant::now() }));
        Ok(())
    }

    /// Reads the text, once all of it is durable.
    ///
    /// # Errors
    /// When the room has ended, or its log does not take writes for some time.
    pub async fn text(&self) -> Result<Text, RoomError> {
        let (reply, answer) = oneshot::channel();
        within(CALL_PATIENCE, self.ask(Command::Text(reply), answer)).await
    }

    /// Turns the text into `text` by the smallest edits, live for everyone, where the text that the log ends with fulfils
    /// the condition. Returns once the edits are durable.
    ///
    /// # Errors
    /// [`RoomError::Changed`] and [`RoomError::TooLarge`] change nothing. After [`RoomError::Unavailable`] it is not known
    /// whether the text was replaced.
    pub async fn replace_text(
        &self,
        author: UserId,
        text: String,
        condition: Condition,
    ) -> Result<Replaced, RoomError> {
        let (reply, answer) = oneshot::channel();
        within(CALL_PATIENCE, self.ask(Command::Replace { author, text, condition, reply }, answer)).await?
    }

    /// Waits until all edits that were taken in so far are durable.
    ///
    /// # Errors
    /// When the room has ended, or its log does not take writes for some time.
    pub async fn save(&self) -> Result<(), RoomError> {
        let (reply, answer) = oneshot::channel();
        within(CALL_PATIENCE, self.ask(Command::Save(reply), answer)).await
    }

    /// The sockets that are in it.
    ///
    /// # Errors
    /// When the room has ended.
    pub async fn members(&self) -> Result<Vec<Member>, RoomError> {
        let (reply, answer) = oneshot::channel();
        self.send_urgent(Urgent::Members(reply)).await?;
        answer.await.map_err(|_| RoomError::Unavailable)
    }

    /// Goes on with the grant of a fresh token.
    ///
    /// # Errors
    /// When the room has ended.
    pub async fn renewed(&self, peer: PeerId, grant: Arc<SocketGrant>) -> Result<(), RoomError> {
        self.send_urgent(Urgent::Renewed(peer, grant)).await
    }

    async fn send_urgent(&self, urgent: Urgent) -> Result<(), RoomError> {
        self.0.urgent.send(Box::new(urgent)).await.map_err(|_| RoomError::Unavailable)
    }

    /// Whether the room will learn of it, without a wait; a room that has ended has no sockets.
    fn try_urgent(&self, urgent: Urgent) -> bool {
        let sent = self.0.urgent.try_send(Box::new(urgent));
        !matches!(sent, Err(mpsc::error::TrySendError::Full(_)))
    }

    async fn send(&self, command: Command) -> Result<(), RoomError> {
        self.0.mailbox.send(Box::new(command)).await.map_err(|_| self.gone())
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Result<T, RoomError> {
        self.send(command).await?;
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
