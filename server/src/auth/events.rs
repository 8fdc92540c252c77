//! Events that must reach open sockets within a second: access removed or changed, logins ended, users renamed.

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
    ids::{DocId, LoginId, NodeId, UserId},
    redis::{Redis, Subscription, SubscriptionEvent},
    role::Role,
    tasks::Tasks,
};

/// The channel of these events between nodes.
const CHANNEL: &str = "codesync:access";
/// The number of events that wait to be sent to the other nodes.
const WAITING_MAX: usize = 4096;
/// The pause before a retry.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// A change of access.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AccessEvent {
    /// `user` now has `role` in `doc`; `None` means no access.
    Grant {
        /// The document.
        doc: DocId,
        /// The user whose access changed.
        user: UserId,
        /// The new role.
        role: Option<Role>,
    },
    /// The document was deleted.
    DocumentDeleted(DocId),
    /// A login ended.
    #[serde(rename = "SessionEnded")]
    LoginEnded(LoginId),
    /// All logins of a user ended.
    UserEnded(UserId),
    /// A user has a new name or colour. Nodes of an earlier release treat it as `Missed`.
    Renamed {
        /// The account.
        user: UserId,
        /// The new name.
        name: String,
        /// The new colour, `#rrggbb`.
        color: String,
    },
    /// Changes at other nodes may have been missed: every socket must be checked.
    Missed,
}

/// Distributes access events to all receivers. A receiver that lags must check all its sockets again.
#[derive(Clone, Debug)]
pub struct AccessEvents {
    here: broadcast::Sender<AccessEvent>,
    /// To the other nodes, if there are any.
    there: Option<mpsc::Sender<AccessEvent>>,
}

impl AccessEvents {
    /// An event bus that keeps the last 1,024 events for slow receivers; with Redis it reaches all nodes.
    pub fn new(redis: Option<(&Redis, NodeId)>, tasks: &Tasks) -> Self {
        let (here, there) = (broadcast::channel(1024).0, None);
        let Some((redis, node)) = redis else { return Self { here, there } };
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        tasks.spawn(publish_waiting(redis.clone(), node, waiting, tasks.stop().clone()));
        tasks.spawn(receive(redis.clone(), node, here.clone(), tasks.stop().clone()));
        Self { here, there: Some(sender) }
    }

    /// Sends an event to all receivers, on every node.
    pub fn publish(&self, event: AccessEvent) {
        if let Some(there) = &self.there
            && there.try_send(event.clone()).is_err()
        {
            warn!("other nodes learn of a change of access only at their next check");
        }
        // Without a receiver there are no sockets.
        let _ = self.here.send(event);
    }

    /// Receives every event from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AccessEvent> {
        self.here.subscribe()
    }
}

/// Publishes events to the other nodes, with retries while Redis is unavailable: a revoked right must end everywhere.
async fn publish_waiting(
    redis: Redis,
    node: NodeId,
    mut waiting: mpsc::Receiver<AccessEvent>,
    stop: CancellationToken,
) {
    loop {
        let event = tokio::select! {
            biased;
            event = waiting.recv() => event,
            () = stop.cancelled() => return,
        };
        let Some(event) = event else { return };
        let message = serde_json::to_vec(&(node, event)).expect("ids and words are JSON");
        while let Err(error) = redis.pool.clone().spublish::<_, _, ()>(CHANNEL, &message).await {
            warn!(%error, "a change of access is not published yet");
            tokio::select! {
                () = sleep(RETRY_INTERVAL) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

async fn receive(redis: Redis, node: NodeId, here: broadcast::Sender<AccessEvent>, stop: CancellationToken) {
    let listen = async {
        loop {
            match redis.subscriptions.subscribe(CHANNEL.to_owned()).await {
                Ok(subscription) => pass_on(subscription, node, &here).await,
                Err(error) => warn!(%error, "changes of access at other nodes cannot be received yet"),
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
            SubscriptionEvent::Missed => AccessEvent::Missed,
            SubscriptionEvent::Message(message) => match serde_json::from_slice::<(NodeId, AccessEvent)>(&message) {
                Ok((origin, _)) if origin == node => continue,
                Ok((_, event)) => event,
                // A newer release may send events that this one does not know.
                Err(_) => AccessEvent::Missed,
            },
        };
        let _ = here.send(event);
    }
}
