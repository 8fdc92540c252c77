//! The commands of the command line, run as the real program.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use codesync_server::directory::Directory;
use serde_json::json;

use crate::{
    deploy,
    harness::TestApp,
    process::{Process, free_port},
    rest::PASSWORD,
    rig::postgres::Postgres,
};

pub(crate) fn codesync(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_codesync"))
        .args(args)
        .env("CODESYNC_ARGON2_KIB", "64")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn create_user(folder: &Path, email: &str, password: &str) -> Output {
    let folder = folder.to_str().unwrap();
    codesync(&["admin", "--data-dir", folder, "create-user", "--email", email, "--name", "Root"], password)
}

#[tokio::test]
async fn the_first_administrator_is_made_at_the_command_line() {
    let app = TestApp::embedded().await;
    let folder = app.data_dir.path();
    let made = create_user(folder, "root@example.org", &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
    let root = app.log_in("root@example.org", PASSWORD).await;
    assert_eq!(root.user["is_admin"], true);
    let ada = app.register("ada").await;
    let promoted = create_user(folder, "ADA@example.org", "");
    assert!(promoted.status.success(), "{promoted:?}");
    let me = ada.get("/api/users/me").await.expect(200);
    assert_eq!((&me["is_admin"], &me["name"]), (&json!(true), &json!("ada")));
    app.log_in("ada@example.org", PASSWORD).await;
    let refused = create_user(folder, "short@example.org", "short\n");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("at least 10 characters"), "{refused:?}");
    app.stop().await;
}

#[tokio::test]
async fn migrate_makes_the_databases() {
    let folder = tempfile::tempdir().unwrap();
    let done = codesync(&["migrate", "--data-dir", folder.path().to_str().unwrap()], "");
    assert!(done.status.success(), "{done:?}");
    assert!(folder.path().join("directory.sqlite").exists());
    Directory::sqlite(folder.path()).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn the_commands_work_on_postgres() {
    let postgres = Postgres::start().await;
    let folder = tempfile::tempdir().unwrap();
    let place = ["--database-url", &postgres.url(), "--data-dir", folder.path().to_str().unwrap()];
    let done = codesync(&[&["migrate"], &place[..]].concat(), "");
    assert!(done.status.success(), "{done:?}");
    let user = ["create-user", "--email", "root@example.org", "--name", "Root"];
    for (input, told) in [(PASSWORD, "was created as an administrator"), ("", "is an administrator now")] {
        let done = codesync(&[&["admin"], &place[..], &user].concat(), input);
        assert!(String::from_utf8_lossy(&done.stdout).contains(told), "{done:?}");
    }
    assert!(!folder.path().join("directory.sqlite").exists());
    let app = TestApp::on(&postgres).await;
    let root = app.log_in("root@example.org", PASSWORD).await;
    let trail = root.get("/api/admin/audit").await.expect(200);
    assert_eq!(trail.items("/action"), ["admin.granted"]);
    assert_eq!((&trail["items"][0]["actor"], &trail["items"][0]["address"]), (&json!(null), &json!(null)));
    app.stop().await;
}

#[test]
fn a_node_of_several_needs_their_secret() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let url = "postgres://me:hidden@127.0.0.1:9/nothing";
    let args = ["serve", "--listen=127.0.0.1:0", "--data-dir", folder, "--database-url", url, "--single-node=on"];
    let refused = codesync(&args, "");
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("JWT_SECRET") && !told.contains("hidden"), "{told}");
}

/// Empty variables, as `${REDIS_URL:-}` in a compose file leaves them.
#[tokio::test(flavor = "multi_thread")]
async fn settings_without_a_value_are_not_set() {
    let data = tempfile::tempdir().unwrap();
    let mut variables = deploy::read(&["serve"]);
    // The test must set the address and the data folder.
    variables.retain(|name, _| !["CODESYNC_LISTEN", "CODESYNC_DATA_DIR"].contains(&name.as_str()));
    let empty: Vec<_> = variables.keys().map(|name| (name.as_str(), "")).collect();
    let server = Process::start(data.path(), free_port(), &empty).await;
    assert!(data.path().join("snapshots").is_dir());
    assert!(server.terminate().await);
}

/// A compose file without a variable for the bucket starts such a node.
#[test]
fn every_command_refuses_only_some_of_the_stores() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let (postgres, redis) = ("postgres://me:hidden@127.0.0.1:9/nothing", "redis://127.0.0.1:9");
    for command in [
        &["serve", "--listen=127.0.0.1:0", "--jwt-secret=a secret that is long enough for tests"][..],
        &["export", "/nowhere/export"],
        &["import", "/dev/null"],
    ] {
        let stores = ["--data-dir", here, "--database-url", postgres, "--redis-url", redis, "--s3-bucket="];
        let refused = codesync(&[command, &stores].concat(), "");
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {message}");
        assert!(message.contains("S3_BUCKET") && message.contains("CODESYNC_SINGLE_NODE=on"), "{command:?}: {message}");
        assert!(!message.contains("hidden"), "{command:?}: {message}");
    }
    for command in [&["migrate"][..], &["admin"]] {
        let user: &[&str] = match command[0] {
            "admin" => &["create-user", "--email", "root@example.org", "--name", "Root"],
            _ => &[],
        };
        let stores = ["--data-dir", here, "--redis-url", redis, "--s3-bucket=bucket"];
        let refused = codesync(&[command, &stores, user].concat(), PASSWORD);
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{command:?}: {message}");
        assert!(message.contains("DATABASE_URL"), "{command:?}: {message}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing was made beside the installation");
}

