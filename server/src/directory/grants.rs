//! Who may do what with a document.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{Action, By, Directory, DirectoryError, Result, audit::Deed, from_millis, millis, note, on_db};
use crate::{
    auth::Role,
    ids::{DocId, UserId},
};

/// The most people that share one document: all of them are listed in one answer.
const COLLABORATORS_MAX: i64 = 500;

/// What a user may do with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// There is no such document.
    NoDocument,
    /// It is there, and not for this user.
    None,
    /// The user has this role.
    Role(Role),
}

/// One who shares a document.
#[derive(Clone, Debug)]
pub struct Collaborator {
    /// The account.
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The colour, `#rrggbb`.
    pub color: String,
    /// What he may do.
    pub role: Role,
    /// Since when he has access.
    pub created_at: OffsetDateTime,
}

/// A role that someone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The account.
    pub user: UserId,
    /// What he may do.
    pub role: Role,
}

/// Whether a call changed a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The role is another one than before.
    Made,
    /// All was so already.
    Unneeded,
}

#[derive(FromRow)]
struct AccessRow {
    documents: i64,
    role: Option<Role>,
}

#[derive(FromRow)]
struct CollaboratorRow {
    id: UserId,
    email: String,
    name: String,
    color: String,
    role: Role,
    created_at: i64,
}

impl From<CollaboratorRow> for Collaborator {
    fn from(row: CollaboratorRow) -> Self {
        let CollaboratorRow { id, email, name, color, role, created_at } = row;
        Self { id, email, name, color, role, created_at: from_millis(created_at) }
    }
}

/// Reads the role of `$user`, `None` included, with the document's row locked until the transaction `$tx` ends: without
/// it, two owners could remove each other at once.
macro_rules! locked_role {
    ($tx:expr, $doc:expr, $user:expr) => {{
        sqlx::query_scalar::<_, i64>("update documents set updated_at = updated_at where id = $1 returning updated_at")
            .bind($doc)
            .fetch_one(&mut *$tx)
            .await?;
        sqlx::query_scalar::<_, Role>("select role from grants where doc_id = $1 and user_id = $2")
            .bind($doc)
            .bind($user)
            .fetch_optional(&mut *$tx)
            .await?
    }};
}

/// Fails where the document has one owner only.
macro_rules! keep_an_owner {
    ($tx:expr, $doc:expr) => {{
        let owners: i64 = sqlx::query_scalar("select count(*) from grants where doc_id = $1 and role = 3")
            .bind($doc)
            .fetch_one(&mut *$tx)
            .await?;
        if owners < 2 {
            return Err(DirectoryError::LastOwner);
        }
    }};
}

