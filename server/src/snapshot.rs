//! Snapshots: immutable objects, each the state of a document at one offset of its log. Never overwritten; the newest
//! offset wins. `object_store` is the port: a local folder here, S3 elsewhere. Nothing depends on a store's refusal to
//! overwrite: two writers of one offset write the same facts.

mod format;
pub mod s3;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use codesync_crdt::{Document, Limits};
use futures_util::{TryStreamExt, stream::BoxStream};
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    path::Path,
    signer::{Method, Signer},
};

use self::format::{decode, encode};
use crate::{give_way::give_way, ids::DocId, log::Offset};

/// Why a snapshot could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The object is not what was written.
    #[error("snapshot is damaged: {0}")]
    Damaged(&'static str),
    /// The store does not answer or does not take writes.
    #[error("snapshot store unavailable: {0}")]
    Unavailable(#[from] object_store::Error),
}

/// The bytes of a snapshot.
pub type SnapshotStream = BoxStream<'static, Result<Bytes, object_store::Error>>;

/// Where snapshots are kept.
#[derive(Clone, Debug)]
pub struct SnapshotStore {
    objects: Arc<dyn ObjectStore>,
    signer: Option<Arc<dyn Signer>>,
}

impl SnapshotStore {
    /// Snapshots in `store`, below `documents/`.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { objects: store, signer: None }
    }

    /// Writes the state of `document` at `offset`. One that is there already was made from the same log: that is success.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn put(&self, doc: DocId, offset: Offset, document: &Document) -> Result<(), SnapshotError> {
        let object = give_way(document.size_bytes(), || encode(offset, document));
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.objects.put_opts(&path(doc, offset), object.into(), create).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Loads the snapshot at `offset`; the one before all entries is empty, and is never written.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where the object is there and wrong.
    pub async fn get(&self, doc: DocId, offset: Offset) -> Result<Document, SnapshotError> {
        if offset == Offset::ZERO {
            return Ok(Document::new(Limits::default()));
        }
        let object = self.objects.get(&path(doc, offset)).await?.bytes().await?;
        tokio::task::spawn_blocking(move || decode(offset, object))
            .await
            .unwrap_or(Err(SnapshotError::Damaged("loading it panicked")))
    }

    /// An address that gives the snapshot at `offset` to whoever has it, for so long; `None` where the store is not reached
    /// by addresses.
    ///
    /// # Errors
    /// When there are no credentials to sign it with.
    pub async fn link(&self, doc: DocId, offset: Offset, lasts: Duration) -> Result<Option<String>, SnapshotError> {
        let Some(signer) = &self.signer else { return Ok(None) };
        Ok(Some(signer.signed_url(Method::GET, &path(doc, offset), lasts).await?.into()))
    }

    /// The snapshot at `offset` as it is stored, piece by piece and not looked at.
    ///
    /// # Errors
    /// When the store does not give it.
    pub async fn stream(&self, doc: DocId, offset: Offset) -> Result<SnapshotStream, SnapshotError> {
        Ok(self.objects.get(&path(doc, offset)).await?.into_stream())
    }

    /// The offsets of all snapshots of a document, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, doc: DocId) -> Result<Vec<Offset>, SnapshotError> {
        let objects: Vec<_> = self.objects.list(Some(&folder(doc))).try_collect().await?;
        let mut offsets: Vec<Offset> =
            objects.iter().filter_map(|object| object.location.filename()?.parse().ok()).collect();
        offsets.sort_unstable_by(|a, b| b.cmp(a));
        Ok(offsets)
    }

    /// Documents with snapshots in the order of their ids, from the one after `after` on, at most `max` of them; none after
    /// the last one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn documents(&self, after: Option<DocId>, max: usize) -> Result<Vec<DocId>, SnapshotError> {
        let root = Path::from("documents");
        let mut docs = Vec::new();
        if self.signer.is_none() {
            // A folder lists in no order, and its folders at once.
            let folders = self.objects.list_with_delimiter(Some(&root)).await?.common_prefixes;
            docs.extend(folders.iter().filter_map(document).filter(|doc| after.is_none_or(|after| *doc > after)));
            docs.sort_unstable();
            docs.truncate(max);
            return Ok(docs);
        }
        let mut objects = match after {
            // Greater than the name of every object of that document.
            Some(doc) => self.objects.list_with_offset(Some(&root), &root.clone().join(doc.to_string()).join("z")),
            None => self.objects.list(Some(&root)),
        };
        while let Some(object) = objects.try_next().await? {
            let Some(doc) = document(&object.location).filter(|doc| after.is_none_or(|after| *doc > after)) else {
                continue;
            };
            if docs.last() != Some(&doc) {
                if docs.len() == max {
                    break;
                }
                docs.push(doc);
            }
        }
        Ok(docs)
    }

    /// Deletes one snapshot; one that is gone already is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete(&self, doc: DocId, offset: Offset) -> Result<(), SnapshotError> {
        match self.objects.delete(&path(doc, offset)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a round trip to the store.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ready(&self) -> Result<(), SnapshotError> {
        self.objects.list_with_delimiter(Some(&Path::from("health"))).await?;
        Ok(())
    }
}

/// The document that a path below `documents/` belongs to.
fn document(path: &Path) -> Option<DocId> {
    path.parts().nth(1)?.as_ref().parse().ok()
}

fn folder(doc: DocId) -> Path {
    Path::from(format!("documents/{doc}/snapshots"))
}

fn path(doc: DocId, offset: Offset) -> Path {
    folder(doc).join(offset.to_string())
}
