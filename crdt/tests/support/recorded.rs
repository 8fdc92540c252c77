//! Recordings of Yjs and y-protocols: see `node/fixtures.mjs`.

use bytes::Bytes;
use serde_json::Value;

use super::unhex;

pub(crate) const HISTORIES: [&str; 4] = ["typing", "unicode", "several", "rich"];

pub(crate) fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn bytes(value: &Value) -> Bytes {
    unhex(value.as_str().unwrap())
}

pub(crate) fn updates(history: &Value) -> Vec<Bytes> {
    let updates = history["updates"].as_array().unwrap();
    updates.iter().map(bytes).collect()
}
