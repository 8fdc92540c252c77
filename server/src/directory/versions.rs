//! Versions: states of documents that people can restore. Each is the row of a snapshot. A snapshot without a name may
//! be deleted only after its row was removed, so that naming and pruning cannot conflict.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    Action, By, Directory, DirectoryError, Page, Person, Position, Result, Right,
    audit::Deed,
    db::{select, sql},
    from_millis, millis,
    rights::{Lock, Pending},
};
use crate::{
    ids::{DocId, UserId, VersionId},
    offset::Offset,
    role::Role,
};

/// The largest number of names of a document, because their snapshots stay until somebody deletes them, and the largest
/// number of one user in it.
const NAMES_MAX: i64 = 1_000;
const NAMES_OF_ONE_MAX: i64 = 200;

/// A state of a document.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// The snapshot of this state.
    pub snapshot: Offset,
    /// Its name; `None` for an automatic version.
    pub name: Option<String>,
    /// The user who named it.
    pub author: Option<Person>,
    /// Bytes of the text.
    pub size_bytes: i64,
    /// When it was taken, or named.
    pub created_at: OffsetDateTime,
}

impl Version {
    /// The role that `caller` needs to change it: a named version is changed by its author and by owners, an unnamed
    /// one by `unnamed`.
    fn role_to_change(&self, caller: UserId, unnamed: Role) -> Role {
        match (&self.name, &self.author) {
            (None, _) => unnamed,
            (Some(_), Some(author)) if author.id == caller => Role::Editor,
            _ => Role::Owner,
        }
    }
}

#[derive(FromRow)]
struct VersionRow {
    id: VersionId,
    snapshot: String,
    name: Option<String>,
    size_bytes: i64,
    created_at: i64,
    author_id: Option<UserId>,
    author_name: Option<String>,
    author_color: Option<String>,
}

impl From<VersionRow> for Version {
    fn from(row: VersionRow) -> Self {
        let author = row.author_id.zip(row.author_name).zip(row.author_color);
        Self {
            id: row.id,
            snapshot: row.snapshot.parse().unwrap_or_default(),
            name: row.name,
            author: author.map(|((id, name), color)| Person { id, name, color }),
            size_bytes: row.size_bytes,
            created_at: from_millis(row.created_at),
        }
    }
}

macro_rules! select_versions {
    ($rest:literal) => {
        concat!(
            "select v.id, v.snapshot, v.name, v.size_bytes, v.created_at,
                    u.id as author_id, u.name as author_name, u.color as author_color
             from versions v left join users u on u.id = v.author_id
             where v.doc_id = $1 and ",
            $rest
        )
    };
}

/// Refuses a name above the limit of the document or of the user.
async fn count_names(change: &mut Pending, doc: DocId, author: UserId) -> Result<()> {
    let (all, own): (i64, i64) = change
        .one(select!(
            "select count(*), coalesce(sum(case when author_id = $2 then 1 else 0 end), 0)
             from versions where doc_id = $1 and name is not null",
            doc,
            author
        ))
        .await?;
    for (count, max) in [(own, NAMES_OF_ONE_MAX), (all, NAMES_MAX)] {
        if count >= max {
            return Err(DirectoryError::LimitReached(max));
        }
    }
    Ok(())
}

/// What is recorded about a document's snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archived {
    /// None was ever begun.
    Never,
    /// One may have been written; none is recorded.
    Begun,
    /// One exists.
    Noted,
}

impl Directory {
    /// What is recorded about the snapshots of a document; `None` if there is no such document.
    pub async fn archived(&self, doc: DocId) -> Result<Option<Archived>> {
        let row: Option<(bool, i64)> = self
            .db
            .optional(select!(
                "select pristine, (select count(*) from versions where doc_id = $1) from documents where id = $1",
                doc
            ))
            .await?;
        Ok(row.map(|row| match row {
            (_, 1..) => Archived::Noted,
            (true, _) => Archived::Never,
            (false, _) => Archived::Begun,
        }))
    }

    /// Records that a snapshot is about to be written: from then on the log alone may be incomplete.
    pub async fn begin_archive(&self, doc: DocId) -> Result<()> {
        self.keep_books(sql!("update documents set pristine = false where id = $1", doc)).await.map(drop)
    }

    /// Records a snapshot; an existing row is kept. A deleted document is ignored.
    pub async fn add_version(&self, doc: DocId, snapshot: Offset, size_bytes: u64, now: OffsetDateTime) -> Result<()> {
        self.keep_books(sql!(
            "insert into versions (id, doc_id, snapshot, size_bytes, created_at)
             select $1, d.id, $3, $4, $5 from documents d
             where d.id = $2 and not exists (select 1 from versions where doc_id = $2 and snapshot = $3)
             on conflict (doc_id, snapshot) where name is null do nothing",
            VersionId::new(),
            doc,
            snapshot.to_string(),
            i64::try_from(size_bytes).unwrap_or(i64::MAX),
            millis(now)
        ))
        .await
        .map(drop)
    }

