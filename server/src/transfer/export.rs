//! Writes all documents of this installation. The server may run at the same time: each document has its state at the
//! time when it was read.

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, ensure};
use time::OffsetDateTime;

use super::{FORMAT, Moved, Named, Participant, Record, State, report, write};
use crate::{
    directory::{Directory, Listed},
    private,
    storage::Storage,
};

/// The number of documents per query.
const PAGE: u8 = 100;
/// The interval of progress lines, in seconds.
const REPORT_INTERVAL_S: u64 = 2;

/// Writes an export to `path`, or into it if it is a folder. The file gets its name only once it is complete.
///
/// # Errors
/// When it cannot be written, or a document could not be read; all others are in it then.
pub async fn run(directory: &Directory, storage: &Storage, path: &Path) -> anyhow::Result<PathBuf> {
    let now = OffsetDateTime::now_utc();
    let path = match path.is_dir() {
        true => path.join(format!("codesync-{}.export", now.unix_timestamp())),
        false => path.to_owned(),
    };
    let mut partial = path.clone().into_os_string();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let file = private::file(&partial).and_then(|file| file.set_len(0).map(|()| file));
    let mut out = BufWriter::new(file.with_context(|| format!("create {}", partial.display()))?);
    write(&mut out, &Record::Export { format: FORMAT, made_at: now })?;
    let unread = documents(directory, storage, &mut out).await?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&partial, &path).with_context(|| format!("name {}", path.display()))?;
    ensure!(unread == 0, "{unread} documents could not be read; {} holds all others", path.display());
    Ok(path)
}

/// Writes every document and the end; returns how many could not be read.
async fn documents(directory: &Directory, storage: &Storage, out: &mut impl Write) -> anyhow::Result<u64> {
    let (mut written, mut bytes, mut unread) = (0, 0, 0);
    let mut told = Instant::now();
    let mut after = None;
    loop {
        let page = directory.listed(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for document in page {
            let id = document.id;
            match moved(directory, storage, document).await {
                Ok(moved) => {
                    bytes += write(out, &Record::Document(Box::new(moved)))?;
                    written += 1;
                }
                Err(error) => {
                    report(&format!("document {id} could not be read: {error:#}"));
                    unread += 1;
                }
            }
            if told.elapsed().as_secs() >= REPORT_INTERVAL_S {
                told = Instant::now();
                report(&format!("exported {written} documents, {} KiB", bytes >> 10));
            }
        }
    }
    write(out, &Record::End { documents: written })?;
    report(&format!("exported {written} documents, {} KiB: all", bytes >> 10));
    Ok(unread)
}

async fn moved(directory: &Directory, storage: &Storage, listed: Listed) -> anyhow::Result<Moved> {
    let Listed { id, title, language, line_end, indentation, created_at, updated_at, .. } = listed;
    let people = directory.collaborators(id).await?;
    let people = people.into_iter().map(|one| Participant { email: one.email, role: one.role, since: one.created_at });
    let mut named = directory.all_versions(id).await?;
    named.sort_by_key(|version| version.snapshot);
    let mut states = Vec::new();
    for version in named {
        let Some(name) = version.name else { continue };
        let state = storage.snapshots.get(id, version.snapshot).await.with_context(|| format!("version {name}"))?;
        let named = Named { id: version.id, name, created_at: version.created_at };
        states.push(State::of(Some(named), &state.state()));
    }
    states.push(State::of(None, &storage.load(id).await?.document.state()));
    Ok(Moved { id, title, language, line_end, indentation, created_at, updated_at, people: people.collect(), states })
}
