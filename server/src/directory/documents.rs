//! Documents: what is known of them beside their text.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Action, By, Directory, DirectoryError, LineEnd, Page, Position, Result, audit::Deed, fold, from_millis, millis,
    note, on_db,
};
use crate::{
    auth::Role,
    ids::{DocId, UserId},
};

/// A document as one of its collaborators sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub id: DocId,
    /// The title.
    pub title: String,
    /// The language that it is written in, as Monaco calls it.
    pub language: String,
    /// How its lines end where it leaves as a file.
    pub line_end: LineEnd,
    /// Whose it is: of several owners the first.
    pub owner: Person,
    /// What the asker may do.
    pub role: Role,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// Its size when that was last recorded.
    pub size_bytes: i64,
}

/// What anyone who meets a user sees of him.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The colour, `#rrggbb`.
    pub color: String,
}

/// What a document is made of.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// The title.
    pub title: String,
    /// The language that it is written in.
    pub language: String,
    /// How its lines end where it leaves as a file.
    pub line_end: LineEnd,
}

/// What changes of a document; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct DocumentChange {
    /// The title.
    pub title: Option<String>,
    /// The language that it is written in.
    pub language: Option<String>,
    /// How its lines end where it leaves as a file.
    pub line_end: Option<LineEnd>,
}

#[derive(FromRow)]
struct DocumentRow {
    id: DocId,
    title: String,
    language: String,
    crlf: bool,
    role: Role,
    created_at: i64,
    updated_at: i64,
    size_bytes: i64,
    owner_id: UserId,
    owner_name: String,
    owner_color: String,
}

impl From<DocumentRow> for Document {
    fn from(row: DocumentRow) -> Self {
        Self {
            id: row.id,
            title: row.title,
            language: row.language,
            line_end: LineEnd::from_crlf(row.crlf),
            owner: Person { id: row.owner_id, name: row.owner_name, color: row.owner_color },
            role: row.role,
            created_at: from_millis(row.created_at),
            updated_at: from_millis(row.updated_at),
            size_bytes: row.size_bytes,
        }
    }
}

/// Documents as `$who` sees them, with their first owner (`o`).
macro_rules! select_documents {
    (as $who:literal, $rest:literal) => {
        concat!(
            "select d.id, d.title, d.language, d.crlf, g.role, d.created_at, d.updated_at, d.size_bytes,
                    o.id as owner_id, o.name as owner_name, o.color as owner_color
             from grants g
             join documents d on d.id = g.doc_id
             join users o on o.id = (
                 select f.user_id from grants f where f.doc_id = d.id and f.role = 3
                 order by f.created_at, f.user_id limit 1)
             where g.user_id = ",
            $who,
            " and ",
            $rest
        )
    };
}

