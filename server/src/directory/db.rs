//! The databases that a directory can be on, and how our types are stored in all of them.

use std::path::Path;

use anyhow::Context;
use sqlx::{
    Database, Decode, Encode, SqlitePool, Type,
    encode::IsNull,
    error::BoxDynError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    auth::Role,
    ids::{DocId, LinkId, SessionId, UserId, VersionId},
};

/// A pool of one of the databases; [`on_db!`] runs the same query on whichever it is.
#[derive(Clone, Debug)]
pub(super) enum Db {
    Sqlite(SqlitePool),
}

/// Runs `$body` with `$pool` bound to the pool inside of a [`Db`].
macro_rules! on_db {
    ($db:expr, $pool:ident => $body:expr) => {
        match $db {
            $crate::directory::db::Db::Sqlite($pool) => $body,
        }
    };
}
pub(super) use on_db;

impl Db {
    pub(super) async fn sqlite(folder: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("directory.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A grant taken away must stay so after a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(std::time::Duration::from_secs(5))
            .connect_with(options)
            .await
            .context("open the directory")?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await.context("migrate the directory")?;
        Ok(Self::Sqlite(pool))
    }
}

/// Stores an id as its 16 bytes: `blob` and `bytea` are the form that all databases share.
macro_rules! stored_id {
    ($($name:ident),*) => {$(
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

        impl<'q, DB: Database> Encode<'q, DB> for $name
        where
            Vec<u8>: Encode<'q, DB>,
        {
            fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                self.0.as_bytes().to_vec().encode(buf)
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

stored_id!(DocId, LinkId, SessionId, UserId, VersionId);

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

impl<'q, DB: Database> Encode<'q, DB> for Role
where
    i32: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Role::Viewer => 1,
            Role::Editor => 2,
            Role::Owner => 3,
        }
        .encode(buf)
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
