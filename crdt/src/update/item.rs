//! One struct of an update: where it belongs, and what it holds.

use super::Run;
use super::check::{Check, end_clock};
use super::content::{check_json, skip_any, skip_key};
use crate::text::utf16_len;
use crate::{ClientId, Malformed};

const GC: u8 = 0;
const DELETED: u8 = 1;
const JSON: u8 = 2;
const BINARY: u8 = 3;
const STRING: u8 = 4;
const EMBED: u8 = 5;
const FORMAT: u8 = 6;
const TYPE: u8 = 7;
const ANY: u8 = 8;
const DOC: u8 = 9;
const SKIP: u8 = 10;

const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
const CONTENT: u8 = 0x1f;

/// How far a section has been read.
pub(super) struct Cursor {
    pub(super) client: ClientId,
    pub(super) clock: u32,
}

impl Check<'_> {
    /// Reads one struct and moves `at` behind it; returns it if it is one that text can be appended to.
    pub(super) fn item(&mut self, at: &mut Cursor) -> Result<Option<Run>, Malformed> {
        let start = self.reader.position();
        let info = self.reader.byte()?;
        if info == GC {
            at.clock = end_clock(at.clock, self.reader.number_u32()?)?;
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
        if info & CONTENT != STRING {
            let len = self.content(info & CONTENT)?;
            at.clock = end_clock(at.clock, len)?;
            return Ok(None);
        }
        let continues = at.clock > 0 && origin == Some((at.client, at.clock - 1));
        let text = self.reader.string()?;
        at.clock = end_clock(at.clock, utf16_len(text))?;
        let end = self.reader.position();
        Ok(Some(Run {
            start,
            text: end - text.len() as u32..end,
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

    /// Reads what a struct holds and returns its length in clocks.
    fn content(&mut self, kind: u8) -> Result<u32, Malformed> {
        let (reader, limits) = (&mut self.reader, self.limits);
        match kind {
            DELETED => return reader.number_u32(),
            BINARY => drop(reader.buffer()?),
            EMBED => drop(check_json(reader.string()?, limits, &mut self.values_left)?),
            FORMAT => {
                skip_key(reader, limits)?;
                check_json(reader.string()?, limits, &mut self.values_left)?;
            }
            ANY => {
                let count = reader.count(1)?;
                for _ in 0..count {
                    skip_any(reader, limits, &mut self.values_left)?;
                }
                return Ok(count as u32);
            }
            // yrs reads one string too many here, and Yjs has not written it for years.
            JSON => return Err(Malformed::Unsupported("legacy json values")),
            TYPE => return Err(Malformed::Unsupported("nested shared types")),
            DOC => return Err(Malformed::Unsupported("subdocuments")),
            SKIP => return Err(Malformed::Unsupported("skipped edits")),
            _ => return Err(Malformed::Invalid("struct: unknown content")),
        }
        Ok(1)
    }
}
