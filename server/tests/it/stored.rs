//! The stored parts of documents, with snapshots in a folder or on S3.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use codesync_server::{compaction::Compactor, ids::DocId, log::After, offset::Offset, storage::Storage};
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};

use crate::{harness::TestApp, raw, rig::s3::S3};

/// How long damage lasts until it counts as final.
const DAMAGED_AFTER: Duration = Duration::from_secs(1);

/// A server, and access to the objects of its snapshots.
pub(crate) struct Stored {
    pub(crate) app: TestApp,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) s3: Option<S3>,
}

impl Stored {
    pub(crate) async fn in_a_folder() -> Self {
        let app = TestApp::with(|config| config.room.damaged_after = DAMAGED_AFTER).await;
        let objects = LocalFileSystem::new_with_prefix(app.data_dir.path().join("snapshots")).unwrap();
        Self { app, objects: Arc::new(objects), s3: None }
    }

    pub(crate) async fn on_s3() -> Self {
        let s3 = S3::start().await;
        let app = TestApp::with(|config| {
            s3.configure(config);
            config.room.damaged_after = DAMAGED_AFTER;
        })
        .await;
        Self { app, objects: s3.objects(), s3: Some(s3) }
    }

    /// A separate compactor, like that of another node.
    pub(crate) fn compactor(&self) -> Compactor {
        let services = &self.app.services;
        let policy = services.config.room.versions.clone();
        Compactor::new(services.storage.clone(), services.directory.clone(), policy)
    }

    /// The bytes of a snapshot, as they are stored.
    pub(crate) async fn object(&self, doc: DocId, offset: Offset) -> Bytes {
        self.objects.get(&path(doc, offset)).await.unwrap().bytes().await.unwrap()
    }

    /// Overwrites a snapshot with something else.
    pub(crate) async fn damage(&self, doc: DocId, offset: Offset) {
        let mut bytes = self.object(doc, offset).await.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.objects.put(&path(doc, offset), bytes.into()).await.unwrap();
    }
}

pub(crate) fn path(doc: DocId, offset: Offset) -> Path {
    Path::from(format!("documents/{doc}/snapshots/{offset}"))
}

/// Runs a check with snapshots in a folder and on S3, one test each.
macro_rules! everywhere {
    ($($check:ident),* $(,)?) => {
        mod in_a_folder {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $check() {
                super::$check($crate::stored::Stored::in_a_folder().await).await;
            })*
        }
        mod on_s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $check() {
                super::$check($crate::stored::Stored::on_s3().await).await;
            })*
        }
    };
}
pub(crate) use everywhere;

/// Appends `words` to the log, one entry each, after everything stored.
pub(crate) async fn write(storage: &Storage, doc: DocId, words: &[&str]) {
    let mut document = storage.load(doc).await.unwrap().document;
    for (client, word) in words.iter().enumerate() {
        let text = document.text("content") + word;
        let update = document.replacement("content", &text, client as u64 + 1).unwrap().unwrap();
        raw::apply(&mut document, &update);
        storage.log.append(doc, vec![update.bytes().clone()], After::Known(Offset::ZERO)).await.unwrap();
    }
}

pub(crate) async fn text(storage: &Storage, doc: DocId) -> String {
    storage.load(doc).await.unwrap().document.text("content")
}
