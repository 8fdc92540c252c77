//! Grants: the roles of users in documents.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Action, By, Directory, DirectoryError, Result, Right,
    audit::Deed,
    db::{select, sql},
    from_millis, millis,
    rights::{Lock, Pending},
};
use crate::{
    ids::{DocId, UserId},
    role::Role,
};

/// The largest number of collaborators of a document: all of them are listed in one answer.
const COLLABORATORS_MAX: i64 = 500;

/// The access of a user to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// There is no such document.
    NoDocument,
    /// It exists, and the user has no access.
    None,
    /// The user has this role.
    Role(Role),
}

/// A collaborator of a document.
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
    /// The role.
    pub role: Role,
    /// When access began.
    pub created_at: OffsetDateTime,
}

/// A role of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The account.
    pub user: UserId,
    /// The role.
    pub role: Role,
}

/// Whether a call changed a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The role changed.
    Made,
    /// Nothing had to change.
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

impl Pending {
    /// Reads the role of `user`, with the document's row locked until the transaction ends: without it, two owners could
    /// remove each other at once. Nodes of the previous release lock this row too.
    async fn locked_role(&mut self, doc: DocId, user: UserId) -> Result<Option<Role>> {
        self.lock_document(doc).await?;
        let role = select!("select role from grants where doc_id = $1 and user_id = $2", doc, user);
        Ok(self.optional::<(Role,)>(role).await?.map(|(role,)| role))
    }

    /// Locks the document's row.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if there is none.
    pub(super) async fn lock_document(&mut self, doc: DocId) -> Result<()> {
        let lock = "update documents set updated_at = updated_at where id = $1 returning updated_at";
        self.one::<(i64,)>(sql!(lock, doc)).await.map(drop)
    }

    /// Fails if the document has only one owner.
    async fn keep_an_owner(&mut self, doc: DocId) -> Result<()> {
        let owners = select!("select count(*) from grants where doc_id = $1 and role = 3", doc);
        let (owners,): (i64,) = self.one(owners).await?;
        if owners < 2 { Err(DirectoryError::LastOwner) } else { Ok(()) }
    }

    /// Fails if the document has the largest number of collaborators.
    async fn keep_the_limit(&mut self, doc: DocId) -> Result<()> {
        let count = select!("select count(*) from grants where doc_id = $1", doc);
        let (count,): (i64,) = self.one(count).await?;
        if count >= COLLABORATORS_MAX { Err(DirectoryError::LimitReached(COLLABORATORS_MAX)) } else { Ok(()) }
    }

    async fn put_grant(&mut self, doc: DocId, Grant { user, role }: Grant, at: OffsetDateTime) -> Result<()> {
        self.execute(sql!(
            "insert into grants (doc_id, user_id, role, created_at) values ($1, $2, $3, $4)
             on conflict (doc_id, user_id) do update set role = excluded.role",
            doc,
            user,
            role,
            millis(at)
        ))
        .await
        .map(drop)
    }

    /// Raises the role of `user` to at least that role. The change must hold the document's exclusive lock.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the document is deleted, [`DirectoryError::LimitReached`].
    pub(super) async fn raise_role(&mut self, doc: DocId, Grant { user, role }: Grant, by: By) -> Result<Change> {
        match self.locked_role(doc, user).await? {
            Some(present) if present >= role => return Ok(Change::Unneeded),
            Some(_) => {}
            None => self.keep_the_limit(doc).await?,
        }
        self.put_grant(doc, Grant { user, role }, by.at).await?;
        self.note(Deed::on(Action::LinkAccepted, doc, user).detail(role.as_str())).await?;
        Ok(Change::Made)
    }
}

impl Directory {
    /// The access of `user` to `doc`.
    pub async fn access(&self, user: UserId, doc: DocId) -> Result<Access> {
        let row: AccessRow = self
            .db
            .one(select!(
                "select (select count(*) from documents where id = $1) as documents,
                        (select role from grants where doc_id = $1 and user_id = $2) as role",
                doc,
                user
            ))
            .await?;
        Ok(match row {
            AccessRow { documents: 0, .. } => Access::NoDocument,
            AccessRow { role: None, .. } => Access::None,
            AccessRow { role: Some(role), .. } => Access::Role(role),
        })
    }

    /// The collaborators of `doc`, owners first.
    pub async fn collaborators(&self, doc: DocId) -> Result<Vec<Collaborator>> {
        let rows: Vec<CollaboratorRow> = self
            .db
            .all(select!(
                "select u.id, u.email, u.name, u.color, g.role, g.created_at
                 from grants g join users u on u.id = g.user_id
                 where g.doc_id = $1 order by g.role desc, g.created_at, u.id",
                doc
            ))
            .await?;
        Ok(rows.into_iter().map(Collaborator::from).collect())
    }

    /// Sets the role of `user`; for owners.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the document is deleted, [`DirectoryError::LastOwner`],
    /// [`DirectoryError::LimitReached`], and those of [`Directory::hold`].
    pub async fn set_role(&self, doc: DocId, user: UserId, role: Role, by: By) -> Result<Change> {
        let mut change = self.change(by, Right::Document(doc, Role::Owner), &[Lock::Exclusive(doc.0)]).await?;
        match change.locked_role(doc, user).await? {
            Some(before) if before == role => return Ok(Change::Unneeded),
            Some(Role::Owner) => change.keep_an_owner(doc).await?,
            Some(_) => {}
            None => change.keep_the_limit(doc).await?,
        }
        change.put_grant(doc, Grant { user, role }, by.at).await?;
        change.note(Deed::on(Action::AccessGranted, doc, user).detail(role.as_str())).await?;
        change.commit().await?;
        Ok(Change::Made)
    }

    /// Removes the access of `user`. Owners may remove anyone, other users themselves.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if there was none, [`DirectoryError::LastOwner`], and those of [`Directory::hold`].
    pub async fn remove_grant(&self, doc: DocId, user: UserId, by: By) -> Result<()> {
        let needed = if by.user == Some(user) { Role::Viewer } else { Role::Owner };
        let mut change = self.change(by, Right::Document(doc, needed), &[Lock::Exclusive(doc.0)]).await?;
        match change.locked_role(doc, user).await? {
            None => return Err(DirectoryError::NotFound),
            Some(Role::Owner) => change.keep_an_owner(doc).await?,
            Some(_) => {}
        }
        change.execute(sql!("delete from grants where doc_id = $1 and user_id = $2", doc, user)).await?;
        change.note(Deed::on(Action::AccessRemoved, doc, user)).await?;
        change.commit().await
    }

    /// Makes `user` the only owner of `doc`, for administrators; former owners become editors. Returns the changed
    /// roles.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the document is deleted, and those of [`Directory::hold`].
    pub async fn transfer(&self, doc: DocId, user: UserId, by: By) -> Result<Vec<Grant>> {
        let mut change = self.change(by, Right::Administrator, &[Lock::Exclusive(doc.0)]).await?;
        let before = change.locked_role(doc, user).await?;
        let lowered: Vec<(UserId,)> = change
            .all(sql!(
                "update grants set role = 2 where doc_id = $1 and role = 3 and user_id <> $2 returning user_id",
                doc,
                user
            ))
            .await?;
        change.put_grant(doc, Grant { user, role: Role::Owner }, by.at).await?;
        change.note(Deed::on(Action::DocumentTransferred, doc, user)).await?;
        change.commit().await?;
        let raised = (before != Some(Role::Owner)).then_some(Grant { user, role: Role::Owner });
        Ok(lowered.into_iter().map(|(user,)| Grant { user, role: Role::Editor }).chain(raised).collect())
    }
}
