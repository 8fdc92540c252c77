//! What the tests share: a seeded chance, writers that stand for browsers, and short forms of check and apply.

use bytes::Bytes;
use codesync_crdt::{Document, Effect, Limits, Update};
use yrs::updates::decoder::Decode;
use yrs::{Any, Doc, GetString, OffsetKind, Options, ReadTxn, Text, Transact, WriteTxn};

pub(crate) const ROOT: &str = "content";

/// Pieces of text that take one, two or many UTF-16 units, and some that combine with their neighbours.
pub(crate) const PIECES: [&str; 12] = [
    "fn ",
    "x",
    "let y = 1;\n",
    "\t",
    "(",
    "ö",
    "e\u{301}",
    "\u{301}",
    "漢字",
    "😀",
    "👩‍👩‍👧",
    "🏳️‍🌈",
];

/// A repeatable source of decisions (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }
}

/// Runs `rounds` rounds from a fresh seed, or one round from the seed in `CODESYNC_SEED`; a failing round prints its seed.
pub(crate) fn seeded(rounds: u64, mut round: impl FnMut(&mut Chance)) {
    #[expect(clippy::disallowed_methods, reason = "tests have no config.rs")]
    let fixed = std::env::var("CODESYNC_SEED").ok();
    let start = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let first = fixed
        .as_deref()
        .map_or(start.as_nanos() as u64, |seed| seed.parse().unwrap());
    let rounds = if fixed.is_some() { 1 } else { rounds };
    println!("seeds {first} to {}", first + rounds - 1);
    for seed in first..first + rounds {
        let guard = PrintSeed(seed);
        round(&mut Chance::new(seed));
        std::mem::forget(guard);
    }
}

struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        println!("failed; run it again with CODESYNC_SEED={}", self.0);
    }
}

/// A browser: makes updates and takes in those of others.
pub(crate) struct Writer {
    doc: Doc,
}

impl Writer {
    pub(crate) fn new(client: u64) -> Self {
        let client_id = yrs::block::ClientID::new(client);
        let offset_kind = OffsetKind::Utf16;
        let options = Options {
            client_id,
            offset_kind,
            ..Options::default()
        };
        Self {
            doc: Doc::with_options(options),
        }
    }

    pub(crate) fn insert(&self, at: u32, text: &str) -> Bytes {
        self.change(|txn, root| root.insert(txn, at, text))
    }

    pub(crate) fn delete(&self, at: u32, units: u32) -> Bytes {
        self.change(|txn, root| root.remove_range(txn, at, units))
    }

    fn change(&self, change: impl FnOnce(&mut yrs::TransactionMut<'_>, &yrs::TextRef)) -> Bytes {
        let mut txn = self.doc.try_transact_mut().unwrap();
        let root = txn.get_or_insert_text(ROOT);
        change(&mut txn, &root);
        txn.encode_update_v1().into()
    }

    /// Makes one random edit of text, now and then of a root map or array.
    pub(crate) fn edit(&self, chance: &mut Chance) -> Bytes {
        let len = self.len();
        match chance.below(12) {
            0..=3 if len > 0 => {
                let at = chance.below(len as usize) as u32;
                self.delete(at, 1 + chance.below((len - at).min(8) as usize) as u32)
            }
            4 => self.set_key(chance),
            5 => self.change_list(chance),
            _ => self.insert(
                chance.below(len as usize + 1) as u32,
                *chance.pick::<&str>(&PIECES),
            ),
        }
    }

    fn set_key(&self, chance: &mut Chance) -> Bytes {
        let mut txn = self.doc.try_transact_mut().unwrap();
        let map = txn.get_or_insert_map("meta");
        let key = *chance.pick(&["language", "theme"]);
        match chance.one_in(4) {
            true => drop(yrs::Map::remove(&map, &mut txn, key)),
            false => drop(yrs::Map::insert(
                &map,
                &mut txn,
                key,
                Any::from(chance.next() as i64),
            )),
        }
        txn.encode_update_v1().into()
    }

    fn change_list(&self, chance: &mut Chance) -> Bytes {
        let mut txn = self.doc.try_transact_mut().unwrap();
        let list = txn.get_or_insert_array("list");
        let len = yrs::Array::len(&list, &txn);
        let at = chance.below(len as usize + 1) as u32;
        match at < len && chance.one_in(3) {
            true => yrs::Array::remove(&list, &mut txn, at),
            false => drop(yrs::Array::insert(
                &list,
                &mut txn,
                at,
                Any::from(*chance.pick::<&str>(&PIECES)),
            )),
        }
        txn.encode_update_v1().into()
    }

    pub(crate) fn receive(&self, update: &[u8]) {
        let update = yrs::Update::decode_v1(update).unwrap();
        self.doc
            .try_transact_mut()
            .unwrap()
            .apply_update(update)
            .unwrap();
    }

    pub(crate) fn len(&self) -> u32 {
        let txn = self.doc.try_transact().unwrap();
        txn.get_text(ROOT).map_or(0, |root| root.len(&txn))
    }

    pub(crate) fn text(&self) -> String {
        let txn = self.doc.try_transact().unwrap();
        txn.get_text(ROOT)
            .map_or_else(String::new, |root| root.get_string(&txn))
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        self.doc
            .try_transact()
            .unwrap()
            .encode_state_as_update_v1(&yrs::StateVector::default())
    }

    pub(crate) fn seen(&self) -> codesync_crdt::StateVector {
        let seen = self.doc.try_transact().unwrap().state_vector();
        seen.iter()
            .map(|(client, clock)| (client.get(), *clock))
            .collect()
    }
}

pub(crate) fn document() -> Document {
    Document::new(Limits::default())
}

/// Checks and applies, as a room does.
pub(crate) fn take_in(document: &mut Document, bytes: &Bytes) -> (Update, Effect) {
    let update = document.check(bytes.clone()).unwrap();
    let effect = document.apply(&update).unwrap();
    (update, effect)
}

/// Asserts that two replicas hold the same, in content and in bytes.
pub(crate) fn assert_same(a: &Document, b: &Document) {
    assert_eq!(a.state_vector(), b.state_vector());
    assert_eq!(a.text(ROOT), b.text(ROOT));
    assert!(
        normal(&a.state()) == normal(&b.state()),
        "the states differ"
    );
}

/// Joins what one replica keeps in one piece and another in several.
pub(crate) fn normal(state: &[u8]) -> Vec<u8> {
    Document::load(state, Limits::default()).unwrap().state()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Bytes {
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Writes values in lib0's encoding, well-formed or not.
#[derive(Clone, Default)]
pub(crate) struct Wire(pub(crate) Vec<u8>);

impl Wire {
    pub(crate) fn number(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(crate) fn numbers(self, values: &[u64]) -> Self {
        values.iter().fold(self, |wire, value| wire.number(*value))
    }

    pub(crate) fn string(self, text: &str) -> Self {
        self.number(text.len() as u64).raw(text.as_bytes())
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A struct that inserts text at the start of the root.
    pub(crate) fn root_text(self, text: &str) -> Self {
        self.raw(&[0x04]).number(1).string(ROOT).string(text)
    }

    /// A struct that inserts text behind another.
    pub(crate) fn text_after(self, client: u64, clock: u64, text: &str) -> Self {
        self.raw(&[0x84]).numbers(&[client, clock]).string(text)
    }

    pub(crate) fn bytes(self) -> Bytes {
        self.0.into()
    }
}
