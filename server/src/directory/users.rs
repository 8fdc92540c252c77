//! Accounts.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Action, By, Directory, DirectoryError, Page, Position, Result, audit::Deed, documents::contains, fold, from_millis,
    millis, note, on_db,
};
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

/// What an administrator changes of an account; `None` leaves it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// May do everything.
    pub is_admin: Option<bool>,
    /// May not log in.
    pub is_disabled: Option<bool>,
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

impl UserRow {
    fn rules(&self) -> bool {
        self.is_admin && !self.is_disabled
    }

    /// What was done to make this of `before`.
    fn deeds_since(&self, before: &Self) -> Vec<Action> {
        let mut deeds = Vec::new();
        match (before.is_admin, self.is_admin) {
            (false, true) => deeds.push(Action::AdminGranted),
            (true, false) => deeds.push(Action::AdminRevoked),
            _ => {}
        }
        match (before.is_disabled, self.is_disabled) {
            (false, true) => deeds.push(Action::UserDisabled),
            (true, false) => deeds.push(Action::UserEnabled),
            _ => {}
        }
        deeds
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let UserRow { id, email, name, color, password_hash, is_admin, is_disabled, created_at } = row;
        Self { id, email, name, color, password_hash, is_admin, is_disabled, created_at: from_millis(created_at) }
    }
}

/// The columns of a [`UserRow`], in front of `$rest`.
macro_rules! select_users {
    ($rest:literal) => {
        concat!("select id, email, name, color, password_hash, is_admin, is_disabled, created_at from users ", $rest)
    };
}

/// `$change` of a user, and the [`UserRow`] that comes of it.
macro_rules! change_users {
    ($change:literal) => {
        concat!($change, " returning id, email, name, color, password_hash, is_admin, is_disabled, created_at")
    };
}

impl Directory {
    /// Makes an account; an administrator only at the command line.
    ///
    /// # Errors
    /// [`DirectoryError::EmailTaken`].
    pub async fn create_user(&self, new: NewUser, now: OffsetDateTime) -> Result<User> {
        let id = UserId::new();
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            let row: Option<UserRow> = sqlx::query_as(change_users!(
                "insert into users (id, email, email_key, name, name_key, color, password_hash, is_admin, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (email_key) do nothing"
            ))
            .bind(id)
            .bind(new.email.trim())
            .bind(fold(&new.email))
            .bind(&new.name)
            .bind(fold(&new.name))
            .bind(new.color)
            .bind(new.password_hash)
            .bind(new.is_admin)
            .bind(millis(now))
            .fetch_optional(&mut *tx)
            .await?;
            let user = User::from(row.ok_or(DirectoryError::EmailTaken)?);
            if user.is_admin {
                let by = By { at: now, ..By::command_line() };
                note!(&mut *tx, by, Deed::on(Action::AdminGranted, None, id));
            }
            tx.commit().await?;
            Ok(user)
        })
    }

    /// Finds an account by its e-mail address, without regard to case.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        let row = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, UserRow>(select_users!("where email_key = $1"))
                .bind(fold(email))
                .fetch_optional(pool)
                .await?)
        })?;
        Ok(row.map(User::from))
    }

    /// Changes what a user says of himself.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn update_user(&self, user: UserId, change: UserChange) -> Result<User> {
        let key = change.name.as_deref().map(fold);
        on_db!(&self.db, pool => {
            let row: UserRow = sqlx::query_as(change_users!(
                "update users set name = coalesce($2, name), name_key = coalesce($3, name_key),
                        color = coalesce($4, color)
                 where id = $1"
            ))
            .bind(user)
            .bind(change.name)
            .bind(key)
            .bind(change.color)
            .fetch_one(pool)
            .await?;
            Ok(row.into())
        })
    }

    /// Changes what an account may do. One that is shut out loses its log-ins; what it has shared stays.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::LastAdmin`].
    pub async fn change_standing(&self, user: UserId, change: Standing, by: By) -> Result<User> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            // Without it, two administrators could remove each other at once.
            sqlx::query("update guards set name = name where name = 'administrators'").execute(&mut *tx).await?;
            let before: UserRow = sqlx::query_as(select_users!("where id = $1")).bind(user).fetch_one(&mut *tx).await?;
            let after: UserRow = sqlx::query_as(change_users!(
                "update users set is_admin = coalesce($2, is_admin), is_disabled = coalesce($3, is_disabled)
                 where id = $1"
            ))
            .bind(user)
            .bind(change.is_admin)
            .bind(change.is_disabled)
            .fetch_one(&mut *tx)
            .await?;
            if before.rules() && !after.rules() {
                let left: i64 = sqlx::query_scalar("select count(*) from users where is_admin and not is_disabled")
                    .fetch_one(&mut *tx)
                    .await?;
                if left == 0 {
                    return Err(DirectoryError::LastAdmin);
                }
            }
            if after.is_disabled {
                sqlx::query("delete from sessions where user_id = $1").bind(user).execute(&mut *tx).await?;
            }
            for action in after.deeds_since(&before) {
                note!(&mut *tx, by, Deed::on(action, None, user));
            }
            tx.commit().await?;
            Ok(after.into())
        })
    }

    /// All accounts with `query` in their name or address, newest first, from `after` on.
    pub async fn users(&self, query: &str, after: Option<Position>, limit: u8) -> Result<Page<User>> {
        let after = after.unwrap_or(Position::START);
        let rows = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, UserRow>(select_users!(
                r"where (email_key like $1 escape '\' or name_key like $1 escape '\') and (created_at, id) < ($2, $3)
                  order by created_at desc, id desc limit $4"
            ))
            .bind(contains(query))
            .bind(after.at)
            .bind(UserId(after.id))
            .bind(i64::from(limit) + 1)
            .fetch_all(pool)
            .await?)
        })?;
        let users = rows.into_iter().map(User::from).collect();
        Ok(Page::cut(users, limit, |last: &User| Position { at: millis(last.created_at), id: last.id.0 }))
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
