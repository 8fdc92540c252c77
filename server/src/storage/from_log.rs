//! Loading a document while the snapshots are unavailable: only if none is certainly needed. It must never return an
//! empty document in place of one that has content.

use std::time::{Duration, SystemTime};

use codesync_crdt::{Document, Limits};

use super::{LoadError, Loaded, Storage, replay};
use crate::{
    directory::{Archived, Directory},
    ids::DocId,
    log::Contents,
    offset::Offset,
};

/// How long after its creation the directory is trusted that a document has no snapshot: a database restored from a
/// backup does not know later ones.
const YOUNG: Duration = Duration::from_secs(600);

impl Storage {
    /// Loads a document from its log alone; `None` if the log is not certainly complete.
    ///
    /// # Errors
    /// When the log does not answer or is damaged.
    pub async fn load_from_log(&self, doc: DocId, directory: &Directory) -> Result<Option<Loaded>, LoadError> {
        // The log first: had it been lost after a snapshot was begun, the directory, asked later, would know of that
        // snapshot.
        let contents = self.log.read(doc, Offset::ZERO).await?;
        let Ok(Some(archived)) = directory.archived(doc).await else { return Ok(None) };
        if !is_all(&contents, archived, is_young(doc)) {
            return Ok(None);
        }
        let empty = Document::new(Limits::default());
        let loaded = tokio::task::spawn_blocking(move || replay(empty, Offset::ZERO, contents)).await;
        loaded.unwrap_or(Err(LoadError::Damaged("replaying its log panicked"))).map(Some)
    }
}

/// Whether the log holds all of a document. A log that was lost and refilled begins with the whole document, as a node
/// with the open document restored it. A log that nobody refilled is empty, and so is that of a document that was never
/// edited.
fn is_all(contents: &Contents, archived: Archived, is_young: bool) -> bool {
    let is_empty = contents.last == Offset::ZERO && contents.entries.is_empty();
    let from_its_beginning = contents.trimmed == Offset::ZERO && contents.behind == Some(Offset::ZERO);
    match archived {
        Archived::Never => from_its_beginning || is_empty && is_young,
        Archived::Begun => from_its_beginning,
        // The log may have been rolled back to an earlier state.
        Archived::Noted => false,
    }
}

fn is_young(doc: DocId) -> bool {
    let Some(made) = doc.0.get_timestamp() else { return false };
    let (seconds, nanoseconds) = made.to_unix();
    let made = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    // Clocks of nodes differ a little.
    made.elapsed().unwrap_or_else(|ahead| ahead.duration()) < YOUNG
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::log::Entry;

    fn contents(trimmed: u128, behind: Option<u128>, last: u128) -> Contents {
        let entry = Entry { offset: Offset(last), update: Bytes::new() };
        let entries = behind.map_or(vec![], |_| vec![entry]);
        Contents { trimmed: Offset(trimmed), last: Offset(last), behind: behind.map(Offset), entries }
    }

    #[test]
    fn a_log_is_all_only_where_nothing_can_be_missing() {
        let (empty, whole) = (contents(0, None, 0), contents(0, Some(0), 7));
        for (contents, archived, is_young, expected) in [
            (&empty, Archived::Never, true, true),
            (&empty, Archived::Never, false, false),
            (&empty, Archived::Begun, true, false),
            (&empty, Archived::Noted, true, false),
            (&whole, Archived::Never, false, true),
            (&whole, Archived::Begun, false, true),
            (&whole, Archived::Noted, true, false),
            (&contents(5, Some(5), 7), Archived::Begun, true, false),
            (&contents(5, None, 5), Archived::Never, true, false),
            // Its watermark is lost, but not that there were entries before.
            (&contents(0, Some(5), 7), Archived::Begun, true, false),
            (&contents(0, None, 7), Archived::Never, true, false),
        ] {
            assert_eq!(is_all(contents, archived, is_young), expected, "{contents:?} {archived:?} young: {is_young}");
        }
    }

    #[test]
    fn a_new_document_is_young() {
        assert!(is_young(DocId::new()));
        let old: DocId = "0190163d-8694-739b-aea5-966c26f8ad90".parse().expect("an id of 2024");
        assert!(!is_young(old) && !is_young(DocId(uuid::Uuid::nil())));
    }
}
