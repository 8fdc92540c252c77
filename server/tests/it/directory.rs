//! The directory's contract, on every adapter.

use std::process::{Command, Stdio};

use codesync_server::directory::{Directory, contract};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::{harness::POSTGRES, rig::postgres::Postgres};

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::sqlite(folder.path()).await.unwrap();
    contract::conforms(&directory).await;
}

#[tokio::test]
async fn postgres_conforms() {
    let postgres = Postgres::start().await;
    let directory = Directory::postgres(postgres.url().parse().unwrap(), 4).await.unwrap();
    contract::conforms(&directory).await;
}

/// Every test of accounts, documents and sharing once more, as they are, with their directories on PostgreSQL.
#[tokio::test]
async fn the_whole_api_works_on_postgres() {
    let postgres = Postgres::start().await;
    let suites = ["access::", "admin::", "auth::", "documents::", "sharing::", "text::", "versions::"];
    let tests = Command::new(std::env::current_exe().unwrap())
        .args(suites)
        .args(["--test-threads", "4"])
        .env(POSTGRES, postgres.server_url())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&tests.stdout);
    assert!(tests.status.success(), "{told}{}", String::from_utf8_lossy(&tests.stderr));
    let line = told.lines().find(|line| line.starts_with("test result: ok.")).unwrap();
    let passed: u32 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(passed > 30, "{line}");
}

#[tokio::test]
async fn the_way_to_postgres_can_be_under_tls() {
    let (postgres, certificate) = Postgres::with_tls().await;
    let url: PgConnectOptions = postgres.url().parse().unwrap();
    let open = async |options: PgConnectOptions| anyhow::Ok(Directory::postgres(options, 1).await?.ping().await?);
    open(url.clone().ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(&certificate)).await.unwrap();
    open(url.clone().ssl_mode(PgSslMode::Require)).await.unwrap();
    let unknown = open(url.clone().ssl_mode(PgSslMode::VerifyFull)).await.unwrap_err();
    assert!(format!("{unknown:#}").contains("certificate"), "{unknown:#}");
    open(url.ssl_mode(PgSslMode::Disable)).await.unwrap_err();
}

#[tokio::test]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let postgres = Postgres::start().await;
    let options: PgConnectOptions = postgres.url().parse().unwrap();
    let nodes = (0..4).map(|_| Directory::postgres(options.clone(), 2));
    for node in futures_util::future::join_all(nodes).await {
        node.unwrap().ping().await.unwrap();
    }
}

#[tokio::test]
async fn sqlite_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    contract::conforms(&Directory::sqlite(folder.path()).await.unwrap()).await;
    let reopened = Directory::sqlite(folder.path()).await.unwrap();
    assert!(reopened.user_by_email("ada@example.org").await.unwrap().is_some_and(|ada| ada.name == "Countess"));
}
