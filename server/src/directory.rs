//! Accounts, log-ins, documents, grants and share links: all that is known about documents but their text. One SQL
//! text for every database. Checks no permission: it answers and records, `auth` and `http` decide.

mod audit;
pub mod contract;
mod counts;
mod db;
mod documents;
mod grants;
mod line_end;
mod links;
mod migrations;
mod moving;
mod page;
mod sessions;
mod users;
mod versions;

use std::path::Path;

use anyhow::Context;
use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;

use self::{
    audit::note,
    db::{Db, on_db},
};
pub use self::{
    audit::{Action, AuditEntry, By, Contact},
    counts::Counts,
    documents::{Document, DocumentChange, NewDocument, Person},
    grants::{Access, Change, Collaborator, Grant},
    line_end::LineEnd,
    links::{Link, NewLink},
    moving::Listed,
    page::{Page, Position},
    sessions::Session,
    users::{NewUser, Standing, User, UserChange},
    versions::{Archived, Version},
};
use crate::config::StorageConfig;

/// Why the directory did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another account has this e-mail address.
    #[error("e-mail address is taken")]
    EmailTaken,
    /// There is no such user, document, grant or link.
    #[error("not found")]
    NotFound,
    /// The document would be left without an owner.
    #[error("document would have no owner")]
    LastOwner,
    /// There would be no administrator.
    #[error("there would be no administrator")]
    LastAdmin,
    /// There are as many collaborators or links as a document may have.
    #[error("limit of {0} reached")]
    LimitReached(i64),
    /// The database did not answer.
    #[error("directory is unavailable")]
    Unavailable(#[source] sqlx::Error),
}

impl From<sqlx::Error> for DirectoryError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            other => Self::Unavailable(other),
        }
    }
}

/// What a call of the directory gives.
pub type Result<T, E = DirectoryError> = std::result::Result<T, E>;

/// The directory: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    db: Db,
}

impl Directory {
    /// Opens the database that is configured: PostgreSQL, else a SQLite file in the data folder.
    ///
    /// # Errors
    /// When it cannot be opened or migrated.
    pub async fn open(config: &StorageConfig) -> anyhow::Result<Self> {
        match config.database.options()? {
            Some(options) => Self::postgres(options, config.database.connections).await,
            None => {
                let folder = &config.data_dir;
                std::fs::create_dir_all(folder).with_context(|| format!("create data folder {}", folder.display()))?;
                Self::sqlite(folder).await
            }
        }
    }

    /// Connects to PostgreSQL with up to so many connections, and brings the tables up to date.
    ///
    /// # Errors
    /// When it does not answer or cannot be migrated.
    pub async fn postgres(options: PgConnectOptions, connections: u32) -> anyhow::Result<Self> {
        Ok(Self { db: Db::postgres(options, connections).await? })
    }

    /// Opens the SQLite file in `folder`, makes it when there is none, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or migrated.
    pub async fn sqlite(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { db: Db::sqlite(folder).await? })
    }

    /// Asks the database for one row, for readiness.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<()> {
        on_db!(&self.db, pool => {
            sqlx::query_scalar::<_, i64>("select count(*) from documents where updated_at < 0").fetch_one(pool).await?;
            Ok(())
        })
    }
}

/// `time` as the tables keep it.
fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("the years that `time` knows fit")
}

/// A time as the tables keep it, back.
fn from_millis(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `text` in the form that is compared and searched: databases differ in what they fold, and not all can be asked for NUL.
pub(crate) fn fold(text: &str) -> String {
    text.trim().to_lowercase().replace('\0', "\u{fffd}")
}
