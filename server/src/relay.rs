//! The relay: tells the other nodes what is only true now, such as where cursors stand. Nothing of it is stored, and any of
//! it may be lost.

pub mod local;
pub mod redis;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    digest::Digest,
    ids::{DocId, UserId},
    offset::Offset,
    role::Role,
};

/// What other nodes say of one document from now on.
pub type Relayed = BoxStream<'static, Said>;

/// What one node says to the others that hold a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Presence of its clients, as an awareness update.
    Awareness(Bytes),
    /// It holds the document from now on: who is there?
    Hello,
    /// An entry of the log builds on what is not in it: whoever has the document is to append it whole.
    Lost,
    /// What the replica of a node that is at rest at that offset of the log holds.
    Digest(Offset, Digest),
}

/// The relay does not answer.
#[derive(Debug, thiserror::Error)]
#[error("relay unavailable: {0}")]
pub struct RelayError(#[source] pub anyhow::Error);

/// Ephemeral broadcast between the nodes that hold a document.
#[async_trait]
pub trait Relay: Send + Sync + 'static {
    /// Hears what other nodes say of a document from now on.
    async fn join(&self, doc: DocId) -> Result<Relayed, RelayError>;

    /// Says something to the others; it may be lost.
    fn say(&self, doc: DocId, said: Said);

    /// Whether there are other nodes at all.
    fn has_others(&self) -> bool {
        true
    }

    /// Tells who has a document open at this node, for a while: it is to be told again before that has passed.
    fn announce(&self, doc: DocId, people: Vec<Present>);

    /// Who has a document open at other nodes.
    async fn announced(&self, doc: DocId) -> Result<Vec<Present>, RelayError>;
}

/// Somebody who has a document open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The account.
    pub user: UserId,
    /// The name that others see.
    pub name: String,
    /// The colour that others see, `#rrggbb`.
    pub color: String,
    /// The role in the document.
    pub role: Role,
    /// When the first of the open sockets connected.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// How many sockets are open.
    pub sockets: usize,
}
