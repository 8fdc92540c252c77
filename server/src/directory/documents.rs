//! Documents: everything about them but their text.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Action, By, Directory, DirectoryError, Indentation, LineEnd, Page, Position, Result, Right,
    audit::Deed,
    db::{select, sql},
    fold, from_millis, millis,
    rights::Lock,
};
use crate::{
    ids::{DocId, UserId},
    role::Role,
};

/// A document as one of its collaborators sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id.
    pub id: DocId,
    /// The title.
    pub title: String,
    /// Its language, by Monaco's name.
    pub language: String,
    /// The line end of the exported file.
    pub line_end: LineEnd,
    /// Its indentation.
    pub indentation: Indentation,
    /// The owner; of several the first.
    pub owner: Person,
    /// The role of the caller.
    pub role: Role,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// Its size when last recorded.
    pub size_bytes: i64,
}

/// What other users see of a user.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The colour, `#rrggbb`.
    pub color: String,
}

/// The fields of a new document.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// The title.
    pub title: String,
    /// Its language.
    pub language: String,
    /// The line end of the exported file.
    pub line_end: LineEnd,
    /// Its indentation.
    pub indentation: Indentation,
}

/// A change of a document; `None` keeps the value.
#[derive(Clone, Debug, Default)]
pub struct DocumentChange {
    /// The title.
    pub title: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// The line end of the exported file.
    pub line_end: Option<LineEnd>,
    /// Its indentation.
    pub indentation: Option<Indentation>,
}

