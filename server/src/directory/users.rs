//! Accounts.

use std::collections::BTreeMap;

use sqlx_macros::FromRow;
use time::OffsetDateTime;
use tracing::warn;

use super::{
    Action, By, Directory, DirectoryError, Page, Position, Result, Right,
    audit::Deed,
    db::{select, sql},
    documents::contains,
    fold, from_millis, mailbox, millis,
    rights::{Lock, Pending},
};
use crate::ids::{LoginId, UserId};

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The e-mail address, as typed.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// The colour that others see, `#rrggbb`.
    pub color: String,
    /// The hash of the password, in PHC form.
    pub password_hash: String,
    /// Whether it is an administrator.
    pub is_admin: bool,
    /// Whether it is disabled.
    pub is_disabled: bool,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// The fields of a new account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The e-mail address, unique regardless of case.
    pub email: String,
    /// The name that others see.
    pub name: String,
    /// The colour that others see, `#rrggbb`.
    pub color: String,
    /// The hash of the password, in PHC form.
    pub password_hash: String,
    /// Whether it is an administrator.
    pub is_admin: bool,
}

/// A user's change of the own account; `None` keeps the value.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The name that others see.
    pub name: Option<String>,
    /// The colour that others see.
    pub color: Option<String>,
}

/// An administrator's change of an account; `None` keeps the value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Whether it is an administrator.
    pub is_admin: Option<bool>,
    /// Whether it is disabled.
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

    /// The audit actions of the change from `before` to this.
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

/// `$change` of a user, and the resulting [`UserRow`].
macro_rules! change_users {
    ($change:literal) => {
        concat!($change, " returning id, email, name, color, password_hash, is_admin, is_disabled, created_at")
    };
}

impl Pending {
    /// Adds an account.
    pub(super) async fn insert_user(&mut self, new: NewUser, now: OffsetDateTime) -> Result<User> {
        let id = UserId::new();
        let row: Option<UserRow> = self
            .optional(sql!(
                change_users!(
                    "insert into users (id, email, email_key, name, name_key, color, password_hash, is_admin, created_at,
                                        mailbox)
                     select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
                     where not exists (select 1 from users where mailbox = $10 or email_key in ($3, $10))
                     on conflict do nothing"
                ),
                id,
                new.email.trim(),
                fold(&new.email),
                &new.name,
                fold(&new.name),
                new.color,
                new.password_hash,
                new.is_admin,
                millis(now),
                mailbox::key(&new.email)
            ))
            .await?;
        let user = User::from(row.ok_or(DirectoryError::EmailTaken)?);
        if user.is_admin {
            self.note(Deed::on(Action::AdminGranted, None, id)).await?;
        }
        Ok(user)
    }
}

impl Directory {
    /// Creates an account. Administrators are created only on the command line and by a setup link.
    ///
    /// # Errors
    /// [`DirectoryError::EmailTaken`].
    pub async fn create_user(&self, new: NewUser, now: OffsetDateTime) -> Result<User> {
        let mut change = self.change_without_right(By::command_line().at(now), &[]).await?;
        let user = change.insert_user(new, now).await?;
        change.commit().await?;
        Ok(user)
    }

