//! A deleted document ends on every node, and nothing of it is stored.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use codesync_server::{
    compaction::{CompactionError, Compactor, Step},
    config::Secret,
    ids::DocId,
    log::LogError,
    offset::Offset,
    services::Services,
};
use futures_util::FutureExt;
use object_store::ObjectStore;
use redis::Cmd;
use reqwest::Method;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    harness::TestApp,
    raw::Raw,
    rest::Caller,
    rig::{postgres::Postgres, redis::Redis, s3::S3},
    stored::{text, write},
};

/// The timeout of anything expected.
const PATIENCE: Duration = Duration::from_secs(30);
/// The text of documents, which must be stored nowhere afterwards.
const WORDS: &str = "the quick brown zanzibar";

/// Two nodes that share all stores, and whose rooms stay loaded without peers.
struct Pair {
    postgres: Postgres,
    redis: Redis,
    s3: S3,
    nodes: Vec<TestApp>,
}

impl Pair {
    async fn start() -> Self {
        let (postgres, redis, s3) = tokio::join!(Postgres::start(), Redis::start(), S3::start());
        let mut pair = Self { postgres, redis, s3, nodes: Vec::new() };
        for _ in 0..2 {
            let node = pair.node().await;
            pair.nodes.push(node);
        }
        pair
    }

    async fn node(&self) -> TestApp {
        TestApp::with(|config| {
            self.postgres.configure(config);
            self.s3.configure(config);
            config.redis.redis_url = Some(Secret::from(self.redis.url()));
            config.room.idle = Duration::from_secs(600);
            config.room.snapshot_delay = Duration::from_millis(50);
            config.room.sweep = Duration::from_secs(1);
        })
        .await
    }

    /// The keys of a document in Redis that hold more than the mark of its deletion.
    async fn keys(&self, doc: DocId) -> Vec<String> {
        let keys: Vec<String> = self.redis.ask(redis::cmd("KEYS").arg(format!("codesync:{{{doc}}}:*"))).await.unwrap();
        let mut held = Vec::new();
        for key in keys {
            let fields: Vec<String> = match key.ends_with(":meta") {
                true => self.redis.ask(redis::cmd("HKEYS").arg(&key)).await.unwrap(),
                false => Vec::new(),
            };
            if fields != ["deleted"] {
                held.push(format!("{key} {fields:?}"));
            }
        }
        held
    }

    /// Everything that the stores hold of a document.
    async fn held(&self, doc: DocId) -> Vec<String> {
        let mut held = self.keys(doc).await;
        let mark: Option<f64> =
            self.redis.ask(Cmd::new().arg("ZSCORE").arg("codesync:dirty").arg(doc.to_string())).await.unwrap();
        held.extend(mark.map(|mark| format!("dirty since {mark}")));
        held.extend(objects(&*self.s3.objects(), doc).await);
        held
    }

    async fn stop(self) {
        for node in self.nodes {
            node.stop().await;
        }
    }
}

async fn objects(store: &dyn ObjectStore, doc: DocId) -> Vec<String> {
    let listed = store.list_with_delimiter(Some(&format!("documents/{doc}/snapshots").into())).await.unwrap();
    listed.objects.into_iter().map(|object| object.location.to_string()).collect()
}

fn id(document: &str) -> DocId {
    document.rsplit('/').next().unwrap().parse().unwrap()
}

/// A document with this text.
async fn document(caller: &Caller) -> String {
    let made = caller.post("/api/documents", json!({ "title": "a.txt", "text": WORDS })).await.expect(201);
    format!("/api/documents/{}", made.text("id"))
}