impl Directory {
    /// What `user` may do with `doc`.
    pub async fn access(&self, user: UserId, doc: DocId) -> Result<Access> {
        let row = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, AccessRow>(
                "select (select count(*) from documents where id = $1) as documents,
                        (select role from grants where doc_id = $1 and user_id = $2) as role",
            )
            .bind(doc)
            .bind(user)
            .fetch_one(pool)
            .await?)
        })?;
        Ok(match row {
            AccessRow { documents: 0, .. } => Access::NoDocument,
            AccessRow { role: None, .. } => Access::None,
            AccessRow { role: Some(role), .. } => Access::Role(role),
        })
    }

    /// Everyone who shares `doc`, owners first.
    pub async fn collaborators(&self, doc: DocId) -> Result<Vec<Collaborator>> {
        let rows = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, CollaboratorRow>(
                "select u.id, u.email, u.name, u.color, g.role, g.created_at
                 from grants g join users u on u.id = g.user_id
                 where g.doc_id = $1 order by g.role desc, g.created_at, u.id",
            )
            .bind(doc)
            .fetch_all(pool)
            .await?)
        })?;
        Ok(rows.into_iter().map(Collaborator::from).collect())
    }

    /// Gives `user` that role, up or down.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the document is gone, [`DirectoryError::LastOwner`],
    /// [`DirectoryError::LimitReached`].
    pub async fn set_role(&self, doc: DocId, user: UserId, role: Role, by: By) -> Result<Change> {
        self.grant(doc, Grant { user, role }, Action::AccessGranted, by).await
    }

    async fn grant(&self, doc: DocId, Grant { user, role }: Grant, how: Action, by: By) -> Result<Change> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            match locked_role!(tx, doc, user) {
                Some(before) if before == role => return Ok(Change::Unneeded),
                Some(Role::Owner) => keep_an_owner!(tx, doc),
                Some(_) => {}
                None => {
                    let count: i64 = sqlx::query_scalar("select count(*) from grants where doc_id = $1")
                        .bind(doc)
                        .fetch_one(&mut *tx)
                        .await?;
                    if count >= COLLABORATORS_MAX {
                        return Err(DirectoryError::LimitReached(COLLABORATORS_MAX));
                    }
                }
            }
            sqlx::query(
                "insert into grants (doc_id, user_id, role, created_at) values ($1, $2, $3, $4)
                 on conflict (doc_id, user_id) do update set role = excluded.role",
            )
            .bind(doc)
            .bind(user)
            .bind(role)
            .bind(millis(by.at))
            .execute(&mut *tx)
            .await?;
            note!(&mut *tx, by, Deed::on(how, doc, user).detail(role.as_str()));
            tx.commit().await?;
            Ok(Change::Made)
        })
    }

    /// Gives `user`, who came by a link, at least that role: one that he has is never lowered.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the document is gone, [`DirectoryError::LimitReached`].
    pub async fn raise_role(&self, doc: DocId, user: UserId, role: Role, by: By) -> Result<Change> {
        match self.access(user, doc).await? {
            Access::NoDocument => Err(DirectoryError::NotFound),
            Access::Role(present) if present >= role => Ok(Change::Unneeded),
            Access::Role(_) | Access::None => self.grant(doc, Grant { user, role }, Action::LinkAccepted, by).await,
        }
    }

    /// Takes the access of `user` away.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where he had none, [`DirectoryError::LastOwner`].
    pub async fn remove_grant(&self, doc: DocId, user: UserId, by: By) -> Result<()> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            match locked_role!(tx, doc, user) {
                None => return Err(DirectoryError::NotFound),
                Some(Role::Owner) => keep_an_owner!(tx, doc),
                Some(_) => {}
            }
            sqlx::query("delete from grants where doc_id = $1 and user_id = $2")
                .bind(doc)
                .bind(user)
                .execute(&mut *tx)
                .await?;
            note!(&mut *tx, by, Deed::on(Action::AccessRemoved, doc, user));
            Ok(tx.commit().await?)
        })
    }

    /// Makes `user` the one owner of `doc`; those who were owners edit from now on. Gives the roles that changed.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the document is gone.
    pub async fn transfer(&self, doc: DocId, user: UserId, by: By) -> Result<Vec<Grant>> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            let before = locked_role!(tx, doc, user);
            let lowered: Vec<UserId> = sqlx::query_scalar(
                "update grants set role = 2 where doc_id = $1 and role = 3 and user_id <> $2 returning user_id",
            )
            .bind(doc)
            .bind(user)
            .fetch_all(&mut *tx)
            .await?;
            sqlx::query(
                "insert into grants (doc_id, user_id, role, created_at) values ($1, $2, 3, $3)
                 on conflict (doc_id, user_id) do update set role = excluded.role",
            )
            .bind(doc)
            .bind(user)
            .bind(millis(by.at))
            .execute(&mut *tx)
            .await?;
            note!(&mut *tx, by, Deed::on(Action::DocumentTransferred, doc, user));
            tx.commit().await?;
            let raised = (before != Some(Role::Owner)).then_some(Grant { user, role: Role::Owner });
            Ok(lowered.into_iter().map(|user| Grant { user, role: Role::Editor }).chain(raised).collect())
        })
    }
}
