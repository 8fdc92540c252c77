//! Recorded editing sessions, typed into Yjs and replayed here update by update to their exact end.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bytes::Bytes;
use codesync_crdt::{Document, Limits, Update};
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::{ROOT, assert_same, check_and_apply, document, node_script};

/// The recordings are not part of the project and lie beside it; without them there is nothing to replay.
fn recording(name: &str) -> Option<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/traces");
    let path = PathBuf::from(folder).join(format!("{name}.json.gz"));
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn end_of(recording: &PathBuf) -> String {
    let json = GzDecoder::new(File::open(recording).unwrap());
    let trace: Value = serde_json::from_reader(BufReader::new(json)).unwrap();
    trace["endContent"].as_str().unwrap().to_owned()
}

/// Lets Yjs type the recording, and passes on each update that it makes.
fn typed_by_yjs(recording: &PathBuf, mut each: impl FnMut(Bytes)) {
    let mut node = Command::new("node");
    node.arg(node_script("trace.mjs")).arg(recording).stdout(Stdio::piped());
    let mut yjs = node.spawn().unwrap();
    let mut out = BufReader::new(yjs.stdout.take().unwrap());
    let mut length = [0; 4];
    while out.read_exact(&mut length).is_ok() {
        let mut update = vec![0; u32::from_be_bytes(length) as usize];
        out.read_exact(&mut update).unwrap();
        each(update.into());
    }
    assert!(yjs.wait().unwrap().success());
}

/// Replays a recording update by update, and again in merged batches; checks sizes against the bytes of its final text.
fn replay(name: &str) {
    let Some(recording) = recording(name) else {
        return;
    };
    let mut replica = document();
    let mut updates: Vec<Update> = Vec::new();
    typed_by_yjs(&recording, |update| updates.push(check_and_apply(&mut replica, &update).0));
    let end = end_of(&recording);
    assert!(replica.text(ROOT) == end, "the text is another");
    assert_eq!(replica.text_len(ROOT) as usize, end.len());

    let mut batched = document();
    for batch in updates.chunks(32) {
        for merged in Update::merge(batch) {
            check_and_apply(&mut batched, merged.bytes());
        }
    }
    assert_same(&replica, &batched);

    let state = replica.state();
    println!("{name}: {} updates, {} bytes of text, {} of state", updates.len(), end.len(), state.len());
    assert!(state.len() < 4 * end.len());
    assert!(replica.size_bytes() >= state.len());
    let loaded = Document::load(&state, Limits::default()).unwrap();
    assert_same(&loaded, &replica);
    assert_eq!(loaded.size_bytes(), state.len());
}

#[test]
fn rustcode_ends_as_recorded() {
    replay("rustcode");
}

#[test]
fn sveltecomponent_ends_as_recorded() {
    replay("sveltecomponent");
}

#[test]
fn automerge_paper_ends_as_recorded() {
    replay("automerge-paper");
}
