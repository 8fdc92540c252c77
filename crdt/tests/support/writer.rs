//! Writers that simulate browsers.

use bytes::Bytes;
use yrs::updates::decoder::Decode;
use yrs::{Any, Doc, GetString, OffsetKind, Options, ReadTxn, Text, Transact, WriteTxn};

use super::{Chance, PIECES, ROOT};

/// A browser: makes updates and applies those of others.
pub(crate) struct Writer {
    doc: Doc,
}

impl Writer {
    pub(crate) fn new(client: u64) -> Self {
        let client_id = yrs::block::ClientID::new(client);
        let offset_kind = OffsetKind::Utf16;
        let options = Options { client_id, offset_kind, ..Options::default() };
        Self { doc: Doc::with_options(options) }
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

    /// Makes one random edit of text, sometimes of a root map or array.
    pub(crate) fn edit(&self, chance: &mut Chance) -> Bytes {
        let len = self.len();
        match chance.below(12) {
            0..=3 if len > 0 => {
                let at = chance.below(len as usize) as u32;
                self.delete(at, 1 + chance.below((len - at).min(8) as usize) as u32)
            }
            4 => self.set_key(chance),
            5 => self.change_list(chance),
            _ => self.insert(chance.below(len as usize + 1) as u32, chance.pick::<&str>(&PIECES)),
        }
    }

    fn set_key(&self, chance: &mut Chance) -> Bytes {
        let mut txn = self.doc.try_transact_mut().unwrap();
        let map = txn.get_or_insert_map("meta");
        let key = *chance.pick(&["language", "theme"]);
        match chance.one_in(4) {
            true => drop(yrs::Map::remove(&map, &mut txn, key)),
            false => drop(yrs::Map::insert(&map, &mut txn, key, Any::from(chance.next() as i64))),
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
            false => drop(yrs::Array::insert(&list, &mut txn, at, Any::from(*chance.pick::<&str>(&PIECES)))),
        }
        txn.encode_update_v1().into()
    }

    pub(crate) fn receive(&self, update: &[u8]) {
        let update = yrs::Update::decode_v1(update).unwrap();
        self.doc.try_transact_mut().unwrap().apply_update(update).unwrap();
    }

    pub(crate) fn len(&self) -> u32 {
        let txn = self.doc.try_transact().unwrap();
        txn.get_text(ROOT).map_or(0, |root| root.len(&txn))
    }

    pub(crate) fn text(&self) -> String {
        let txn = self.doc.try_transact().unwrap();
        txn.get_text(ROOT).map_or_else(String::new, |root| root.get_string(&txn))
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        self.doc.try_transact().unwrap().encode_state_as_update_v1(&yrs::StateVector::default())
    }

    pub(crate) fn seen(&self) -> codesync_crdt::StateVector {
        let seen = self.doc.try_transact().unwrap().state_vector();
        seen.iter().map(|(client, clock)| (client.get(), *clock)).collect()
    }
}
