//! The update log: what makes an edit durable. Owns the order of a document's updates; knows nothing of their content.
//! Gap-free: a room appends only what its replica has applied.

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

/// How long a log refuses to be written after its document was deleted: longer than any node works without reading the
/// directory.
const DELETED_FOR: Duration = Duration::from_secs(24 * 3600);

/// One update of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub offset: Offset,
    /// The v1 update.
    pub update: Bytes,
}

/// What the log holds of a document behind an offset, read in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Everything up to here was trimmed: only a snapshot at or above it is a base for the entries.
    pub trimmed: Offset,
    /// The newest offset of the log, its entry trimmed or not. Below what was read before, the log has been lost.
    pub last: Offset,
    /// What the first of the entries was appended behind, where the log can tell: something else than the reader
    /// stands at means that the log has been lost and written to again. Zero only where nothing ever stood before it.
    pub behind: Option<Offset>,
    /// The entries, in order.
    pub entries: Vec<Entry>,
}

/// Which entry an append depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The log has to hold this entry; it may hold newer ones, which the appender has not read.
    Known(Offset),
    /// The log has to end with this entry. The same append repeated after [`LogError::Unavailable`] is answered as if it
    /// were the first. Without updates it checks where the log ends, and writes nothing.
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

/// Where an append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The newest offset before it.
    pub previous: Offset,
    /// The offset of its last update.
    pub last: Offset,
}

/// What a tail hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An append, of this node or another.
    Entries {
        /// Who appended.
        origin: NodeId,
        /// Where.
        appended: Appended,
        /// What.
        updates: Vec<Bytes>,
    },
    /// Where the log ended a moment ago: whoever stands elsewhere has to read it.
    End(Offset),
    /// Something may have been missed: compare with the log.
    Look,
}

/// What is heard of one document from now on. It may lose things, and then says so.
pub type Tail = BoxStream<'static, Heard>;

/// A document whose log grew, as the sweeper sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// Which one.
    pub doc: DocId,
    /// Tells one growth from a later one.
    pub mark: u64,
}

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be reached; whether an append took place is not known, and it may be tried again.
    #[error("update log unavailable: {0}")]
    Unavailable(#[source] anyhow::Error),
    /// It is full or damaged; whether an append took place is not known.
    #[error("update log failed: {0}")]
    Failed(#[source] anyhow::Error),
    /// It ends before what the appender has: it has been lost, whole or its end. Nothing was appended.
    #[error("update log has lost entries")]
    Lost,
    /// It has entries after the one that an exact append names: the appender has to read them. Nothing was appended.
    #[error("update log has newer entries")]
    Moved,
    /// The document has been deleted. Nothing was appended, and nothing can be.
    #[error("document has been deleted")]
    Deleted,
}

/// An ordered, durable log of updates for each document.
#[async_trait]
pub trait UpdateLog: Send + Sync + 'static {
    /// Appends updates as one step. All offsets are above every earlier one of the document and above `after`, the newest
    /// that the appender knows. What a returned append survives is stated at each adapter. A tail delivers an exact append
    /// as another node's, also to its appender: it is appended before the appender applies it.
    ///
    /// # Errors
    /// [`LogError::Lost`] where the log does not reach up to `after`: the appender has to [`UpdateLog::restore`] it.
    /// [`LogError::Moved`] where it goes on after [`After::Exactly`].
    /// [`LogError::Deleted`] where the document is.
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, after: After) -> Result<Appended, LogError>;

    /// Appends the whole state of a document above `after`, whatever the log holds.
    async fn restore(&self, doc: DocId, state: Bytes, after: Offset) -> Result<Appended, LogError>;

    /// Reads what is left of a document's log behind `after`.
    async fn read(&self, doc: DocId, after: Offset) -> Result<Contents, LogError>;

    /// Listens to a document's log: what is appended after this returned is heard, or said to be missed.
    async fn tail(&self, doc: DocId) -> Result<Tail, LogError>;

    /// Forgets the entries up to and with `through`. Going back is ignored.
    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError>;

    /// Removes the log of a deleted document. For a day it refuses appends and restores with [`LogError::Deleted`].
    async fn delete(&self, doc: DocId) -> Result<(), LogError>;

    /// Removes the log of a document that is about to be written from its beginning, also if it was deleted before.
    async fn clear(&self, doc: DocId) -> Result<(), LogError>;

    /// Takes the right to compact a document, for so long at most; `false` where another node has it. It saves work;
    /// nothing is lost where two have it.
    async fn lease(&self, doc: DocId, lasts: Duration) -> Result<bool, LogError>;

    /// Gives that right back.
    async fn release(&self, doc: DocId) -> Result<(), LogError>;

    /// Documents whose log grew since they were last declared clean, and not for the time given; longest first.
    async fn dirty(&self, quiet: Duration, limit: usize) -> Result<Vec<Dirty>, LogError>;

    /// Declares a document clean, unless it has grown since.
    async fn clean(&self, dirty: Dirty) -> Result<(), LogError>;

    /// Makes a round trip to where the log is kept.
    async fn ready(&self) -> Result<(), LogError>;
}

/// Milliseconds since 1970: what marks of dirty documents are.
fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
