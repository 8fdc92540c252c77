//! The write-ahead logs of SQLite files: a log grows while a reader holds a transaction open, and would keep that size.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The bytes that a write-ahead log may keep: about as many as between two checkpoints of a busy database.
const WAL_BYTES_MAX: u64 = 4 << 20;
/// The interval at which its size is checked; nothing must have been written during one interval before it is cut.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Options of a file whose log is cut to its limit whenever it is restarted, which a busy database does in a commit.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("journal_size_limit", WAL_BYTES_MAX.to_string())
}

/// Whether a pool may use a connection again. After a full disk a transaction may have ended without sqlx noticing, or be open in
/// part; what is written in that is confirmed, and never committed.
pub(crate) async fn is_reusable(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        // A transaction that was dropped is being rolled back: this waits for it.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Truncates the write-ahead log of a file that is no longer written to. No commit waits for it: it begins in a quiet
/// period, and gives up at once if somebody reads or writes.
pub(crate) async fn keep_wal_short(file: PathBuf, stop: CancellationToken) {
    let mut wal = file.clone().into_os_string();
    wal.push("-wal");
    let (wal, mut poll) = (PathBuf::from(wal), interval(POLL_INTERVAL));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = poll.tick() => {}
        }
        if !is_long_and_quiet(&wal).await {
            continue;
        }
        match cut(&file).await {
            Ok(()) => debug!(file = %file.display(), "truncated the write-ahead log"),
            Err(error) => warn!(file = %file.display(), %error, "the write-ahead log could not be cut"),
        }
    }
}

async fn is_long_and_quiet(wal: &Path) -> bool {
    let Ok(found) = tokio::fs::metadata(wal).await else { return false };
    let is_quiet = found.modified().is_ok_and(|at| at.elapsed().is_ok_and(|quiet| quiet >= POLL_INTERVAL));
    found.len() > WAL_BYTES_MAX && is_quiet
}

async fn cut(file: &Path) -> sqlx::Result<()> {
    let at_once = options(file).create_if_missing(false).busy_timeout(Duration::ZERO);
    let mut connection = at_once.connect().await?;
    // A log in use answers that it is busy, which is no error.
    sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut connection).await?;
    connection.close().await
}
