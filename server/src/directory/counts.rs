//! The numbers of accounts, logins and documents.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{Directory, Result, db::select, millis};

/// The numbers of accounts, logins and documents.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Counts {
    /// Accounts.
    pub users: i64,
    /// Accounts of administrators.
    pub admins: i64,
    /// Disabled accounts.
    pub disabled: i64,
    /// Valid logins.
    pub sessions: i64,
    /// Documents.
    pub documents: i64,
    /// Bytes of their texts when last recorded.
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
