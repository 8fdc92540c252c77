//! Transactions. Only `Directory::change` and its like begin one, after they have checked who may.

use sqlx::{Postgres, Sqlite};
use tokio::time::Instant;

use super::{
    Db, Pools, Result, Row, Sql, deadline,
    statement::{Value, run},
    until,
};
use crate::directory::{
    db::sql,
    rights::{Allowed, Lock},
};

/// A transaction. All of it has as much time as a call of the database has; dropped, it changes nothing.
#[derive(Debug)]
pub(in crate::directory) struct Transaction {
    inner: Inner,
    deadline: Instant,
}

#[derive(Debug)]
enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Db {
    pub(in crate::directory) async fn begin(&self, _: Allowed) -> Result<Transaction> {
        let deadline = deadline();
        let inner = until(deadline, async {
            Ok(match &self.0 {
                // One that reads first and cannot write later would fail at once instead of waiting for its turn.
                Pools::Sqlite(pool) => Inner::Sqlite(pool.begin_with("begin immediate").await?),
                Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
            })
        })
        .await?;
        Ok(Transaction { inner, deadline })
    }

    /// Whether other processes change this database too.
    pub(in crate::directory) fn is_shared(&self) -> bool {
        matches!(self.0, Pools::Postgres(_))
    }
}

impl Transaction {
    /// Runs a statement that gives the one row that there must be.
    pub(in crate::directory) async fn one<T: Row>(&mut self, sql: impl Into<Sql>) -> Result<T> {
        let sql = sql.into();
        until(self.deadline, async {
            match &mut self.inner {
                Inner::Sqlite(tx) => run!(sqlx::query_as, sql, &mut **tx, fetch_one),
                Inner::Postgres(tx) => run!(sqlx::query_as, sql, &mut **tx, fetch_one),
            }
        })
        .await
    }

    /// Runs a statement that gives a row, or none.
    pub(in crate::directory) async fn optional<T: Row>(&mut self, sql: impl Into<Sql>) -> Result<Option<T>> {
        let sql = sql.into();
        until(self.deadline, async {
            match &mut self.inner {
                Inner::Sqlite(tx) => run!(sqlx::query_as, sql, &mut **tx, fetch_optional),
                Inner::Postgres(tx) => run!(sqlx::query_as, sql, &mut **tx, fetch_optional),
            }
        })
        .await
    }

    /// Runs a statement that gives any number of rows.
    pub(in crate::directory) async fn all<T: Row>(&mut self, sql: impl Into<Sql>) -> Result<Vec<T>> {
        let sql = sql.into();
        until(self.deadline, async {
            match &mut self.inner {
                Inner::Sqlite(tx) => run!(sqlx::query_as, sql, &mut **tx, fetch_all),
                Inner::Postgres(tx) => run!(sqlx::query_as, sql, &mut **tx, fetch_all),
            }
        })
        .await
    }

    /// Runs a statement that gives no rows; returns how many it changed.
    pub(in crate::directory) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        until(self.deadline, async {
            Ok(match &mut self.inner {
                Inner::Sqlite(tx) => run!(sqlx::query, sql, &mut **tx, execute)?.rows_affected(),
                Inner::Postgres(tx) => run!(sqlx::query, sql, &mut **tx, execute)?.rows_affected(),
            })
        })
        .await
    }

    /// Locks an account or a document until the transaction ends, fairly. For PostgreSQL: SQLite has one writer anyway.
    pub(in crate::directory) async fn lock(&mut self, lock: Lock) -> Result<()> {
        // The end of an id is random; its beginning is the time.
        let key = lock.id().as_u64_pair().1.cast_signed();
        let lock = match lock {
            Lock::Shared(_) => sql!("select pg_advisory_xact_lock_shared($1)", key),
            Lock::Exclusive(_) => sql!("select pg_advisory_xact_lock($1)", key),
        };
        self.execute(lock).await.map(drop)
    }

    pub(in crate::directory) async fn commit(self) -> Result<()> {
        until(self.deadline, async {
            match self.inner {
                Inner::Sqlite(tx) => tx.commit().await?,
                Inner::Postgres(tx) => tx.commit().await?,
            }
            Ok(())
        })
        .await
    }
}
