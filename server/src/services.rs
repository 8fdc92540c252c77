//! The services that REST handlers and sockets share.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Auth, events::AccessEvents},
    config::Config,
    directory::Directory,
    health::Health,
    limits::Limits,
    room::Rooms,
    sockets::Sockets,
    storage::Storage,
    tasks::Tasks,
};

/// The services that handlers and sockets share.
#[derive(Clone)]
pub struct Services {
    /// The settings.
    pub config: Arc<Config>,
    /// The live documents.
    pub rooms: Rooms,
    /// Accounts, documents and grants.
    pub directory: Directory,
    /// Logins, tokens and access.
    pub auth: Auth,
    /// The stored documents.
    pub storage: Storage,
    /// Whether the stores answer.
    pub health: Health,
    /// The sockets of this node.
    pub sockets: Sockets,
    /// The sessions, and other tasks that end before the rooms.
    pub tasks: Tasks,
    /// Rate limits.
    pub limits: Arc<Limits>,
    /// Changes of access, for open sockets.
    pub access_events: AccessEvents,
    /// Cancelled once the node is asked to stop: readiness answers 503, everything else is served until the node drains.
    pub stopping: CancellationToken,
    /// Cancelled once the node drains: nothing new is accepted.
    pub draining: CancellationToken,
    /// When the node started.
    pub started_at: OffsetDateTime,
}

impl Services {
    /// Updates the gauges that nothing else updates.
    pub fn refresh_gauges(&self) {
        metrics::gauge!("codesync_oldest_unarchived_edit_seconds").set(self.rooms.oldest_unarchived().as_secs_f64());
    }
}
