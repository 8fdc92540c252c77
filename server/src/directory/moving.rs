//! Documents that move from one installation to another.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{Directory, LineEnd, Result, Version, fold, from_millis, millis, on_db};
use crate::{
    auth::Role,
    ids::{DocId, UserId},
};

/// What is known of a document, whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: DocId,
    /// The title.
    pub title: String,
    /// The language that it is written in.
    pub language: String,
    /// How its lines end where it leaves as a file.
    pub line_end: LineEnd,
    /// Its size when that was last recorded.
    pub size_bytes: i64,
    /// When it was made.
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
    size_bytes: i64,
    created_at: i64,
    updated_at: i64,
}

impl From<ListedRow> for Listed {
    fn from(row: ListedRow) -> Self {
        let ListedRow { id, title, language, crlf, size_bytes, created_at, updated_at } = row;
        let (created_at, updated_at) = (from_millis(created_at), from_millis(updated_at));
        Self { id, title, language, line_end: LineEnd::from_crlf(crlf), size_bytes, created_at, updated_at }
    }
}

impl Directory {
    /// Documents behind `after`, in the order of their ids, which no change moves.
    pub async fn listed(&self, after: Option<DocId>, limit: u8) -> Result<Vec<Listed>> {
        on_db!(&self.db, pool => {
            let rows = sqlx::query_as::<_, ListedRow>(
                "select id, title, language, crlf, size_bytes, created_at, updated_at from documents
                 where id > $1 order by id limit $2",
            )
            .bind(after.unwrap_or(DocId(uuid::Uuid::nil())))
            .bind(i64::from(limit))
            .fetch_all(pool)
            .await?;
            Ok(rows.into_iter().map(Listed::from).collect())
        })
    }

    /// Takes in a document with its people and its named versions, all or nothing.
    pub async fn admit(
        &self,
        document: &Listed,
        people: &[(UserId, Role, OffsetDateTime)],
        versions: &[Version],
    ) -> Result<()> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(
                "insert into documents (id, title, title_key, language, crlf, size_bytes, created_at, updated_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(document.id)
            .bind(&document.title)
            .bind(fold(&document.title))
            .bind(&document.language)
            .bind(document.line_end.is_crlf())
            .bind(document.size_bytes)
            .bind(millis(document.created_at))
            .bind(millis(document.updated_at))
            .execute(&mut *tx)
            .await?;
            for (user, role, since) in people {
                sqlx::query("insert into grants (doc_id, user_id, role, created_at) values ($1, $2, $3, $4)")
                    .bind(document.id)
                    .bind(*user)
                    .bind(*role)
                    .bind(millis(*since))
                    .execute(&mut *tx)
                    .await?;
            }
            for version in versions {
                sqlx::query(
                    "insert into versions (id, doc_id, snapshot, name, size_bytes, created_at)
                     values ($1, $2, $3, $4, $5, $6)",
                )
                .bind(version.id)
                .bind(document.id)
                .bind(version.snapshot.to_string())
                .bind(&version.name)
                .bind(version.size_bytes)
                .bind(millis(version.created_at))
                .execute(&mut *tx)
                .await?;
            }
            Ok(tx.commit().await?)
        })
    }
}
