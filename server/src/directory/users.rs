//! Accounts.

use sqlx::FromRow;
use time::OffsetDateTime;

use super::{Directory, DirectoryError, Result, fold, from_millis, millis, on_db};
use crate::ids::{SessionId, UserId};

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The e-mail address, as it was typed.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// The colour that others see, `#rrggbb`.
    pub color: String,
    /// The hash of the password, in PHC form.
    pub password_hash: String,
    /// May do everything.
    pub is_admin: bool,
    /// May not log in.
    pub is_disabled: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// What an account is made of.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The e-mail address, unique without regard to case.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// The colour that others see, `#rrggbb`.
    pub color: String,
    /// The hash of the password, in PHC form.
    pub password_hash: String,
    /// May do everything.
    pub is_admin: bool,
}

/// What a user changes of himself; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The name that others see.
    pub name: Option<String>,
    /// The colour that others see.
    pub color: Option<String>,
}

#[derive(FromRow)]
pub(super) struct UserRow {
    id: UserId,
    email: String,
    name: String,
    color: String,
    password_hash: String,
    is_admin: bool,
    is_disabled: bool,
    created_at: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let UserRow { id, email, name, color, password_hash, is_admin, is_disabled, created_at } = row;
        Self { id, email, name, color, password_hash, is_admin, is_disabled, created_at: from_millis(created_at) }
    }
}

impl Directory {
    /// Makes an account.
    ///
    /// # Errors
    /// [`DirectoryError::EmailTaken`].
    pub async fn create_user(&self, new: NewUser, now: OffsetDateTime) -> Result<User> {
        let inserted = on_db!(&self.db, pool => {
            sqlx::query_as::<_, UserRow>(
                "insert into users (id, email, email_key, name, color, password_hash, is_admin, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)
                 on conflict (email_key) do nothing
                 returning id, email, name, color, password_hash, is_admin, is_disabled, created_at",
            )
            .bind(UserId::new())
            .bind(new.email.trim())
            .bind(fold(&new.email))
            .bind(new.name)
            .bind(new.color)
            .bind(new.password_hash)
            .bind(new.is_admin)
            .bind(millis(now))
            .fetch_optional(pool)
            .await?
        });
        inserted.map(User::from).ok_or(DirectoryError::EmailTaken)
    }

    /// Finds an account by its e-mail address, without regard to case.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        let row = on_db!(&self.db, pool => {
            sqlx::query_as::<_, UserRow>(
                "select id, email, name, color, password_hash, is_admin, is_disabled, created_at
                 from users where email_key = $1",
            )
            .bind(fold(email))
            .fetch_optional(pool)
            .await?
        });
        Ok(row.map(User::from))
    }

    /// Changes what a user says of himself.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn update_user(&self, user: UserId, change: UserChange) -> Result<User> {
        let row = on_db!(&self.db, pool => {
            sqlx::query_as::<_, UserRow>(
                "update users set name = coalesce($2, name), color = coalesce($3, color) where id = $1
                 returning id, email, name, color, password_hash, is_admin, is_disabled, created_at",
            )
            .bind(user)
            .bind(change.name)
            .bind(change.color)
            .fetch_one(pool)
            .await?
        });
        Ok(row.into())
    }

    /// Makes an account an administrator.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn promote(&self, user: UserId) -> Result<()> {
        on_db!(&self.db, pool => {
            sqlx::query_scalar::<_, i64>("update users set is_admin = true where id = $1 returning created_at")
                .bind(user)
                .fetch_one(pool)
                .await?;
        });
        Ok(())
    }

    /// Shuts an account out and ends its log-ins; what it has shared stays.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn disable_user(&self, user: UserId) -> Result<()> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            sqlx::query_scalar::<_, i64>("update users set is_disabled = true where id = $1 returning created_at")
                .bind(user)
                .fetch_one(&mut *tx)
                .await?;
            sqlx::query("delete from sessions where user_id = $1").bind(user).execute(&mut *tx).await?;
            tx.commit().await?;
        });
        Ok(())
    }

    /// Sets a password and ends every log-in of the user but `keep`; gives the ended ones.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn set_password(&self, user: UserId, password_hash: &str, keep: SessionId) -> Result<Vec<SessionId>> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            sqlx::query_scalar::<_, i64>("update users set password_hash = $2 where id = $1 returning created_at")
                .bind(user)
                .bind(password_hash)
                .fetch_one(&mut *tx)
                .await?;
            let ended = sqlx::query_scalar("delete from sessions where user_id = $1 and id <> $2 returning id")
                .bind(user)
                .bind(keep)
                .fetch_all(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(ended)
        })
    }
}
