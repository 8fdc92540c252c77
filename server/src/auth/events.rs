//! What has to reach open sockets within a second: access taken away or changed, log-ins ended.

use tokio::sync::broadcast;

use crate::{
    auth::Role,
    ids::{DocId, SessionId, UserId},
};

/// One change of who may do what.
#[derive(Clone, Debug)]
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
}

/// Carries access events to whoever holds sockets. A receiver that lags must check all its sockets anew.
#[derive(Clone, Debug)]
pub struct AccessEvents(broadcast::Sender<AccessEvent>);

impl AccessEvents {
    /// A bus that remembers the last 1,024 events for slow receivers.
    #[expect(clippy::new_without_default, reason = "made once, by App")]
    pub fn new() -> Self {
        Self(broadcast::channel(1024).0)
    }

    /// Tells every holder of sockets.
    pub fn publish(&self, event: AccessEvent) {
        // No receiver means no sockets.
        let _ = self.0.send(event);
    }

    /// Hears every event from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<AccessEvent> {
        self.0.subscribe()
    }
}
