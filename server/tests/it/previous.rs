//! This release reads everything that release 8c7899e has written: its data folder, and its stores. `fixtures/8c7899e`
//! holds both as that release left them when it was killed; its answers before that are in `expected.json`.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use codesync_server::config::Secret;
use object_store::ObjectStoreExt;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::{
    harness::TestApp,
    rest::{Caller, PASSWORD},
    rig::{postgres::Postgres, redis::Redis, s3::S3},
};

/// Unpacks a part of the fixture.
fn unpack(name: &str) -> (TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/8c7899e").join(name);
    let status = std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder.path()).status();
    assert!(status.unwrap().success());
    let expected = std::fs::read(folder.path().join("expected.json")).unwrap();
    (folder, serde_json::from_slice(&expected).unwrap())
}

async fn text(caller: &Caller, path: &str) -> String {
    caller.get(&format!("{path}/text")).await.expect(200).body.as_str().unwrap_or_default().to_owned()
}

/// Checks everything in the fixture, and continues with it.
async fn is_all_there(app: &TestApp, expected: &Value) {
    let ada = app.log_in("ada@example.org", PASSWORD).await;
    let bob = app.log_in("bob@example.org", PASSWORD).await;
    let root = app.log_in("root@example.org", PASSWORD).await;
    for document in expected["documents"].as_array().unwrap() {
        let path = format!("/api/documents/{}", document["id"].as_str().unwrap());
        assert_eq!(ada.get(&path).await.expect(200)["title"], document["title"]);
        assert_eq!(text(&ada, &path).await, document["text"].as_str().unwrap());
    }
    let notes = format!("/api/documents/{}", expected["documents"][0]["id"].as_str().unwrap());
    let facts = ada.get(&notes).await.expect(200);
    assert_eq!((&facts["language"], &facts["line_end"]), (&json!("rust"), &json!("crlf")));
    let versions = ada.get(&format!("{notes}/versions")).await.expect(200);
    let versions = versions["items"].as_array().unwrap();
    for named in expected["versions"].as_array().unwrap() {
        let version = versions.iter().find(|version| version["name"] == named[0]).unwrap();
        let path = format!("{notes}/versions/{}", version["id"].as_str().unwrap());
        assert_eq!(text(&ada, &path).await, named[1].as_str().unwrap());
    }
    assert_eq!(bob.get(&notes).await.expect(200)["role"], "viewer");
    let link = format!("/api/links/{}/accept", expected["link"].as_str().unwrap());
    assert_eq!(app.register("cy").await.post(&link, json!(null)).await.expect(200)["role"], "editor");
    let gone = format!("/api/documents/{}", expected["gone"].as_str().unwrap());
    ada.get(&gone).await.expect_error(404, "document_not_found");
    let audit = root.get("/api/admin/audit").await.expect(200);
    let actions: Vec<&str> =
        expected["audit"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
    assert!(audit.items("/action").ends_with(&actions), "{:?}", audit.items("/action"));
    let request = ada.request(reqwest::Method::PUT, &format!("{notes}/text")).header("content-type", "text/plain");
    request.body("it goes on\n").send().await.unwrap().error_for_status().unwrap();
    ada.post(&format!("{notes}/versions"), json!({ "name": "Fourth" })).await.expect(201);
    assert_eq!(text(&ada, &notes).await, "it goes on\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_the_first_release_opens_in_full() {
    let (folder, expected) = unpack("data.tar.gz");
    let app = TestApp::with(|config| {
        config.storage.data_dir = folder.path().join("data");
        config.auth.audit_days = 0;
    })
    .await;
    is_all_there(&app, &expected).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_the_first_release_open_in_full() {
    let (folder, expected) = unpack("stores.tar.gz");
    let (postgres, redis, s3) = tokio::join!(Postgres::start(), Redis::start(), S3::start());
    let dump = std::fs::read_to_string(folder.path().join("directory.sql")).unwrap();
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(dump)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    for line in std::fs::read_to_string(folder.path().join("redis.txt")).unwrap().lines() {
        let mut command = redis::Cmd::new();
        for word in line.split(' ') {
            command.arg(BASE64_STANDARD.decode(word).unwrap());
        }
        let _: redis::Value = redis.ask(&command).await.unwrap();
    }
    put_all(&s3, &folder.path().join("objects"), "").await;
    let app = TestApp::with(|config| {
        postgres.configure(config);
        s3.configure(config);
        config.redis.redis_url = Some(Secret::from(redis.url()));
        config.auth.audit_days = 0;
    })
    .await;
    is_all_there(&app, &expected).await;
    app.stop().await;
}

/// Puts the files below a folder into the bucket, named by their paths.
async fn put_all(s3: &S3, folder: &Path, prefix: &str) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            Box::pin(put_all(s3, &entry.path(), &format!("{key}/"))).await;
        } else {
            let bytes = std::fs::read(entry.path()).unwrap();
            s3.objects().put(&key.as_str().into(), bytes.into()).await.unwrap();
        }
    }
}
