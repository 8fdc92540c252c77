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
use crate::ids::{SessionId, UserId};

/// A valid login.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its user.
    pub user: User,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

/// A login and its successor.
#[derive(Clone, Copy, Debug)]
pub struct Replaced {
    /// The login that has ended.
    pub old: SessionId,
    /// The valid login.
    pub new: SessionId,
}

#[derive(FromRow)]
struct SessionRow {
    session_id: SessionId,
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
    pub async fn create_session(
        &self,
        user: UserId,
        verified: &str,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<SessionId> {
        let id = SessionId::new();
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
    pub async fn session(&self, id: SessionId, now: OffsetDateTime) -> Result<Option<Session>> {
        let row: Option<SessionRow> = self
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
        Ok(row.map(|row| Session {
            id: row.session_id,
            user: row.user.into(),
            expires_at: from_millis(row.expires_at),
        }))
    }

    /// Ends the caller's login and creates its successor.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`] if it has ended.
    pub async fn replace_session(&self, by: By, now: OffsetDateTime, expires_at: OffsetDateTime) -> Result<Replaced> {
        let new = SessionId::new();
        let (old, user) = by.session()?;
        let mut change = self.change(by, Right::LogIn, &[Lock::Exclusive(user.0)]).await?;
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
    pub async fn end_session(&self, by: By) -> Result<SessionId> {
        let (session, user) = by.session()?;
        let mut change = self.change(by, Right::LogIn, &[Lock::Exclusive(user.0)]).await?;
        if change.execute(sql!("delete from sessions where id = $1", session)).await? == 0 {
            return Err(DirectoryError::Unauthenticated);
        }
        change.commit().await?;
        Ok(session)
    }
}

fn insert(id: SessionId, user: UserId, now: OffsetDateTime, expires_at: OffsetDateTime) -> Sql {
    sql!(
        "insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)",
        id,
        user,
        millis(now),
        millis(expires_at)
    )
}
