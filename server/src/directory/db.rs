//! The databases of a directory, and how our types are stored in all of them.

mod statement;
mod transaction;

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use sqlx::{
    Connection, Database, Decode, PgConnection, PgPool, SqlitePool, Type,
    error::BoxDynError,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use self::statement::Value;
pub(super) use self::{
    statement::{Row, Select, Sql, select, sql},
    transaction::Transaction,
};
use super::{DirectoryError, Result, migrations, pooler};
use crate::{
    ids::{AuditId, DocId, InstallationId, LinkId, LoginId, UserId, VersionId},
    private,
    role::Role,
    sqlite,
};

/// How long a call waits for a connection to PostgreSQL; after that it is unavailable or overloaded.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest duration of a call. A database that vanished answers nothing.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a returned connection may take to answer.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an idle connection may take to answer before a call uses it. After that the call opens another one, and has
/// time left for it.
const IDLE_TIMEOUT: Duration = Duration::from_millis(500);
/// Run on each connection. The rows of a node that vanished during a call must not stay locked for hours, and firewalls
/// must not drop an idle connection.
const SET_UP: &str = "set idle_in_transaction_session_timeout = '10s'; set statement_timeout = '10s';
    set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3";

/// A database. Only this module uses its pools: outside of it, [`Select`]s read, and changes need an
/// [`Allowed`](super::rights::Allowed).
#[derive(Clone, Debug)]
pub(super) struct Db(Pools);

#[derive(Clone, Debug)]
enum Pools {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Waits for a call of the database, for at most its longest duration.
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    until(deadline(), call).await
}

/// Waits for a part of a call until `deadline`.
pub(super) async fn until<T>(deadline: Instant, call: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout_at(deadline, call).await {
        Ok(result) => result,
        Err(_) => Err(DirectoryError::timed_out()),
    }
}

/// The deadline of a call that begins now.
pub(super) fn deadline() -> Instant {
    Instant::now() + CALL_TIMEOUT
}

impl Db {
    pub(super) async fn close(&self) {
        // Connections to a server end with the process; a silent one would delay the stop.
        if let Pools::Sqlite(pool) = &self.0 {
            pool.close().await;
        }
    }

    pub(super) async fn sqlite(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("directory.sqlite");
        private::database(&file)?;
        let options = sqlite::options(&file)
            .journal_mode(SqliteJournalMode::Wal)
            // A removed grant must stay removed after a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(std::time::Duration::from_secs(5))
            .after_release(|connection, _| Box::pin(sqlite::is_reusable(connection)))
            .connect_with(options)
            .await
            .context("open the directory")?;
        let mut connection = pool.acquire().await.context("open the directory")?;
        migrations::run(&mut *connection, &sqlx_macros::migrate!("migrations/sqlite")).await?;
        drop(connection);
        Ok(Self(Pools::Sqlite(pool)))
    }

    /// The file of an embedded database.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.0 {
            Pools::Sqlite(pool) => Some(pool.connect_options().get_filename().to_owned()),
            Pools::Postgres(_) => None,
        }
    }

    pub(super) async fn postgres(options: PgConnectOptions, connections: u32) -> anyhow::Result<Self> {
        // A separate connection, because a migration may take longer than calls may. Nodes that start together take
        // turns.
        let mut connection = PgConnection::connect_with(&options).await.context("connect to PostgreSQL")?;
        pooler::check(&mut connection, &options).await?;
        migrations::run(&mut connection, &sqlx_macros::migrate!("migrations/postgres")).await?;
        connection.close().await.context("migrate the directory")?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(SET_UP).execute(connection).await.map(drop) })
            })
            // The pool's own test could take all the time of the call.
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(answers(connection, IDLE_TIMEOUT)))
            // The pool itself would wait for a vanished server until TCP gives up, and return no other connection.
            .after_release(|connection, _| Box::pin(answers(connection, RELEASE_TIMEOUT)))
            .connect_with(options)
            .await
            .context("connect to PostgreSQL")?;
        Ok(Self(Pools::Postgres(pool)))
    }
}

/// Whether a connection answers; an error if not, so that the pool drops it without a message to the server.
async fn answers(connection: &mut PgConnection, patience: Duration) -> sqlx::Result<bool> {
    match timeout(patience, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

/// Stores an id as its 16 bytes: `blob` and `bytea` are the form that all databases share.
macro_rules! stored_id {
    ($($name:ident),*) => {$(
        impl From<$name> for Value {
            fn from(id: $name) -> Self {
                Self::Bytes(Some(id.0.as_bytes().to_vec()))
            }
        }

        impl From<Option<$name>> for Value {
            fn from(id: Option<$name>) -> Self {
                Self::Bytes(id.map(|id| id.0.as_bytes().to_vec()))
            }
        }

        impl<DB: Database> Type<DB> for $name
        where
            Vec<u8>: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <Vec<u8> as Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <Vec<u8> as Type<DB>>::compatible(ty)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $name
        where
            Vec<u8>: Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok(Self(Uuid::from_slice(&Vec::<u8>::decode(value)?)?))
            }
        }
    )*};
}

impl From<Role> for Value {
    fn from(role: Role) -> Self {
        Self::Small(match role {
            Role::Viewer => 1,
            Role::Editor => 2,
            Role::Owner => 3,
        })
    }
}

stored_id!(AuditId, DocId, InstallationId, LinkId, LoginId, UserId, VersionId);

impl<DB: Database> Type<DB> for Role
where
    i32: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <i32 as Type<DB>>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        <i32 as Type<DB>>::compatible(ty)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for Role
where
    i32: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        match i32::decode(value)? {
            1 => Ok(Role::Viewer),
            2 => Ok(Role::Editor),
            3 => Ok(Role::Owner),
            other => Err(format!("{other} is no role").into()),
        }
    }
}