#[derive(FromRow)]
struct DocumentRow {
    id: DocId,
    title: String,
    language: String,
    crlf: bool,
    indentation: i64,
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
            indentation: Indentation::from_code(row.indentation),
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
            "select d.id, d.title, d.language, d.crlf, d.indentation, g.role, d.created_at, d.updated_at, d.size_bytes,
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
    /// Creates a document of the caller.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`].
    pub async fn create_document(&self, new: NewDocument, by: By) -> Result<Document> {
        let id = DocId::new();
        let (_, owner) = by.login()?;
        let mut change = self.change(by, Right::Login, &[]).await?;
        change
            .execute(sql!(
                "insert into documents (id, title, title_key, language, crlf, created_at, updated_at, pristine,
                                        indentation)
                 values ($1, $2, $3, $4, $5, $6, $6, true, $7)",
                id,
                &new.title,
                fold(&new.title),
                &new.language,
                new.line_end.is_crlf(),
                millis(by.at),
                new.indentation.code()
            ))
            .await?;
        change
            .execute(sql!(
                "insert into grants (doc_id, user_id, role, created_at) values ($1, $2, $3, $4)",
                id,
                owner,
                Role::Owner,
                millis(by.at)
            ))
            .await?;
        change.commit().await?;
        self.document(owner, id).await?.ok_or(DirectoryError::NoDocument)
    }

    /// The document as `user` sees it; `None` if it does not exist or the user has no access.
    pub async fn document(&self, user: UserId, doc: DocId) -> Result<Option<Document>> {
        let row: Option<DocumentRow> =
            self.db.optional(select!(select_documents!(as "$1", "d.id = $2"), user, doc)).await?;
        Ok(row.map(Document::from))
    }

    /// The documents of `user` with `query` in their title, last changed first, after `after`.
    pub async fn documents(
        &self,
        user: UserId,
        query: &str,
        after: Option<Position>,
        limit: u8,
    ) -> Result<Page<Document>> {
        let after = after.unwrap_or(Position::START);
        let rows: Vec<DocumentRow> = self
            .db
            .all(select!(
                select_documents!(
                    as "$1",
                    r"d.title_key like $2 escape '\' and (d.updated_at, d.id) < ($3, $4)
                      order by d.updated_at desc, d.id desc limit $5"
                ),
                user,
                contains(query),
                after.at,
                DocId(after.id),
                i64::from(limit) + 1
            ))
            .await?;
        let documents = rows.into_iter().map(Document::from).collect();
        Ok(Page::cut(documents, limit, |last| Position { at: millis(last.updated_at), id: last.id.0 }))
    }

    /// Changes fields of a document; for editors.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], and those of [`Directory::hold`].
    pub async fn update_document(
        &self,
        doc: DocId,
        DocumentChange { title, language, line_end, indentation }: DocumentChange,
        by: By,
    ) -> Result<()> {
        let key = title.as_deref().map(fold);
        let mut change = self.change(by, Right::Document(doc, Role::Editor), &[Lock::Shared(doc.0)]).await?;
        let _: (i64,) = change
            .one(sql!(
                "update documents set title = coalesce($2, title), title_key = coalesce($3, title_key),
                        language = coalesce($4, language), crlf = coalesce($5, crlf),
                        indentation = coalesce($7, indentation), updated_at = $6
                 where id = $1 returning updated_at",
                doc,
                title,
                key,
                language,
                line_end.map(LineEnd::is_crlf),
                millis(by.at),
                indentation.map(Indentation::code)
            ))
            .await?;
        change.commit().await
    }

    /// Whether the document exists.
    pub async fn has_document(&self, doc: DocId) -> Result<bool> {
        let (found,): (i64,) = self.db.one(select!("select count(*) from documents where id = $1", doc)).await?;
        Ok(found > 0)
    }

    /// Records when the text was edited, unless a later edit is recorded, and the size of the document. One cheap
    /// write; a deleted document is ignored.
    pub async fn record_edit(&self, doc: DocId, size_bytes: u64, at: OffsetDateTime) -> Result<()> {
        self.keep_books(sql!(
            "update documents set size_bytes = $2,
                    updated_at = case when updated_at < $3 then $3 else updated_at end
             where id = $1",
            doc,
            i64::try_from(size_bytes).unwrap_or(i64::MAX),
            millis(at)
        ))
        .await
        .map(drop)
    }

    /// Deletes a document with its grants and links, for owners; false if there was none.
    ///
    /// # Errors
    /// Those of [`Directory::hold`].
    pub async fn delete_document(&self, doc: DocId, by: By) -> Result<bool> {
        self.delete(doc, Right::Document(doc, Role::Owner), by).await
    }

    /// Deletes any document with its grants and links, for administrators; false if there was none.
    ///
    /// # Errors
    /// Those of [`Directory::hold`].
    pub async fn delete_any_document(&self, doc: DocId, by: By) -> Result<bool> {
        self.delete(doc, Right::Administrator, by).await
    }

    async fn delete(&self, doc: DocId, right: Right, by: By) -> Result<bool> {
        let mut change = self.change(by, right, &[Lock::Exclusive(doc.0)]).await?;
        let title: Option<(String,)> =
            change.optional(sql!("delete from documents where id = $1 returning title", doc)).await?;
        let Some((title,)) = title else { return Ok(false) };
        change.note(Deed::on(Action::DocumentDeleted, doc, None).detail(title)).await?;
        change.commit().await?;
        Ok(true)
    }

    /// All documents with `query` in their title as their owners see them, last changed first, after `after`.
    pub async fn all_documents(&self, query: &str, after: Option<Position>, limit: u8) -> Result<Page<Document>> {
        let after = after.unwrap_or(Position::START);
        let rows: Vec<DocumentRow> = self
            .db
            .all(select!(
                select_documents!(
                    as "o.id",
                    r"d.title_key like $1 escape '\' and (d.updated_at, d.id) < ($2, $3)
                      order by d.updated_at desc, d.id desc limit $4"
                ),
                contains(query),
                after.at,
                DocId(after.id),
                i64::from(limit) + 1
            ))
            .await?;
        let documents = rows.into_iter().map(Document::from).collect();
        Ok(Page::cut(documents, limit, |last| Position { at: millis(last.updated_at), id: last.id.0 }))
    }

    /// A document as its owner sees it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn any_document(&self, doc: DocId) -> Result<Document> {
        let row: DocumentRow = self.db.one(select!(select_documents!(as "o.id", "d.id = $1"), doc)).await?;
        Ok(row.into())
    }
}

/// A `like` pattern for text that contains `query`, in which `%` and `_` are ordinary characters.
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