    /// Names a snapshot that has a row; for editors. The name stays until it is deleted, and a snapshot may have
    /// several.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the snapshot was pruned, [`DirectoryError::LimitReached`], and those of
    /// [`Directory::hold`].
    pub async fn name_version(&self, doc: DocId, snapshot: Offset, name: &str, by: By) -> Result<Version> {
        let (_, author) = by.login()?;
        // Names are counted.
        let mut change = self.change(by, Right::Document(doc, Role::Editor), &[Lock::Exclusive(doc.0)]).await?;
        count_names(&mut change, doc, author).await?;
        let now = millis(OffsetDateTime::now_utc());
        let taken: Option<(VersionId,)> = change
            .optional(sql!(
                "update versions set name = $3, author_id = $4, created_at = $5
                 where doc_id = $1 and snapshot = $2 and name is null returning id",
                doc,
                snapshot.to_string(),
                name,
                author,
                now
            ))
            .await?;
        let (id,) = match taken {
            Some(id) => id,
            // A snapshot with a name is never pruned: it may have another name.
            None => {
                change
                    .one(sql!(
                        "insert into versions (id, doc_id, snapshot, name, author_id, size_bytes, created_at)
                         select $6, doc_id, snapshot, $3, $4, size_bytes, $5 from versions
                         where doc_id = $1 and snapshot = $2 and name is not null limit 1 returning id",
                        doc,
                        snapshot.to_string(),
                        name,
                        author,
                        now,
                        VersionId::new()
                    ))
                    .await?
            }
        };
        change.note(Deed::on(Action::VersionNamed, doc, None)).await?;
        let row: VersionRow = change.one(select!(select_versions!("v.id = $2"), doc, id)).await?;
        change.commit().await?;
        Ok(row.into())
    }

    /// Renames a version; for its author and for owners. An unnamed version may be named by any editor, who becomes its
    /// author.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if there is no such version, [`DirectoryError::LimitReached`], and those of
    /// [`Directory::hold`].
    pub async fn rename_version(&self, doc: DocId, id: VersionId, name: &str, by: By) -> Result<Version> {
        let (_, caller) = by.login()?;
        let version = self.version(doc, id).await?.ok_or(DirectoryError::NotFound)?;
        let right = Right::Document(doc, version.role_to_change(caller, Role::Editor));
        let mut change = self.change(by, right, &[Lock::Exclusive(doc.0)]).await?;
        if version.name.is_none() {
            count_names(&mut change, doc, caller).await?;
        }
        let author = version.author.as_ref().map(|author| author.id);
        let renamed = change
            .execute(sql!(
                "update versions set name = $3, author_id = coalesce(author_id, $4)
                 where doc_id = $1 and id = $2 and (name is not null) = $5 and (author_id is null or author_id = $6)",
                doc,
                id,
                name,
                version.name.is_none().then_some(caller),
                version.name.is_some(),
                author.unwrap_or(caller)
            ))
            .await?;
        if renamed == 0 {
            return Err(DirectoryError::NotFound);
        }
        change.note(Deed::on(Action::VersionRenamed, doc, None)).await?;
        let row: VersionRow = change.one(select!(select_versions!("v.id = $2"), doc, id)).await?;
        change.commit().await?;
        Ok(row.into())
    }

    /// Deletes a version; for its author and for owners. Its snapshot is deleted with the next compaction, unless
    /// something else needs it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if there is no such version, and those of [`Directory::hold`].
    pub async fn delete_version(&self, doc: DocId, id: VersionId, by: By) -> Result<()> {
        let (_, caller) = by.login()?;
        let version = self.version(doc, id).await?.ok_or(DirectoryError::NotFound)?;
        let right = Right::Document(doc, version.role_to_change(caller, Role::Owner));
        let mut change = self.change(by, right, &[Lock::Exclusive(doc.0)]).await?;
        let deleted = change
            .execute(sql!(
                "delete from versions where doc_id = $1 and id = $2 and (name is not null) = $3",
                doc,
                id,
                version.name.is_some()
            ))
            .await?;
        if deleted == 0 {
            return Err(DirectoryError::NotFound);
        }
        change.note(Deed::on(Action::VersionDeleted, doc, None)).await?;
        change.commit().await
    }

    /// One version.
    pub async fn version(&self, doc: DocId, version: VersionId) -> Result<Option<Version>> {
        let row: Option<VersionRow> = self.db.optional(select!(select_versions!("v.id = $2"), doc, version)).await?;
        Ok(row.map(Version::from))
    }

    /// The versions of a document, newest first, after `after`.
    pub async fn versions(&self, doc: DocId, after: Option<Position>, limit: u8) -> Result<Page<Version>> {
        let after = after.unwrap_or(Position::START);
        let rows: Vec<VersionRow> = self
            .db
            .all(select!(
                select_versions!("(v.created_at, v.id) < ($2, $3) order by v.created_at desc, v.id desc limit $4"),
                doc,
                after.at,
                VersionId(after.id),
                i64::from(limit) + 1
            ))
            .await?;
        let position = |row: &VersionRow| Position { at: row.created_at, id: row.id.0 };
        let Page { items, next } = Page::cut(rows, limit, position);
        Ok(Page { items: items.into_iter().map(Version::from).collect(), next })
    }

    /// Every version of a document, oldest first.
    pub async fn all_versions(&self, doc: DocId) -> Result<Vec<Version>> {
        let rows: Vec<VersionRow> =
            self.db.all(select!(select_versions!("true order by v.created_at, v.id"), doc)).await?;
        Ok(rows.into_iter().map(Version::from).collect())
    }

    /// Removes the row of a snapshot without a name; `false` if it has a name, and so must stay.
    pub async fn remove_version(&self, doc: DocId, snapshot: Offset) -> Result<bool> {
        self.keep_books(sql!(
            "delete from versions where doc_id = $1 and snapshot = $2 and name is null",
            doc,
            snapshot.to_string()
        ))
        .await?;
        let (named,): (i64,) = self
            .db
            .one(select!(
                "select count(*) from versions where doc_id = $1 and snapshot = $2",
                doc,
                snapshot.to_string()
            ))
            .await?;
        Ok(named == 0)
    }
}
