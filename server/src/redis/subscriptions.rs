//! Channels of Redis, all on one connection. A message may be lost: subscribers are notified when that may have
//! happened.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisResult, Value,
    aio::MultiplexedConnection, cluster_async::ClusterConnection,
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{CONNECT_TIMEOUT, HEARTBEAT_INTERVAL, Owner, RESPONSE_TIMEOUT, Source, beats};
use crate::tasks::Tasks;

/// The number of messages that wait for one subscriber; further ones are missed.
const WAITING_MAX: usize = 256;
/// The number of requests that are handled together.
const REQUESTS_MAX: usize = 256;
/// The number of waiting requests. Above it a subscriber waits too, and a channel without subscribers stays subscribed
/// until its next message, which is dropped.
const REQUESTS_WAITING_MAX: usize = 8_192;
/// The shortest and the longest pause before another connection.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// An event of a subscription.
#[derive(Debug, PartialEq, Eq)]
pub enum SubscriptionEvent {
    /// A message.
    Message(Bytes),
    /// Messages may have been lost before this moment.
    Missed,
}

/// All channels of the process.
pub struct Subscriptions {
    listeners: Arc<Listeners>,
    requests: mpsc::Sender<Request>,
}

/// A subscription to one channel; it ends when dropped.
pub struct Subscription {
    channel: String,
    receiver: mpsc::Receiver<Bytes>,
    listener: Arc<Listener>,
    listeners: Arc<Listeners>,
    requests: mpsc::Sender<Request>,
}

enum Request {
    Subscribe(String, oneshot::Sender<RedisResult<()>>),
    Unsubscribe(String),
}

struct Listener {
    sender: mpsc::Sender<Bytes>,
    missed: AtomicBool,
    wake: Notify,
}

impl Listener {
    fn miss(&self) {
        self.missed.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

#[derive(Default)]
struct Listeners(Mutex<HashMap<String, Vec<Arc<Listener>>>>);

/// Nothing panics while one of these locks is held; if it did, its content would still be consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscriptions {
    pub(super) fn start(source: Source, owner: Owner, tasks: &Tasks) -> Arc<Self> {
        let (sender, requests) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (listeners, lost, ask) = (Arc::<Listeners>::default(), Arc::default(), sender.downgrade());
        let keeper = Keeper { source, owner, listeners: listeners.clone(), ask, lost, subscribed: Arc::default() };
        tasks.spawn(keeper.run(requests, tasks.stop().clone()));
        Arc::new(Self { listeners, requests: sender })
    }

    /// Subscribes to a channel: each message after the return is delivered, or reported as missed.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn subscribe(&self, channel: String) -> RedisResult<Subscription> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let listener = Arc::new(Listener { sender, missed: AtomicBool::new(false), wake: Notify::new() });
        self.listeners.lock().entry(channel.clone()).or_default().push(listener.clone());
        // Registered before the request, so that it is removed if the request fails or is cancelled.
        let (listeners, requests) = (self.listeners.clone(), self.requests.clone());
        let subscription = Subscription { channel: channel.clone(), receiver, listener, listeners, requests };
        let (reply, answer) = oneshot::channel();
        let asking = async {
            let _ = self.requests.send(Request::Subscribe(channel, reply)).await;
            answer.await
        };
        match timeout(RESPONSE_TIMEOUT, asking).await {
            Ok(Ok(result)) => result.map(|()| subscription),
            _ => Err((redis::ErrorKind::Io, "the connection for subscriptions is unavailable").into()),
        }
    }
}

