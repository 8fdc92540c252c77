//! The relay: sends other nodes what is only true now, such as cursor positions. Nothing of it is stored, and any of it
//! may be lost.

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

/// The messages of other nodes about one document.
pub type Relayed = BoxStream<'static, RelayMessage>;

/// A message to the other nodes that have a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayMessage {
    /// Presence of its clients, as an awareness update.
    Awareness(Bytes),
    /// This node has the document from now on, and requests the presence of the others.
    Hello,
    /// An entry of the log depends on entries that it does not hold: a node that has the document must append it whole.
    Lost,
    /// The digest of an idle replica at that offset of the log.
    Digest(Offset, Digest),
}

/// The relay does not answer.
#[derive(Debug, thiserror::Error)]
#[error("relay unavailable: {0}")]
pub struct RelayError(#[source] pub anyhow::Error);

/// Ephemeral broadcast between the nodes that have a document.
#[async_trait]
pub trait Relay: Send + Sync + 'static {
    /// Receives messages of other nodes about a document from now on.
    async fn join(&self, doc: DocId) -> Result<Relayed, RelayError>;

    /// Sends a message to the others; it may be lost.
    fn send(&self, doc: DocId, message: RelayMessage);

    /// Whether there are other nodes.
    fn has_others(&self) -> bool {
        true
    }

    /// Announces who has a document open at this node, for a limited time: it must be announced again before that has
    /// passed.
    fn announce(&self, doc: DocId, people: Vec<Present>);

    /// Who has a document open at other nodes.
    async fn announced(&self, doc: DocId) -> Result<Vec<Present>, RelayError>;
}

/// A user who has a document open.
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
