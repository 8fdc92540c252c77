//! The update log, which makes an edit durable. It owns the order of a document's updates, and knows nothing of their
//! content. Gap-free: a room appends only what its replica has applied.

pub mod contract;
pub mod redis;
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{
    ids::{DocId, NodeId},
    offset::Offset,
};

/// How long a log refuses writes after its document was deleted: longer than any node works without reading the
/// directory.
const DELETED_FOR: Duration = Duration::from_secs(24 * 3600);

/// One update of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub offset: Offset,
    /// The v1 update.
    pub update: Bytes,
}

/// The contents of the log of a document after an offset, read in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Everything up to this offset was trimmed: only a snapshot at or above it is a base for the entries.
    pub trimmed: Offset,
    /// The newest offset of the log, even if its entry is trimmed. If it is below an offset that was read before, the
    /// log has been lost.
    pub last: Offset,
    /// The entry after which the first of the entries was appended, if the log knows it. If that is not the reader's
    /// offset, the log has been lost and written again. Zero only if there was never an entry before it.
    pub behind: Option<Offset>,
    /// The entries, in order.
    pub entries: Vec<Entry>,
}

/// The entry that an append depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The log must hold this entry; it may hold newer ones, which the appender has not read.
    Known(Offset),
    /// The log must end with this entry. The same append repeated after [`LogError::Unavailable`] gets the answer of
    /// the first. Without updates it checks where the log ends, and writes nothing.
    Exactly(Offset),
}

impl After {
    /// The entry.
    pub fn offset(self) -> Offset {
        match self {
            Self::Known(offset) | Self::Exactly(offset) => offset,
        }
    }
}

/// The position of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The newest offset before it.
    pub previous: Offset,
    /// The offset of its last update.
    pub last: Offset,
}

/// An event of a tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailEvent {
    /// An append, of this node or another.
    Entries {
        /// The node that appended.
        origin: NodeId,
        /// The position.
        appended: Appended,
        /// The updates.
        updates: Vec<Bytes>,
    },
    /// Where the log ended a moment ago: a reader at another offset must read it.
    End(Offset),
    /// Something may have been missed: compare with the log.
    Missed,
}

/// The events of one document from now on. It may lose some, and then reports that.
pub type Tail = BoxStream<'static, TailEvent>;

/// A document whose log grew, for the sweeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// The document.
    pub doc: DocId,
    /// Distinguishes one growth from a later one.
    pub mark: u64,
}

/// Why a request to the log failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log is unavailable. Whether an append took place is unknown, and it may be repeated.
    #[error("update log unavailable: {0}")]
    Unavailable(#[source] anyhow::Error),
    /// The log is full or damaged. Whether an append took place is unknown.
    #[error("update log failed: {0}")]
    Failed(#[source] anyhow::Error),
    /// The log ends before the appender's offset: it has been lost, completely or at its end. Nothing was appended.
    #[error("update log has lost entries")]
    Lost,
    /// The log has entries after the one that an exact append names: the appender must read them. Nothing was appended.
    #[error("update log has newer entries")]
    Moved,
    /// The document has been deleted. Nothing was appended, and nothing can be.
    #[error("document has been deleted")]
    Deleted,
}

/// An ordered, durable log of updates for each document.
#[async_trait]
pub trait UpdateLog: Send + Sync + 'static {
    /// Appends updates in one step. All offsets are above every earlier one of the document and above `after`, the
    /// newest that the appender knows. Each adapter documents what a returned append survives. A tail delivers an exact
    /// append like another node's, also to its appender, which applies it afterwards.
    ///
    /// # Errors
    /// [`LogError::Lost`] if the log does not reach `after`: the appender must [`UpdateLog::restore`] it.
    /// [`LogError::Moved`] if it continues after [`After::Exactly`]. [`LogError::Deleted`] if the document is deleted.
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, after: After) -> Result<Appended, LogError>;

    /// Appends the whole state of a document above `after`, independent of the content of the log.
    async fn restore(&self, doc: DocId, state: Bytes, after: Offset) -> Result<Appended, LogError>;

    /// Reads the rest of a document's log after `after`.
    async fn read(&self, doc: DocId, after: Offset) -> Result<Contents, LogError>;

    /// Subscribes to a document's log: each append after the return is delivered, or reported as missed.
    async fn tail(&self, doc: DocId) -> Result<Tail, LogError>;

    /// Removes the entries up to and including `through`. A lower offset than before is ignored.
    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError>;

    /// Removes the log of a deleted document. For a day it refuses appends and restores with [`LogError::Deleted`].
    async fn delete(&self, doc: DocId) -> Result<(), LogError>;

    /// Removes the log of a document that is about to be written from its beginning, even if it was deleted before.
    async fn clear(&self, doc: DocId) -> Result<(), LogError>;

    /// Takes the lease to compact a document, for at most `lasts`; `false` if another node has it. The lease saves
    /// work; nothing is lost if two nodes have it.
    async fn lease(&self, doc: DocId, lasts: Duration) -> Result<bool, LogError>;

    /// Releases that lease.
    async fn release(&self, doc: DocId) -> Result<(), LogError>;

    /// Documents whose log grew since they were last marked clean, and not within `quiet`; the oldest first.
    async fn dirty(&self, quiet: Duration, limit: usize) -> Result<Vec<Dirty>, LogError>;

    /// Marks a document clean, unless it has grown since.
    async fn clean(&self, dirty: Dirty) -> Result<(), LogError>;

    /// Makes a round trip to the store of the log.
    async fn ready(&self) -> Result<(), LogError>;
}

/// Milliseconds since 1970, the unit of marks of dirty documents.
fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
