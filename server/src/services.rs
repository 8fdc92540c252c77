//! The services that REST handlers and sockets share.

use std::sync::Arc;

use anyhow::Context;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Auth, events::AccessEvents},
    config::Config,
    directory::Directory,
    ids::InstallationId,
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
    /// The installation that the shared stores must belong to; none if nothing is shared.
    pub installation: Option<InstallationId>,
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
    /// Makes a round trip to every store.
    ///
    /// # Errors
    /// When a store does not answer, or the node drains.
    pub async fn ready(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.stopping.is_cancelled() && !self.draining.is_cancelled(), "stopping");
        let recorded = self.directory.installation().await.context("directory")?;
        if let Some(ours) = self.installation {
            let theirs = match recorded {
                Some(theirs) => theirs,
                None => self.directory.keep_installation(ours).await.context("directory")?,
            };
            anyhow::ensure!(theirs == ours, "the database belongs to another installation");
        }
        self.storage.log.ready().await.context("update log")?;
        self.storage.snapshots.ready().await.context("snapshots")
    }

    /// Updates the gauges that nothing else updates.
    pub fn refresh_gauges(&self) {
        metrics::gauge!("codesync_oldest_unarchived_edit_seconds").set(self.rooms.oldest_unarchived().as_secs_f64());
    }
}
