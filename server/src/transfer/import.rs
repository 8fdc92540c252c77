//! Reads an export. A new document is imported completely or not at all: its stored parts become visible only with its
//! row. An existing document receives what it lacks, so importing again changes nothing.

use std::io::BufRead;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use codesync_crdt::{Applied, Document, Limits, TEXT};
use time::OffsetDateTime;

use super::{FORMAT, Moved, Record, read, report};
use crate::{
    directory::{Directory, Listed, Version},
    ids::{DocId, UserId},
    log::After,
    offset::Offset,
    role::Role,
    storage::Storage,
};

/// The number of documents between two lines of progress.
const REPORT_EVERY: u64 = 100;

/// The results of the documents of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Did not exist here.
    pub new: u64,
    /// Existed here and lacked something.
    pub merged: u64,
    /// Existed here, complete.
    pub unchanged: u64,
    /// Could not be imported.
    pub refused: u64,
}

/// The destination of an import.
pub struct Import<'a> {
    /// Receives the rows.
    pub directory: &'a Directory,
    /// Receives the states.
    pub storage: &'a Storage,
    /// The owner of documents whose owners have no account here.
    pub fallback_owner: Option<UserId>,
}

impl Import<'_> {
    /// Imports everything in `input`, up to where it is damaged.
    ///
    /// # Errors
    /// When the input is not a complete export, or a store fails. Documents before that are imported.
    pub async fn run(&self, input: &mut impl BufRead) -> anyhow::Result<Imported> {
        match read(input)? {
            Some(Record::Export { format: FORMAT, .. }) => {}
            _ => bail!("this is no export that this version of CodeSync reads"),
        }
        let (mut imported, mut seen) = (Imported::default(), 0);
        loop {
            match read(input)? {
                Some(Record::Document(moved)) => self.one(*moved, &mut imported).await?,
                Some(Record::End { documents }) => {
                    ensure!(documents == seen, "the export lacks {} documents", documents.abs_diff(seen));
                    report(&format!("{imported}: all"));
                    return Ok(imported);
                }
                Some(Record::Export { .. }) => bail!("the export begins twice"),
                None => bail!("the export is cut short: its end is missing"),
            }
            seen += 1;
            if seen % REPORT_EVERY == 0 {
                report(&imported.to_string());
            }
        }
    }

    async fn one(&self, moved: Moved, imported: &mut Imported) -> anyhow::Result<()> {
        let id = moved.id;
        let states = match states(&moved) {
            Ok(states) => states,
            Err(error) => return refuse(id, &format!("{error:#}"), imported),
        };
        if self.directory.has_document(id).await? {
            let present = states.last().expect("there is a present state");
            match self.merge(id, present).await.with_context(|| format!("document {id}"))? {
                Applied::Changed => imported.merged += 1,
                Applied::Unchanged => imported.unchanged += 1,
            }
            return Ok(());
        }
        let Some(people) = self.people(&moved).await? else {
            return refuse(id, "its owner has no account here; name another with --owner", imported);
        };
        self.bring(&moved, states, people).await.with_context(|| format!("document {id}"))?;
        imported.new += 1;
        Ok(())
    }

    /// Appends what the existing document lacks, as an edit.
    async fn merge(&self, doc: DocId, moved: &Document) -> anyhow::Result<Applied> {
        let here = self.storage.load(doc).await?;
        let update = here.document.check_stored(moved.diff(here.document.state_vector()).into())?;
        let (_, effect) = here.document.with_update(&update)?;
        if effect == Applied::Changed {
            self.storage.log.append(doc, vec![update.bytes().clone()], After::Known(here.offset)).await?;
        }
        Ok(effect)
    }

    /// The users who share the document and have an account here; `None` if none of them is an owner.
    async fn people(&self, moved: &Moved) -> anyhow::Result<Option<Vec<(UserId, Role, OffsetDateTime)>>> {
        let mut people = Vec::new();
        for one in &moved.people {
            if let Some(user) = self.directory.user_by_email(&one.email).await? {
                people.push((user.id, one.role, one.since));
            }
        }
        if people.iter().any(|(_, role, _)| *role == Role::Owner) {
            return Ok(Some(people));
        }
        let Some(owner) = self.fallback_owner else { return Ok(None) };
        people.retain(|(user, ..)| *user != owner);
        people.push((owner, Role::Owner, moved.created_at));
        Ok(Some(people))
    }

    /// Writes the states one after another, so that each version is a snapshot of its own, and then the row.
    async fn bring(
        &self,
        moved: &Moved,
        states: Vec<Document>,
        people: Vec<(UserId, Role, OffsetDateTime)>,
    ) -> anyhow::Result<()> {
        let (doc, Storage { log, snapshots }) = (moved.id, self.storage);
        // Otherwise the sweeper would remove it again.
        self.directory.remove_tombstone(doc).await?;
        // The rest of an import that was stopped.
        self.storage.clear(doc).await?;
        let (mut document, mut offset) = (Document::new(Limits::default()), Offset::ZERO);
        let mut versions = Vec::new();
        for (state, moved) in states.into_iter().zip(&moved.states) {
            let update = document.check_stored(Bytes::from(state.diff(document.state_vector())))?;
            let effect;
            (document, effect) = document.with_update(&update)?;
            if effect == Applied::Changed {
                offset = log.append(doc, vec![update.bytes().clone()], After::Known(offset)).await?.last;
            }
            let Some(named) = &moved.version else { continue };
            if offset > Offset::ZERO {
                snapshots.put(doc, offset, &document).await?;
            }
            versions.push(Version {
                id: named.id,
                snapshot: offset,
                name: Some(named.name.clone()),
                author: None,
                size_bytes: i64::try_from(document.text(TEXT).len())?,
                created_at: named.created_at,
            });
        }
        let listed = Listed {
            id: doc,
            title: moved.title.clone(),
            language: moved.language.clone(),
            line_end: moved.line_end,
            indentation: moved.indentation,
            size_bytes: i64::try_from(document.text(TEXT).len())?,
            created_at: moved.created_at,
            updated_at: moved.updated_at,
        };
        self.directory.admit(&listed, &people, &versions).await?;
        // Until the tombstone was removed, a sweeper could remove the stored parts.
        self.merge(doc, &document).await.map(drop)
    }
}

/// Loads every state, so that nothing of a damaged document is stored.
fn states(moved: &Moved) -> anyhow::Result<Vec<Document>> {
    ensure!(moved.states.last().is_some_and(|last| last.version.is_none()), "its present state is missing");
    ensure!(moved.states.iter().filter(|state| state.version.is_none()).count() == 1, "it has several present states");
    let load = |state: &super::State| anyhow::Ok(Document::load(&state.bytes()?, Limits::default())?);
    moved.states.iter().map(load).collect()
}

fn refuse(id: DocId, why: &str, imported: &mut Imported) -> anyhow::Result<()> {
    report(&format!("document {id} is left out: {why}"));
    imported.refused += 1;
    Ok(())
}

impl std::fmt::Display for Imported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { new, merged, unchanged, refused } = self;
        write!(f, "imported {new} new documents, {merged} merged, {unchanged} unchanged, {refused} left out")
    }
}
