//! Transactions. Only `rights` begins one.

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

/// A transaction. Its time limit is that of one call. If dropped, it is rolled back.
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
                // A deferred transaction that reads first fails at once when it cannot write, instead of waiting.
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
    /// Runs a statement that must return one row.
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

    /// Runs a statement that returns one row or none.
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

    /// Runs a statement that returns any number of rows.
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

    /// Runs a statement that returns no rows; returns the number of changed rows.
    pub(in crate::directory) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        until(self.deadline, async {
            Ok(match &mut self.inner {
                Inner::Sqlite(tx) => run!(sqlx::query, sql, &mut **tx, execute)?.rows_affected(),
                Inner::Postgres(tx) => run!(sqlx::query, sql, &mut **tx, execute)?.rows_affected(),
            })
        })
        .await
    }

    /// Locks an account or a document until the transaction ends. Waiters are served in order. PostgreSQL only.
    pub(in crate::directory) async fn lock(&mut self, lock: Lock) -> Result<()> {
        // The last eight bytes of an id are random; the first are the time.
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
