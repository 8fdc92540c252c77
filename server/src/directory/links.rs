//! Share links. Only a hash of the secret is kept.

use sha2::{Digest, Sha256};
use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{Action, By, Directory, DirectoryError, Result, audit::Deed, from_millis, millis, note, on_db};
use crate::{
    auth::Role,
    ids::{DocId, LinkId},
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
    /// Makes a link that is opened by `secret`.
    ///
    /// # Errors
    /// [`DirectoryError::LimitReached`], [`DirectoryError::NotFound`] where the document is gone.
    pub async fn create_link(&self, doc: DocId, new: NewLink, secret: &str, by: By) -> Result<Link> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            sqlx::query_scalar::<_, i64>(
                "update documents set updated_at = updated_at where id = $1 returning updated_at",
            )
            .bind(doc)
            .fetch_one(&mut *tx)
            .await?;
            let count: i64 = sqlx::query_scalar("select count(*) from links where doc_id = $1")
                .bind(doc)
                .fetch_one(&mut *tx)
                .await?;
            if count >= LINKS_MAX {
                return Err(DirectoryError::LimitReached(LINKS_MAX));
            }
            let row = sqlx::query_as::<_, LinkRow>(
                "insert into links (id, doc_id, secret_hash, role, created_at, expires_at)
                 values ($1, $2, $3, $4, $5, $6) returning id, doc_id, role, created_at, expires_at",
            )
            .bind(LinkId::new())
            .bind(doc)
            .bind(hash(secret))
            .bind(new.role)
            .bind(millis(by.at))
            .bind(new.expires_at.map(millis))
            .fetch_one(&mut *tx)
            .await?;
            note!(&mut *tx, by, Deed::on(Action::LinkCreated, doc, None).detail(new.role.as_str()));
            tx.commit().await?;
            Ok(row.into())
        })
    }

    /// The links of `doc`, oldest first; those that have expired too.
    pub async fn links(&self, doc: DocId) -> Result<Vec<Link>> {
        let rows = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, LinkRow>(
                "select id, doc_id, role, created_at, expires_at from links where doc_id = $1 order by created_at, id",
            )
            .bind(doc)
            .fetch_all(pool)
            .await?)
        })?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// The link that `secret` opens, where it has not expired.
    pub async fn link_by_secret(&self, secret: &str, now: OffsetDateTime) -> Result<Option<Link>> {
        let row = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, LinkRow>(
                "select id, doc_id, role, created_at, expires_at from links
                 where secret_hash = $1 and (expires_at is null or expires_at > $2)",
            )
            .bind(hash(secret))
            .bind(millis(now))
            .fetch_optional(pool)
            .await?)
        })?;
        Ok(row.map(Link::from))
    }

    /// Ends a link.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn delete_link(&self, doc: DocId, link: LinkId, by: By) -> Result<()> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            let role: Role = sqlx::query_scalar("delete from links where id = $1 and doc_id = $2 returning role")
                .bind(link)
                .bind(doc)
                .fetch_one(&mut *tx)
                .await?;
            note!(&mut *tx, by, Deed::on(Action::LinkDeleted, doc, None).detail(role.as_str()));
            Ok(tx.commit().await?)
        })
    }
}

/// The secret is random and long, so one round of a fast hash is enough.
fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}
