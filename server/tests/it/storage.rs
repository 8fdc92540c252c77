//! The log, snapshots and compaction, and the effects of damage; snapshots in a folder and on S3.

use std::time::{Duration, Instant};

use bytes::Bytes;
use codesync_crdt::{Document, Limits};
use codesync_server::{
    ids::DocId,
    log::{After, contract},
    offset::Offset,
    storage::LoadError,
};

use object_store::ObjectStoreExt;

use crate::{
    harness::TestApp,
    raw::Raw,
    rig::proxy::Traffic,
    stored::{Stored, everywhere, path, text, write},
};

everywhere![
    compaction_trims_one_snapshot_behind_the_newest,
    a_damaged_snapshot_costs_nothing,
    a_failed_load_is_an_error_and_no_empty_document,
    a_damaged_document_is_refused_for_good_and_an_unavailable_one_is_not,
    two_compactions_at_once_agree,
    what_is_deleted_is_gone,
];

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_log_keeps_the_contract() {
    let app = TestApp::embedded().await;
    contract::check(app.services.storage.log.as_ref()).await;
    app.stop().await;
}

async fn compaction_trims_one_snapshot_behind_the_newest(stored: Stored) {
    // Snapshots of documents that the directory does not know are not pruned.
    let document = stored.app.register("ada").await.document("pruned").await;
    let (storage, doc) = (stored.app.services.storage.clone(), document.rsplit('/').next().unwrap().parse().unwrap());
    let compactor = stored.compactor();
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
    stored.app.stop().await;
}

async fn a_damaged_snapshot_costs_nothing(stored: Stored) {
    let damaged = async || {
        let metrics = stored.app.metrics().await;
        let value =
            metrics.lines().find_map(|line| line.strip_prefix("codesync_snapshots_damaged_total ")?.parse().ok());
        value.unwrap_or(0_u64)
    };
    let before = damaged().await;
    let (storage, doc) = (stored.app.services.storage.clone(), DocId::new());
    let compactor = stored.compactor();
    for word in ["a", "b", "c"] {
        write(&storage, doc, &[word]).await;
        compactor.compact(doc).await.unwrap();
    }
    let newest = storage.snapshots.list(doc).await.unwrap()[0];
    stored.damage(doc, newest).await;
    assert_eq!(text(&storage, doc).await, "abc", "loaded from the one before and the log");
    assert!(damaged().await > before, "an alarm can go off");
    compactor.compact(doc).await.unwrap();
    assert!(storage.snapshots.get(doc, newest).await.is_ok(), "compaction mends it");
    stored.app.stop().await;
}

async fn a_failed_load_is_an_error_and_no_empty_document(stored: Stored) {
    let (storage, doc) = (stored.app.services.storage.clone(), DocId::new());
    let compactor = stored.compactor();
    for word in ["a", "b"] {
        write(&storage, doc, &[word]).await;
        compactor.compact(doc).await.unwrap();
    }
    for offset in storage.snapshots.list(doc).await.unwrap() {
        stored.damage(doc, offset).await;
    }
    assert!(matches!(storage.load(doc).await, Err(LoadError::Damaged(_))));
    assert!(stored.app.services.rooms.open(doc).await.is_err());

    let torn = DocId::new();
    storage.log.append(torn, vec![Bytes::from_static(b"no update")], After::Known(Offset::ZERO)).await.unwrap();
    assert!(matches!(storage.load(torn).await, Err(LoadError::Damaged(_))));
    stored.app.stop().await;
}

