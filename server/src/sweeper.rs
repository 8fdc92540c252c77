//! The sweeper: compacts documents whose log grew and whose node is gone, and forgets what is left of deleted ones. A
//! living room takes its own snapshots, and keeps its document's mark fresh while it is written to.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::{
    app::Services,
    log::{Dirty, LogError},
};

/// Documents of one round.
const ROUND_MAX: usize = 256;

/// Sweeps until the node drains.
pub(crate) async fn run(services: Services) {
    let every = services.config.room.sweep;
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let rounds = async {
        loop {
            rounds.tick().await;
            if let Err(error) = round(&services, every).await {
                warn!(%error, "the sweeper waits for the log");
            }
        }
    };
    tokio::select! {
        () = services.draining.cancelled() => {}
        () = rounds => {}
    }
}

async fn round(services: &Services, quiet: Duration) -> Result<(), LogError> {
    let log = &services.storage.log;
    let dirty = log.dirty(quiet, ROUND_MAX).await?;
    metrics::gauge!("codesync_sweeper_documents").set(dirty.len() as f64);
    for Dirty { doc, mark } in dirty {
        if services.rooms.sweep(doc).await {
            log.clean(Dirty { doc, mark }).await?;
            info!(doc.id = %doc, "swept");
        }
    }
    Ok(())
}