/// Waits until the result is empty.
async fn until_nothing<T: std::fmt::Debug>(mut look: impl AsyncFnMut() -> Vec<T>) {
    let started = Instant::now();
    loop {
        let left = look().await;
        if left.is_empty() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "still there: {left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_no_room(services: &Services, doc: DocId) {
    until_nothing(async || Vec::from_iter(services.rooms.is_live(doc).then_some(doc))).await;
}

/// Types until the socket is closed, and returns the code.
async fn type_until_closed(mut socket: Raw) -> u16 {
    for round in 0_u64.. {
        let frame = typed(&mut socket, &format!("{round} {WORDS}\n"));
        if let Err(code) = socket.probe(frame).await {
            return code;
        }
    }
    unreachable!("somebody closes it")
}

fn typed(socket: &mut Raw, text: &str) -> Vec<u8> {
    codesync_crdt::encode::update(socket.edit(7, text).bytes())
}

/// Open on another node: during typing, while idle, and after everybody has left.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_ends_the_rooms_of_other_nodes_and_nothing_is_stored_again() {
    let pair = Pair::start().await;
    let [here, there] = &pair.nodes[..] else { unreachable!() };
    let ada = here.register("ada").await;
    let [typing, silent, left] = [document(&ada).await, document(&ada).await, document(&ada).await];
    let mut sockets = Vec::new();
    for document in [&typing, &silent, &left] {
        let mut socket = Raw::codesync(&there.socket(), &id(document).to_string(), ada.token()).await;
        socket.sync().await;
        socket.append(7, WORDS).await;
        socket.mark(1).await;
        sockets.push(socket);
    }
    assert_eq!(sockets.pop().unwrap().leave().await, Some(1000));
    let mut silent_socket = sockets.pop().unwrap();
    let typist = type_until_closed(sockets.pop().unwrap());
    let deletes = async {
        for document in [&typing, &silent, &left] {
            ada.delete(document).await.expect(204);
        }
    };
    let (code, ()) = tokio::join!(typist, deletes);
    assert_eq!((code, silent_socket.closed().await), (4404, 4404));
    for document in [&typing, &silent, &left] {
        for node in &pair.nodes {
            until_no_room(&node.services, id(document)).await;
        }
        // An append in progress marks the document until the sweeper has checked it.
        until_nothing(async || pair.held(id(document)).await).await;
    }
    pair.stop().await;
}

/// Neither the event nor the mark in Redis reaches the room: it finds the tombstone before it restores its log.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_missed_the_deletion_does_not_restore_its_log() {
    let pair = Pair::start().await;
    let [here, there] = &pair.nodes[..] else { unreachable!() };
    let ada = here.register("ada").await;
    let document = document(&ada).await;
    let mut socket = Raw::codesync(&there.socket(), &id(&document).to_string(), ada.token()).await;
    socket.sync().await;
    let by = codesync_server::directory::By::command_line();
    assert!(here.services.directory.delete_document(id(&document), by).await.unwrap());
    let () = pair.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    socket.append(7, WORDS).await;
    assert_eq!(socket.closed().await, 4404);
    until_no_room(&there.services, id(&document)).await;
    // A compaction in progress may still release its lease.
    until_nothing(async || pair.keys(id(&document)).await).await;
    pair.stop().await;
}

