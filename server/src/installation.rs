//! The id that PostgreSQL, Redis and S3 of one installation share. A store without an id is given it, so that an
//! emptied store is filled again. A store with another id belongs to another installation, and is never written to.

use anyhow::{Context, anyhow, ensure};
use tracing::warn;

use crate::{directory::Directory, ids::InstallationId, redis::Redis, snapshot::SnapshotStore};

/// Finds the id, or generates it at the first start, and checks every store before it is written to.
///
/// # Errors
/// When a store belongs to another installation, or a first start does not reach all of them.
pub async fn agree(
    directory: &Directory,
    redis: Option<&Redis>,
    snapshots: &mut SnapshotStore,
) -> anyhow::Result<InstallationId> {
    let recorded = directory.installation().await.context("read the id of the installation")?;
    let in_redis = match redis {
        Some(redis) => redis.installation().await.map_err(anyhow::Error::from),
        None => Ok(None),
    };
    let in_snapshots = snapshots.installation().await.map_err(anyhow::Error::from);
    let theirs = [("Redis", in_redis), ("S3", in_snapshots)];
    let id = match recorded {
        Some(id) => id,
        None => {
            let id = first(&theirs)?.unwrap_or_else(InstallationId::new);
            // If several nodes start at once, one of them generates the id.
            directory.keep_installation(id).await.context("keep the id of the installation")?
        }
    };
    for (store, theirs) in theirs {
        match theirs {
            Ok(theirs) => ensure!(
                theirs.is_none_or(|theirs| theirs == id),
                "{store} belongs to another installation than the database: one of the addresses is wrong, or a store was \
                 replaced by that of another installation"
            ),
            Err(error) => {
                warn!(store, error = format!("{error:#}"), "the store does not answer: it is checked before use")
            }
        }
    }
    if let Some(redis) = redis {
        redis.belongs_to(id);
    }
    snapshots.belongs_to(id);
    Ok(id)
}

/// The id that another store holds, while the database has none. A store that does not answer may have one.
fn first(theirs: &[(&str, anyhow::Result<Option<InstallationId>>)]) -> anyhow::Result<Option<InstallationId>> {
    let mut first = None;
    for (store, theirs) in theirs {
        let theirs = theirs.as_ref().map_err(|error| {
            anyhow!("{store} does not answer, and the first start of an installation needs every store: {error:#}")
        })?;
        first = first.or(*theirs);
    }
    Ok(first)
}
