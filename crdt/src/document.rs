//! One replica of a document. Owns the yrs document, which nothing outside this file sees; knows no peers, no log and no
//! clock. yrs is given only bytes that passed the check, and a replica on which it still fails is poisoned for good.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use yrs::block::ClientID;
use yrs::types::Delta;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, Text, Transact, TransactionMut, WriteTxn};

use crate::text::{self, Edit};
use crate::update::Parts;
use crate::update::check::{self, Known};
use crate::{ClientId, DocumentError, Limits, Malformed, Refusal, StateVector, Update};

/// One replica of a document.
pub struct Document {
    doc: Doc,
    state_vector: StateVector,
    roots: BTreeSet<Box<str>>,
    limits: Limits,
    size_bytes: usize,
    poisoned: bool,
}

/// What applying an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something was inserted or deleted.
    Changed,
    /// Everything in the update was known already.
    Unchanged,
}

impl Document {
    /// Makes an empty document.
    pub fn new(limits: Limits) -> Self {
        Self {
            doc: new_doc(0),
            state_vector: StateVector::default(),
            roots: BTreeSet::new(),
            limits,
            size_bytes: 2,
            poisoned: false,
        }
    }

    /// Loads a document from a state made by [`Document::state`].
    pub fn load(state: &[u8], limits: Limits) -> Result<Self, DocumentError> {
        let mut document = Self::new(limits);
        let update = document.check_stored(Bytes::copy_from_slice(state))?;
        document.apply(&update)?;
        document.size_bytes = state.len();
        Ok(document)
    }

    /// Checks bytes from outside against what this replica has seen.
    pub fn check(&self, bytes: Bytes) -> Result<Update, Refusal> {
        check::check(bytes, self.known(), &self.limits)
    }

    /// Checks an entry of the log: it was within the limits when it was written, so only its soundness is checked.
    pub fn check_stored(&self, bytes: Bytes) -> Result<Update, Refusal> {
        check::check(bytes, self.known(), &Limits::stored())
    }

    /// Applies an update that was checked against this replica.
    pub fn apply(&mut self, update: &Update) -> Result<Effect, DocumentError> {
        if self.poisoned {
            return Err(DocumentError::Poisoned);
        }
        let parts = update.parts();
        let follows = parts
            .sections
            .iter()
            .all(|section| section.clock <= self.state_vector.clock(section.client));
        if !follows {
            return Err(DocumentError::Corrupt(Malformed::Invalid(
                "update: it was checked against another replica",
            )));
        }
        if update.is_empty() {
            return Ok(Effect::Unchanged);
        }
        let applied = catch_unwind(AssertUnwindSafe(|| self.integrate(update)));
        let Ok(Some(effect)) = applied else {
            self.poisoned = true;
            return Err(DocumentError::Poisoned);
        };
        if effect == Effect::Changed {
            self.size_bytes += update.bytes().len();
        }
        for section in &parts.sections {
            self.state_vector.advance(section.client, section.end);
        }
        self.roots.extend(parts.new_roots.iter().cloned());
        Ok(effect)
    }

    /// Encodes what `theirs` has not seen, with all deletions.
    pub fn diff(&self, theirs: &StateVector) -> Vec<u8> {
        let theirs = theirs
            .iter()
            .map(|(client, clock)| (ClientID::new(client), clock))
            .collect();
        self.read(|txn| txn.encode_diff_v1(&theirs))
    }

    /// Encodes the whole document.
    pub fn state(&self) -> Vec<u8> {
        self.read(|txn| txn.encode_state_as_update_v1(&yrs::StateVector::default()))
    }

    /// Returns what this replica has seen.
    pub fn state_vector(&self) -> &StateVector {
        &self.state_vector
    }

    /// Returns the text of a root type, empty when there is none.
    pub fn text(&self, root: &str) -> String {
        self.read(|txn| {
            txn.get_text(root)
                .map(|text| text.get_string(txn))
                .unwrap_or_default()
        })
    }

