//! The log, snapshots and compaction on the embedded adapters, and what damage does to them.

use bytes::Bytes;
use codesync_crdt::{Document, Limits};
use codesync_server::{
    compaction::Compactor,
    ids::DocId,
    log::{Offset, contract},
    storage::{LoadError, Storage},
};

use crate::harness::TestApp;

/// Types `words` into the log, an entry each, after what is stored already.
async fn write(storage: &Storage, doc: DocId, words: &[&str]) {
    let mut document = storage.load(doc).await.unwrap().document;
    for (client, word) in words.iter().enumerate() {
        let text = document.text("content") + word;
        let update = document.replace_text("content", &text, client as u64 + 1).unwrap().unwrap();
        storage.log.append(doc, vec![update.bytes().clone()], Offset::ZERO).await.unwrap();
    }
}

async fn text(storage: &Storage, doc: DocId) -> String {
    storage.load(doc).await.unwrap().document.text("content")
}

fn object(app: &TestApp, doc: DocId, offset: Offset) -> std::path::PathBuf {
    app.data_dir.path().join(format!("snapshots/documents/{doc}/snapshots/{offset}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_log_keeps_the_contract() {
    let app = TestApp::embedded().await;
    contract::check(app.services.storage.log.as_ref()).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_trims_one_snapshot_behind_the_newest() {
    let app = TestApp::embedded().await;
    let (storage, doc) = (app.services.storage.clone(), DocId::new());
    let compactor = Compactor::new(storage.clone());
    write(&storage, doc, &["a", "b"]).await;
    let first = compactor.compact(doc).await.unwrap().offset;
    assert_eq!(storage.log.read(doc, Offset::ZERO).await.unwrap().entries.len(), 2, "the first snapshot trims nothing");
    write(&storage, doc, &["c"]).await;
    let second = compactor.compact(doc).await.unwrap().offset;
    let left = storage.log.read(doc, Offset::ZERO).await.unwrap();
    assert_eq!((left.trimmed, left.entries.len()), (first, 1));
    write(&storage, doc, &["d"]).await;
    let third = compactor.compact(doc).await.unwrap().offset;
    assert_eq!(storage.snapshots.list(doc).await.unwrap(), [third, second]);
    assert_eq!(text(&storage, doc).await, "abcd");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_costs_nothing() {
    let app = TestApp::embedded().await;
    let (storage, doc) = (app.services.storage.clone(), DocId::new());
    let compactor = Compactor::new(storage.clone());
    for word in ["a", "b", "c"] {
        write(&storage, doc, &[word]).await;
        compactor.compact(doc).await.unwrap();
    }
    let newest = storage.snapshots.list(doc).await.unwrap()[0];
    let file = object(&app, doc, newest);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(text(&storage, doc).await, "abc", "loaded from the one before and the log");
    compactor.compact(doc).await.unwrap();
    assert!(storage.snapshots.get(doc, newest).await.is_ok(), "compaction mends it");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_load_is_an_error_and_no_empty_document() {
    let app = TestApp::embedded().await;
    let (storage, doc) = (app.services.storage.clone(), DocId::new());
    let compactor = Compactor::new(storage.clone());
    for word in ["a", "b"] {
        write(&storage, doc, &[word]).await;
        compactor.compact(doc).await.unwrap();
    }
    for offset in storage.snapshots.list(doc).await.unwrap() {
        std::fs::write(object(&app, doc, offset), b"gone").unwrap();
    }
    assert!(matches!(storage.load(doc).await, Err(LoadError::Damaged(_))));
    assert!(app.services.rooms.open(doc).await.is_err());

    let torn = DocId::new();
    storage.log.append(torn, vec![Bytes::from_static(b"no update")], Offset::ZERO).await.unwrap();
    assert!(matches!(storage.load(torn).await, Err(LoadError::Damaged(_))));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_compactions_at_once_agree() {
    let app = TestApp::embedded().await;
    let (storage, doc) = (app.services.storage.clone(), DocId::new());
    let (one, other) = (Compactor::new(storage.clone()), Compactor::new(storage.clone()));
    let mut expected = String::new();
    for round in 0..20 {
        let word = format!("{round} ");
        write(&storage, doc, &[&word]).await;
        expected += &word;
        let (a, b) = tokio::join!(one.compact(doc), other.compact(doc));
        assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
        assert_eq!(text(&storage, doc).await, expected);
    }
    app.stop().await;
}

#[test]
fn a_replica_that_was_stored_is_the_same() {
    let mut document = Document::new(Limits::default());
    document.replace_text("content", "kept 👩‍💻", 1).unwrap();
    let loaded = Document::load(&document.state(), Limits::default()).unwrap();
    assert_eq!(loaded.text("content"), document.text("content"));
    assert_eq!(loaded.state_vector(), document.state_vector());
}
