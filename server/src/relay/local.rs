//! The relay of a single node, which has no other nodes.

use async_trait::async_trait;
use futures_util::{StreamExt, stream};

use super::{Relay, RelayError, RelayMessage, Relayed};
use crate::{ids::DocId, relay::Present};

/// Sends nothing.
pub struct LocalRelay;

#[async_trait]
impl Relay for LocalRelay {
    async fn join(&self, _doc: DocId) -> Result<Relayed, RelayError> {
        Ok(stream::pending().boxed())
    }

    fn has_others(&self) -> bool {
        false
    }

    fn send(&self, _doc: DocId, _said: RelayMessage) {}

    fn announce(&self, _doc: DocId, _people: Vec<Present>) {}

    async fn announced(&self, _doc: DocId) -> Result<Vec<Present>, RelayError> {
        Ok(Vec::new())
    }
}
