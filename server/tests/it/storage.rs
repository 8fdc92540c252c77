//! The log, snapshots and compaction, and what damage does to them; snapshots in a folder and on S3 alike.

use std::sync::Arc;

use bytes::Bytes;
use codesync_crdt::{Document, Limits};
use codesync_server::{
    compaction::Compactor,
    ids::DocId,
    log::{Offset, contract},
    storage::{LoadError, Storage},
};

use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};

use crate::{harness::TestApp, rig::s3::S3};

/// A server, and its snapshots as objects to damage.
struct Stored {
    app: TestApp,
    objects: Arc<dyn ObjectStore>,
    _s3: Option<S3>,
}

impl Stored {
    async fn in_a_folder() -> Self {
        let app = TestApp::embedded().await;
        let objects = LocalFileSystem::new_with_prefix(app.data_dir.path().join("snapshots")).unwrap();
        Self { app, objects: Arc::new(objects), _s3: None }
    }

    async fn on_s3() -> Self {
        let s3 = S3::start().await;
        let app = TestApp::with(|config| s3.configure(config)).await;
        Self { app, objects: s3.objects(), _s3: Some(s3) }
    }

    fn compactor(&self) -> Compactor {
        let services = &self.app.services;
        let policy = services.config.room.versions.clone();
        Compactor::new(services.storage.clone(), services.directory.clone(), policy)
    }

    async fn damage(&self, doc: DocId, offset: Offset) {
        let path = Path::from(format!("documents/{doc}/snapshots/{offset}"));
        let object = self.objects.get(&path).await.unwrap().bytes().await.unwrap();
        let mut bytes = object.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.objects.put(&path, bytes.into()).await.unwrap();
    }
}

/// Runs a check with snapshots in a folder and on S3, a test each.
macro_rules! everywhere {
    ($($check:ident),* $(,)?) => {
        mod in_a_folder {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $check() {
                super::$check(super::Stored::in_a_folder().await).await;
            })*
        }
        mod on_s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $check() {
                super::$check(super::Stored::on_s3().await).await;
            })*
        }
    };
}

everywhere![
    compaction_trims_one_snapshot_behind_the_newest,
    a_damaged_snapshot_costs_nothing,
    what_does_not_load_is_an_error_and_no_empty_document,
    two_compactions_at_once_agree,
    what_is_deleted_is_gone,
];

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

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_log_keeps_the_contract() {
    let app = TestApp::embedded().await;
    contract::check(app.services.storage.log.as_ref()).await;
    app.stop().await;
}

async fn compaction_trims_one_snapshot_behind_the_newest(stored: Stored) {
    let (storage, doc) = (stored.app.services.storage.clone(), DocId::new());
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
    // What is counted before the server answers may be counted by nobody.
    stored.app.metrics().await;
    let (storage, doc) = (stored.app.services.storage.clone(), DocId::new());
    let compactor = stored.compactor();
    for word in ["a", "b", "c"] {
        write(&storage, doc, &[word]).await;
        compactor.compact(doc).await.unwrap();
    }
    let newest = storage.snapshots.list(doc).await.unwrap()[0];
    stored.damage(doc, newest).await;
    assert_eq!(text(&storage, doc).await, "abc", "loaded from the one before and the log");
    let metrics = stored.app.metrics().await;
    assert!(metrics.contains("codesync_snapshots_damaged_total 1"), "an alarm can go off");
    compactor.compact(doc).await.unwrap();
    assert!(storage.snapshots.get(doc, newest).await.is_ok(), "compaction mends it");
    stored.app.stop().await;
}

async fn what_does_not_load_is_an_error_and_no_empty_document(stored: Stored) {
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
    storage.log.append(torn, vec![Bytes::from_static(b"no update")], Offset::ZERO).await.unwrap();
    assert!(matches!(storage.load(torn).await, Err(LoadError::Damaged(_))));
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
    let mut document = Document::new(Limits::default());
    document.replace_text("content", "kept 👩‍💻", 1).unwrap();
    let loaded = Document::load(&document.state(), Limits::default()).unwrap();
    assert_eq!(loaded.text("content"), document.text("content"));
    assert_eq!(loaded.state_vector(), document.state_vector());
}
