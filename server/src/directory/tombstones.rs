//! Tombstones: the deleted documents. The database writes one with every delete, and keeps it.

use std::collections::BTreeSet;

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Directory, Result,
    db::{select, sql},
    from_millis, millis,
};
use crate::ids::DocId;

/// The number of known documents read at a time.
const KNOWN_MAX: i64 = 1_000;

/// What the directory knows about a document id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// The document exists.
    Present,
    /// It existed, and was deleted.
    Deleted,
    /// The directory has never known it, or was restored to a time before it.
    Unknown,
}

/// A deleted document whose stores must be swept again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The document.
    pub doc: DocId,
    /// When it was deleted.
    pub deleted_at: OffsetDateTime,
}

#[derive(FromRow)]
struct TombstoneRow {
    doc_id: DocId,
    deleted_at: i64,
}

impl Directory {
    /// Whether the document exists, was deleted, or is unknown.
    pub async fn existence(&self, doc: DocId) -> Result<Existence> {
        let counts: (i64, i64) = self
            .db
            .one(select!(
                "select (select count(*) from documents where id = $1),
                        (select count(*) from tombstones where doc_id = $1)",
                doc
            ))
            .await?;
        Ok(match counts {
            (1.., _) => Existence::Present,
            (_, 1..) => Existence::Deleted,
            _ => Existence::Unknown,
        })
    }

    /// Tombstones whose stores are due to be swept, the longest due first.
    pub async fn due_tombstones(&self, now: OffsetDateTime, limit: u16) -> Result<Vec<Tombstone>> {
        let rows: Vec<TombstoneRow> = self
            .db
            .all(select!(
                "select doc_id, deleted_at from tombstones where sweep_at <= $1 order by sweep_at limit $2",
                millis(now),
                i64::from(limit)
            ))
            .await?;
        let tombstone = |row: TombstoneRow| Tombstone { doc: row.doc_id, deleted_at: from_millis(row.deleted_at) };
        Ok(rows.into_iter().map(tombstone).collect())
    }

    /// Records when the stores of a deleted document are swept next; `None` means never.
    pub async fn sweep_again(&self, doc: DocId, at: Option<OffsetDateTime>) -> Result<()> {
        let update = sql!("update tombstones set sweep_at = $2 where doc_id = $1", doc, at.map(millis));
        self.keep_books(update).await.map(drop)
    }

    /// Removes the tombstone of a document that is about to be written again.
    pub async fn remove_tombstone(&self, doc: DocId) -> Result<()> {
        self.keep_books(sql!("delete from tombstones where doc_id = $1", doc)).await.map(drop)
    }

    /// Those of `docs` that neither exist nor were deleted.
    pub async fn unknown(&self, docs: BTreeSet<DocId>) -> Result<BTreeSet<DocId>> {
        let mut unknown = docs;
        let Some((first, last)) = unknown.first().copied().zip(unknown.last().copied()) else { return Ok(unknown) };
        let mut from = first;
        loop {
            let known: Vec<(DocId,)> = self
                .db
                .all(select!(
                    "select id from documents where id >= $1 and id <= $2
                     union select doc_id from tombstones where doc_id >= $1 and doc_id <= $2
                     order by 1 limit $3",
                    from,
                    last,
                    KNOWN_MAX
                ))
                .await?;
            for (doc,) in &known {
                unknown.remove(doc);
            }
            match known.last() {
                // The last one is read again as the first of the next page.
                Some((doc,)) if known.len() as i64 == KNOWN_MAX => from = *doc,
                _ => return Ok(unknown),
            }
        }
    }
}
