//! Statements of SQL with their values, one text for every database. A statement that only reads has its own type.

use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};

use super::{Db, Pools, Result, in_time};
use crate::directory::rights::Allowed;

/// A statement that may change something.
#[derive(Debug)]
pub(in crate::directory) struct Sql {
    pub(super) text: &'static str,
    pub(super) values: Vec<Value>,
}

/// A statement that only reads. [`select!`] checks this at compile time.
#[derive(Debug)]
pub(in crate::directory) struct Select(Sql);

/// A value of a statement, in a form that all databases share.
#[derive(Debug)]
pub(in crate::directory) enum Value {
    Bool(Option<bool>),
    Small(i32),
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A type that can be read from a row of every database.
pub(in crate::directory) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// `sql!("text", values…)`: a statement that may change something.
macro_rules! sql {
    ($text:expr $(, $value:expr)* $(,)?) => {
        $crate::directory::db::Sql::new($text, vec![$($value.into()),*])
    };
}
pub(in crate::directory) use sql;

/// `select!("select …", values…)`: a statement that only reads. Any other statement does not compile.
macro_rules! select {
    ($text:expr $(, $value:expr)* $(,)?) => {
        $crate::directory::db::Select::new(
            const { $crate::directory::db::Select::only_reads($text) },
            vec![$($value.into()),*],
        )
    };
}
pub(in crate::directory) use select;

impl Sql {
    pub(in crate::directory) fn new(text: &'static str, values: Vec<Value>) -> Self {
        Self { text, values }
    }
}

impl Select {
    pub(in crate::directory) fn new(text: &'static str, values: Vec<Value>) -> Self {
        Self(Sql { text, values })
    }

    /// Returns the text if it begins with `select`.
    pub(in crate::directory) const fn only_reads(text: &'static str) -> &'static str {
        let [b's', b'e', b'l', b'e', b'c', b't', b' ', ..] = text.as_bytes() else {
            panic!("only a select reads: a change goes through Directory::change")
        };
        text
    }
}

impl From<Select> for Sql {
    fn from(Select(sql): Select) -> Self {
        sql
    }
}

macro_rules! values {
    ($($variant:ident: $type:ty),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(Some(value))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

values!(Bool: bool, Int: i64, Text: String, Bytes: Vec<u8>);

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

/// Runs `$sql` with `$executor` by `$fetch` of a query that is made by `$query`.
macro_rules! run {
    ($query:expr, $sql:expr, $executor:expr, $fetch:ident) => {{
        let Sql { text, values } = $sql;
        let mut query = $query(text);
        for value in values {
            query = match value {
                Value::Bool(value) => query.bind(value),
                Value::Small(value) => query.bind(value),
                Value::Int(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query.$fetch($executor).await.map_err($crate::directory::DirectoryError::from)
    }};
}
pub(super) use run;

impl Db {
    /// Reads exactly one row.
    pub(in crate::directory) async fn one<T: Row>(&self, Select(sql): Select) -> Result<T> {
        in_time(async {
            match &self.0 {
                Pools::Sqlite(pool) => run!(sqlx::query_as, sql, pool, fetch_one),
                Pools::Postgres(pool) => run!(sqlx::query_as, sql, pool, fetch_one),
            }
        })
        .await
    }

    /// Reads one row or none.
    pub(in crate::directory) async fn optional<T: Row>(&self, Select(sql): Select) -> Result<Option<T>> {
        in_time(async {
            match &self.0 {
                Pools::Sqlite(pool) => run!(sqlx::query_as, sql, pool, fetch_optional),
                Pools::Postgres(pool) => run!(sqlx::query_as, sql, pool, fetch_optional),
            }
        })
        .await
    }

    /// Reads all rows.
    pub(in crate::directory) async fn all<T: Row>(&self, Select(sql): Select) -> Result<Vec<T>> {
        in_time(async {
            match &self.0 {
                Pools::Sqlite(pool) => run!(sqlx::query_as, sql, pool, fetch_all),
                Pools::Postgres(pool) => run!(sqlx::query_as, sql, pool, fetch_all),
            }
        })
        .await
    }

    /// Changes something in one statement.
    pub(in crate::directory) async fn execute(&self, sql: Sql, _: Allowed) -> Result<u64> {
        in_time(async {
            Ok(match &self.0 {
                Pools::Sqlite(pool) => run!(sqlx::query, sql, pool, execute)?.rows_affected(),
                Pools::Postgres(pool) => run!(sqlx::query, sql, pool, execute)?.rows_affected(),
            })
        })
        .await
    }
}
