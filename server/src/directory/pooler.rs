//! Detects a pooler in front of PostgreSQL that mixes up prepared statements, as PgBouncer before 1.21 does in
//! transaction mode: calls would fail at random, with messages that name no cause.

use anyhow::Context;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

/// The codes of PostgreSQL for a statement name that another client uses, or that is unknown.
const MIXED_UP: [&str; 2] = ["42P05", "26000"];

const NEEDED: &str = "the pooler before PostgreSQL mixes up the prepared statements of its clients: it needs session pooling, \
                      or support of prepared statements (PgBouncer 1.21 or later with max_prepared_statements)";

/// Prepares a statement on `first` and on another connection. Both use the same name, so they collide if a pooler gives
/// both clients one connection of the server.
///
/// # Errors
/// When they collide.
pub(super) async fn check(first: &mut PgConnection, options: &PgConnectOptions) -> anyhow::Result<()> {
    explained(probe(first).await)?;
    let mut second = PgConnection::connect_with(options).await.context("connect to PostgreSQL")?;
    // In a transaction, a pooler in transaction mode keeps one connection; by default the last used one.
    let mut transaction = second.begin().await.context("connect to PostgreSQL")?;
    explained(probe(&mut transaction).await)?;
    explained(probe(first).await)?;
    drop(transaction);
    second.close().await.context("connect to PostgreSQL")
}

async fn probe(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(connection).await.map(drop)
}

fn explained(probed: sqlx::Result<()>) -> anyhow::Result<()> {
    let Err(error) = probed else { return Ok(()) };
    let code = error.as_database_error().and_then(|error| error.code());
    let is_mixed_up = code.is_some_and(|code| MIXED_UP.contains(&code.as_ref()));
    Err(error).context(if is_mixed_up { NEEDED } else { "connect to PostgreSQL" })
}