#[test]
fn a_value_that_cannot_be_used_is_refused_by_the_name_of_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("REDIS_HOST", "cache:6379"),
        ("REDIS_HOST", " "),
        ("REDIS_PORT", "0"),
        ("REDIS_PORT", "6379 "),
        ("REDIS_URL", "cache:6379"),
        ("DB_HOST", "db:5432"),
        ("DB_PORT", "none"),
        ("DB_SSLMODE", "always"),
        ("DATABASE_URL", "db"),
        ("S3_BUCKET", "two words"),
        ("CODESYNC_PUBLIC_URL", "https://example.org/?page=1"),
        ("CODESYNC_PUBLIC_URL", " https://example.org"),
        ("CODESYNC_LISTEN", "3000"),
        ("CODESYNC_LOG", "codesync=loud"),
        ("CODESYNC_LOG", " ,, "),
        ("CODESYNC_FAN_OUT_MS", "60000"),
        ("CODESYNC_VERSIONS", "1d/1h,7d"),
        ("JWT_SECRET", "                                        "),
        ("CODESYNC_SESSION_S", "18446744073709551615"),
        ("CODESYNC_SNAPSHOT_MS", "-1"),
        ("CODESYNC_AUDIT_DAYS", "4294967295"),
        ("CODESYNC_ARGON2_KIB", "4294967295"),
        ("CODESYNC_SINGLE_NODE", "yes"),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_codesync"))
            .args(["serve", "--data-dir", folder.path().to_str().unwrap()])
            .env("CODESYNC_LISTEN", "127.0.0.1:0")
            .env("CODESYNC_ARGON2_KIB", "64")
            .env(name, value)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && message.contains(name), "{name}={value:?}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_is_kept_out_of_the_folder() {
    let app = TestApp::embedded().await;
    let folder = app.data_dir.path().to_str().unwrap();
    let second = codesync(&["serve", "--listen=127.0.0.1:0", "--data-dir", folder], "");
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("another server runs on"), "{told}");
    assert_eq!(second.status.code(), Some(1));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthcheck_reports_readiness() {
    let app = TestApp::embedded().await;
    let url = app.url("/api/health");
    assert!(codesync(&["healthcheck", "--url", &url], "").status.success());
    app.services.draining.cancel();
    let draining = codesync(&["healthcheck", "--url", &url], "");
    assert!(!draining.status.success());
    assert!(String::from_utf8_lossy(&draining.stderr).contains("503"), "{draining:?}");
    app.stop().await;
    assert!(!codesync(&["healthcheck", "--url", &url], "").status.success());
}

#[test]
fn a_short_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let refused = codesync(&["serve", "--listen=127.0.0.1:0", "--data-dir", folder, "--jwt-secret=too-short"], "");
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("JWT_SECRET") && !told.contains("too-short"), "{told}");
}

#[test]
fn errors_are_printed_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder, and no export\n").unwrap();
    let (file, here) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let nowhere = "http://127.0.0.1:9/";
    for (args, told) in [
        (&["serve", "--listen=127.0.0.1:0", "--data-dir", file][..], "create data folder"),
        (&["serve", &listen, "--data-dir", here], "already in use"),
        (&["migrate", "--data-dir", file], file),
        (&["export", "--data-dir", here, "/nowhere/export"], "/nowhere/export"),
        (&["import", "--data-dir", here, file], "no export"),
        (&["migrate", "--data-dir", here, "--database-url", "postgres://127.0.0.1:9/x"], "connect to PostgreSQL"),
        (&["serve", "--data-dir", here, "--s3-bucket=x", "--s3-endpoint=nowhere"], "AWS_ENDPOINT_URL"),
        (&["serve", "--data-dir", here, "--public-url=nonsense"], "CODESYNC_PUBLIC_URL"),
        (&["serve", "--data-dir", here, "--drain-spread=20000"], "CODESYNC_DRAIN_SPREAD_MS"),
        (&["healthcheck", "--url", nowhere], "connect to 127.0.0.1:9"),
    ] {
        let failed = codesync(args, "");
        let lines = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert_eq!(failed.status.code(), Some(1), "{args:?}: {lines}");
        assert!(
            lines.starts_with("error: ") && lines.contains(told) && lines.trim_end().lines().count() == 1,
            "{lines}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_made_secret_is_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let app = TestApp::embedded().await;
    let secret = std::fs::metadata(app.data_dir.path().join("jwt.secret")).unwrap();
    assert_eq!((secret.permissions().mode() & 0o777, secret.len()), (0o600, 64));
    app.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn other_users_of_the_machine_read_no_data() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files = ["directory.sqlite", "log.db", "jwt.secret", "serve.lock"];
    let serve = async || {
        let server = Process::start(&folder, free_port(), &[]).await;
        assert_eq!(mode(&folder), 0o700);
        for file in files {
            assert_eq!(mode(&folder.join(file)) & 0o007, 0, "{file}");
        }
        for file in ["directory.sqlite-wal", "log.db-wal"].map(|name| folder.join(name)) {
            assert!(!file.exists() || mode(&file) & 0o007 == 0, "{file:?}");
        }
        assert_eq!(mode(&folder.join("snapshots")), 0o700);
        assert!(server.terminate().await);
    };
    serve().await;
    for file in files {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    // As an earlier release created them; rights of a group may be intended.
    for file in ["directory.sqlite", "log.db"] {
        std::fs::set_permissions(folder.join(file), PermissionsExt::from_mode(0o644)).unwrap();
    }
    serve().await;
    let export = place.path().join("all.export");
    let args = ["export", "--data-dir", folder.to_str().unwrap(), export.to_str().unwrap()];
    assert!(codesync(&args, "").status.success());
    assert_eq!(mode(&export), 0o600);
}
