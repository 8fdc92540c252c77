//! Documents that move from one installation to another.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    By, Directory, Indentation, LineEnd, Result, Version,
    db::{select, sql},
    fold, from_millis, millis,
    rights::Lock,
};
use crate::{
    ids::{DocId, UserId},
    role::Role,
};

/// The fields of a document that do not depend on the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: DocId,
    /// The title.
    pub title: String,
    /// Its language.
    pub language: String,
    /// The line end of the exported file.
    pub line_end: LineEnd,
    /// Its indentation.
    pub indentation: Indentation,
    /// Its size when last recorded.
    pub size_bytes: i64,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

#[derive(FromRow)]
struct ListedRow {
    id: DocId,
    title: String,
    language: String,
    crlf: bool,
    indentation: i64,
    size_bytes: i64,
    created_at: i64,
    updated_at: i64,
}

impl From<ListedRow> for Listed {
    fn from(row: ListedRow) -> Self {
        let ListedRow { id, title, language, crlf, indentation, size_bytes, created_at, updated_at } = row;
        let (created_at, updated_at) = (from_millis(created_at), from_millis(updated_at));
        let (line_end, indentation) = (LineEnd::from_crlf(crlf), Indentation::from_code(indentation));
        Self { id, title, language, line_end, indentation, size_bytes, created_at, updated_at }
    }
}

impl Directory {
    /// Documents after `after`, in the order of their ids, which no change affects.
    pub async fn listed(&self, after: Option<DocId>, limit: u8) -> Result<Vec<Listed>> {
        let rows: Vec<ListedRow> = self
            .db
            .all(select!(
                "select id, title, language, crlf, indentation, size_bytes, created_at, updated_at from documents
                 where id > $1 order by id limit $2",
                after.unwrap_or(DocId(uuid::Uuid::nil())),
                i64::from(limit)
            ))
            .await?;
        Ok(rows.into_iter().map(Listed::from).collect())
    }

    /// Adds a document with its people and its named versions, in one transaction.
    pub async fn admit(
        &self,
        document: &Listed,
        people: &[(UserId, Role, OffsetDateTime)],
        versions: &[Version],
    ) -> Result<()> {
        let mut change = self.change_without_right(By::command_line(), &[Lock::Exclusive(document.id.0)]).await?;
        change
            .execute(sql!(
                "insert into documents (id, title, title_key, language, crlf, size_bytes, created_at, updated_at,
                                        indentation)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                document.id,
                &document.title,
                fold(&document.title),
                &document.language,
                document.line_end.is_crlf(),
                document.size_bytes,
                millis(document.created_at),
                millis(document.updated_at),
                document.indentation.code()
            ))
            .await?;
        for (user, role, since) in people {
            change
                .execute(sql!(
                    "insert into grants (doc_id, user_id, role, created_at) values ($1, $2, $3, $4)",
                    document.id,
                    *user,
                    *role,
                    millis(*since)
                ))
                .await?;
        }
        for version in versions {
            change
                .execute(sql!(
                    "insert into versions (id, doc_id, snapshot, name, size_bytes, created_at)
                     values ($1, $2, $3, $4, $5, $6)",
                    version.id,
                    document.id,
                    version.snapshot.to_string(),
                    version.name.clone(),
                    version.size_bytes,
                    millis(version.created_at)
                ))
                .await?;
        }
        change.commit().await
    }
}
