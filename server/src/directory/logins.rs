//! Logins, which tokens name; each request looks its login up.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    By, Directory, DirectoryError, Result, Right, User,
    db::{Sql, select, sql},
    from_millis, millis,
    rights::Lock,
    users::UserRow,
};
use crate::ids::{LoginId, UserId};

/// A valid login.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its id.
    pub id: LoginId,
    /// Its user.
    pub user: User,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

/// A login and its successor.
#[derive(Clone, Copy, Debug)]
pub struct Replaced {
    /// The login that has ended.
    pub old: LoginId,
    /// The valid login.
    pub new: LoginId,
}

#[derive(FromRow)]
struct LoginRow {
    session_id: LoginId,
    expires_at: i64,
    #[sqlx(flatten)]
    user: UserRow,
}

impl Directory {
    /// Creates a login, provided that the password hash of the account is still `verified`, and deletes expired logins.
    ///
    /// # Errors
    /// [`DirectoryError::PasswordChanged`] if the account has another hash by now, [`DirectoryError::Disabled`],
    /// [`DirectoryError::NotFound`].
    pub async fn create_login(
        &self,
        user: UserId,
        verified: &str,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<LoginId> {
        let id = LoginId::new();
        let mut change = self.change_without_right(By::command_line(), &[Lock::Shared(user.0)]).await?;
        let (hash, is_disabled): (String, bool) =
            change.one(select!("select password_hash, is_disabled from users where id = $1", user)).await?;
        match is_disabled {
            _ if hash != verified => return Err(DirectoryError::PasswordChanged),
            true => return Err(DirectoryError::Disabled),
            false => {}
        }
        change.execute(sql!("delete from sessions where expires_at <= $1", millis(now))).await?;
        change.execute(insert(id, user, now, expires_at)).await?;
        change.commit().await?;
        Ok(id)
    }

    /// The login `id`, if it is valid: neither ended nor expired, and its user not disabled.
    pub async fn login(&self, id: LoginId, now: OffsetDateTime) -> Result<Option<Login>> {
        let row: Option<LoginRow> = self
            .db
            .optional(select!(
                "select s.id as session_id, s.expires_at,
                        u.id, u.email, u.name, u.color, u.password_hash, u.is_admin, u.is_disabled, u.created_at
                 from sessions s join users u on u.id = s.user_id
                 where s.id = $1 and s.expires_at > $2 and not u.is_disabled",
                id,
                millis(now)
            ))
            .await?;
        Ok(row.map(|row| Login { id: row.session_id, user: row.user.into(), expires_at: from_millis(row.expires_at) }))
    }

    /// Ends the caller's login and creates its successor.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`] if it has ended.
    pub async fn replace_login(&self, by: By, now: OffsetDateTime, expires_at: OffsetDateTime) -> Result<Replaced> {
        let new = LoginId::new();
        let (old, user) = by.login()?;
        let mut change = self.change(by, Right::Login, &[Lock::Exclusive(user.0)]).await?;
        // A node of the previous release does not take the lock.
        if change.execute(sql!("delete from sessions where id = $1", old)).await? == 0 {
            return Err(DirectoryError::Unauthenticated);
        }
        change.execute(insert(new, user, now, expires_at)).await?;
        change.commit().await?;
        Ok(Replaced { old, new })
    }

    /// Ends the caller's login; returns its id.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`] if it has ended: a successor may be valid.
    pub async fn end_login(&self, by: By) -> Result<LoginId> {
        let (login, user) = by.login()?;
        let mut change = self.change(by, Right::Login, &[Lock::Exclusive(user.0)]).await?;
        if change.execute(sql!("delete from sessions where id = $1", login)).await? == 0 {
            return Err(DirectoryError::Unauthenticated);
        }
        change.commit().await?;
        Ok(login)
    }
}

fn insert(id: LoginId, user: UserId, now: OffsetDateTime, expires_at: OffsetDateTime) -> Sql {
    sql!(
        "insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)",
        id,
        user,
        millis(now),
        millis(expires_at)
    )
}
