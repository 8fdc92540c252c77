//! Reads the structs of a checked section, one after the other.

use super::content::skip_any;
use super::item::{ANY, BINARY, CONTENT, DELETED, EMBED, FORMAT, GC, HAS_KEY, HAS_ORIGIN, HAS_RIGHT_ORIGIN, STRING};
use crate::lib0::Reader;
use crate::text::utf16_len;
use crate::{ClientId, Limits};

pub(super) type Id = (ClientId, u32);
/// The root type, and the key if the struct is the value of one.
pub(super) type Parent<'a> = (&'a str, Option<&'a str>);

/// The content of a struct.
pub(super) enum Content<'a> {
    /// Garbage-collected, with its place.
    Gone,
    Deleted,
    /// The remaining units.
    Text(std::str::EncodeUtf16<'a>),
    /// Content of this kind.
    Other(u8),
}

pub(super) struct Item<'a> {
    pub(super) origin: Option<Id>,
    pub(super) right_origin: Option<Id>,
    pub(super) parent: Option<Parent<'a>>,
    pub(super) content: Content<'a>,
    len: u32,
}

/// A reader of structs and its current clock.
pub(super) struct Structs<'a> {
    reader: Reader<'a>,
    pub(super) client: ClientId,
    clock: u32,
    /// The start of the open struct.
    start: u32,
    opened: usize,
    pub(super) item: Item<'a>,
}

impl<'a> Structs<'a> {
    pub(super) fn new(reader: Reader<'a>, client: ClientId, clock: u32) -> Self {
        let item = Item { origin: None, right_origin: None, parent: None, content: Content::Gone, len: 0 };
        Self { reader, client, clock, start: clock, opened: 0, item }
    }

    pub(super) fn clock(&self) -> u32 {
        self.clock
    }

    pub(super) fn start(&self) -> u32 {
        self.start
    }

    /// The clock after the open struct.
    pub(super) fn end(&self) -> u32 {
        self.start + self.item.len
    }

    /// Opens the next struct; `None` at the end.
    pub(super) fn open(&mut self) -> Option<()> {
        self.item = item(&mut self.reader)?;
        (self.start, self.opened) = (self.clock, self.opened + 1);
        Some(())
    }

    /// Advances by units of the open struct, and opens the next one if there is more before `end`.
    pub(super) fn pass(&mut self, units: u32, end: u32) -> Option<()> {
        self.clock += units;
        if self.clock == self.end() && self.clock < end { self.open() } else { Some(()) }
    }

    /// The reader after the section, which has `count` structs.
    pub(super) fn behind(mut self, count: usize) -> Option<Reader<'a>> {
        while self.opened < count {
            self.clock = self.end();
            self.open()?;
        }
        Some(self.reader)
    }
}

fn item<'a>(reader: &mut Reader<'a>) -> Option<Item<'a>> {
    let info = reader.byte().ok()?;
    let mut item = Item { origin: None, right_origin: None, parent: None, content: Content::Gone, len: 0 };
    if info == GC {
        item.len = length(reader)?;
        return Some(item);
    }
    if info & HAS_ORIGIN != 0 {
        item.origin = Some(id(reader)?);
    }
    if info & HAS_RIGHT_ORIGIN != 0 {
        item.right_origin = Some(id(reader)?);
    }
    if item.origin.is_none() && item.right_origin.is_none() {
        // Only root types pass the check.
        reader.number().ok()?;
        let root = reader.string().ok()?;
        let key = if info & HAS_KEY != 0 { Some(reader.string().ok()?) } else { None };
        item.parent = Some((root, key));
    }
    (item.content, item.len) = content(reader, info & CONTENT)?;
    Some(item)
}

fn content<'a>(reader: &mut Reader<'a>, kind: u8) -> Option<(Content<'a>, u32)> {
    let mut len = 1;
    match kind {
        DELETED => return Some((Content::Deleted, length(reader)?)),
        STRING => {
            let text = reader.string().ok()?;
            return Some((Content::Text(text.encode_utf16()), utf16_len(text)));
        }
        ANY => {
            len = length(reader)?;
            for _ in 0..len {
                skip_any(reader, &Limits::stored(), &mut usize::MAX.clone()).ok()?;
            }
        }
        BINARY => drop(reader.buffer().ok()?),
        EMBED => drop(reader.string().ok()?),
        FORMAT => {
            reader.string().ok()?;
            reader.string().ok()?;
        }
        _ => return None,
    }
    Some((Content::Other(kind), len))
}

fn id(reader: &mut Reader<'_>) -> Option<Id> {
    Some((reader.number().ok()?, reader.number_u32().ok()?))
}

fn length(reader: &mut Reader<'_>) -> Option<u32> {
    reader.number_u32().ok().filter(|len| *len > 0)
}
