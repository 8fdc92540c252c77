//! Stored documents that the directory does not know, as after a restore of an older database: they are kept, counted,
//! listed, and adopted by a command.

use std::{path::Path, time::Instant};

use serde_json::json;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::{
    process::{Process, free_port},
    raw::Raw,
    rest::{Caller, PASSWORD},
    rig::{postgres::Postgres, redis::Redis, s3::S3},
};

type Settings = Vec<(&'static str, String)>;

/// A server whose directory can be restored from an older copy.
struct Installation {
    data: TempDir,
    settings: Settings,
}

impl Installation {
    async fn start(&self) -> Process {
        let mut settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        settings.push(("CODESYNC_SWEEP_S", "1"));
        Process::start(self.data.path(), free_port(), &settings).await
    }

    /// Runs `codesync admin` and returns its output.
    fn admin(&self, arguments: &[&str]) -> String {
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_codesync"))
            .arg("admin")
            .args(arguments)
            .env("CODESYNC_DATA_DIR", self.data.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }
}

async fn unknown(server: &Process) -> f64 {
    let metrics = server.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("codesync_documents_unknown "));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

async fn until_unknown(server: &Process, count: f64) {
    let started = Instant::now();
    while unknown(server).await != count {
        assert!(started.elapsed().as_secs() < 60, "{} documents are unknown", unknown(server).await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A document with that text, typed and durable.
async fn typed(server: &Process, caller: &Caller, text: &str) -> String {
    let document = caller.document(text).await;
    let mut socket = Raw::codesync(&server.socket(), document.rsplit('/').next().unwrap(), caller.token()).await;
    socket.sync().await;
    socket.append(7, text).await;
    socket.mark(1).await;
    document
}

async fn text(caller: &Caller, document: &str) -> String {
    caller.get(&format!("{document}/text")).await.expect(200).body.as_str().unwrap().to_owned()
}

/// `copy` makes a copy of the directory, and `restore` restores it; the server is stopped then.
async fn are_kept_listed_and_adopted(
    mut installation: Installation,
    copy: impl AsyncFnOnce(&mut Installation),
    restore: impl AsyncFnOnce(&mut Installation),
) {
    let server = installation.start().await;
    let ada = Caller::at(&server.url("")).register("ada").await;
    let old = typed(&server, &ada, "old").await;
    assert!(server.terminate().await);
    copy(&mut installation).await;

    let server = installation.start().await;
    let ada = Caller::at(&server.url("")).log_in("ada@example.org", PASSWORD).await;
    let archived = typed(&server, &ada, "archived").await;
    let version = json!({ "name": "first" });
    ada.post(&format!("{archived}/versions"), version).await.expect(201);
    let request = ada.request(reqwest::Method::PUT, &format!("{archived}/text")).header("content-type", "text/plain");
    request.body("archived twice").send().await.unwrap().error_for_status().unwrap();
    ada.post(&format!("{archived}/versions"), json!({ "name": "second" })).await.expect(201);
    let deleted = typed(&server, &ada, "deleted").await;
    ada.delete(&deleted).await.expect(204);
    let only_in_the_log = typed(&server, &ada, "only in the log").await;
    // A killed node has taken no last snapshot.
    server.kill().await;
    restore(&mut installation).await;

    let server = installation.start().await;
    // The one without a snapshot is counted once the sweeper has taken one.
    until_unknown(&server, 2.0).await;
    let ada = Caller::at(&server.url("")).log_in("ada@example.org", PASSWORD).await;
    assert_eq!(text(&ada, &old).await, "old");
    ada.get(&archived).await.expect_error(404, "document_not_found");
    let mut ids: Vec<&str> = [&archived, &only_in_the_log].map(|document| document.rsplit('/').next().unwrap()).into();
    ids.sort_unstable();
    assert_eq!(installation.admin(&["unknown-documents"]).lines().collect::<Vec<_>>(), ids);

    let adopted = installation.admin(&["adopt-documents", "--owner", "ada@example.org"]);
    assert_eq!(adopted.lines().filter(|line| line.contains("Recovered document 20")).count(), 2, "{adopted}");
    assert_eq!(installation.admin(&["unknown-documents"]), "");
    until_unknown(&server, 0.0).await;
    for (document, expected) in [(&old, "old"), (&archived, "archived twice"), (&only_in_the_log, "only in the log")] {
        assert_eq!(text(&ada, document).await, expected);
    }
    let versions = ada.get(&format!("{archived}/versions")).await.expect(200);
    let first =
        versions["items"].as_array().unwrap().iter().find(|item| item["name"] == "Recovered version 1").unwrap();
    assert_eq!(text(&ada, &format!("{archived}/versions/{}", first["id"].as_str().unwrap())).await, "archived");
    let mut socket = Raw::codesync(&server.socket(), ids[0], ada.token()).await;
    socket.sync().await;
    socket.append(8, ", and it goes on").await;
    socket.mark(1).await;
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_newer_than_a_restored_file_are_kept_listed_and_adopted() {
    let data = tempfile::tempdir().unwrap();
    let aside = tempfile::tempdir().unwrap();
    let installation = Installation { data, settings: Vec::new() };
    // Including the write-ahead log.
    let copy = |from: &Path, to: &Path| {
        for end in ["", "-wal"] {
            let [from, to] = [from, to].map(|folder| folder.join(format!("directory.sqlite{end}")));
            let _ = std::fs::remove_file(&to);
            if from.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
    };
    are_kept_listed_and_adopted(
        installation,
        async |installation| copy(installation.data.path(), aside.path()),
        async |installation| {
            let _ = std::fs::remove_file(installation.data.path().join("directory.sqlite-shm"));
            copy(aside.path(), installation.data.path());
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_newer_than_a_restored_database_are_kept_listed_and_adopted() {
    let (postgres, redis, s3) = tokio::join!(Postgres::start(), Redis::start(), S3::start());
    let mut settings: Settings = vec![
        ("DATABASE_URL", postgres.url()),
        ("REDIS_URL", redis.url()),
        ("JWT_SECRET", "a secret that all nodes of a test share".to_owned()),
    ];
    settings.extend(s3.settings());
    let installation = Installation { data: tempfile::tempdir().unwrap(), settings };
    are_kept_listed_and_adopted(
        installation,
        async |_| {
            let mut connection = PgConnection::connect(&postgres.server_url()).await.unwrap();
            sqlx::raw_sql("create database older template codesync").execute(&mut connection).await.unwrap();
        },
        async |installation| {
            installation.settings[0].1 = postgres.url().replacen("/codesync?", "/older?", 1);
        },
    )
    .await;
}
