//! Accounts, logins, documents, grants and share links: everything about documents but their text. One SQL text for
//! every database. Reads check no right. A change checks its right in its own transaction (`rights`).

mod audit;
pub mod contract;
mod counts;
mod db;
mod documents;
mod grants;
mod indentation;
mod installation;
mod line_end;
mod links;
mod locks;
mod logins;
pub(crate) mod mailbox;
mod migrations;
mod moving;
mod page;
mod pooler;
mod resets;
mod rights;
mod setup;
mod tombstones;
mod users;
mod versions;

use std::{io, path::Path, sync::Arc};

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

pub use self::{
    audit::{Action, AuditEntry, Contact},
    counts::Counts,
    documents::{Document, DocumentChange, NewDocument, Person},
    grants::{Access, Change, Collaborator, Grant},
    indentation::Indentation,
    line_end::LineEnd,
    links::{Link, NewLink},
    logins::{Login, Replaced},
    moving::Listed,
    page::{Page, Position},
    rights::{By, Hold, Right},
    tombstones::{Existence, Tombstone},
    users::{NewUser, Standing, User, UserChange},
    versions::{Archived, Version},
};
use self::{
    db::{Db, select},
    locks::Locks,
};
use crate::{config::StorageConfig, private, sqlite, tasks::Tasks};

/// Why a request to the directory failed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another account has this e-mail address.
    #[error("e-mail address is taken")]
    EmailTaken,
    /// There is no such user, document, grant or link.
    #[error("not found")]
    NotFound,
    /// The document does not exist, or the caller has no access to it.
    #[error("no such document")]
    NoDocument,
    /// The login of the caller has ended or does not exist.
    #[error("not authenticated")]
    Unauthenticated,
    /// The caller does not have the right (any more).
    #[error("forbidden")]
    Forbidden,
    /// The password was changed after it was verified.
    #[error("password has changed")]
    PasswordChanged,
    /// The account is disabled.
    #[error("account is disabled")]
    Disabled,
    /// The document would be left without an owner.
    #[error("document would have no owner")]
    LastOwner,
    /// No administrator would be left.
    #[error("there would be no administrator")]
    LastAdmin,
    /// The document has as many collaborators or links as allowed.
    #[error("limit of {0} reached")]
    LimitReached(i64),
    /// The database did not answer.
    #[error("directory is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// The database answered with an error that a retry would cause again.
    #[error("directory answered with an error")]
    Broken(#[source] sqlx::Error),
}

impl DirectoryError {
    fn timed_out() -> Self {
        Self::Unavailable(io::Error::from(io::ErrorKind::TimedOut).into())
    }
}

impl From<sqlx::Error> for DirectoryError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            error if is_broken(&error) => Self::Broken(error),
            other => Self::Unavailable(other),
        }
    }
}

/// Whether the same call would fail again: the row does not decode, or the statement violates a constraint.
fn is_broken(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    match error {
        E::Database(error) => {
            // PostgreSQL: data, integrity, and syntax or access. SQLite: error, mismatch and range.
            let code = error.code().unwrap_or_default();
            let refused = code.len() == 5 && ["22", "23", "42"].iter().any(|class| code.starts_with(class));
            refused || ["1", "20", "25"].contains(&&*code) || !matches!(error.kind(), sqlx::error::ErrorKind::Other)
        }
        E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::ColumnIndexOutOfBounds { .. } => true,
        E::TypeNotFound { .. } | E::Encode(_) | E::InvalidArgument(_) => true,
        _ => false,
    }
}

/// The result of a request to the directory.
pub type Result<T, E = DirectoryError> = std::result::Result<T, E>;

/// The directory: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
    locks: Locks,
    /// Bounds the connections that are held while a room applies an edit.
    holds: Arc<Semaphore>,
}

impl Directory {
    /// Opens the configured database: PostgreSQL, or a SQLite file in the data folder.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open(config: &StorageConfig) -> anyhow::Result<Self> {
        match config.database.options()? {
            Some(options) => Self::postgres(options, config.database.connections).await,
            None => {
                let folder = &config.data_dir;
                private::folder(folder)?;
                Self::sqlite(folder).await
            }
        }
    }

    /// Connects to PostgreSQL with at most `connections`, and updates the tables.
    ///
    /// # Errors
    /// When it does not answer or cannot be migrated.
    pub async fn postgres(options: PgConnectOptions, connections: u32) -> anyhow::Result<Self> {
        let holds = usize::try_from(connections / 2).unwrap_or(usize::MAX).max(1);
        Self::on(Db::postgres(options, connections).await?, holds).await
    }

    /// Opens or creates the SQLite file in `folder`, and updates its tables.
    ///
    /// # Errors
    /// When the file cannot be opened or migrated.
    pub async fn sqlite(folder: &Path) -> anyhow::Result<Self> {
        Self::on(Db::sqlite(folder).await?, Semaphore::MAX_PERMITS).await
    }

    async fn on(db: Db, holds: usize) -> anyhow::Result<Self> {
        let directory = Self { db, locks: Locks::default(), holds: Arc::new(Semaphore::new(holds)) };
        directory.note_mailboxes().await.context("note the mailboxes of accounts")?;
        Ok(directory)
    }

    /// Keeps the files of an embedded directory short, until `tasks` stop.
    pub fn keep_short(&self, tasks: &Tasks) {
        if let Some(file) = self.db.file() {
            tasks.spawn(sqlite::keep_wal_short(file, tasks.stop().clone()));
        }
    }

    /// Closes an embedded directory; afterwards its files do not change and can be copied.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Reads one row, for readiness.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ping(&self) -> Result<()> {
        let _: (i64,) = self.db.one(select!("select count(*) from documents where updated_at < 0")).await?;
        Ok(())
    }
}

/// `time` in the form of the tables.
fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("the years that `time` knows fit")
}

/// A time from its form in the tables.
fn from_millis(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `text` in the form that is compared and searched: databases fold case differently, and not all accept NUL.
pub(crate) fn fold(text: &str) -> String {
    text.trim().to_lowercase().replace('\0', "\u{fffd}")
}
