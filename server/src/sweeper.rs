//! The sweeper: compacts documents whose log grew and whose node is gone, forgets what is left of deleted ones, and what is
//! too old in the audit trail. A living room takes its own snapshots, and keeps its document's mark fresh while it is
//! written to.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::{
    app::Services,
    directory::DirectoryError,
    log::{Dirty, LogError},
};

/// Documents of one round.
const ROUND_MAX: usize = 256;
/// Entries of the audit trail that one round forgets: a call of the database has only so much time.
const AUDIT_ROUND_MAX: u32 = 10_000;

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
            if let Err(error) = forget_audit(&services).await {
                warn!(%error, "old entries of the audit trail stay for now");
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

async fn forget_audit(services: &Services) -> Result<(), DirectoryError> {
    let days = services.config.auth.audit_days;
    if days > 0 {
        let kept_from = OffsetDateTime::now_utc() - time::Duration::days(days.into());
        let gone = services.directory.forget_audit(kept_from, AUDIT_ROUND_MAX).await?;
        if gone > 0 {
            info!(gone, "forgot old entries of the audit trail");
        }
    }
    Ok(())
}
