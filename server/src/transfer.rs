//! Moving documents from one installation to another, with any stores: their text with all history that merging needs,
//! title, language, line end, people by e-mail address, and named versions. Accounts, logins and share links are not
//! moved.
//!
//! An export is text with one record per line: the SHA-256 of the rest of the line in hexadecimal digits, a space, and
//! a JSON object with one field. First `{"export":{"format":1,"made_at":…}}`, then `{"document":{…}}` for each
//! document, last `{"end":{"documents":n}}`; an export without it is truncated. `states` of a document are updates of
//! the Yjs v1 encoding in base64, each a whole state: those of its named versions, the oldest first, and the current
//! one last, without a name.

pub mod export;
pub mod import;

use std::io::{BufRead, Read, Write};

use anyhow::{Context, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{
    directory::{Indentation, LineEnd},
    hex::hex,
    ids::{DocId, VersionId},
    role::Role,
};

/// The format that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;
/// Hexadecimal digits of a checksum.
const DIGEST_CHARS: usize = 64;
/// Far above any document with its versions, and small enough for memory.
const LINE_BYTES_MAX: u64 = 2 << 30;

/// A line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Record {
    Export {
        format: u32,
        #[serde(with = "time::serde::rfc3339")]
        made_at: OffsetDateTime,
    },
    Document(Box<Moved>),
    End {
        documents: u64,
    },
}

/// A document in an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    id: DocId,
    title: String,
    language: String,
    /// Exports from before this field have LF.
    #[serde(default)]
    line_end: LineEnd,
    /// Omitted if nobody has chosen one, as in exports from before this field.
    #[serde(default, skip_serializing_if = "Indentation::is_auto")]
    indentation: Indentation,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    people: Vec<Participant>,
    states: Vec<State>,
}

/// A user who shares a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Participant {
    email: String,
    role: Role,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

/// A state of a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// The version of this state; none for the current state.
    version: Option<Named>,
    state: String,
}

/// A version with a name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: VersionId,
    name: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl State {
    fn of(version: Option<Named>, state: &[u8]) -> Self {
        Self { version, state: BASE64_STANDARD.encode(state) }
    }

    fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        BASE64_STANDARD.decode(&self.state).context("a state is not base64")
    }
}

fn digest(json: &[u8]) -> String {
    hex(Sha256::digest(json))
}

fn write(out: &mut impl Write, record: &Record) -> anyhow::Result<u64> {
    let json = serde_json::to_vec(record)?;
    write!(out, "{} ", digest(&json))?;
    out.write_all(&json)?;
    out.write_all(b"\n")?;
    Ok(json.len() as u64)
}

/// Reads the next record; `None` at the end of the input.
fn read(input: &mut impl BufRead) -> anyhow::Result<Option<Record>> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).context("read the export")?;
    if line.is_empty() {
        return Ok(None);
    }
    ensure!(line.pop() == Some(b'\n'), "the export is cut short");
    let Some((sum, [b' ', json @ ..])) = line.split_at_checked(DIGEST_CHARS) else { bail!("this is no export") };
    ensure!(digest(json).as_bytes() == sum, "the export is damaged: a checksum differs");
    Ok(Some(serde_json::from_slice(json).context("this is no export that this version of CodeSync reads")?))
}

/// Prints progress on standard error; standard output is for data.
fn report(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
