//! The relay over channels of Redis, one a document.

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Relay, RelayError, Relayed, Said};
use crate::{
    app::Tasks,
    ids::{DocId, NodeId},
    redis::{Commands, Redis, Rung},
};

/// Messages that wait to be sent; past it they are dropped, as any of them may be.
const WAITING_MAX: usize = 1024;
/// Messages that are sent together.
const BATCH_MAX: usize = 128;

const AWARENESS: u8 = 0;
const HELLO: u8 = 1;

/// Tells the other nodes.
pub struct RedisRelay {
    redis: Redis,
    node: NodeId,
    sender: mpsc::Sender<(DocId, Bytes)>,
}

impl RedisRelay {
    /// The relay of `node`.
    pub fn new(redis: Redis, node: NodeId, tasks: &Tasks) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        tasks.spawn(send(redis.commands.clone(), waiting, tasks.stop().clone()));
        Self { redis, node, sender }
    }
}

#[async_trait]
impl Relay for RedisRelay {
    async fn join(&self, doc: DocId) -> Result<Relayed, RelayError> {
        let subscription =
            self.redis.subscriptions.subscribe(channel(doc)).await.map_err(|error| RelayError(error.into()))?;
        let node = self.node;
        Ok(stream::unfold(subscription, move |mut subscription| async move {
            loop {
                if let Rung::Message(message) = subscription.next().await
                    && let Some(said) = decode(message, node)
                {
                    return Some((said, subscription));
                }
            }
        })
        .boxed())
    }

    fn say(&self, doc: DocId, said: Said) {
        let mut message = BytesMut::from(self.node.0.as_bytes().as_slice());
        match said {
            Said::Awareness(states) => {
                message.put_u8(AWARENESS);
                message.put(states);
            }
            Said::Hello => message.put_u8(HELLO),
        }
        if self.sender.try_send((doc, message.freeze())).is_err() {
            metrics::counter!("codesync_relay_dropped_total").increment(1);
        }
    }
}

fn channel(doc: DocId) -> String {
    format!("codesync:{{{doc}}}:relay")
}

/// What another node said; `None` for our own words and what a newer version may say.
fn decode(mut message: Bytes, node: NodeId) -> Option<Said> {
    let origin = message.try_get_u128().ok()?;
    if origin == node.0.as_u128() {
        return None;
    }
    match message.try_get_u8().ok()? {
        AWARENESS => Some(Said::Awareness(message)),
        HELLO => Some(Said::Hello),
        _ => None,
    }
}

async fn send(mut commands: Commands, mut waiting: mpsc::Receiver<(DocId, Bytes)>, stop: CancellationToken) {
    let mut batch = Vec::new();
    loop {
        let count = tokio::select! {
            // What was said before the stop is sent before it: the others see our clients go.
            biased;
            count = waiting.recv_many(&mut batch, BATCH_MAX) => count,
            () = stop.cancelled() => return,
        };
        if count == 0 {
            return;
        }
        let mut pipeline = redis::pipe();
        for (doc, message) in batch.drain(..) {
            pipeline.cmd("SPUBLISH").arg(channel(doc)).arg(message.as_ref()).ignore();
        }
        if let Err(error) = pipeline.exec_async(&mut commands).await {
            debug!(%error, "relay: not sent");
        }
    }
}