impl Subscription {
    /// Waits for the next event.
    pub async fn next(&mut self) -> SubscriptionEvent {
        tokio::select! {
            // Messages before a gap may be delivered after it: both cause the same read.
            biased;
            () = self.listener.wake.notified() => {
                self.listener.missed.store(false, Ordering::Release);
                SubscriptionEvent::Missed
            }
            message = self.receiver.recv() => SubscriptionEvent::Message(message.expect("the listener holds a sender")),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = self.listeners.lock();
        let Some(all) = listeners.get_mut(&self.channel) else { return };
        all.retain(|other| !Arc::ptr_eq(other, &self.listener));
        if all.is_empty() {
            listeners.remove(&self.channel);
            let _ = self.requests.try_send(Request::Unsubscribe(std::mem::take(&mut self.channel)));
        }
    }
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Arc<Listener>>>> {
        lock(&self.0)
    }

    /// Delivers a message to the subscribers; `false` if there are none.
    fn dispatch(&self, channel: &str, message: Bytes) -> bool {
        let all = self.lock();
        let Some(listeners) = all.get(channel) else { return false };
        for listener in listeners {
            if listener.sender.try_send(message.clone()).is_err() {
                listener.miss();
            }
        }
        true
    }

    fn is_wanted(&self, channel: &str) -> bool {
        self.lock().contains_key(channel)
    }
}

enum Link {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Source {
    async fn connect_subscriber(
        &self,
        heard: impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static,
    ) -> RedisResult<Link> {
        match self {
            Self::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT))
                    .set_push_sender(heard);
                let info = client.get_connection_info().clone();
                let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
                let client = Client::open(info.set_redis_settings(settings).into_connection_info()?)?;
                Ok(Link::Single(client.get_multiplexed_async_connection_with_config(&config).await?))
            }
            Self::Cluster(nodes) => {
                let client = super::cluster(nodes).use_protocol(ProtocolVersion::RESP3).push_sender(heard).build()?;
                Ok(Link::Cluster(client.get_async_connection().await?))
            }
        }
    }
}

impl Link {
    async fn subscribe(&self, channels: &[String]) -> RedisResult<()> {
        match self {
            Self::Single(connection) => {
                redis::cmd("SSUBSCRIBE").arg(channels).exec_async(&mut connection.clone()).await
            }
            Self::Cluster(connection) => {
                // Each channel has its slot.
                let mut all = stream::iter(channels.to_vec())
                    .map(|channel| {
                        let mut connection = connection.clone();
                        async move { connection.ssubscribe(channel).await }
                    })
                    .buffer_unordered(REQUESTS_MAX);
                while let Some(result) = all.next().await {
                    result?;
                }
                Ok(())
            }
        }
    }

    async fn unsubscribe(&self, channel: &str) -> RedisResult<()> {
        match self {
            Self::Single(connection) => {
                redis::cmd("SUNSUBSCRIBE").arg(channel).exec_async(&mut connection.clone()).await
            }
            Self::Cluster(connection) => connection.clone().sunsubscribe(channel).await,
        }
    }

    /// Sends a heartbeat. Messages reach a server that accepts no writes late or never.
    async fn beat(&self, owner: &Owner) -> RedisResult<()> {
        let beats = match self {
            Self::Single(connection) => beats(&mut connection.clone(), owner).await,
            Self::Cluster(connection) => beats(&mut connection.clone(), owner).await,
        };
        if beats { Ok(()) } else { Err((redis::ErrorKind::Io, "no answer, or the server takes no writes").into()) }
    }
}

struct Keeper {
    source: Source,
    owner: Owner,
    listeners: Arc<Listeners>,
    ask: mpsc::WeakSender<Request>,
    /// Notified when this connection no longer works.
    lost: Arc<Notify>,
    /// The channels of this connection that are subscribed.
    subscribed: Arc<Mutex<HashSet<String>>>,
}

impl Keeper {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>, stop: CancellationToken) {
        let mut pause = PAUSE;
        loop {
            let kept = tokio::select! {
                () = stop.cancelled() => return,
                kept = self.keep(&mut requests) => kept,
            };
            metrics::counter!("codesync_redis_subscriptions_cut_total").increment(1);
            match &kept {
                Ok(()) => pause = PAUSE,
                Err(error) => {
                    warn!(%error, "subscriptions: Redis does not answer");
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
                // After a cut, requests wait for the next connection, but not while Redis does not answer at all.
                () = refuse(&mut requests), if kept.is_err() => return,
            }
        }
    }

