//! Updates the tables. If they are up to date it only reads: a role without the right to create tables can start a
//! node.
//!
//! The first release refuses to start if `_sqlx_migrations` names a migration that it does not know. Two releases run
//! side by side during a deployment, and a rollback returns to the older one. So later migrations are recorded in a
//! separate table, and unknown migrations are ignored.

use anyhow::Context;
use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};

/// The newest migration of the first release.
const FIRST_RELEASE: i64 = 12;
/// Records the migrations after it.
const LATER: &str = "codesync_migrations";
/// PostgreSQL's code for a missing right.
const NO_RIGHT: &str = "42501";

/// Applies those of `all` that are missing.
///
/// # Errors
/// When one cannot be applied.
pub(super) async fn run(connection: &mut impl Migrate, all: &Migrator) -> anyhow::Result<()> {
    let (first, later): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|one| one.version <= FIRST_RELEASE);
    let [first, mut later] = [first, later].map(Migrator::with_migrations);
    later.dangerous_set_table_name(LATER);
    for mut migrator in [first, later] {
        migrator.set_ignore_missing(true);
        let missing = missing(connection, &migrator).await;
        if missing.is_empty() {
            continue;
        }
        if let Err(error) = migrator.run_direct(None, connection, false).await {
            let what = if lacks_right(&error) { needed(&missing) } else { "migrate the directory".to_owned() };
            return Err(error).context(what);
        }
    }
    Ok(())
}

/// The migrations that are not applied in this form. An unreadable table counts as empty: the migrator reports the
/// reason.
async fn missing(connection: &mut impl Migrate, migrator: &Migrator) -> Vec<i64> {
    let table = &migrator.table_name;
    let applied = match connection.dirty_version(table).await {
        Ok(None) => connection.list_applied_migrations(table).await.unwrap_or_default(),
        _ => Vec::new(),
    };
    let is_missing =
        |one: &&Migration| !applied.iter().any(|known| known.version == one.version && known.checksum == one.checksum);
    migrator.iter().filter(is_missing).map(|one| one.version).collect()
}

fn lacks_right(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else { return false };
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == NO_RIGHT)
}

fn needed(missing: &[i64]) -> String {
    format!(
        "the directory lacks the migrations {missing:?}: run `codesync migrate` once as a role that may create tables in the \
         schema, and grant this role select, insert, update and delete on them"
    )
}