    /// Returns the length of a root type's text in UTF-16 units.
    pub fn text_len(&self, root: &str) -> u32 {
        self.read(|txn| txn.get_text(root).map_or(0, |text| text.len(txn)))
    }

    /// Turns the text of a root type into `text` by the smallest edits, made as `client`, whose id nobody else may use.
    /// Line ends become `\n` and a byte order mark goes. Returns the update to log and relay, `None` when nothing differs.
    pub fn replace_text(
        &mut self,
        root: &str,
        text: &str,
        client: ClientId,
    ) -> Result<Option<Update>, DocumentError> {
        let old = self.text(root);
        let new = text::normalize(text);
        if old == new {
            return Ok(None);
        }
        let units = text::utf16_len(&old);
        let mut edits = text::edits(&old, &new);
        // Embedded values take up positions that the text does not show.
        if units != self.text_len(root) {
            edits = vec![Edit::Delete(self.text_len(root)), Edit::Insert(&new)];
        }
        let state = self.state();
        // Made on a copy, so that the edit reaches this replica as any other does: checked and applied.
        let made = catch_unwind(|| edit_copy(&state, client, root, edits))
            .ok()
            .flatten();
        let update = self.check_stored(made.ok_or(DocumentError::Poisoned)?.into())?;
        self.apply(&update)?;
        Ok(Some(update))
    }

    /// Estimates the size of the encoded state: exact after a load, plus the bytes of all that changed it since.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    fn known(&self) -> Known<'_> {
        Known {
            clocks: &self.state_vector,
            roots: &self.roots,
        }
    }

    /// Returns `None` when yrs refused or kept back part of the update: the replica is then unlike any other.
    fn integrate(&self, update: &Update) -> Option<Effect> {
        let decoded = yrs::Update::decode_v1(update.bytes()).ok()?;
        let mut txn = self.doc.try_transact_mut().ok()?;
        txn.apply_update(decoded).ok()?;
        let effect = if txn.has_changes() {
            Effect::Changed
        } else {
            Effect::Unchanged
        };
        let whole = !txn.has_missing_updates() && self.reached(&txn, update.parts());
        txn.commit();
        whole.then_some(effect)
    }

    fn reached(&self, txn: &TransactionMut<'_>, parts: &Parts) -> bool {
        parts.sections.iter().all(|section| {
            let known = self.state_vector.clock(section.client);
            let inserted = || {
                txn.insert_set()
                    .get(&ClientID::new(section.client))
                    .and_then(|ranges| ranges.clock_end())
            };
            section.end <= known || inserted() == Some(section.end)
        })
    }

    fn read<T>(&self, read: impl FnOnce(&yrs::Transaction<'_>) -> T) -> T {
        read(
            &self
                .doc
                .try_transact()
                .expect("no transaction outlives a call"),
        )
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("state_vector", &self.state_vector)
            .field("size_bytes", &self.size_bytes)
            .finish()
    }
}

fn new_doc(client: ClientId) -> Doc {
    let client_id = ClientID::new(client);
    // The other constructors make the server delete formatting marks inside other people's transactions.
    Doc::with_options(Options {
        client_id,
        offset_kind: OffsetKind::Utf16,
        ..Options::default()
    })
}

fn edit_copy(state: &[u8], client: ClientId, root: &str, edits: Vec<Edit<'_>>) -> Option<Vec<u8>> {
    let copy = new_doc(client);
    copy.try_transact_mut()
        .ok()?
        .apply_update(yrs::Update::decode_v1(state).ok()?)
        .ok()?;
    let mut txn = copy.try_transact_mut().ok()?;
    let text = txn.get_or_insert_text(root);
    text.apply_delta(
        &mut txn,
        edits.into_iter().map(|edit| match edit {
            Edit::Keep(units) => Delta::Retain(units, None),
            Edit::Delete(units) => Delta::Deleted(units),
            Edit::Insert(text) => Delta::Inserted(text.to_owned(), None),
        }),
    );
    Some(txn.encode_update_v1())
}
