//! One replica of a document. Owns the yrs document, which no other file uses; knows no peers, log or clock. yrs is
//! given only bytes that passed the check. A document on which it still fails may be half changed, and is dropped.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use yrs::block::ClientID;
use yrs::types::Delta;
use yrs::types::text::YChange;
use yrs::updates::decoder::Decode;
use yrs::{Any, Doc, GetString, OffsetKind, Options, Out, ReadTxn, Text, Transact, WriteTxn};

use crate::text::{self, Edit};
use crate::update::check::{self, Known};
use crate::update::compare::compare;
use crate::update::encode::start_anew;
use crate::update::{Parts, Section};
use crate::{ClientId, Comparison, DocumentError, Limits, Malformed, Refusal, StateVector, Update};

/// An update with fewer places is applied without a check of the blocks.
const PLACES_MIN: usize = 32;
/// The units that yrs may walk for one update, estimated as places times text: about 20 ms. Above it blocks are split
/// even if that was done recently.
const WALK_MAX: usize = 16 << 20;
const LONG_WALK: usize = 16 * WALK_MAX;
/// The root type that holds the text.
pub const TEXT: &str = "content";

/// The bytes that must have been added since the last split before blocks are split again. Between the steps of one
/// update it is at least this share of the document, so that a large first sync does not split it again and again.
const UNSPLIT_MIN: usize = 64 << 10;
const UNSPLIT_SHARE: usize = 8;
/// The size of a split block.
const BLOCK_BYTES: usize = 8 << 10;
/// The number of parts that a block is split into at once: each split copies the rest of the block.
const SPLIT_IN: usize = 16;

/// One replica of a document.
pub struct Document {
    doc: Doc,
    state_vector: StateVector,
    roots: BTreeSet<Box<str>>,
    limits: Limits,
    size_bytes: usize,
    /// The estimated part of the size.
    grown_bytes: usize,
    /// The bytes added since the blocks were split.
    unsplit_bytes: usize,
}