    /// Finds an account by its e-mail address in any form. Earlier releases could create several accounts of one
    /// mailbox: the one with exactly this address is found, otherwise the oldest.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        let row: Option<UserRow> = self
            .db
            .optional(select!(
                select_users!(
                    "where email_key in ($1, $2) or mailbox = $2
                     order by case when email_key = $1 then 0 when mailbox = $2 then 1 else 2 end, created_at, id limit 1"
                ),
                fold(email),
                mailbox::key(email)
            ))
            .await?;
        Ok(row.map(User::from))
    }

    /// Records the mailboxes of accounts from earlier releases; of several accounts with one, the oldest gets it.
    pub(super) async fn note_mailboxes(&self) -> Result<()> {
        let mut after = (0, UserId(uuid::Uuid::nil()));
        loop {
            let rows: Vec<UserRow> = self
                .db
                .all(select!(
                    select_users!(
                        "where mailbox is null and (created_at, id) > ($1, $2) order by created_at, id limit 500"
                    ),
                    after.0,
                    after.1
                ))
                .await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.created_at, last.id);
            for row in rows {
                let note = sql!(
                    "update users set mailbox = $2
                     where id = $1 and mailbox is null and not exists (select 1 from users where mailbox = $2)",
                    row.id,
                    mailbox::key(&row.email)
                );
                if let Err(error) = self.keep_books(note).await {
                    // Another node may have recorded it between the read and the change.
                    warn!(user.id = %row.id.0, %error, "the mailbox of an account could not be recorded");
                }
            }
        }
    }

    /// Accounts that share a mailbox, grouped, oldest first.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn conflicting_users(&self) -> Result<Vec<Vec<User>>> {
        let mut by_mailbox: BTreeMap<String, Vec<User>> = BTreeMap::new();
        let rows: Vec<UserRow> =
            self.db.all(select!(select_users!("where mailbox is null order by created_at, id"))).await?;
        for row in rows {
            by_mailbox.entry(mailbox::key(&row.email)).or_default().push(row.into());
        }
        for (mailbox, users) in &mut by_mailbox {
            let row: Option<UserRow> = self.db.optional(select!(select_users!("where mailbox = $1"), mailbox)).await?;
            users.splice(0..0, row.map(User::from));
        }
        Ok(by_mailbox.into_values().filter(|users| users.len() > 1).collect())
    }

    /// Replaces the hash of a password by another hash of the same; `false` if the account has another hash by now.
    pub async fn rehash_password(&self, user: UserId, former: &str, hash: &str) -> Result<bool> {
        let rehash =
            sql!("update users set password_hash = $3 where id = $1 and password_hash = $2", user, former, hash);
        Ok(self.keep_books(rehash).await? > 0)
    }

    /// Changes the name or colour of the caller.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`].
    pub async fn update_user(&self, UserChange { name, color }: UserChange, by: By) -> Result<User> {
        let (_, user) = by.login()?;
        let key = name.as_deref().map(fold);
        let mut change = self.change(by, Right::Login, &[]).await?;
        let row: UserRow = change
            .one(sql!(
                change_users!(
                    "update users set name = coalesce($2, name), name_key = coalesce($3, name_key),
                            color = coalesce($4, color)
                     where id = $1"
                ),
                user,
                name,
                key,
                color
            ))
            .await?;
        change.commit().await?;
        Ok(row.into())
    }

    /// Changes the standing of an account, for administrators. A disabled account loses its logins; what it has shared
    /// stays.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::LastAdmin`], and those of [`Directory::hold`].
    pub async fn change_standing(&self, user: UserId, standing: Standing, by: By) -> Result<User> {
        let mut change = self.change(by, Right::Administrator, &[Lock::Exclusive(user.0)]).await?;
        // Without it, two administrators could remove each other at once.
        change.execute(sql!("update guards set name = name where name = 'administrators'")).await?;
        let before: UserRow = change.one(select!(select_users!("where id = $1"), user)).await?;
        let after: UserRow = change
            .one(sql!(
                change_users!(
                    "update users set is_admin = coalesce($2, is_admin), is_disabled = coalesce($3, is_disabled)
                     where id = $1"
                ),
                user,
                standing.is_admin,
                standing.is_disabled
            ))
            .await?;
        if before.rules() && !after.rules() {
            let left = select!("select count(*) from users where is_admin and not is_disabled");
            let (left,): (i64,) = change.one(left).await?;
            if left == 0 {
                return Err(DirectoryError::LastAdmin);
            }
        }
        if after.is_disabled {
            change.execute(sql!("delete from sessions where user_id = $1", user)).await?;
        }
        for action in after.deeds_since(&before) {
            change.note(Deed::on(action, None, user)).await?;
        }
        change.commit().await?;
        Ok(after.into())
    }

    /// All accounts with `query` in their name or address, newest first, after `after`.
    pub async fn users(&self, query: &str, after: Option<Position>, limit: u8) -> Result<Page<User>> {
        let after = after.unwrap_or(Position::START);
        let rows: Vec<UserRow> = self
            .db
            .all(select!(
                select_users!(
                    r"where (email_key like $1 escape '\' or name_key like $1 escape '\') and (created_at, id) < ($2, $3)
                      order by created_at desc, id desc limit $4"
                ),
                contains(query),
                after.at,
                UserId(after.id),
                i64::from(limit) + 1
            ))
            .await?;
        let users = rows.into_iter().map(User::from).collect();
        Ok(Page::cut(users, limit, |last: &User| Position { at: millis(last.created_at), id: last.id.0 }))
    }

    /// Sets the caller's password, provided that the old one still has the hash `verified`, and ends every other login
    /// of the account; returns the ended logins.
    ///
    /// # Errors
    /// [`DirectoryError::PasswordChanged`], [`DirectoryError::Unauthenticated`].
    pub async fn set_password(&self, verified: &str, password_hash: &str, by: By) -> Result<Vec<LoginId>> {
        let (keep, user) = by.login()?;
        let mut change = self.change(by, Right::Login, &[Lock::Exclusive(user.0)]).await?;
        let set = sql!(
            "update users set password_hash = $2 where id = $1 and password_hash = $3",
            user,
            password_hash,
            verified
        );
        if change.execute(set).await? == 0 {
            return Err(DirectoryError::PasswordChanged);
        }
        let ended = sql!("delete from sessions where user_id = $1 and id <> $2 returning id", user, keep);
        let ended: Vec<(LoginId,)> = change.all(ended).await?;
        change.commit().await?;
        Ok(ended.into_iter().map(|(id,)| id).collect())
    }
}
