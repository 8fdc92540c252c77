//! Snapshots: immutable objects, each the state of a document at one offset of its log. Never overwritten; the newest
//! offset wins. `object_store` is the port: a local folder or S3. Nothing depends on a store's refusal to overwrite:
//! two writers of one offset write the same facts.

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
use tokio::sync::OnceCell;
use tracing::error;

use self::format::{decode, encode};
use crate::{
    ids::{DocId, InstallationId},
    long_work::yield_if_large,
    offset::Offset,
};

/// Why a snapshot was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The object is not what was written.
    #[error("snapshot is damaged: {0}")]
    Damaged(&'static str),
    /// The store does not answer, or does not accept writes.
    #[error("snapshot store unavailable: {0}")]
    Unavailable(#[from] object_store::Error),
}

/// The bytes of a snapshot.
pub type SnapshotStream = BoxStream<'static, Result<Bytes, object_store::Error>>;

/// The object that holds the id of the installation.
const INSTALLATION: &str = "installation";

/// The store of snapshots.
#[derive(Clone, Debug)]
pub struct SnapshotStore {
    store: Arc<dyn ObjectStore>,
    signer: Option<Arc<dyn Signer>>,
    owner: Option<Arc<Owner>>,
}

/// The installation that the store must belong to, and whether that has been checked.
#[derive(Debug)]
struct Owner {
    id: InstallationId,
    checked: OnceCell<()>,
}

impl SnapshotStore {
    /// Snapshots in `store`, below `documents/`.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, signer: None, owner: None }
    }

    /// The installation id that the store holds. Only for stores that several installations could use by mistake; a
    /// folder has none.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn installation(&self) -> Result<Option<InstallationId>, SnapshotError> {
        if self.signer.is_none() {
            return Ok(None);
        }
        let object = match self.store.get(&Path::from(INSTALLATION)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            object => object?.bytes().await?,
        };
        let id = std::str::from_utf8(&object).ok().and_then(|text| text.trim().parse().ok());
        id.map(Some).ok_or_else(|| foreign("its id is not readable"))
    }

    /// From now on the store is checked before it is used: it must belong to this installation, or to none.
    pub fn belongs_to(&mut self, id: InstallationId) {
        self.owner = self.signer.is_some().then(|| Arc::new(Owner { id, checked: OnceCell::new() }));
    }

    async fn check(&self, id: InstallationId) -> Result<(), SnapshotError> {
        if self.installation().await?.is_none() {
            let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            match self.store.put_opts(&Path::from(INSTALLATION), id.to_string().into(), create).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match self.installation().await? {
            Some(theirs) if theirs == id => Ok(()),
            _ => {
                error!("the snapshot store belongs to another installation: it is not used");
                Err(foreign("it belongs to another installation"))
            }
        }
    }

    /// The objects, once they are known to belong to this installation.
    async fn objects(&self) -> Result<&Arc<dyn ObjectStore>, SnapshotError> {
        if let Some(owner) = &self.owner {
            owner.checked.get_or_try_init(|| self.check(owner.id)).await?;
        }
        Ok(&self.store)
    }

    /// Writes the state of `document` at `offset`. An existing one was made from the same log, which is success.
    ///
    /// # Errors
    /// When the store does not accept it.
    pub async fn put(&self, doc: DocId, offset: Offset, document: &Document) -> Result<(), SnapshotError> {
        let object = yield_if_large(document.size_bytes(), || encode(offset, document));
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.objects().await?.put_opts(&path(doc, offset), object.into(), create).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Loads the snapshot at `offset`; the one before all entries is empty, and is never written.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] if the object exists and is not sound.
    pub async fn get(&self, doc: DocId, offset: Offset) -> Result<Document, SnapshotError> {
        if offset == Offset::ZERO {
            return Ok(Document::new(Limits::default()));
        }
        let object = self.objects().await?.get(&path(doc, offset)).await?.bytes().await?;
        tokio::task::spawn_blocking(move || decode(offset, object))
            .await
            .unwrap_or(Err(SnapshotError::Damaged("loading it panicked")))
    }

    /// A signed address of the snapshot at `offset`, valid for `lasts`; `None` if the store has no addresses.
    ///
    /// # Errors
    /// When there are no credentials to sign it.
    pub async fn link(&self, doc: DocId, offset: Offset, lasts: Duration) -> Result<Option<String>, SnapshotError> {
        let Some(signer) = &self.signer else { return Ok(None) };
        Ok(Some(signer.signed_url(Method::GET, &path(doc, offset), lasts).await?.into()))
    }

    /// The snapshot at `offset` as it is stored, in pieces and without a check.
    ///
    /// # Errors
    /// When the store does not return it.
    pub async fn stream(&self, doc: DocId, offset: Offset) -> Result<SnapshotStream, SnapshotError> {
        Ok(self.objects().await?.get(&path(doc, offset)).await?.into_stream())
    }

    /// The offsets of all snapshots of a document, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, doc: DocId) -> Result<Vec<Offset>, SnapshotError> {
        let objects: Vec<_> = self.objects().await?.list(Some(&folder(doc))).try_collect().await?;
        let mut offsets: Vec<Offset> =
            objects.iter().filter_map(|object| object.location.filename()?.parse().ok()).collect();
        offsets.sort_unstable_by(|a, b| b.cmp(a));
        Ok(offsets)
    }

    /// Documents with snapshots in the order of their ids, those after `after`, at most `max`; none after the last one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn documents(&self, after: Option<DocId>, max: usize) -> Result<Vec<DocId>, SnapshotError> {
        let root = Path::from("documents");
        let mut docs = Vec::new();
        if self.signer.is_none() {
            // A folder lists in no order, and all of its folders at once.
            let folders = self.objects().await?.list_with_delimiter(Some(&root)).await?.common_prefixes;
            docs.extend(folders.iter().filter_map(document).filter(|doc| after.is_none_or(|after| *doc > after)));
            docs.sort_unstable();
            docs.truncate(max);
            return Ok(docs);
        }
        let mut objects = match after {
            // Greater than the name of every object of that document.
            Some(doc) => {
                self.objects().await?.list_with_offset(Some(&root), &root.clone().join(doc.to_string()).join("z"))
            }
            None => self.objects().await?.list(Some(&root)),
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

    /// Deletes one snapshot; a missing one is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete(&self, doc: DocId, offset: Offset) -> Result<(), SnapshotError> {
        match self.objects().await?.delete(&path(doc, offset)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a round trip to the store.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ready(&self) -> Result<(), SnapshotError> {
        match &self.owner {
            Some(owner) => self.check(owner.id).await,
            None => Ok(self.store.list_with_delimiter(Some(&Path::from("health"))).await.map(drop)?),
        }
    }
}

/// The document that a path below `documents/` belongs to.
fn document(path: &Path) -> Option<DocId> {
    path.parts().nth(1)?.as_ref().parse().ok()
}

fn foreign(why: &'static str) -> SnapshotError {
    SnapshotError::Unavailable(object_store::Error::Generic { store: "snapshots", source: why.into() })
}

fn folder(doc: DocId) -> Path {
    Path::from(format!("documents/{doc}/snapshots"))
}

fn path(doc: DocId, offset: Offset) -> Path {
    folder(doc).join(offset.to_string())
}
