//! The contract of the directory, on every adapter.

use std::process::{Command, Stdio};

use codesync_server::directory::{Directory, contract};

use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::{
    harness::POSTGRES,
    rig::{pgbouncer::PgBouncer, postgres::Postgres},
};

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

/// Repeats every test of accounts, documents and sharing, with their directories on PostgreSQL.
#[tokio::test]
async fn the_whole_api_works_on_postgres() {
    let postgres = Postgres::start().await;
    let suites = ["access::", "admin::", "auth::", "documents::", "rights::", "sharing::", "text::", "versions::"];
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

/// Runs statements as the owner of the database.
async fn as_owner(postgres: &Postgres, sql: &'static str) {
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_role_that_may_not_create_tables_opens_a_migrated_directory() {
    let postgres = Postgres::start().await;
    as_owner(&postgres, "create role node login").await;
    let owner: PgConnectOptions = postgres.url().parse().unwrap();
    let node = owner.clone().username("node");
    let refused = format!("{:#}", Directory::postgres(node.clone(), 1).await.unwrap_err());
    assert!(refused.contains("lacks the migrations [1, 2,") && refused.contains("`codesync migrate`"), "{refused}");
    Directory::postgres(owner, 1).await.unwrap();
    as_owner(&postgres, "grant select, insert, update, delete on all tables in schema public to node").await;
    contract::conforms(&Directory::postgres(node.clone(), 4).await.unwrap()).await;
    as_owner(&postgres, "delete from codesync_migrations where version = 13").await;
    let refused = format!("{:#}", Directory::postgres(node, 1).await.unwrap_err());
    assert!(refused.contains("lacks the migrations [13]"), "{refused}");
}

#[tokio::test]
async fn the_first_release_meets_only_migrations_that_it_knows_and_unknown_ones_are_ignored() {
    let postgres = Postgres::start().await;
    let owner: PgConnectOptions = postgres.url().parse().unwrap();
    Directory::postgres(owner.clone(), 1).await.unwrap();
    let mut connection = PgConnection::connect(&postgres.url()).await.unwrap();
    let newest: i64 =
        sqlx::query_scalar("select max(version) from _sqlx_migrations").fetch_one(&mut connection).await.unwrap();
    assert_eq!(newest, 12, "release 8c7899e refuses to start beside any later version in this table");
    as_owner(
        &postgres,
        "insert into codesync_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a later release', true, '', 0); delete from codesync_migrations where version = 13;
         drop trigger documents_tombstone on documents; drop function note_deleted_document; drop table tombstones;",
    )
    .await;
    Directory::postgres(owner, 1).await.unwrap();
}

#[tokio::test]
async fn sqlite_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    contract::conforms(&Directory::sqlite(folder.path()).await.unwrap()).await;
    let reopened = Directory::sqlite(folder.path()).await.unwrap();
    assert!(reopened.user_by_email("ada@example.org").await.unwrap().is_some_and(|ada| ada.name == "Countess"));
}

/// PgBouncer before 1.21 does not keep prepared statements across transactions; later versions do, and then nothing is
/// refused.
#[tokio::test]
async fn a_pooler_that_mixes_up_prepared_statements_is_refused_by_name() {
    let postgres = Postgres::start().await;
    let (transaction, session) =
        tokio::join!(PgBouncer::start(&postgres, "transaction"), PgBouncer::start(&postgres, "session"));
    // The first node of all, and one that starts beside others.
    for _ in 0..2 {
        match Directory::postgres(transaction.url().parse().unwrap(), 4).await {
            Err(error) => assert!(format!("{error:#}").contains("session pooling"), "{error:#}"),
            Ok(directory) => contract::conforms(&directory).await,
        }
    }
    let directory = Directory::postgres(session.url().parse().unwrap(), 2).await.unwrap();
    directory.ping().await.unwrap();
}
