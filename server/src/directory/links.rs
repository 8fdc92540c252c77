//! Share links. Only a hash of the secret is stored.

use sha2::{Digest, Sha256};
use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Action, By, Change, Directory, DirectoryError, Grant, Result, Right,
    audit::Deed,
    db::{Select, select, sql},
    from_millis, millis,
    rights::Lock,
};
use crate::{
    ids::{DocId, LinkId},
    role::Role,
};

/// The largest number of links of a document: all of them are listed in one answer.
const LINKS_MAX: i64 = 100;

/// A share link, without its secret.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The document.
    pub doc: DocId,
    /// The role that it grants.
    pub role: Role,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it expires.
    pub expires_at: Option<OffsetDateTime>,
}

/// The fields of a new link.
#[derive(Clone, Copy, Debug)]
pub struct NewLink {
    /// The role that it grants.
    pub role: Role,
    /// When it expires.
    pub expires_at: Option<OffsetDateTime>,
}

#[derive(FromRow)]
struct LinkRow {
    id: LinkId,
    doc_id: DocId,
    role: Role,
    created_at: i64,
    expires_at: Option<i64>,
}

impl From<LinkRow> for Link {
    fn from(row: LinkRow) -> Self {
        let LinkRow { id, doc_id, role, created_at, expires_at } = row;
        Self { id, doc: doc_id, role, created_at: from_millis(created_at), expires_at: expires_at.map(from_millis) }
    }
}

impl Directory {
    /// Creates a link with `secret`; for owners.
    ///
    /// # Errors
    /// [`DirectoryError::LimitReached`], [`DirectoryError::NotFound`] if the document is deleted, and those of
    /// [`Directory::hold`].
    pub async fn create_link(&self, doc: DocId, new: NewLink, secret: &str, by: By) -> Result<Link> {
        let mut change = self.change(by, Right::Document(doc, Role::Owner), &[Lock::Exclusive(doc.0)]).await?;
        change.lock_document(doc).await?;
        let (count,): (i64,) = change.one(select!("select count(*) from links where doc_id = $1", doc)).await?;
        if count >= LINKS_MAX {
            return Err(DirectoryError::LimitReached(LINKS_MAX));
        }
        let row: LinkRow = change
            .one(sql!(
                "insert into links (id, doc_id, secret_hash, role, created_at, expires_at)
                 values ($1, $2, $3, $4, $5, $6) returning id, doc_id, role, created_at, expires_at",
                LinkId::new(),
                doc,
                hash(secret),
                new.role,
                millis(by.at),
                new.expires_at.map(millis)
            ))
            .await?;
        change.note(Deed::on(Action::LinkCreated, doc, None).detail(new.role.as_str())).await?;
        change.commit().await?;
        Ok(row.into())
    }

    /// The links of `doc`, oldest first, including expired ones.
    pub async fn links(&self, doc: DocId) -> Result<Vec<Link>> {
        let rows: Vec<LinkRow> = self
            .db
            .all(select!(
                "select id, doc_id, role, created_at, expires_at from links where doc_id = $1 order by created_at, id",
                doc
            ))
            .await?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// The link with `secret`, if it has not expired.
    pub async fn link_by_secret(&self, secret: &str, now: OffsetDateTime) -> Result<Option<Link>> {
        let row: Option<LinkRow> = self.db.optional(open_link(secret, now)).await?;
        Ok(row.map(Link::from))
    }

    /// Raises the caller's role to at least that of the link with `secret`. The link must be valid at the time of the
    /// change. A role is never lowered.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the link does not exist or has expired, [`DirectoryError::LimitReached`],
    /// [`DirectoryError::Unauthenticated`].
    pub async fn accept_link(&self, secret: &str, by: By) -> Result<(Link, Change)> {
        let (_, user) = by.login()?;
        // Read first to know which document to lock: a link never changes its document.
        let link = self.link_by_secret(secret, by.at).await?.ok_or(DirectoryError::NotFound)?;
        let mut change = self.change(by, Right::Login, &[Lock::Exclusive(link.doc.0)]).await?;
        let link: Option<LinkRow> = change.optional(open_link(secret, by.at.max(OffsetDateTime::now_utc()))).await?;
        let link = Link::from(link.ok_or(DirectoryError::NotFound)?);
        let done = change.raise_role(link.doc, Grant { user, role: link.role }, by).await?;
        change.commit().await?;
        Ok((link, done))
    }

    /// Deletes a link; for owners.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], and those of [`Directory::hold`].
    pub async fn delete_link(&self, doc: DocId, link: LinkId, by: By) -> Result<()> {
        let mut change = self.change(by, Right::Document(doc, Role::Owner), &[Lock::Exclusive(doc.0)]).await?;
        let (role,): (Role,) =
            change.one(sql!("delete from links where id = $1 and doc_id = $2 returning role", link, doc)).await?;
        change.note(Deed::on(Action::LinkDeleted, doc, None).detail(role.as_str())).await?;
        change.commit().await
    }
}

/// Reads the link with `secret` at that time.
fn open_link(secret: &str, at: OffsetDateTime) -> Select {
    select!(
        "select id, doc_id, role, created_at, expires_at from links
         where secret_hash = $1 and (expires_at is null or expires_at > $2)",
        hash(secret),
        millis(at)
    )
}

/// The secret is random and long, so one round of a fast hash is enough.
pub(super) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