impl Directory {
    /// Makes a document that belongs to `owner`.
    pub async fn create_document(&self, owner: UserId, new: NewDocument, now: OffsetDateTime) -> Result<Document> {
        let id = DocId::new();
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            sqlx::query(
                "insert into documents (id, title, title_key, language, crlf, created_at, updated_at, pristine)
                 values ($1, $2, $3, $4, $5, $6, $6, true)",
            )
            .bind(id)
            .bind(&new.title)
            .bind(fold(&new.title))
            .bind(&new.language)
            .bind(new.line_end.is_crlf())
            .bind(millis(now))
            .execute(&mut *tx)
            .await?;
            sqlx::query("insert into grants (doc_id, user_id, role, created_at) values ($1, $2, $3, $4)")
                .bind(id)
                .bind(owner)
                .bind(Role::Owner)
                .bind(millis(now))
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })?;
        self.document(owner, id).await?.ok_or(DirectoryError::NotFound)
    }

    /// The document as `user` sees it; `None` where it does not exist or the user has no access.
    pub async fn document(&self, user: UserId, doc: DocId) -> Result<Option<Document>> {
        let row = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, DocumentRow>(select_documents!(as "$1", "d.id = $2"))
                .bind(user)
                .bind(doc)
                .fetch_optional(pool)
                .await?)
        })?;
        Ok(row.map(Document::from))
    }

    /// The documents of `user` with `query` in their title, last changed first, from `after` on.
    pub async fn documents(
        &self,
        user: UserId,
        query: &str,
        after: Option<Position>,
        limit: u8,
    ) -> Result<Page<Document>> {
        let after = after.unwrap_or(Position::START);
        let rows = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, DocumentRow>(select_documents!(
                as "$1",
                r"d.title_key like $2 escape '\' and (d.updated_at, d.id) < ($3, $4)
                  order by d.updated_at desc, d.id desc limit $5"
            ))
            .bind(user)
            .bind(contains(query))
            .bind(after.at)
            .bind(DocId(after.id))
            .bind(i64::from(limit) + 1)
            .fetch_all(pool)
            .await?)
        })?;
        let documents = rows.into_iter().map(Document::from).collect();
        Ok(Page::cut(documents, limit, |last| Position { at: millis(last.updated_at), id: last.id.0 }))
    }

    /// Changes what is known of a document.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn update_document(&self, doc: DocId, change: DocumentChange, now: OffsetDateTime) -> Result<()> {
        let key = change.title.as_deref().map(fold);
        on_db!(&self.db, pool => {
            sqlx::query_scalar::<_, i64>(
                "update documents set title = coalesce($2, title), title_key = coalesce($3, title_key),
                        language = coalesce($4, language), crlf = coalesce($5, crlf), updated_at = $6
                 where id = $1 returning updated_at",
            )
            .bind(doc)
            .bind(change.title)
            .bind(key)
            .bind(change.language)
            .bind(change.line_end.map(LineEnd::is_crlf))
            .bind(millis(now))
            .fetch_one(pool)
            .await?;
            Ok(())
        })
    }

    /// Whether there is such a document.
    pub async fn has_document(&self, doc: DocId) -> Result<bool> {
        on_db!(&self.db, pool => {
            let found: i64 =
                sqlx::query_scalar("select count(*) from documents where id = $1").bind(doc).fetch_one(pool).await?;
            Ok(found > 0)
        })
    }

    /// Notes that the text changed and how large the document is now. One cheap write; a document that is gone is left
    /// alone.
    pub async fn record_snapshot(&self, doc: DocId, size_bytes: u64) -> Result<()> {
        on_db!(&self.db, pool => {
            sqlx::query("update documents set size_bytes = $2, updated_at = $3 where id = $1")
                .bind(doc)
                .bind(i64::try_from(size_bytes).unwrap_or(i64::MAX))
                .bind(millis(OffsetDateTime::now_utc()))
                .execute(pool)
                .await?;
            Ok(())
        })
    }

    /// Forgets a document with its grants and links; false where there was none.
    pub async fn delete_document(&self, doc: DocId, by: By) -> Result<bool> {
        on_db!(&self.db, pool => {
            let mut tx = pool.begin().await?;
            let title: Option<String> = sqlx::query_scalar("delete from documents where id = $1 returning title")
                .bind(doc)
                .fetch_optional(&mut *tx)
                .await?;
            let Some(title) = title else { return Ok(false) };
            note!(&mut *tx, by, Deed::on(Action::DocumentDeleted, doc, None).detail(title));
            tx.commit().await?;
            Ok(true)
        })
    }

    /// All documents with `query` in their title as their owners see them, last changed first, from `after` on.
    pub async fn all_documents(&self, query: &str, after: Option<Position>, limit: u8) -> Result<Page<Document>> {
        let after = after.unwrap_or(Position::START);
        let rows = on_db!(&self.db, pool => {
            Ok(sqlx::query_as::<_, DocumentRow>(select_documents!(
                as "o.id",
                r"d.title_key like $1 escape '\' and (d.updated_at, d.id) < ($2, $3)
                  order by d.updated_at desc, d.id desc limit $4"
            ))
            .bind(contains(query))
            .bind(after.at)
            .bind(DocId(after.id))
            .bind(i64::from(limit) + 1)
            .fetch_all(pool)
            .await?)
        })?;
        let documents = rows.into_iter().map(Document::from).collect();
        Ok(Page::cut(documents, limit, |last| Position { at: millis(last.updated_at), id: last.id.0 }))
    }

    /// A document as its owner sees it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn any_document(&self, doc: DocId) -> Result<Document> {
        on_db!(&self.db, pool => {
            let row = sqlx::query_as::<_, DocumentRow>(select_documents!(as "o.id", "d.id = $1"))
                .bind(doc)
                .fetch_one(pool)
                .await?;
            Ok(row.into())
        })
    }
}

/// A `like` pattern for text that contains `query`, whose own `%` and `_` mean themselves.
pub(super) fn contains(query: &str) -> String {
    let mut pattern = String::from("%");
    for char in fold(query).chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}
