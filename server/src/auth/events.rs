//! What has to reach open sockets within a second: access taken away or changed, log-ins ended, people renamed.

use std::time::Duration;

use redis::AsyncCommands;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    ids::{DocId, NodeId, SessionId, UserId},
    redis::{Redis, Rung, Subscription},
    role::Role,
    tasks::Tasks,
};

/// The channel on which nodes tell each other.
const CHANNEL: &str = "codesync:access";
/// Events that wait to be told to the other nodes.
const WAITING_MAX: usize = 4096;
/// How long after a failure Redis is asked again.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// One change of who may do what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AccessEvent {
    /// `user` now has `role` in `doc`; `None` means no access any more.
    Grant {
        /// The document.
        doc: DocId,
        /// Whose access changed.
        user: UserId,
        /// The role from now on.
        role: Option<Role>,
    },
    /// The document is gone.
    DocumentDeleted(DocId),
    /// A log-in ended.
    SessionEnded(SessionId),
    /// All log-ins of a user ended.
    UserEnded(UserId),
    /// A user is called otherwise, or has another colour. Nodes of an earlier release take it for `Missed`.
    Renamed {
        /// The account.
        user: UserId,
        /// The name from now on.
        name: String,
        /// The colour from now on, `#rrggbb`.
        color: String,
    },
    /// Changes at other nodes may not have been heard of: everything is to be looked up.
    Missed,
}

/// Carries access events to whoever holds sockets. A receiver that lags must check all its sockets anew.
#[derive(Clone, Debug)]
pub struct AccessEvents {
    here: broadcast::Sender<AccessEvent>,
    /// To the other nodes, where there are some.
    there: Option<mpsc::Sender<AccessEvent>>,
}

impl AccessEvents {
    /// A bus that remembers the last 1,024 events for slow receivers; with Redis it reaches all nodes.
    pub fn new(redis: Option<(&Redis, NodeId)>, tasks: &Tasks) -> Self {
        let (here, there) = (broadcast::channel(1024).0, None);
        let Some((redis, node)) = redis else { return Self { here, there } };
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        tasks.spawn(tell(redis.clone(), node, waiting, tasks.stop().clone()));
        tasks.spawn(hear(redis.clone(), node, here.clone(), tasks.stop().clone()));
        Self { here, there: Some(sender) }
    }

    /// Tells every holder of sockets.
    pub fn publish(&self, event: AccessEvent) {
        if let Some(there) = &self.there
            && there.try_send(event.clone()).is_err()
        {
            warn!("other nodes hear of a change of access only when they look");
        }
        // No receiver means no sockets.
        let _ = self.here.send(event);
    }

    /// Hears every event from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AccessEvent> {
        self.here.subscribe()
    }
}

/// Tells the other nodes, again and again while Redis is away: who lost access must not keep it.
async fn tell(redis: Redis, node: NodeId, mut waiting: mpsc::Receiver<AccessEvent>, stop: CancellationToken) {
    loop {
        let event = tokio::select! {
            biased;
            event = waiting.recv() => event,
            () = stop.cancelled() => return,
        };
        let Some(event) = event else { return };
        let message = serde_json::to_vec(&(node, event)).expect("ids and words are JSON");
        while let Err(error) = redis.pool.clone().spublish::<_, _, ()>(CHANNEL, &message).await {
            warn!(%error, "a change of access is not told yet");
            tokio::select! {
                () = sleep(RETRY_INTERVAL) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

async fn hear(redis: Redis, node: NodeId, here: broadcast::Sender<AccessEvent>, stop: CancellationToken) {
    let listen = async {
        loop {
            match redis.subscriptions.subscribe(CHANNEL.to_owned()).await {
                Ok(subscription) => pass_on(subscription, node, &here).await,
                Err(error) => warn!(%error, "changes of access at other nodes are not heard yet"),
            }
            sleep(RETRY_INTERVAL).await;
        }
    };
    tokio::select! {
        () = listen => {}
        () = stop.cancelled() => {}
    }
}

async fn pass_on(mut subscription: Subscription, node: NodeId, here: &broadcast::Sender<AccessEvent>) {
    loop {
        let event = match subscription.next().await {
            Rung::Missed => AccessEvent::Missed,
            Rung::Message(message) => match serde_json::from_slice::<(NodeId, AccessEvent)>(&message) {
                Ok((origin, _)) if origin == node => continue,
                Ok((_, event)) => event,
                // A newer version may say more than we understand.
                Err(_) => AccessEvent::Missed,
            },
        };
        let _ = here.send(event);
    }
}