/// As a node of the previous release does, or one that was paused.
#[tokio::test(flavor = "multi_thread")]
async fn data_written_after_a_deletion_is_swept() {
    let pair = Pair::start().await;
    let ada = pair.nodes[0].register("ada").await;
    let [log, snapshot] = [document(&ada).await, document(&ada).await].map(|document| id(&document));
    for doc in [log, snapshot] {
        ada.delete(&format!("/api/documents/{doc}")).await.expect(204);
        until_nothing(async || pair.held(doc).await).await;
    }
    let Services { storage, directory, .. } = &pair.nodes[0].services;
    storage.log.clear(log).await.unwrap();
    write(storage, log, &[WORDS]).await;
    let replica = storage.load(log).await.unwrap().document;
    storage.snapshots.put(snapshot, Offset(1), &replica).await.unwrap();
    directory.sweep_again(snapshot, Some(OffsetDateTime::now_utc())).await.unwrap();
    for doc in [log, snapshot] {
        until_nothing(async || pair.held(doc).await).await;
    }
    let refused = storage.log.append(log, vec!["a".into()], codesync_server::log::After::Known(Offset::ZERO)).await;
    assert!(matches!(refused, Err(LogError::Deleted)), "{refused:?}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_under_way_removes_its_snapshot_of_a_deleted_document() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let document = document(&ada).await;
    let doc = id(&document);
    let Services { storage, directory, config, .. } = app.services.clone();
    let probe = {
        let (ada, document) = (ada.clone(), document.clone());
        move |step| {
            let (ada, document) = (ada.clone(), document.clone());
            async move {
                if step == Step::Put {
                    ada.delete(&document).await.expect(204);
                }
            }
            .boxed()
        }
    };
    let compactor = Compactor::new(storage.clone(), directory, config.room.versions.clone());
    let done = compactor.with_probe(std::sync::Arc::new(probe)).compact(doc).await;
    assert!(done.is_err(), "{done:?}");
    assert_eq!(storage.snapshots.list(doc).await.unwrap(), []);
    assert_eq!(text(&storage, doc).await, "");
    app.stop().await;
}

/// A compaction in progress wrote its snapshot after the deletion had listed them.
#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_puts_after_the_deletion_leaves_nothing() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let document = document(&ada).await;
    let doc = id(&document);
    let Services { storage, directory, config, .. } = app.services.clone();
    let replica = storage.load(doc).await.unwrap();
    let probe = {
        let (ada, document, storage) = (ada.clone(), document.clone(), storage.clone());
        let replica = std::sync::Arc::new(replica);
        move |step| {
            let (ada, document, storage, replica) = (ada.clone(), document.clone(), storage.clone(), replica.clone());
            async move {
                if step == Step::Put {
                    ada.delete(&document).await.expect(204);
                    storage.snapshots.put(id(&document), replica.offset, &replica.document).await.unwrap();
                }
            }
            .boxed()
        }
    };
    let compactor = Compactor::new(storage.clone(), directory, config.room.versions.clone());
    let done = compactor.with_probe(std::sync::Arc::new(probe)).compact(doc).await;
    assert!(matches!(done, Err(CompactionError::Deleted)), "{done:?}");
    assert_eq!(storage.snapshots.list(doc).await.unwrap(), []);
    app.stop().await;
}

/// The files below a folder that contain these words.
fn files_with(folder: &Path, words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(words.len()).any(|part| part == words.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_an_embedded_server_holds_the_words_of_a_deleted_document() {
    let app = TestApp::with(|config| config.room.sweep = Duration::from_secs(1)).await;
    let ada = app.register("ada").await;
    let document = document(&ada).await;
    let doc = id(&document);
    for name in ["one", "two", "three"] {
        ada.post(&format!("{document}/versions"), json!({ "name": name })).await.expect(201);
        let path = format!("{document}/text");
        let request = ada.request(Method::PUT, &path).header("content-type", "text/plain");
        ada.send(request.body(format!("{name} {WORDS}")), Method::PUT, &path).await.expect(204);
    }
    assert!(app.services.storage.log.read(doc, Offset::ZERO).await.unwrap().trimmed > Offset::ZERO);
    assert!(files_with(app.data_dir.path(), WORDS).len() > 1, "the log and a snapshot");
    ada.delete(&document).await.expect(204);
    until_nothing(async || files_with(app.data_dir.path(), WORDS)).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_text_that_is_being_deleted_are_answered_404() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    for _ in 0..5 {
        let document = document(&ada).await;
        let path = format!("{document}/text");
        let puts = (0..20).map(|number| {
            let request = ada.request(Method::PUT, &path).header("content-type", "text/plain");
            ada.send(request.body(number.to_string()), Method::PUT, &path)
        });
        let (answers, deleted) = tokio::join!(futures_util::future::join_all(puts), ada.delete(&document));
        deleted.expect(204);
        for answer in answers {
            assert!([204, 404].contains(&answer.status), "{} {}", answer.status, answer.body);
        }
    }
    app.stop().await;
}
