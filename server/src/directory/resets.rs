//! Forgotten passwords, and the addresses of logins.

use std::net::IpAddr;

use time::OffsetDateTime;

use super::{
    Action, By, Directory, DirectoryError, Result, Right,
    audit::Deed,
    db::{select, sql},
    links::hash,
    millis,
    rights::{Lock, Pending},
};
use crate::ids::{LoginId, UserId};

/// The number of addresses remembered per account.
const ADDRESSES_MAX: i64 = 20;

impl Directory {
    /// Makes `secret` the only link to a new password of an account, once and until `expires_at`; for administrators.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], and those of [`Directory::hold`].
    pub async fn create_password_reset(
        &self,
        user: UserId,
        secret: &str,
        expires_at: OffsetDateTime,
        by: By,
    ) -> Result<()> {
        let mut change = self.change(by, Right::Administrator, &[Lock::Exclusive(user.0)]).await?;
        let created = change
            .execute(sql!(
                "insert into password_resets (user_id, secret_hash, expires_at) select id, $2, $3 from users where id = $1
                 on conflict (user_id) do update set secret_hash = excluded.secret_hash, expires_at = excluded.expires_at",
                user,
                hash(secret),
                millis(expires_at)
            ))
            .await?;
        if created == 0 {
            return Err(DirectoryError::NotFound);
        }
        change.note(Deed::on(Action::PasswordResetOffered, None, user)).await?;
        change.commit().await
    }

    /// The account of the reset link with `secret`; `None` once it was used or has expired.
    pub async fn password_reset(&self, secret: &str, now: OffsetDateTime) -> Result<Option<UserId>> {
        let row: Option<(UserId,)> = self
            .db
            .optional(select!(
                "select user_id from password_resets where secret_hash = $1 and expires_at > $2",
                hash(secret),
                millis(now)
            ))
            .await?;
        Ok(row.map(|(user,)| user))
    }

    /// Sets the password of the account of a reset link, which cannot be used again, and ends all of its logins.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the link was used or has expired.
    pub async fn use_password_reset(&self, user: UserId, secret: &str, password_hash: &str, by: By) -> Result<()> {
        let mut change = self.change_without_right(by, &[Lock::Exclusive(user.0)]).await?;
        let used = sql!(
            "delete from password_resets where user_id = $1 and secret_hash = $2 and expires_at > $3",
            user,
            hash(secret),
            millis(by.at)
        );
        if change.execute(used).await? == 0 {
            return Err(DirectoryError::NotFound);
        }
        set_anew(change, user, password_hash).await.map(drop)
    }

    /// Sets a forgotten password, and ends all logins of the account; for administrators. Returns the ended logins.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], and those of [`Directory::hold`].
    pub async fn reset_password(&self, user: UserId, password_hash: &str, by: By) -> Result<Vec<LoginId>> {
        let mut change = self.change(by, Right::Administrator, &[Lock::Exclusive(user.0)]).await?;
        change.execute(sql!("delete from password_resets where user_id = $1", user)).await?;
        set_anew(change, user, password_hash).await
    }

    /// Records the address of a login; only the latest ones are kept.
    pub async fn note_address(&self, user: UserId, address: IpAddr, now: OffsetDateTime) -> Result<()> {
        self.keep_books(sql!(
            "insert into log_in_addresses (user_id, address, last_at) values ($1, $2, $3)
             on conflict (user_id, address) do update set last_at = excluded.last_at",
            user,
            address.to_string(),
            millis(now)
        ))
        .await?;
        self.keep_books(sql!(
            "delete from log_in_addresses where user_id = $1 and address not in
               (select address from log_in_addresses where user_id = $1 order by last_at desc, address limit $2)",
            user,
            ADDRESSES_MAX
        ))
        .await
        .map(drop)
    }

    /// Whether the account logged in from this address before.
    pub async fn knows_address(&self, user: UserId, address: IpAddr) -> Result<bool> {
        let known = select!(
            "select count(*) from log_in_addresses where user_id = $1 and address = $2",
            user,
            address.to_string()
        );
        let (count,): (i64,) = self.db.one(known).await?;
        Ok(count > 0)
    }
}

/// Sets a password without the old one, and ends all logins of the account; returns them.
async fn set_anew(mut change: Pending, user: UserId, password_hash: &str) -> Result<Vec<LoginId>> {
    let set = sql!("update users set password_hash = $2 where id = $1", user, password_hash);
    if change.execute(set).await? == 0 {
        return Err(DirectoryError::NotFound);
    }
    let ended: Vec<(LoginId,)> = change.all(sql!("delete from sessions where user_id = $1 returning id", user)).await?;
    change.note(Deed::on(Action::PasswordReset, None, user)).await?;
    change.commit().await?;
    Ok(ended.into_iter().map(|(id,)| id).collect())
}
