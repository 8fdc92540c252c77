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
use super::{Relay, RelayError, Relayed, Said};
use crate::{
    digest::Digest,
    ids::{DocId, NodeId},
    offset::Offset,
    redis::{Commands, Redis, Rung},
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
            Said::Lost => message.put_u8(LOST),
            Said::Digest(offset, digest) => {
                message.put_u8(DIGEST);
                message.put_u128(offset.0);
                message.put(digest.0.as_slice());
            }
        }
        let mut publish = redis::cmd("SPUBLISH");
        publish.arg(channel(doc)).arg(message.as_ref());
        self.send(publish);
    }

    fn announce(&self, doc: DocId, people: Vec<Present>) {
        for command in self.announced.say(doc, people) {
            if !self.send(command) {
                self.announced.forget(doc);
            }
        }
    }

    async fn announced(&self, doc: DocId) -> Result<Vec<Present>, RelayError> {
        self.announced.elsewhere(doc).await.map_err(|error| RelayError(error.into()))
    }
}

impl RedisRelay {
    /// Queues a command; returns whether it will be sent.
    fn send(&self, command: Cmd) -> bool {
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
fn decode(mut message: Bytes, node: NodeId) -> Option<Said> {
    let origin = message.try_get_u128().ok()?;
    if origin == node.0.as_u128() {
        return None;
    }
    match message.try_get_u8().ok()? {
        AWARENESS => Some(Said::Awareness(message)),
        HELLO => Some(Said::Hello),
        LOST => Some(Said::Lost),
        DIGEST => {
            let offset = Offset(message.try_get_u128().ok()?);
            Some(Said::Digest(offset, Digest(message.as_ref().try_into().ok()?)))
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
            announced.forget_all();
        }
        sleep(PAUSE).await;
    }
}
