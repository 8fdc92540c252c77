//! A live document as the rest of the server sees it: a handle to ask things of, and a registry to get it from.

use std::sync::Arc;

use crate::ids::{DocId, UserId};

/// Why a room could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RoomError {
    /// The document could not be loaded, or its log does not take writes at the moment; try again later.
    #[error("document is unavailable")]
    Unavailable,
    /// The text differs from the one that `If-Match` names.
    #[error("text has changed")]
    Changed,
    /// The document would grow past its limit, in bytes.
    #[error("document would exceed {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// The text of a document at one moment.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text, line ends LF.
    pub text: String,
    /// Names this state of the document; equal tags mean equal text. Goes into `ETag` (without quotes).
    pub tag: String,
}

/// A live document.
#[derive(Clone)]
pub struct RoomHandle {}

impl RoomHandle {
    /// Reads the text.
    pub async fn text(&self) -> Result<Text, RoomError> {
        Err(RoomError::Unavailable)
    }

    /// Turns the text into `text` by the smallest edits, live for everyone, and returns once they are durable.
    /// With `expected`, only where the present text still has that tag.
    pub async fn replace_text(&self, _author: UserId, _text: String, _expected: Option<String>) -> Result<Text, RoomError> {
        Err(RoomError::Unavailable)
    }
}

/// The rooms of this node.
#[derive(Clone)]
pub struct Rooms {
    _inner: Arc<()>,
}

impl Rooms {
    /// An empty registry.
    #[expect(clippy::new_without_default, reason = "gets its parts from App")]
    pub fn new() -> Self {
        Self { _inner: Arc::new(()) }
    }

    /// The live room of `doc`, loaded when it is not: the caller has checked that the document exists.
    pub async fn open(&self, _doc: DocId) -> Result<RoomHandle, RoomError> {
        Err(RoomError::Unavailable)
    }

    /// Forgets the room and what is stored of `doc`: its log and its snapshots. Sockets are closed by the access event.
    pub async fn delete(&self, _doc: DocId) -> Result<(), RoomError> {
        Err(RoomError::Unavailable)
    }
}