async fn a_damaged_document_is_refused_for_good_and_an_unavailable_one_is_not(stored: Stored) {
    let (app, storage) = (&stored.app, stored.app.services.storage.clone());
    let ann = app.register("ann").await;
    let [damaged, healthy] = [ann.document("damaged").await, ann.document("healthy").await];
    let id = |path: &str| -> DocId { path.rsplit('/').next().unwrap().parse().unwrap() };
    let compactor = stored.compactor();
    for path in [&damaged, &healthy] {
        for word in ["a", "b", "c"] {
            write(&storage, id(path), &[word]).await;
            compactor.compact(id(path)).await.unwrap();
        }
    }
    let snapshots = storage.snapshots.list(id(&damaged)).await.unwrap();
    let whole = [stored.object(id(&damaged), snapshots[0]).await, stored.object(id(&damaged), snapshots[1]).await];
    for offset in &snapshots {
        stored.damage(id(&damaged), *offset).await;
    }
    let open = async |path: &str| {
        let mut socket = Raw::connect(&app.socket(), &id(path).to_string(), ann.token()).await;
        socket.closed().await
    };
    let (found, certain_after) = (Instant::now(), app.services.config.room.damaged_after);
    assert_eq!(open(&damaged).await, 4503, "it may heal");
    ann.get(&format!("{damaged}/text")).await.expect_error(503, "unavailable");
    while open(&damaged).await == 4503 {
        assert!(found.elapsed() < Duration::from_secs(60), "clients try again for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(found.elapsed() >= certain_after, "final after {:?}", found.elapsed());
    assert_eq!(open(&damaged).await, 4422);
    ann.get(&format!("{damaged}/text")).await.expect_error(500, "document_damaged");
    if let Some(s3) = &stored.s3 {
        // A store that answers with errors or not at all is not damaged, however long that lasts.
        s3.traffic(Traffic::Fails);
        let unavailable = Instant::now();
        while unavailable.elapsed() < certain_after * 2 {
            assert_eq!(open(&healthy).await, 4503);
            assert_eq!(open(&damaged).await, 4503, "whether it is still damaged is not known");
        }
        s3.traffic(Traffic::Passes);
    }
    for (offset, bytes) in snapshots.into_iter().zip(whole) {
        stored.objects.put(&path(id(&damaged), offset), bytes.into()).await.unwrap();
    }
    let mut socket = Raw::connect(&app.socket(), &id(&damaged).to_string(), ann.token()).await;
    socket.sync().await;
    assert_eq!(socket.replica.text("content"), "abc", "it was put right");
    socket.leave().await;
    stored.app.stop().await;
}

async fn two_compactions_at_once_agree(stored: Stored) {
    let (storage, doc) = (stored.app.services.storage.clone(), DocId::new());
    let (one, other) = (stored.compactor(), stored.compactor());
    let mut expected = String::new();
    for round in 0..20 {
        let word = format!("{round} ");
        write(&storage, doc, &[&word]).await;
        expected += &word;
        let (a, b) = tokio::join!(one.compact(doc), other.compact(doc));
        assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
        assert_eq!(text(&storage, doc).await, expected);
    }
    stored.app.stop().await;
}

async fn what_is_deleted_is_gone(stored: Stored) {
    let (storage, doc, other) = (stored.app.services.storage.clone(), DocId::new(), DocId::new());
    let compactor = stored.compactor();
    for doc in [doc, other] {
        write(&storage, doc, &["a"]).await;
        compactor.compact(doc).await.unwrap();
    }
    storage.delete(doc).await.unwrap();
    storage.delete(doc).await.expect("deleting again is no error");
    assert_eq!(storage.snapshots.list(doc).await.unwrap(), []);
    assert_eq!(text(&storage, doc).await, "");
    assert_eq!(text(&storage, other).await, "a");
    stored.app.stop().await;
}

#[test]
fn a_replica_that_was_stored_is_the_same() {
    let document = Document::new(Limits::default());
    let update = document.replacement("content", "kept 👩‍💻", 1).unwrap().unwrap();
    let (document, _) = document.with_update(&update).unwrap();
    let loaded = Document::load(&document.state(), Limits::default()).unwrap();
    assert_eq!(loaded.text("content"), document.text("content"));
    assert_eq!(loaded.state_vector(), document.state_vector());
}
