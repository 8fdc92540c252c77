//! The bytes of lib0, Yjs updates (v1) and y-protocols: enough to type into a document and to see what arrives.

use anyhow::{Result, bail, ensure};

pub const SYNC: u64 = 0;
pub const AWARENESS: u64 = 1;
pub const QUERY_AWARENESS: u64 = 3;
pub const STEP_1: u64 = 0;
pub const STEP_2: u64 = 1;
pub const UPDATE: u64 = 2;

/// An update without structs and deletions.
pub const EMPTY_UPDATE: &[u8] = &[0, 0];
/// The state vector of an empty document.
pub const EMPTY_VECTOR: &[u8] = &[0];

pub fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub fn sync_message(out: &mut Vec<u8>, step: u64, payload: &[u8]) {
    put_uint(out, SYNC);
    put_uint(out, step);
    put_bytes(out, payload);
}

/// Presence as an editor announces it.
pub fn awareness_message(out: &mut Vec<u8>, client: u64, clock: u64) {
    let mut update = Vec::new();
    put_uint(&mut update, 1);
    put_uint(&mut update, client);
    put_uint(&mut update, clock);
    put_bytes(&mut update, br##"{"user":{"name":"Bench","color":"#30bced"}}"##);
    put_uint(out, AWARENESS);
    put_bytes(out, &update);
}

/// One keystroke at the end of what `client` typed before.
pub fn keystroke(out: &mut Vec<u8>, client: u64, clock: u64) {
    const STRING: u8 = 4;
    const HAS_ORIGIN: u8 = 0x80;
    out.extend_from_slice(&[1, 1]);
    put_uint(out, client);
    put_uint(out, clock);
    if clock == 0 {
        out.extend_from_slice(&[STRING, 1]);
        put_bytes(out, b"content");
    } else {
        out.push(STRING | HAS_ORIGIN);
        put_uint(out, client);
        put_uint(out, clock - 1);
    }
    put_bytes(out, &[b'a' + (clock % 26) as u8]);
    out.push(0);
}

pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Result<u8> {
        let (&first, rest) = self.0.split_first().ok_or_else(truncated)?;
        self.0 = rest;
        Ok(first)
    }

    pub fn uint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("a number of more than 64 bits")
    }

    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.uint()? as usize;
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip_uints(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.uint()?;
        }
        Ok(())
    }
}

fn truncated() -> anyhow::Error {
    anyhow::anyhow!("truncated message")
}

/// Calls `each(client, clock, length)` for every struct of an update of plain text.
pub fn structs(update: &[u8], mut each: impl FnMut(u64, u64, u64)) -> Result<()> {
    let mut reader = Reader(update);
    for _ in 0..reader.uint()? {
        let count = reader.uint()?;
        let client = reader.uint()?;
        let mut clock = reader.uint()?;
        for _ in 0..count {
            let (kind, length) = one_struct(&mut reader)?;
            if kind == Kind::Content {
                each(client, clock, length);
            }
            clock += length;
        }
    }
    Ok(())
}

#[derive(PartialEq)]
enum Kind {
    Content,
    Skip,
}

fn one_struct(reader: &mut Reader<'_>) -> Result<(Kind, u64)> {
    let info = reader.byte()?;
    match info & 0x1f {
        0 => return Ok((Kind::Content, reader.uint()?)),
        10 => return Ok((Kind::Skip, reader.uint()?)),
        _ => {}
    }
    let origins = usize::from(info & 0x80 != 0) + usize::from(info & 0x40 != 0);
    reader.skip_uints(2 * origins)?;
    if origins == 0 {
        match reader.uint()? {
            1 => drop(reader.bytes()?),
            _ => reader.skip_uints(2)?,
        }
        if info & 0x20 != 0 {
            reader.bytes()?;
        }
    }
    let length = match info & 0x1f {
        1 => reader.uint()?,
        4 => utf16_length(reader.bytes()?)?,
        other => bail!("content of kind {other} in a text"),
    };
    ensure!(length > 0, "an empty struct");
    Ok((Kind::Content, length))
}

fn utf16_length(text: &[u8]) -> Result<u64> {
    if text.is_ascii() {
        return Ok(text.len() as u64);
    }
    Ok(std::str::from_utf8(text)?.encode_utf16().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update};

    #[test]
    fn yjs_reads_our_keystrokes_and_we_read_its_updates() {
        let doc = Doc::with_client_id(7);
        let text = doc.get_or_insert_text("content");
        let mut seen = Vec::new();
        for clock in 0..30 {
            let mut update = Vec::new();
            keystroke(&mut update, 1 << 31, clock);
            structs(&update, |client, clock, length| seen.push((client, clock, length))).unwrap();
            let update = Update::decode_v1(&update).unwrap();
            doc.transact_mut().apply_update(update).unwrap();
        }
        assert_eq!(seen, (0..30).map(|clock| (1 << 31, clock, 1)).collect::<Vec<_>>());
        assert_eq!(text.get_string(&doc.transact()), "abcdefghijklmnopqrstuvwxyzabcd");

        text.insert(&mut doc.transact_mut(), 3, "é🎉");
        text.remove_range(&mut doc.transact_mut(), 0, 2);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        let mut total = 0;
        structs(&state, |_, _, length| total += length).unwrap();
        assert_eq!(total, 33);
    }
}
