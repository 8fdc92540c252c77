//! Export and import: everything arrives, on other stores too; a second import changes nothing; damage is refused,
//! document by document.

use std::path::Path;

use bytes::Bytes;
use codesync_server::{
    config::Secret,
    hex::hex,
    ids::DocId,
    log::After,
    offset::Offset,
    transfer::{
        export,
        import::{Import, Imported},
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    commands::codesync,
    harness::TestApp,
    raw::Raw,
    rest::{Caller, PASSWORD},
    rig::{postgres::Postgres, redis::Redis, s3::S3},
};

/// What a collaborator sees of documents.
#[derive(Debug, PartialEq)]
struct Told {
    title: String,
    language: String,
    line_end: String,
    role: String,
    text: String,
    versions: Vec<(String, String)>,
}

async fn put(caller: &Caller, document: &str, text: &str) {
    let path = format!("{document}/text");
    let request = caller.request(Method::PUT, &path).header("content-type", "text/plain").body(text.to_owned());
    caller.send(request, Method::PUT, &path).await.expect(204);
}

async fn text(caller: &Caller, path: &str) -> String {
    caller.get(&format!("{path}/text")).await.expect(200).body.as_str().unwrap_or_default().to_owned()
}

async fn told(caller: &Caller, document: &str) -> Told {
    let answer = caller.get(document).await.expect(200);
    let mut versions = Vec::new();
    for item in caller.get(&format!("{document}/versions")).await.expect(200)["items"].as_array().unwrap() {
        if let Some(name) = item["name"].as_str() {
            let version = format!("{document}/versions/{}", item["id"].as_str().unwrap());
            versions.push((name.to_owned(), text(caller, &version).await));
        }
    }
    Told {
        title: answer.text("title"),
        language: answer.text("language"),
        line_end: answer.text("line_end"),
        role: answer.text("role"),
        text: text(caller, document).await,
        versions,
    }
}

/// Three documents: one with history, one that is shared, and an empty one.
async fn documents(app: &TestApp) -> (Caller, Caller, [String; 3]) {
    let (ada, vic) = (app.register("ada").await, app.register("vic").await);
    let made = ada
        .post("/api/documents", json!({ "title": "Past", "language": "rust", "line_end": "crlf", "text": "one 😀\n" }))
        .await;
    let past = format!("/api/documents/{}", made.expect(201).text("id"));
    let versions = format!("{past}/versions");
    for (name, next) in [("First", "two\n"), ("Second", "one 😀\ntwo\nthree\n"), ("Third", "")] {
        ada.post(&versions, json!({ "name": name })).await.expect(201);
        put(&ada, &past, next).await;
    }
    ada.post(&versions, json!({ "name": "Third again" })).await.expect(201);
    put(&ada, &past, "the present").await;
    let shared = ada.document("Shared").await;
    ada.share(&shared, &vic, "viewer").await;
    put(&ada, &shared, "for two").await;
    let empty = ada.document("Empty").await;
    ada.post(&format!("{empty}/versions"), json!({ "name": "Nothing" })).await.expect(201);
    (ada, vic, [past, shared, empty])
}

fn id(document: &str) -> DocId {
    document.rsplit('/').next().unwrap().parse().unwrap()
}

async fn export(app: &TestApp, folder: &Path) -> String {
    let path = folder.join("all.export");
    let services = &app.services;
    assert_eq!(export::run(&services.directory, &services.storage, &path).await.unwrap(), path);
    std::fs::read_to_string(path).unwrap()
}

async fn import(app: &TestApp, lines: &str) -> anyhow::Result<Imported> {
    let services = &app.services;
    let import = Import { directory: &services.directory, storage: &services.storage, fallback_owner: None };
    import.run(&mut lines.as_bytes()).await
}

/// A line in the form of an export.
fn line(json: &Value) -> String {
    let json = json.to_string();
    let sum = hex(Sha256::digest(&json));
    format!("{sum} {json}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_on_other_stores_and_a_second_import_changes_nothing() {
    let from = TestApp::embedded().await;
    let (ada, vic, all) = documents(&from).await;
    let folder = tempfile::tempdir().unwrap();
    let lines = export(&from, folder.path()).await;
    let (postgres, redis, s3) = (Postgres::start().await, Redis::start().await, S3::start().await);
    let to = TestApp::with(|config| {
        postgres.configure(config);
        s3.configure(config);
        config.redis.redis_url = Some(Secret::from(redis.url()));
    })
    .await;
    let (new_ada, new_vic) = (to.register("ada").await, to.register("vic").await);
    assert_eq!(import(&to, &lines).await.unwrap(), Imported { new: 3, ..Imported::default() });
    for document in &all {
        assert_eq!(told(&new_ada, document).await, told(&ada, document).await);
        let (doc, stored) = (id(document), [&from, &to].map(|app| &app.services.storage));
        let [before, after] = [stored[0].load(doc).await.unwrap(), stored[1].load(doc).await.unwrap()];
        assert_eq!(after.document.state_vector(), before.document.state_vector(), "its history came too");
    }
    assert_eq!(told(&new_vic, &all[1]).await, told(&vic, &all[1]).await);
    new_vic.get(&all[0]).await.expect_error(404, "document_not_found");
    assert_eq!(import(&to, &lines).await.unwrap(), Imported { unchanged: 3, ..Imported::default() });
    // Both sides continue, and each receives what it lacks with the next export.
    put(&new_ada, &all[1], "for two and more").await;
    put(&ada, &all[1], "here for two").await;
    let lines = export(&from, folder.path()).await;
    assert_eq!(import(&to, &lines).await.unwrap(), Imported { merged: 1, unchanged: 2, ..Imported::default() });
    let merged = to.services.storage.load(id(&all[1])).await.unwrap().document.text("content");
    assert_eq!(merged, "here for two and more");
    let first = format!("{}/versions", all[0]);
    let versions = new_ada.get(&first).await.expect(200);
    let first = versions["items"].as_array().unwrap().iter().find(|item| item["name"] == "First").unwrap();
    let first = format!("{}/versions/{}", all[0], first["id"].as_str().unwrap());
    new_ada.post(&format!("{first}/restore"), json!(null)).await.expect(204);
    assert_eq!(text(&new_ada, &all[0]).await, "one 😀\n");
    from.stop().await;
    to.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_refused_document_by_document() {
    let from = TestApp::embedded().await;
    let (ada, _, all) = documents(&from).await;
    let folder = tempfile::tempdir().unwrap();
    let good = export(&from, folder.path()).await;
    let to = TestApp::embedded().await;
    let new_ada = to.register("ada").await;
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 5, "the beginning, three documents, the end");
    let mut flipped = lines[2].to_owned().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    let error = import(&to, &[lines[0], lines[1], &flipped, lines[3], lines[4]].concat()).await.unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error:#}");
    assert_eq!(told(&new_ada, &all[0]).await, told(&ada, &all[0]).await, "what came before the damage is in");
    // The checksums of a forged line are right: then its content is checked.
    let mut made_up: Value = serde_json::from_str(&lines[2][65..]).unwrap();
    let [unsound, unreadable] = ["AQEBAQEB", "?"].map(|state| {
        made_up["document"]["states"][0]["state"] = state.into();
        line(&made_up)
    });
    let three = line(&json!({ "end": { "documents": 3 } }));
    let refused = import(&to, &[lines[0], &unsound, &unreadable, lines[3], &three].concat()).await;
    assert_eq!(refused.unwrap(), Imported { new: 1, refused: 2, ..Imported::default() });
    new_ada.get(&all[1]).await.expect_error(404, "document_not_found");
    assert_eq!(to.services.storage.load(id(&all[1])).await.unwrap().offset, Offset::ZERO, "nothing of it is stored");
    let error = import(&to, &good[..good.len() - lines[4].len() - 1]).await.unwrap_err();
    assert!(error.to_string().contains("cut short"), "{error:#}");
    let error = import(&to, &lines[..4].concat()).await.unwrap_err();
    assert!(error.to_string().contains("cut short"), "{error:#}");
    let error = import(&to, &[lines[0], lines[1], lines[4]].concat()).await.unwrap_err();
    assert!(error.to_string().contains("lacks 2 documents"), "{error:#}");
    for nonsense in
        ["", "hello\n", lines[1], &line(&json!({ "export": { "format": 2, "made_at": "2026-01-01T00:00:00Z" } }))]
    {
        assert!(import(&to, nonsense).await.is_err(), "{nonsense}");
    }
    assert_eq!(import(&to, &good).await.unwrap(), Imported { unchanged: 3, ..Imported::default() });
    from.stop().await;
    to.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn remains_of_an_interrupted_import_are_not_visible() {
    let from = TestApp::embedded().await;
    let (ada, _, all) = documents(&from).await;
    let folder = tempfile::tempdir().unwrap();
    let good = export(&from, folder.path()).await;
    let to = TestApp::embedded().await;
    let new_ada = to.register("ada").await;
    let (storage, doc) = (&to.services.storage, id(&all[0]));
    let half = from.services.storage.load(doc).await.unwrap().document;
    let offset =
        storage.log.append(doc, vec![Bytes::from(half.state())], After::Known(Offset::ZERO)).await.unwrap().last;
    storage.snapshots.put(doc, offset, &half).await.unwrap();
    assert_eq!(import(&to, &good).await.unwrap(), Imported { new: 3, ..Imported::default() });
    for document in &all {
        assert_eq!(told(&new_ada, document).await, told(&ada, document).await);
    }
    from.stop().await;
    to.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_moves_an_installation() {
    let from = TestApp::embedded().await;
    let (ada, _, all) = documents(&from).await;
    let folder = tempfile::tempdir().unwrap();
    let [source, target] = [from.data_dir.path(), folder.path()].map(|path| path.to_str().unwrap());
    let exported = codesync(&["export", "--data-dir", source, target], "");
    assert!(exported.status.success(), "{exported:?}");
    assert!(String::from_utf8_lossy(&exported.stderr).contains("exported 3 documents"), "{exported:?}");
    let file = String::from_utf8(exported.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = TestApp::with(|config| config.storage.data_dir = folder.path().to_owned()).await;
    to.register("bob").await;
    let data = folder.path().to_str().unwrap();
    let beside = codesync(&["import", "--data-dir", data, "--owner", "bob@example.org", file.trim()], "");
    let told_why = String::from_utf8_lossy(&beside.stderr).into_owned();
    assert!(!beside.status.success() && told_why.contains("stop the server first"), "{told_why}");
    to.stop().await;
    let refused = codesync(&["import", "--data-dir", data, file.trim()], "");
    let told_why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told_why.contains("3 documents were left out"), "{told_why}");
    let imported = codesync(&["import", "--data-dir", data, "--owner", "bob@example.org", file.trim()], "");
    assert!(imported.status.success(), "{imported:?}");
    assert!(String::from_utf8_lossy(&imported.stderr).contains("imported 3 new documents"), "{imported:?}");
    let nobody = codesync(&["import", "--data-dir", data, "--owner", "eve@example.org", file.trim()], "");
    assert!(!nobody.status.success());
    let to = TestApp::with(|config| config.storage.data_dir = folder.path().to_owned()).await;
    let bob = to.log_in("bob@example.org", PASSWORD).await;
    for document in &all {
        assert_eq!(told(&bob, document).await, told(&ada, document).await);
    }
    from.stop().await;
    to.stop().await;
}

/// Runs an import as a separate process, on these stores.
fn import_on(postgres: &Postgres, redis: &Redis, s3: &S3, file: &Path) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_codesync"))
        .arg("import")
        .arg(file)
        .envs([("DATABASE_URL", postgres.url()), ("REDIS_URL", redis.url())])
        .envs(s3.settings())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_beside_a_live_node_shows_in_open_documents_and_brings_deleted_ones_back() {
    let from = TestApp::embedded().await;
    let (ada, _, all) = documents(&from).await;
    let folder = tempfile::tempdir().unwrap();
    export(&from, folder.path()).await;
    let file = folder.path().join("all.export");
    let (postgres, redis, s3) = (Postgres::start().await, Redis::start().await, S3::start().await);
    let to = TestApp::with(|config| {
        postgres.configure(config);
        s3.configure(config);
        config.redis.redis_url = Some(Secret::from(redis.url()));
        config.room.sweep = std::time::Duration::from_secs(1);
    })
    .await;
    let new_ada = to.register("ada").await;
    import_on(&postgres, &redis, &s3, &file);
    let mut socket = Raw::codesync(&to.socket(), &id(&all[1]).to_string(), new_ada.token()).await;
    socket.sync().await;
    socket.append(7, ", typed beside").await;
    socket.mark(1).await;
    put(&ada, &all[1], "imported: for two").await;
    new_ada.delete(&all[0]).await.expect(204);
    export(&from, folder.path()).await;
    import_on(&postgres, &redis, &s3, &file);
    socket.until_text("imported: for two, typed beside").await;
    assert_eq!(told(&new_ada, &all[0]).await, told(&ada, &all[0]).await);
    put(&new_ada, &all[0], "it goes on").await;
    from.stop().await;
    to.stop().await;
}
