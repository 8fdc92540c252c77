//! The sweeper: compacts documents whose log grew and whose node died, removes the rest of deleted ones, counts those
//! that the directory does not know, and deletes old entries of the audit trail. A live room takes its own snapshots,
//! and renews the mark of its document while it is edited.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::{
    adoption::{Survey, SurveyError},
    directory::{DirectoryError, Tombstone},
    log::{Dirty, LogError},
    services::Services,
};

/// The number of documents per round.
const ROUND_MAX: usize = 256;
/// The number of tombstones per round.
const TOMBSTONES_MAX: u16 = 256;
/// How soon after a deletion the stores are swept again. Each time the wait doubles.
const SWEPT_AGAIN_AFTER: time::Duration = time::Duration::seconds(30);
/// For how long: a node of the previous release, or one that was paused, has written its last entry by then.
const SWEPT_FOR: time::Duration = time::Duration::days(3);
/// The number of audit entries that one round deletes, because a call of the database has a time limit.
const AUDIT_ROUND_MAX: u32 = 10_000;

/// Sweeps until the node drains.
pub(crate) async fn run(services: Services) {
    let every = services.config.room.sweep;
    let mut rounds = interval(every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut census = Census::default();
    let rounds = async {
        loop {
            rounds.tick().await;
            if let Err(error) = round(&services, every).await {
                warn!(%error, "the sweeper waits for the log");
            }
            if let Err(error) = sweep_deleted(&services).await {
                warn!(%error, "deleted documents are swept later");
            }
            if let Err(error) = census.step(&services).await {
                warn!(%error, "unknown documents are counted later");
            }
            if let Err(error) = delete_old_audit(&services).await {
                warn!(%error, "old entries of the audit trail could not be deleted");
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

/// Removes what was written of deleted documents after their deletion.
async fn sweep_deleted(services: &Services) -> Result<(), DirectoryError> {
    let now = OffsetDateTime::now_utc();
    for Tombstone { doc, deleted_at } in services.directory.due_tombstones(now, TOMBSTONES_MAX).await? {
        if services.rooms.sweep(doc).await {
            services.directory.sweep_again(doc, next_sweep(deleted_at, now)).await?;
        }
    }
    Ok(())
}

fn next_sweep(deleted_at: OffsetDateTime, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let age = now - deleted_at;
    (age < SWEPT_FOR).then(|| now + age.max(SWEPT_AGAIN_AFTER))
}

/// Counts the stored documents that the directory does not know, one step per round.
#[derive(Default)]
struct Census {
    survey: Survey,
    found: usize,
    told: usize,
}

impl Census {
    async fn step(&mut self, services: &Services) -> Result<(), SurveyError> {
        let step = self.survey.step(&services.directory, &services.storage).await?;
        self.found += step.unknown.len();
        if !step.is_last {
            return Ok(());
        }
        let found = std::mem::take(&mut self.found);
        metrics::gauge!("codesync_documents_unknown").set(found as f64);
        if found > 0 && found != self.told {
            warn!(found, "the directory does not know some stored documents: see `codesync admin unknown-documents`");
        }
        self.told = found;
        Ok(())
    }
}

async fn delete_old_audit(services: &Services) -> Result<(), DirectoryError> {
    let days = services.config.auth.audit_days;
    if days > 0 {
        let kept_from = OffsetDateTime::now_utc() - time::Duration::days(days.into());
        let gone = services.directory.delete_old_audit(kept_from, AUDIT_ROUND_MAX).await?;
        if gone > 0 {
            info!(gone, "deleted old entries of the audit trail");
        }
    }
    Ok(())
}
