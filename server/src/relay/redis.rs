//! The relay over channels of Redis, one per document.

mod announced;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use redis::Cmd;
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::announced::Announced;
use super::{Relay, RelayError, RelayMessage, Relayed};
use crate::{
    digest::Digest,
    ids::{DocId, NodeId},
    offset::Offset,
    redis::{Commands, Redis, SubscriptionEvent},
    relay::Present,
    tasks::Tasks,
};

/// The number of messages that wait to be sent; further ones are dropped, as any of them may be.
const WAITING_MAX: usize = 1024;
/// The shortest interval between two batches: messages sent one by one cost Redis several times as much, and with many
/// open documents there is always one to send.
const PAUSE: Duration = Duration::from_millis(10);

const AWARENESS: u8 = 0;
const HELLO: u8 = 1;
const LOST: u8 = 2;
/// Older nodes ignore it.
const DIGEST: u8 = 3;

/// Sends to the other nodes.
pub struct RedisRelay {
    redis: Redis,
    node: NodeId,
    sender: mpsc::Sender<Cmd>,
    announced: Arc<Announced>,
}

impl RedisRelay {
    /// The relay of `node`.
    pub fn new(redis: Redis, node: NodeId, tasks: &Tasks) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let announced = Announced::new(redis.pool.clone(), node, tasks);
        tasks.spawn(send_waiting(redis.commands.clone(), waiting, announced.clone(), tasks.stop().clone()));
        Self { redis, node, sender, announced }
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
                if let SubscriptionEvent::Message(message) = subscription.next().await
                    && let Some(message) = decode(message, node)
                {
                    return Some((message, subscription));
                }
            }
        })
        .boxed())
    }

    fn send(&self, doc: DocId, message: RelayMessage) {
        let mut bytes = BytesMut::from(self.node.0.as_bytes().as_slice());
        match message {
            RelayMessage::Awareness(states) => {
                bytes.put_u8(AWARENESS);
                bytes.put(states);
            }
            RelayMessage::Hello => bytes.put_u8(HELLO),
            RelayMessage::Lost => bytes.put_u8(LOST),
            RelayMessage::Digest(offset, digest) => {
                bytes.put_u8(DIGEST);
                bytes.put_u128(offset.0);
                bytes.put(digest.0.as_slice());
            }
        }
        let mut publish = redis::cmd("SPUBLISH");
        publish.arg(channel(doc)).arg(bytes.as_ref());
        self.queue(publish);
    }

    fn announce(&self, doc: DocId, people: Vec<Present>) {
        for command in self.announced.commands_for(doc, people) {
            if !self.queue(command) {
                self.announced.invalidate(doc);
            }
        }
    }

    async fn announced(&self, doc: DocId) -> Result<Vec<Present>, RelayError> {
        self.announced.elsewhere(doc).await.map_err(|error| RelayError(error.into()))
    }
}

impl RedisRelay {
    /// Queues a command; returns whether it will be sent.
    fn queue(&self, command: Cmd) -> bool {
        let taken = self.sender.try_send(command).is_ok();
        if !taken {
            metrics::counter!("codesync_relay_dropped_total").increment(1);
        }
        taken
    }
}

fn channel(doc: DocId) -> String {
    format!("codesync:{{{doc}}}:relay")
}

/// Decodes a message of another node; `None` for our own messages and for kinds of a newer release.
fn decode(mut message: Bytes, node: NodeId) -> Option<RelayMessage> {
    let origin = message.try_get_u128().ok()?;
    if origin == node.0.as_u128() {
        return None;
    }
    match message.try_get_u8().ok()? {
        AWARENESS => Some(RelayMessage::Awareness(message)),
        HELLO => Some(RelayMessage::Hello),
        LOST => Some(RelayMessage::Lost),
        DIGEST => {
            let offset = Offset(message.try_get_u128().ok()?);
            Some(RelayMessage::Digest(offset, Digest(message.as_ref().try_into().ok()?)))
        }
        _ => None,
    }
}

async fn send_waiting(
    commands: Commands,
    mut waiting: mpsc::Receiver<Cmd>,
    announced: Arc<Announced>,
    stop: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        let count = tokio::select! {
            // Messages before the stop are sent before it: the others see our clients leave.
            biased;
            count = waiting.recv_many(&mut batch, WAITING_MAX) => count,
            () = stop.cancelled() => return,
        };
        if count == 0 {
            return;
        }
        let sent = commands.together(std::mem::take(&mut batch)).await;
        if let Some(error) = sent.into_iter().find_map(Result::err) {
            debug!(%error, "relay: not sent");
            announced.invalidate_all();
        }
        sleep(PAUSE).await;
    }
}
