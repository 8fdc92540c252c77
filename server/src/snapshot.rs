//! Snapshots: immutable objects, each the state of a document at one offset of its log. Never overwritten; the newest
//! offset wins. `object_store` is the port: a local folder here, S3 elsewhere.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use codesync_crdt::{Document, Limits, StateVector};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use sha2::{Digest, Sha256};

use crate::{ids::DocId, log::Offset};

const MAGIC: &[u8; 8] = b"csynsnp1";
const DIGEST_BYTES: usize = 32;

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

/// Where snapshots are kept.
#[derive(Clone, Debug)]
pub struct SnapshotStore(Arc<dyn ObjectStore>);

impl SnapshotStore {
    /// Snapshots in `store`, below `documents/`.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self(store)
    }

    /// Writes the state of `document` at `offset`. One that is there already was made from the same log: that is success.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn put(&self, doc: DocId, offset: Offset, document: &Document) -> Result<(), SnapshotError> {
        let object = encode(offset, document);
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.0.put_opts(&path(doc, offset), object.into(), create).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Loads the snapshot at `offset`.
    ///
    /// # Errors
    /// [`SnapshotError::Damaged`] where the object is there and wrong.
    pub async fn get(&self, doc: DocId, offset: Offset) -> Result<Document, SnapshotError> {
        let object = self.0.get(&path(doc, offset)).await?.bytes().await?;
        tokio::task::spawn_blocking(move || decode(offset, object))
            .await
            .unwrap_or(Err(SnapshotError::Damaged("loading it panicked")))
    }

    /// The offsets of all snapshots of a document, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, doc: DocId) -> Result<Vec<Offset>, SnapshotError> {
        let objects: Vec<_> = self.0.list(Some(&folder(doc))).try_collect().await?;
        let mut offsets: Vec<Offset> =
            objects.iter().filter_map(|object| object.location.filename()?.parse().ok()).collect();
        offsets.sort_unstable_by(|a, b| b.cmp(a));
        Ok(offsets)
    }

    /// Deletes one snapshot; one that is gone already is success.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delete(&self, doc: DocId, offset: Offset) -> Result<(), SnapshotError> {
        match self.0.delete(&path(doc, offset)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a round trip to the store.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ready(&self) -> Result<(), SnapshotError> {
        self.0.list_with_delimiter(Some(&Path::from("health"))).await?;
        Ok(())
    }
}

fn folder(doc: DocId) -> Path {
    Path::from(format!("documents/{doc}/snapshots"))
}

fn path(doc: DocId, offset: Offset) -> Path {
    folder(doc).join(offset.to_string())
}

fn encode(offset: Offset, document: &Document) -> Bytes {
    let (state, seen) = (document.state(), document.state_vector().encode());
    let mut object = BytesMut::with_capacity(state.len() + seen.len() + 64);
    object.put_slice(MAGIC);
    object.put_u128(offset.0);
    object.put_u64(seen.len() as u64);
    object.put_slice(&seen);
    object.put_slice(&state);
    let digest = Sha256::digest(&object);
    object.put_slice(&digest);
    object.freeze()
}

fn decode(offset: Offset, object: Bytes) -> Result<Document, SnapshotError> {
    const HEAD_BYTES: usize = 8 + 16 + 8;
    if object.len() < HEAD_BYTES + DIGEST_BYTES {
        return Err(SnapshotError::Damaged("it is cut short"));
    }
    let (mut body, digest) = object.split_at(object.len() - DIGEST_BYTES);
    if Sha256::digest(body)[..] != *digest {
        return Err(SnapshotError::Damaged("its checksum differs"));
    }
    if !body.starts_with(MAGIC) {
        return Err(SnapshotError::Damaged("it is of another kind"));
    }
    body.advance(MAGIC.len());
    if body.get_u128() != offset.0 {
        return Err(SnapshotError::Damaged("it is of another offset"));
    }
    let seen_bytes = usize::try_from(body.get_u64()).unwrap_or(usize::MAX);
    let (seen, state) = body.split_at_checked(seen_bytes).ok_or(SnapshotError::Damaged("it is cut short"))?;
    let seen = StateVector::decode(seen, &Limits { state_vector_clients: usize::MAX, ..Limits::default() })
        .map_err(|_| SnapshotError::Damaged("its state vector does not decode"))?;
    let document =
        Document::load(state, Limits::default()).map_err(|_| SnapshotError::Damaged("its state does not load"))?;
    if *document.state_vector() != seen {
        return Err(SnapshotError::Damaged("its state is not of its state vector"));
    }
    Ok(document)
}
