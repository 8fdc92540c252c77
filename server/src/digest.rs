//! Digests of replicas, which nodes compare.

use codesync_crdt::Document;
use sha2::{Digest as _, Sha256};

/// Identifies the content of a replica: its state vector and its deletions. Replicas with equal digests lack nothing of
/// each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Of a document.
    pub fn of(document: &Document) -> Self {
        let mut hash = Sha256::new();
        let number = |hash: &mut Sha256, number: u64| hash.update(number.to_be_bytes());
        for (client, clock) in document.state_vector().iter().filter(|(_, clock)| *clock > 0) {
            number(&mut hash, client);
            number(&mut hash, clock.into());
        }
        // No client has this id: it separates the state vector from the deletions.
        number(&mut hash, u64::MAX);
        for (client, clocks) in document.deletions() {
            number(&mut hash, client);
            number(&mut hash, clocks.start.into());
            number(&mut hash, clocks.end.into());
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use codesync_crdt::{Limits, Replica};

    use super::*;

    fn digest(updates: &[&[u8]]) -> (Digest, Vec<u8>) {
        let mut replica = Replica::from(Document::new(Limits::default()));
        for bytes in updates {
            let update = replica.live().unwrap().check(bytes.to_vec().into()).unwrap();
            replica.apply(&update).unwrap();
        }
        let document = replica.live().unwrap();
        (Digest::of(document), document.state())
    }

    #[test]
    fn equal_content_gives_equal_digests_and_a_missing_deletion_another() {
        let one = [&[1, 1, 5, 0, 4, 1, 7][..], b"content", &[3], b"one", &[0]].concat();
        let two = [&[1, 1, 6, 0, 4, 1, 7][..], b"content", &[3], b"two", &[0]].concat();
        let (first, last): (&[u8], &[u8]) = (&[0, 1, 5, 1, 0, 1], &[0, 1, 5, 1, 1, 2]);
        let (digest_of_all, state) = digest(&[&one, &two, first, last]);
        assert_eq!(digest(&[&two, &one, last, first]).0, digest_of_all, "in any order");
        let loaded = Document::load(&state, Limits::default()).unwrap();
        assert_eq!(Digest::of(&loaded), digest_of_all, "as it is stored");
        assert_ne!(digest(&[&one, &two, first]).0, digest_of_all);
        assert_ne!(digest(&[&one, first, last]).0, digest_of_all);
    }
}
