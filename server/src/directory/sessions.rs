//! Log-ins: what tokens name, and what is looked up at every request.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{Directory, Result, User, from_millis, millis, on_db, users::UserRow};
use crate::ids::{SessionId, UserId};

/// A log-in that is in force.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: User,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
}

#[derive(FromRow)]
struct SessionRow {
    session_id: SessionId,
    expires_at: i64,
    #[sqlx(flatten)]
    user: UserRow,
}

impl Directory {
    /// Records a log-in, and forgets those that have ended by themselves.
    pub async fn create_session(
        &self,
        user: UserId,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<SessionId> {
        let id = SessionId::new();
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            sqlx::query("delete from sessions where expires_at <= $1").bind(millis(now)).execute(&mut *tx).await?;
            sqlx::query("insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)")
                .bind(id)
                .bind(user)
                .bind(millis(now))
                .bind(millis(expires_at))
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(id)
        })
    }

    /// The log-in `id` where it is in force: not ended, not expired, its user not disabled.
    pub async fn session(&self, id: SessionId, now: OffsetDateTime) -> Result<Option<Session>> {
        let row = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, SessionRow>(
                "select s.id as session_id, s.expires_at,
                        u.id, u.email, u.name, u.color, u.password_hash, u.is_admin, u.is_disabled, u.created_at
                 from sessions s join users u on u.id = s.user_id
                 where s.id = $1 and s.expires_at > $2 and not u.is_disabled",
            )
            .bind(id)
            .bind(millis(now))
            .fetch_optional(pool)
            .await?)
        })?;
        Ok(row.map(|row| Session {
            id: row.session_id,
            user: row.user.into(),
            expires_at: from_millis(row.expires_at),
        }))
    }

    /// Ends `old` and records its successor, where `old` was still there.
    pub async fn replace_session(
        &self,
        old: SessionId,
        now: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<Option<SessionId>> {
        let new = SessionId::new();
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            let user: Option<UserId> = sqlx::query_scalar("delete from sessions where id = $1 returning user_id")
                .bind(old)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(user) = user else { return Ok(None) };
            sqlx::query("insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, $3, $4)")
                .bind(new)
                .bind(user)
                .bind(millis(now))
                .bind(millis(expires_at))
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(Some(new))
        })
    }

    /// Ends a log-in; ending it twice is no error.
    pub async fn end_session(&self, id: SessionId) -> Result<()> {
        on_db!(&self.db, pool => {
            sqlx::query("delete from sessions where id = $1").bind(id).execute(pool).await?;
            Ok(())
        })
    }
}
