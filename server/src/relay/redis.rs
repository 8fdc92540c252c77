//! The relay over channels of Redis, one a document.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use redis::Cmd;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Relay, RelayError, Relayed, Said};
use crate::{
    app::Tasks,
    ids::{DocId, NodeId},
    redis::{Commands, Redis, Rung},
    room::Present,
};

/// Messages that wait to be sent; past it they are dropped, as any of them may be.
const WAITING_MAX: usize = 1024;
/// Messages that are sent together.
const BATCH_MAX: usize = 128;

/// How long what was announced holds: presence at a dead node goes then.
const ANNOUNCED_FOR: Duration = Duration::from_secs(15);

const AWARENESS: u8 = 0;
const HELLO: u8 = 1;
const LOST: u8 = 2;

/// Tells the other nodes.
pub struct RedisRelay {
    redis: Redis,
    node: NodeId,
    sender: mpsc::Sender<Cmd>,
}

impl RedisRelay {
    /// The relay of `node`.
    pub fn new(redis: Redis, node: NodeId, tasks: &Tasks) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        tasks.spawn(send_waiting(redis.commands.clone(), waiting, tasks.stop().clone()));
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
            Said::Lost => message.put_u8(LOST),
        }
        let mut publish = redis::cmd("SPUBLISH");
        publish.arg(channel(doc)).arg(message.as_ref());
        self.send([publish]);
    }

    fn announce(&self, doc: DocId, people: Vec<Present>) {
        let key = presence(doc);
        let node = self.node.0.as_bytes();
        if people.is_empty() {
            let mut delete = redis::cmd("HDEL");
            delete.arg(&key).arg(node);
            return self.send([delete]);
        }
        let until = OffsetDateTime::now_utc() + ANNOUNCED_FOR;
        let announced = serde_json::to_vec(&Announced { until, people }).expect("ids, names and times are JSON");
        let (mut set, mut expire) = (redis::cmd("HSET"), redis::cmd("EXPIRE"));
        set.arg(&key).arg(node).arg(announced);
        expire.arg(&key).arg(ANNOUNCED_FOR.as_secs());
        self.send([set, expire]);
    }

    async fn announced(&self, doc: DocId) -> Result<Vec<Present>, RelayError> {
        let all: HashMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL")
            .arg(presence(doc))
            .query_async(&mut self.redis.commands.clone())
            .await
            .map_err(|error| RelayError(error.into()))?;
        let now = OffsetDateTime::now_utc();
        let others = all.into_iter().filter(|(node, _)| node != self.node.0.as_bytes());
        let announced = others.filter_map(|(_, value)| serde_json::from_slice::<Announced>(&value).ok());
        Ok(announced.filter(|announced| announced.until > now).flat_map(|announced| announced.people).collect())
    }
}

impl RedisRelay {
    fn send(&self, commands: impl IntoIterator<Item = Cmd>) {
        for command in commands {
            if self.sender.try_send(command).is_err() {
                metrics::counter!("codesync_relay_dropped_total").increment(1);
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Announced {
    #[serde(with = "time::serde::rfc3339")]
    until: OffsetDateTime,
    people: Vec<Present>,
}

fn presence(doc: DocId) -> String {
    format!("codesync:{{{doc}}}:presence")
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
        LOST => Some(Said::Lost),
        _ => None,
    }
}

async fn send_waiting(mut commands: Commands, mut waiting: mpsc::Receiver<Cmd>, stop: CancellationToken) {
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
        for command in batch.drain(..) {
            pipeline.add_command(command).ignore();
        }
        if let Err(error) = pipeline.exec_async(&mut commands).await {
            debug!(%error, "relay: not sent");
        }
    }
}
