//! The update log: what makes an edit durable. Owns the order of a document's updates; knows nothing of their content.
//! Gap-free: a room appends only what its replica has applied.

pub mod contract;
pub mod sqlite;

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use bytes::Bytes;

use crate::ids::DocId;

/// A place in a document's log; later entries have greater offsets. Wide enough for the ids of a Redis stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u128);

impl Offset {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Offset {
    /// 32 hexadecimal digits, so that names sort as offsets do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Offset {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// One update of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub offset: Offset,
    /// The v1 update.
    pub update: Bytes,
}

/// What the log holds of a document, read in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Everything up to here was trimmed: only a snapshot at or above it is a base for the entries.
    pub trimmed: Offset,
    /// The entries above `trimmed`, in order.
    pub entries: Vec<Entry>,
}

impl Contents {
    /// The offset of the newest entry, or of the trim when there is none.
    pub fn last(&self) -> Offset {
        self.entries.last().map_or(self.trimmed, |entry| entry.offset)
    }
}

/// Why the log did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It does not answer, is full or is damaged; whether an append took place is not known.
    #[error("update log unavailable: {0}")]
    Unavailable(#[source] anyhow::Error),
}

/// An ordered, durable log of updates for each document.
#[async_trait]
pub trait UpdateLog: Send + Sync + 'static {
    /// Appends updates as one step and returns the offset of the last. All offsets are above every earlier one of the
    /// document and above `floor`. What a returned append survives is stated at each adapter.
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, floor: Offset) -> Result<Offset, LogError>;

    /// Reads what is left of a document's log.
    async fn read(&self, doc: DocId) -> Result<Contents, LogError>;

    /// Forgets the entries up to and with `through`. Going back is ignored.
    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError>;

    /// Forgets a document whole.
    async fn delete(&self, doc: DocId) -> Result<(), LogError>;

    /// Makes a round trip to where the log is kept.
    async fn ready(&self) -> Result<(), LogError>;
}