    /// Serves one connection until it is lost.
    async fn keep(&mut self, requests: &mut mpsc::Receiver<Request>) -> RedisResult<()> {
        (self.lost, self.subscribed) = Default::default();
        let link = self.source.connect_subscriber(self.push_handler()).await?;
        let wanted: Vec<String> = self.listeners.lock().keys().cloned().collect();
        for channels in wanted.chunks(REQUESTS_MAX) {
            lock(&self.subscribed).extend(channels.iter().cloned());
            link.subscribe(channels).await?;
        }
        self.listeners.lock().values().flatten().for_each(|listener| listener.miss());
        let (mut beat, mut waiting) = (interval(HEARTBEAT_INTERVAL), Vec::new());
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.lost.notified() => return Ok(()),
                count = requests.recv_many(&mut waiting, REQUESTS_MAX) => {
                    if count == 0 {
                        // No further requests can arrive: only the stop is left to wait for.
                        return std::future::pending().await;
                    }
                    self.serve(&link, waiting.drain(..)).await?;
                }
                _ = beat.tick() => link.beat(&self.owner).await?,
            }
        }
    }

    async fn serve(&mut self, link: &Link, requests: impl Iterator<Item = Request>) -> RedisResult<()> {
        let (mut wanted, mut replies) = (HashSet::new(), Vec::new());
        for request in requests {
            match request {
                Request::Subscribe(channel, reply) => {
                    if !lock(&self.subscribed).contains(&channel) {
                        wanted.insert(channel);
                    }
                    replies.push(reply);
                }
                Request::Unsubscribe(channel) if self.listeners.is_wanted(&channel) => {}
                Request::Unsubscribe(channel) => {
                    wanted.remove(&channel);
                    let was_subscribed = lock(&self.subscribed).remove(&channel);
                    if was_subscribed {
                        link.unsubscribe(&channel).await?;
                    }
                }
            }
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        lock(&self.subscribed).extend(wanted.iter().cloned());
        let result = match wanted.is_empty() {
            true => Ok(()),
            false => link.subscribe(&wanted).await,
        };
        for reply in replies {
            let _ = reply.send(result.clone());
        }
        result
    }

    /// Handles what the connection receives; called by its reader, so it never waits.
    fn push_handler(&self) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
        let (listeners, lost, subscribed) = (self.listeners.clone(), self.lost.clone(), self.subscribed.clone());
        let ask = self.ask.clone();
        move |info| {
            match (&info.kind, info.data.as_slice()) {
                (PushKind::SMessage, [Value::BulkString(channel), Value::BulkString(message)]) => {
                    if let Ok(channel) = std::str::from_utf8(channel)
                        && !listeners.dispatch(channel, Bytes::copy_from_slice(message))
                        && let Some(ask) = ask.upgrade()
                    {
                        let _ = ask.try_send(Request::Unsubscribe(channel.to_owned()));
                    }
                }
                (PushKind::Disconnection, _) => lost.notify_one(),
                // Nobody unsubscribed: the slot of the channel has moved to another node.
                (PushKind::SUnsubscribe, [Value::BulkString(channel), ..])
                    if std::str::from_utf8(channel).is_ok_and(|channel| lock(&subscribed).contains(channel)) =>
                {
                    lost.notify_one();
                }
                _ => {}
            }
            Ok(())
        }
    }
}

/// Refuses requests while there is no connection; returns once no further ones can arrive.
async fn refuse(requests: &mut mpsc::Receiver<Request>) {
    while let Some(request) = requests.recv().await {
        if let Request::Subscribe(_, reply) = request {
            let _ = reply.send(Err((redis::ErrorKind::Io, "Redis is unavailable").into()));
        }
    }
}
