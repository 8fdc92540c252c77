//! PostgreSQL, Redis and S3 of one installation share an id; stores of another one are never written to.

use std::time::{Duration, Instant};

use codesync_server::ids::InstallationId;
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::Nodes;
use crate::{
    clients::Clients,
    commands::codesync,
    rest,
    rig::{redis::Redis, s3::S3},
};

const KEY: &str = "{codesync:dirty}:installation";

async fn in_redis(redis: &Redis) -> Option<String> {
    redis.ask(redis::cmd("GET").arg(KEY)).await.unwrap()
}

async fn in_s3(s3: &S3) -> String {
    let object = s3.objects().get(&Path::from("installation")).await.unwrap();
    String::from_utf8(object.bytes().await.unwrap().to_vec()).unwrap()
}

/// A Redis of another installation.
async fn foreign_redis() -> Redis {
    let redis = Redis::start().await;
    let () = redis.ask(redis::cmd("SET").arg(KEY).arg(InstallationId::new().to_string())).await.unwrap();
    redis
}

async fn keys(redis: &Redis) -> Vec<String> {
    redis.ask(redis::cmd("KEYS").arg("*")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_installation_refuses_the_start() {
    let nodes = Nodes::start(1, Redis::start().await).await;
    let id = in_redis(&nodes.redis).await.expect("the first start makes the id");
    assert_eq!(in_s3(&nodes.s3).await, id);
    let (redis, s3) = tokio::join!(foreign_redis(), S3::start());
    s3.objects().put(&Path::from("installation"), InstallationId::new().to_string().into()).await.unwrap();
    let other = nodes.postgres.database("other").await;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    assert!(codesync(&["migrate", "--data-dir", here, "--database-url", &other], "").status.success());
    let mut connection = PgConnection::connect(&other).await.unwrap();
    let insert = "insert into installation (only_row, id) values (1, decode(replace($1, '-', ''), 'hex'))";
    sqlx::query(insert).bind(InstallationId::new().to_string()).execute(&mut connection).await.unwrap();
    for (database, redis, s3, named) in [
        (&nodes.postgres.url(), &redis, &nodes.s3, "Redis"),
        (&nodes.postgres.url(), &nodes.redis, &s3, "S3"),
        (&other, &nodes.redis, &nodes.s3, "Redis"),
    ] {
        let before = (keys(redis).await.len(), in_s3(s3).await);
        let (settings, redis_url) = (s3.settings(), redis.url());
        let [bucket, prefix, region, endpoint, key, secret] = settings.each_ref().map(|(_, value)| value.as_str());
        let stores = [
            ["--data-dir", here],
            ["--database-url", database],
            ["--redis-url", &redis_url],
            ["--s3-bucket", bucket],
            ["--s3-prefix", prefix],
            ["--s3-region", region],
            ["--s3-endpoint", endpoint],
            ["--s3-access-key-id", key],
            ["--s3-secret-access-key", secret],
            ["--jwt-secret", "a secret that all nodes of a test share"],
        ]
        .concat();
        for command in [&["serve", "--listen=127.0.0.1:0"][..], &["export", here]] {
            let refused = codesync(&[command, &stores].concat(), "");
            let message = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(1), "{command:?} {named}: {message}");
            assert!(message.contains(&format!("{named} belongs to another installation")), "{message}");
        }
        assert_eq!((keys(redis).await.len(), in_s3(s3).await), before, "nothing was written");
    }
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_the_id_is_given_it_again() {
    let mut nodes = Nodes::start(0, Redis::start().await).await;
    // At once, on empty stores: one creates the id, the other takes it.
    nodes.add_all(2).await;
    let id = in_redis(&nodes.redis).await.unwrap();
    assert_eq!(in_s3(&nodes.s3).await, id);
    let () = nodes.redis.ask(&redis::cmd("FLUSHALL")).await.unwrap();
    nodes.redis.until(redis::cmd("GET").arg(KEY), |there: &Option<String>| there.as_deref() == Some(&id)).await;
    // A database restored to before it had an id, and an emptied bucket.
    nodes.kill_all().await;
    let mut connection = PgConnection::connect(&nodes.postgres.url()).await.unwrap();
    sqlx::query("delete from installation").execute(&mut connection).await.unwrap();
    let objects: Vec<_> = nodes.s3.objects().list(None).try_collect().await.unwrap();
    for object in objects {
        nodes.s3.objects().delete(&object.location).await.unwrap();
    }
    nodes.begin_all().await;
    assert_eq!((in_redis(&nodes.redis).await.unwrap(), in_s3(&nodes.s3).await), (id.clone(), id.clone()));
    let (there,): (String,) =
        sqlx::query_as("select encode(id, 'hex') from installation").fetch_one(&mut connection).await.unwrap();
    assert_eq!(there, id.replace('-', ""));
    nodes.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_node_writes_nothing_to_a_redis_of_another_installation() {
    let nodes = Nodes::start(1, Redis::start().await).await;
    let (ann, doc) = nodes.account_and_document().await;
    let clients = Clients::start();
    clients.join("ann", &nodes.socket(0), &doc, ann.token()).await;
    clients.append("ann", "kept ").await;
    clients.wait("ann", json!({ "acknowledged": true })).await;
    let acknowledged = clients.status("ann", "acknowledged").await;
    let foreign = foreign_redis().await;
    // It has a document of the same id, like a copy of an installation.
    let meta = format!("codesync:{{{doc}}}:meta");
    let last = nodes.log_id(&doc, "last").await.unwrap();
    let () = foreign.ask(redis::cmd("HSET").arg(&meta).arg("last").arg(&last)).await.unwrap();
    let before = keys(&foreign).await;
    nodes.nodes[0].link.lead_to(vec![foreign.addr()]);
    clients.append("ann", "not there ").await;
    let health = nodes.node(0).url("/api/health?deep");
    let started = Instant::now();
    while rest::get(&health).await.unwrap().status() != 503 {
        assert!(started.elapsed() < Duration::from_secs(20), "the Redis of others counts as available");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Several heartbeats long.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(clients.status("ann", "acknowledged").await, acknowledged, "only what is in the log");
    assert_eq!(keys(&foreign).await, before, "nothing was written");
    let fields: Vec<String> = foreign.ask(redis::cmd("HGETALL").arg(&meta)).await.unwrap();
    assert_eq!(fields, ["last".to_owned(), last]);
    nodes.nodes[0].link.lead_to(vec![nodes.redis.addr()]);
    clients.wait("ann", json!({ "acknowledged": true })).await;
    assert_eq!(clients.text("ann").await, "kept not there ");
    while rest::get(&health).await.unwrap().status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(60), "ready again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nodes.end().await;
}
