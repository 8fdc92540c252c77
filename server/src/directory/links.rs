//! Share links. Only a hash of the secret is kept.

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

/// The most links that one document has: all of them are listed in one answer.
const LINKS_MAX: i64 = 100;

/// A share link, without its secret.
#[derive(Clone, Debug)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The document that it opens.
    pub doc: DocId,
    /// What it lets people do.
    pub role: Role,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
}

/// What a link is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewLink {
    /// What it lets people do.
    pub role: Role,
    /// When it ends by itself.
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
    /// Makes a link that is opened by `secret`; for owners.
    ///
    /// # Errors
    /// [`DirectoryError::LimitReached`], [`DirectoryError::NotFound`] where the document is gone, and those of
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

    /// The links of `doc`, oldest first; those that have expired too.
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

    /// The link that `secret` opens, where it has not expired.
    pub async fn link_by_secret(&self, secret: &str, now: OffsetDateTime) -> Result<Option<Link>> {
        let row: Option<LinkRow> = self.db.optional(open_link(secret, now)).await?;
        Ok(row.map(Link::from))
    }

    /// Raises the caller's role to at least that of the link that `secret` opens. The link must be in force when the change
    /// is made. A role is never lowered.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] where the link does not exist or has ended, [`DirectoryError::LimitReached`],
    /// [`DirectoryError::Unauthenticated`].
    pub async fn accept_link(&self, secret: &str, by: By) -> Result<(Link, Change)> {
        let (_, user) = by.session()?;
        // Read first to know which document to lock: a link never changes its document.
        let link = self.link_by_secret(secret, by.at).await?.ok_or(DirectoryError::NotFound)?;
        let mut change = self.change(by, Right::LogIn, &[Lock::Exclusive(link.doc.0)]).await?;
        let link: Option<LinkRow> = change.optional(open_link(secret, by.at.max(OffsetDateTime::now_utc()))).await?;
        let link = Link::from(link.ok_or(DirectoryError::NotFound)?);
        let done = change.raise_role(link.doc, Grant { user, role: link.role }, by).await?;
        change.commit().await?;
        Ok((link, done))
    }

    /// Ends a link; for owners.
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

/// Reads the link that `secret` opens at that moment.
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
