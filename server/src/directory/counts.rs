//! How much there is of everything.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{Directory, Result, db::select, millis};

/// How much there is.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Counts {
    /// Accounts.
    pub users: i64,
    /// Accounts of administrators.
    pub admins: i64,
    /// Accounts that are shut out.
    pub disabled: i64,
    /// Log-ins that are in force.
    pub sessions: i64,
    /// Documents.
    pub documents: i64,
    /// Bytes of their text when that was last recorded.
    pub document_bytes: i64,
}

impl Directory {
    /// Counts everything.
    pub async fn counts(&self, now: OffsetDateTime) -> Result<Counts> {
        self.db
            .one(select!(
                "select (select count(*) from users) as users,
                        (select count(*) from users where is_admin) as admins,
                        (select count(*) from users where is_disabled) as disabled,
                        (select count(*) from sessions where expires_at > $1) as sessions,
                        (select count(*) from documents) as documents,
                        (select cast(coalesce(sum(size_bytes), 0) as bigint) from documents) as document_bytes",
                millis(now)
            ))
            .await
    }
}
