//! The bytes of a snapshot: kind, offset, state vector, state (v1 encoding), and a SHA-256 over all of it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use codesync_crdt::{Document, Limits, StateVector};
use sha2::{Digest, Sha256};

use super::SnapshotError;
use crate::offset::Offset;

const MAGIC: &[u8; 8] = b"csynsnp1";
const DIGEST_BYTES: usize = 32;

pub(super) fn encode(offset: Offset, document: &Document) -> Bytes {
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

pub(super) fn decode(offset: Offset, object: Bytes) -> Result<Document, SnapshotError> {
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
