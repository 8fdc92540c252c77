//! One struct of an update: its place, and its content.

use super::check::{Check, end_clock};
use super::content::{check_json, skip_any, skip_key};
use super::{Point, Run};
use crate::text::utf16_len;
use crate::{ClientId, Malformed};

pub(super) const GC: u8 = 0;
pub(super) const DELETED: u8 = 1;
const JSON: u8 = 2;
pub(super) const BINARY: u8 = 3;
pub(super) const STRING: u8 = 4;
pub(super) const EMBED: u8 = 5;
pub(super) const FORMAT: u8 = 6;
const TYPE: u8 = 7;
pub(super) const ANY: u8 = 8;
const DOC: u8 = 9;
const SKIP: u8 = 10;

pub(super) const HAS_ORIGIN: u8 = 0x80;
pub(super) const HAS_RIGHT_ORIGIN: u8 = 0x40;
pub(super) const HAS_KEY: u8 = 0x20;
pub(super) const CONTENT: u8 = 0x1f;

/// The position within a section.
pub(super) struct Cursor {
    pub(super) client: ClientId,
    pub(super) at: Point,
}

impl Cursor {
    fn pass(&mut self, len: u32, byte: u32, continues: bool) -> Result<(), Malformed> {
        let (structs, places) = (self.at.structs + 1, self.at.places + u32::from(!continues));
        self.at = Point { clock: end_clock(self.at.clock, len)?, byte, structs, places };
        Ok(())
    }
}

impl Check<'_> {
    /// Reads one struct and moves `at` behind it; returns it if text can be appended to it.
    pub(super) fn item(&mut self, at: &mut Cursor) -> Result<Option<Run>, Malformed> {
        let info = self.reader.byte()?;
        if info == GC {
            let len = self.reader.number_u32()?;
            at.pass(len, self.reader.position(), true)?;
            return Ok(None);
        }
        if info == SKIP {
            self.skipped_at.get_or_insert(at.at);
            let len = self.reader.number_u32()?;
            at.pass(len, self.reader.position(), true)?;
            return Ok(None);
        }
        let mut origin = None;
        if info & HAS_ORIGIN != 0 {
            origin = Some(self.reference(at)?);
        }
        let mut right_origin = None;
        if info & HAS_RIGHT_ORIGIN != 0 {
            right_origin = Some(self.reference(at)?);
        }
        if origin.is_none() && right_origin.is_none() {
            self.parent(info)?;
        }
        let Point { clock, byte, .. } = at.at;
        let kind = info & CONTENT;
        let (content, len) = self.content(kind)?;
        let continues = clock > 0 && origin == Some((at.client, clock - 1));
        at.pass(len, self.reader.position(), continues)?;
        Ok(matches!(kind, STRING | ANY).then(|| Run {
            kind,
            start: byte,
            content: content..at.at.byte,
            continues,
            right_origin,
        }))
    }

    fn parent(&mut self, info: u8) -> Result<(), Malformed> {
        if self.reader.number()? != 1 {
            return Err(Malformed::Unsupported("nested shared types"));
        }
        let name = self.reader.string()?;
        if name.len() > self.limits.root_name_bytes {
            return Err(Malformed::Limit("bytes of a root type's name"));
        }
        let (known, new) = (self.known.roots, &mut self.parts.new_roots);
        if !known.contains(name) && new.iter().all(|root| **root != *name) {
            if known.len() + new.len() >= self.limits.roots {
                return Err(Malformed::Limit("root types"));
            }
            new.push(name.into());
        }
        if info & HAS_KEY != 0 {
            skip_key(&mut self.reader, self.limits)?;
        }
        Ok(())
    }

    /// Reads the content of a struct; returns the position after its own length, and its length in clocks.
    fn content(&mut self, kind: u8) -> Result<(u32, u32), Malformed> {
        let (reader, limits) = (&mut self.reader, self.limits);
        let len = match kind {
            STRING => {
                let text = reader.string()?;
                return Ok((reader.position() - text.len() as u32, utf16_len(text)));
            }
            ANY => {
                let count = reader.count(1)?;
                let start = reader.position();
                for _ in 0..count {
                    skip_any(reader, limits, &mut self.values_left)?;
                }
                return Ok((start, count as u32));
            }
            DELETED => reader.number_u32()?,
            BINARY => {
                reader.buffer()?;
                1
            }
            EMBED => {
                check_json(reader.string()?, limits, &mut self.values_left)?;
                1
            }
            FORMAT => {
                skip_key(reader, limits)?;
                check_json(reader.string()?, limits, &mut self.values_left)?;
                1
            }
            // yrs reads one string too many here, and Yjs has not written it for years.
            JSON => return Err(Malformed::Unsupported("legacy json values")),
            TYPE => return Err(Malformed::Unsupported("nested shared types")),
            DOC => return Err(Malformed::Unsupported("subdocuments")),
            _ => return Err(Malformed::Invalid("struct: unknown content")),
        };
        Ok((reader.position(), len))
    }
}

impl Run {
    pub(super) fn is_text(&self) -> bool {
        self.kind == STRING
    }

    /// The approximate memory of its content: a value of one byte becomes one of 24.
    pub(super) fn memory(&self) -> usize {
        let bytes = self.content.len();
        if self.is_text() { bytes } else { bytes * 24 }
    }
}
