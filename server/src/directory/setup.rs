//! The first administrator of a new installation, created by a one-time link that the server prints.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    By, Directory, DirectoryError, NewUser, Result, User,
    db::{select, sql},
    links::hash,
    millis,
    rights::Lock,
};

impl Directory {
    /// Whether there is no account yet.
    pub async fn has_no_accounts(&self) -> Result<bool> {
        let (count,): (i64,) =
            self.db.one(select!("select count(*) from (select 1 from users limit 1) as found")).await?;
        Ok(count == 0)
    }

    /// Creates a setup link with `secret`, valid until `expires_at`.
    pub async fn create_setup_link(&self, secret: &str, expires_at: OffsetDateTime) -> Result<()> {
        self.keep_books(sql!(
            "insert into setup_links (secret_hash, expires_at) values ($1, $2)",
            hash(secret),
            millis(expires_at)
        ))
        .await
        .map(drop)
    }

    /// Whether the setup link with `secret` is valid.
    pub async fn is_setup_link(&self, secret: &str, now: OffsetDateTime) -> Result<bool> {
        let (count,): (i64,) = self
            .db
            .one(select!(
                "select count(*) from setup_links where secret_hash = $1 and expires_at > $2
                 and not exists (select 1 from users where is_admin)",
                hash(secret),
                millis(now)
            ))
            .await?;
        Ok(count > 0)
    }

    /// Creates the first administrator by `secret`; afterwards no setup link is valid.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the link has expired or there is an administrator,
    /// [`DirectoryError::EmailTaken`].
    pub async fn set_up(&self, secret: &str, new: NewUser, by: By) -> Result<User> {
        // One at a time: of two calls the second must see the administrator of the first.
        let mut change = self.change_without_right(by, &[Lock::Exclusive(Uuid::nil())]).await?;
        let used = sql!(
            "delete from setup_links where secret_hash = $1 and expires_at > $2
             and not exists (select 1 from users where is_admin)",
            hash(secret),
            millis(by.at)
        );
        if change.execute(used).await? == 0 {
            return Err(DirectoryError::NotFound);
        }
        let user = change.insert_user(NewUser { is_admin: true, ..new }, by.at).await?;
        change.execute(sql!("delete from setup_links")).await?;
        change.commit().await?;
        Ok(user)
    }
}