/// The effect of applying an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Something was inserted or deleted.
    Changed,
    /// Everything in the update was already known.
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
            grown_bytes: 0,
            unsplit_bytes: 0,
        }
    }

    /// Loads a document from a state made by [`Document::state`].
    pub fn load(state: &[u8], limits: Limits) -> Result<Self, DocumentError> {
        let document = Self::new(limits);
        let update = document.check_stored(Bytes::copy_from_slice(state))?;
        let (mut document, _) = document.with_update(&update)?;
        (document.size_bytes, document.grown_bytes) = (state.len(), 0);
        Ok(document)
    }

    /// Checks bytes from outside against the state of this replica. A checked update must be applied before the next is
    /// checked.
    pub fn check(&self, bytes: Bytes) -> Result<Update, Refusal> {
        check::check(bytes, self.known(), &self.limits)
    }

    /// Checks an entry of the log: it was within the limits when it was written, so only its soundness is checked.
    pub fn check_stored(&self, bytes: Bytes) -> Result<Update, Refusal> {
        check::check(bytes, self.known(), &Limits::stored())
    }

    /// Compares an update with this replica, at the clocks that the replica knows. An update with only new clocks costs
    /// nothing.
    pub fn compare(&self, update: &Update) -> Comparison {
        self.compare_strictly(update, |_| None)
    }

    /// The same, but from the clock on that `strict_from` returns for a client, an edit that is deleted here and not in
    /// the update differs too: its author may never have sent it before.
    pub fn compare_strictly(&self, update: &Update, strict_from: impl Fn(ClientId) -> Option<u32>) -> Comparison {
        let overlaps = update.overlaps(&self.state_vector, strict_from);
        if overlaps.is_empty() {
            return Comparison::Same;
        }
        let mut vector = self.state_vector.clone();
        overlaps.iter().for_each(|overlap| vector.retreat(overlap.client, overlap.start));
        compare(&overlaps, &self.diff(&vector))
    }

    /// Applies an update that was checked against this document. On failure the document is dropped, because it may be
    /// half changed.
    pub fn with_update(self, update: &Update) -> Result<(Self, Applied), DocumentError> {
        self.with_update_while(update, || true)
    }

    /// The same, asking between its steps whether to continue.
    pub(crate) fn with_update_while(
        mut self,
        update: &Update,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<(Self, Applied), DocumentError> {
        self.follows(update)?;
        let parts = update.parts();
        if parts.deletions.is_empty() && self.unseen(parts) == 0 {
            return Ok((self, Applied::Unchanged));
        }
        let applied = catch_unwind(AssertUnwindSafe(|| self.integrate(update, &mut go_on)));
        let Ok(Some(effect)) = applied else { return Err(DocumentError::Poisoned) };
        if effect == Applied::Changed {
            self.size_bytes += update.bytes().len();
            self.grown_bytes += update.bytes().len();
        }
        for section in &parts.sections {
            self.state_vector.advance(section.client, section.end.clock);
        }
        self.roots.extend(parts.new_roots.iter().cloned());
        Ok((self, effect))
    }

    /// Whether an update was checked against this document, or one that has no more.
    pub(crate) fn follows(&self, update: &Update) -> Result<(), DocumentError> {
        let mut sections = update.parts().sections.iter();
        match sections.all(|section| section.start.clock <= self.state_vector.clock(section.client)) {
            true => Ok(()),
            false => Err(DocumentError::Corrupt(Malformed::Invalid("update: it was checked against another replica"))),
        }
    }

    /// Encodes what `theirs` has not seen, with all deletions.
    pub fn diff(&self, theirs: &StateVector) -> Vec<u8> {
        let theirs = theirs.iter().map(|(client, clock)| (ClientID::new(client), clock)).collect();
        self.read(|txn| txn.encode_diff_v1(&theirs))
    }

    /// Encodes the whole document.
    pub fn state(&self) -> Vec<u8> {
        self.read(|txn| txn.encode_state_as_update_v1(&yrs::StateVector::default()))
    }

    /// Returns all deletions, by client and clocks: sorted and merged, so that equal documents return equal lists.
    pub fn deletions(&self) -> Vec<(ClientId, Range<u32>)> {
        let deleted = self.read(|txn| txn.snapshot().delete_set);
        let all = deleted.iter().flat_map(|(client, ranges)| ranges.into_iter().map(move |range| (*client, range)));
        let mut all: Vec<_> = all.map(|(client, range)| (client.get(), range.start..range.end)).collect();
        all.sort_unstable_by_key(|(client, clocks)| (*client, clocks.start));
        all.dedup_by(|(client, clocks), (before, last)| {
            let follows = client == before && clocks.start <= last.end;
            if follows {
                last.end = last.end.max(clocks.end);
            }
            follows
        });
        all
    }

    /// Returns what this replica has seen.
    pub fn state_vector(&self) -> &StateVector {
        &self.state_vector
    }

    /// Returns the text of a root type, empty when there is none.
    pub fn text(&self, root: &str) -> String {
        self.read(|txn| txn.get_text(root).map(|text| text.get_string(txn)).unwrap_or_default())
    }

    /// Returns the length of a root type's text in UTF-16 units; an embedded value counts as one.
    pub fn text_len(&self, root: &str) -> u32 {
        self.read(|txn| txn.get_text(root).map_or(0, |text| text.len(txn)))
    }

    /// Makes the update that changes the text of a root type into `text` by the smallest edits, as `client`, whose id
    /// nobody else may use; `None` if nothing differs. Line ends become `\n`, and a byte order mark is dropped.
    pub fn replacement(&self, root: &str, text: &str, client: ClientId) -> Result<Option<Update>, DocumentError> {
        let old = self.text(root);
        let new = text::normalize(text);
        if old == new {
            return Ok(None);
        }
        let state = self.state();
        let made = catch_unwind(|| edit_copy(&state, client, root, &old, &new));
        if let Some(made) = made.ok().flatten()
            && let Ok((update, copy)) = self.try_on_copy(made, &state)
            && copy.text(root) == new
        {
            return Ok(Some(update));
        }
        // After hostile edits have tied two root types together, positions mean nothing: then everything is deleted and
        // written again.
        let (update, _) = self.try_on_copy(start_anew(&self.state_vector, client, root, &new), &state)?;
        Ok(Some(update))
    }

    /// Checks an update and applies it to a copy: it may be stored before any replica applies it, and an update that no
    /// replica can apply would make the document unreadable.
    fn try_on_copy(&self, made: Vec<u8>, state: &[u8]) -> Result<(Update, Self), DocumentError> {
        let update = self.check_stored(made.into())?;
        let (copy, _) = Self::load(state, self.limits.clone())?.with_update(&update)?;
        Ok((update, copy))
    }

    /// Estimates the size of the encoded state: exact when it was loaded or measured, plus the bytes of all that changed it
    /// since.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Whether `bytes` more stay within a limit. Merged updates take less space than the updates one by one. So
    /// the size is measured before the answer is no, unless only little of it is estimated, because measuring encodes
    /// the document.
    pub fn has_room(&mut self, bytes: usize, limit: usize) -> bool {
        if self.size_bytes + bytes > limit && self.grown_bytes > limit / 64 {
            (self.size_bytes, self.grown_bytes) = (self.state().len(), 0);
        }
        self.size_bytes + bytes <= limit
    }

    fn known(&self) -> Known<'_> {
        Known { clocks: &self.state_vector, roots: &self.roots }
    }

    /// Returns `None` if only a part of the update was applied: the replica is then unlike any other.
    fn integrate(&mut self, update: &Update, go_on: &mut dyn FnMut() -> bool) -> Option<Applied> {
        let mut effect = Applied::Unchanged;
        let mut inserted = 0;
        let stages = update.stages();
        let places = stages.iter().map(|stage| stage.places).sum();
        for (step, stage) in stages.into_iter().enumerate() {
            if step > 0 && !go_on() {
                return None;
            }
            if stage.places >= PLACES_MIN {
                self.split_blocks_for(update, places, step)?;
            }
            let bytes = stage.bytes.len();
            let stage = yrs::Update::decode_v1(&stage.bytes).ok()?;
            let mut txn = self.doc.try_transact_mut().ok()?;
            // Caught here too, because the transaction commits when it is dropped: a second panic, while the first unwinds,
            // would abort the process.
            let applied = catch_unwind(AssertUnwindSafe(|| txn.apply_update(stage)));
            if !matches!(applied, Ok(Ok(()))) || txn.has_missing_updates() {
                return None;
            }
            if txn.has_changes() {
                effect = Applied::Changed;
                self.unsplit_bytes += bytes;
            }
            let ranges = txn.insert_set().iter().flat_map(|(_, ranges)| ranges);
            inserted += ranges.map(|range| u64::from(range.end - range.start)).sum::<u64>();
            txn.commit();
        }
        (inserted == self.unseen(update.parts())).then_some(effect)
    }

    /// Splits large blocks before an update of many places is applied. yrs walks a block from its start to every place
    /// where it splits it, so a block of a megabyte that is edited last place first would be walked once for each
    /// place.
    ///
    /// Called before each step of many places, because text pasted by earlier steps is one large block again. An update
    /// that inserts nothing is no reason to split recently split blocks: each reconnect repeats all deletions.
    fn split_blocks_for(&mut self, update: &Update, places: usize, step: usize) -> Option<()> {
        let size = self.size_bytes + update.bytes().len();
        let walk = places.saturating_mul(size);
        let unsplit = if step == 0 { UNSPLIT_MIN } else { UNSPLIT_MIN.max(size / UNSPLIT_SHARE) };
        let is_whole =
            self.unsplit_bytes >= unsplit || (step == 0 && walk > LONG_WALK && update.adds_to(&self.state_vector));
        if walk <= WALK_MAX || !is_whole {
            return Some(());
        }
        let mut txn = self.doc.try_transact_mut().ok()?;
        for root in self.roots.iter().chain(&update.parts().new_roots) {
            let Some(shared) = txn.get_text(&**root) else { continue };
            let stops = block_stops(&shared.diff(&txn, YChange::identity));
            // A value that the diff leaves out would move all later stops, perhaps into a surrogate pair.
            if stops.last().copied().unwrap_or(0) != shared.len(&txn) {
                continue;
            }
            let largest = stops.len().checked_ilog(SPLIT_IN).map_or(1, |levels| SPLIT_IN.pow(levels));
            for step in std::iter::successors(Some(largest), |step| (*step > 1).then(|| step / SPLIT_IN)) {
                let retains = retains(&stops, step);
                // Caught here for the same reason as in `integrate`.
                catch_unwind(AssertUnwindSafe(|| shared.apply_delta(&mut txn, retains))).ok()?;
            }
        }
        self.unsplit_bytes = 0;
        Some(())
    }

    /// Counts the clocks of an update that this replica has not seen.
    fn unseen(&self, parts: &Parts) -> u64 {
        let unseen = |section: &Section| {
            let seen = self.state_vector.clock(section.client).max(section.start.clock);
            u64::from(section.end.clock.saturating_sub(seen))
        };
        parts.sections.iter().map(unseen).sum()
    }

    fn read<T>(&self, read: impl FnOnce(&yrs::Transaction<'_>) -> T) -> T {
        read(&self.doc.try_transact().expect("no transaction outlives a call"))
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
    // The other constructors make the server delete formatting marks in transactions of other users.
    Doc::with_options(Options { client_id, offset_kind: OffsetKind::Utf16, ..Options::default() })
}

/// Edits a copy of a document and returns the update; `None` if that does not change the old text into the new.
fn edit_copy(state: &[u8], client: ClientId, root: &str, old: &str, new: &str) -> Option<Vec<u8>> {
    let copy = new_doc(client);
    let state = yrs::Update::decode_v1(state).ok()?;
    copy.try_transact_mut().ok()?.apply_update(state).ok()?;
    let mut txn = copy.try_transact_mut().ok()?;
    let text = txn.get_or_insert_text(root);
    if text.get_string(&txn) != old {
        return None;
    }
    let positions = text.len(&txn);
    let mut edits = text::edits(old, new);
    if positions != text::utf16_len(old) {
        // Embedded values take positions that are not visible in the text; yrs panics on a missing position.
        let chunks = text.diff(&txn, YChange::identity);
        let embedded = chunks.iter().filter(|chunk| !is_text(&chunk.insert)).count();
        if positions as usize != text::utf16_len(old) as usize + embedded {
            return None;
        }
        edits = vec![Edit::Delete(positions), Edit::Insert(new)];
    }
    let delta = edits.iter().map(|edit| match *edit {
        Edit::Keep(units) => Delta::Retain(units, None),
        Edit::Delete(units) => Delta::Deleted(units),
        Edit::Insert(text) => Delta::Inserted(text.to_owned(), None),
    });
    // Caught here for the same reason as in `integrate`.
    catch_unwind(AssertUnwindSafe(|| text.apply_delta(&mut txn, delta))).ok()?;
    (text.get_string(&txn) == new).then(|| txn.encode_update_v1())
}

/// The ends of blocks of about [`BLOCK_BYTES`], between characters, the last at the end.
fn block_stops(chunks: &[yrs::types::text::Diff<YChange>]) -> Vec<u32> {
    let (mut stops, mut at) = (Vec::new(), 0);
    for chunk in chunks {
        let Out::Any(Any::String(string)) = &chunk.insert else {
            at += 1;
            stops.push(at);
            continue;
        };
        let mut rest: &str = string;
        while !rest.is_empty() {
            let (block, behind) = rest.split_at(rest.floor_char_boundary(BLOCK_BYTES));
            at += text::utf16_len(block);
            stops.push(at);
            rest = behind;
        }
    }
    stops
}

/// A delta that changes nothing and splits blocks at every `step`-th stop.
fn retains(stops: &[u32], step: usize) -> impl Iterator<Item = Delta<String>> {
    let mut before = 0;
    stops
        .iter()
        .skip(step - 1)
        .step_by(step)
        .map(move |stop| Delta::Retain(stop - std::mem::replace(&mut before, *stop), None))
}

fn is_text(chunk: &Out) -> bool {
    matches!(chunk, Out::Any(Any::String(_)))
}
