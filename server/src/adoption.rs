//! Stored documents that the directory does not know, as after a restore of an older database: finds them, and gives
//! them to an account. Changes nothing of what is stored.

use std::collections::BTreeSet;

use codesync_crdt::{Document, TEXT};
use time::{OffsetDateTime, macros::format_description};
use tracing::warn;

use crate::{
    directory::{Directory, DirectoryError, Indentation, LineEnd, Listed, Version},
    ids::{DocId, UserId, VersionId},
    log::Dirty,
    offset::Offset,
    role::Role,
    snapshot::SnapshotError,
    storage::{Loaded, Storage},
};

/// The number of documents in one step of a survey.
const STEP_MAX: usize = 1_000;
/// The number of documents without a snapshot that are checked.
const DIRTY_MAX: usize = 100_000;

/// Why a step of a survey failed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The snapshots do not answer.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// The directory does not answer.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// A survey of all snapshots, in steps, that compares their documents with the directory. A document without a snapshot
/// is in the log's list of dirty documents until it has one.
#[derive(Debug, Default)]
pub struct Survey {
    after: Option<DocId>,
}

/// The result of one step of a survey.
#[derive(Debug)]
pub struct Step {
    /// Documents that the directory does not know.
    pub unknown: BTreeSet<DocId>,
    /// Whether this was the last step; the next one starts from the beginning.
    pub is_last: bool,
}

impl Survey {
    /// Performs the next step.
    ///
    /// # Errors
    /// When a store does not answer; the next call repeats the step.
    pub async fn step(&mut self, directory: &Directory, storage: &Storage) -> Result<Step, SurveyError> {
        let docs = storage.snapshots.documents(self.after, STEP_MAX).await?;
        let last = docs.last().copied();
        let unknown = directory.unknown(docs.into_iter().collect()).await?;
        self.after = last;
        Ok(Step { unknown, is_last: self.after.is_none() })
    }
}

/// All stored documents that the directory does not know.
///
/// # Errors
/// When a store does not answer.
pub async fn unknown(directory: &Directory, storage: &Storage) -> anyhow::Result<BTreeSet<DocId>> {
    let dirty = storage.log.dirty(std::time::Duration::ZERO, DIRTY_MAX).await?;
    let mut unknown = directory.unknown(dirty.into_iter().map(|Dirty { doc, .. }| doc).collect()).await?;
    let mut survey = Survey::default();
    loop {
        let step = survey.step(directory, storage).await?;
        unknown.extend(step.unknown);
        if step.is_last {
            return Ok(unknown);
        }
    }
}

/// Makes `doc` a document of `owner`; every older snapshot becomes a version with a name, so that none is pruned.
///
/// # Errors
/// When it does not load, or a store does not answer.
pub async fn adopt(directory: &Directory, storage: &Storage, doc: DocId, owner: UserId) -> anyhow::Result<Listed> {
    let now = OffsetDateTime::now_utc();
    let Loaded { document, base, .. } = storage.load(doc).await?;
    let date = now.format(format_description!("[year]-[month]-[day]"))?;
    let listed = Listed {
        id: doc,
        title: format!("Recovered document {date}"),
        language: "plaintext".to_owned(),
        line_end: LineEnd::Lf,
        indentation: Indentation::Auto,
        size_bytes: text_bytes(&document)?,
        created_at: created_at(doc).unwrap_or(now),
        updated_at: now,
    };
    let mut versions = Vec::new();
    let mut older = storage.snapshots.list(doc).await?;
    older.retain(|snapshot| *snapshot < base);
    for snapshot in older.into_iter().rev() {
        let document = match storage.snapshots.get(doc, snapshot).await {
            Ok(document) => document,
            Err(error @ SnapshotError::Damaged(_)) => {
                warn!(doc.id = %doc, snapshot.offset = %snapshot, %error, "the snapshot is not recorded as a version");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        versions.push(version(&document, snapshot, versions.len() + 1, now)?);
    }
    directory.admit(&listed, &[(owner, Role::Owner, now)], &versions).await?;
    Ok(listed)
}

fn version(document: &Document, snapshot: Offset, number: usize, now: OffsetDateTime) -> anyhow::Result<Version> {
    Ok(Version {
        id: VersionId::new(),
        snapshot,
        name: Some(format!("Recovered version {number}")),
        author: None,
        size_bytes: text_bytes(document)?,
        created_at: now,
    })
}

fn text_bytes(document: &Document) -> anyhow::Result<i64> {
    Ok(i64::try_from(document.text(TEXT).len())?)
}

/// The time in the document's id.
fn created_at(doc: DocId) -> Option<OffsetDateTime> {
    let (seconds, _) = doc.0.get_timestamp()?.to_unix();
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()
}
