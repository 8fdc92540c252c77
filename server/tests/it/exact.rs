//! Calls that replace the text: one of several wins on all nodes, and confirmed changes are durable.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{sleep, timeout};

use crate::{
    harness::TestApp,
    raw::Raw,
    rest::{Answer, Caller},
    rig::{postgres::Postgres, redis::Redis},
};

/// Rounds of each race, or as many as `CODESYNC_RACES` named when the tests were built.
fn rounds() -> usize {
    std::option_env!("CODESYNC_RACES").map_or(8, |rounds| rounds.parse().unwrap())
}

/// Two nodes that share a directory and a log, and a caller at each with a document.
struct Two {
    postgres: Postgres,
    redis: Redis,
    apps: [TestApp; 2],
    callers: [Caller; 2],
    /// The address of the document.
    document: String,
}

impl Two {
    async fn start() -> Self {
        let (postgres, redis) = (Postgres::start().await, Redis::start().await);
        let node = || {
            TestApp::with(|config| {
                postgres.configure(config);
                config.redis.redis_url = Some(redis.url().into());
            })
        };
        let apps = [node().await, node().await];
        let ada = apps[0].register("ada").await;
        let document = ada.document("Shared").await;
        let callers = [ada.clone(), ada.elsewhere(&apps[1].url(""))];
        Self { postgres, redis, apps, callers, document }
    }

    async fn read(&self, node: usize) -> Answer {
        self.callers[node].get(&format!("{}/text", self.document)).await.expect(200)
    }

    async fn put(&self, node: usize, text: &str, headers: &[(&str, &str)]) -> Answer {
        put(&self.callers[node], &self.document, text, headers).await
    }

    /// Waits until both nodes return the same text.
    async fn agree(&self) -> String {
        let same = async {
            loop {
                let [here, there] = [self.read(0).await, self.read(1).await];
                if here.body == there.body {
                    return here.body.as_str().unwrap_or_default().to_owned();
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), same).await.expect("both nodes show one text")
    }

    async fn end(self) {
        for app in self.apps {
            app.stop().await;
        }
        drop((self.postgres, self.redis));
    }
}

async fn put(caller: &Caller, document: &str, text: &str, headers: &[(&str, &str)]) -> Answer {
    let path = format!("{document}/text");
    let mut request = caller.request(Method::PUT, &path).header("content-type", "text/plain").body(text.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    caller.send(request, Method::PUT, &path).await
}

async fn retries(app: &TestApp) -> String {
    let metrics = app.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with("codesync_append_retries_total"));
    line.expect("it is counted").to_owned()
}

/// Lines of which every third differs in each version.
fn lines(version: &str) -> String {
    (0..300).map(|line| if line % 3 == 0 { format!("{line} {version}\n") } else { format!("{line}\n") }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_calls_with_one_if_match_at_two_nodes_one_wins_whole() {
    let two = Two::start().await;
    two.put(0, &lines("begin"), &[]).await.expect(204);
    for round in 0..rounds() {
        let texts = match round % 2 {
            0 => [lines(&format!("round {round}")), lines(&format!("round {round}"))],
            _ => [lines(&format!("round {round} here")), lines(&format!("round {round} there"))],
        };
        two.agree().await;
        let tag = two.read(0).await.header("etag").to_owned();
        let condition = [("if-match", tag.as_str())];
        let (here, there) = tokio::join!(two.put(0, &texts[0], &condition), two.put(1, &texts[1], &condition));
        let winner = usize::from(here.status != 204);
        let mut statuses = [here.status, there.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 412], "round {round}");
        assert!(two.agree().await == texts[winner], "round {round}: the text of the winner, once");
        assert_eq!(two.read(1).await.header("etag"), [here, there][winner].header("etag"), "round {round}");
    }
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_are_put_at_two_nodes_at_once_do_not_mix() {
    let two = Two::start().await;
    for round in 0..rounds() {
        let texts = [lines(&format!("round {round} here")), lines(&format!("round {round} there"))];
        let (here, there) = tokio::join!(two.put(0, &texts[0], &[]), two.put(1, &texts[1], &[]));
        assert_eq!((here.status, there.status), (204, 204), "round {round}");
        assert!(texts.contains(&two.agree().await), "round {round}: the text of one of them");

        let same = lines(&format!("round {round} same"));
        let (here, there) = tokio::join!(two.put(0, &same, &[]), two.put(1, &same, &[]));
        assert_eq!((here.status, there.status), (204, 204), "round {round}");
        assert!(two.agree().await == same, "round {round}: the text once");
    }
    // The other node knows what one node has answered: whether there is something to change, and which text `If-Match`
    // names.
    for round in 0..4 * rounds() {
        let (first, second) = (round % 2, (round + 1) % 2);
        let tag = two.put(first, "one", &[]).await.expect(204).header("etag").to_owned();
        two.put(second, "other", &[("if-match", &tag)]).await.expect(204);
        two.put(first, "one", &[("if-match", &tag)]).await.expect_error(412, "precondition_failed");
        two.put(first, "one", &[]).await.expect(204);
        two.put(second, "one", &[]).await.expect(204);
        two.put(second, "other", &[]).await.expect(204);
        two.put(first, "other", &[]).await.expect(204);
        assert_eq!(two.agree().await, "other");
    }
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_served_while_others_type_at_both_nodes() {
    let two = Two::start().await;
    two.put(0, &lines("begin"), &[]).await.expect(204);
    let doc = two.document.rsplit('/').next().unwrap();
    let mut typists = Vec::new();
    for (client, app) in [(1, &two.apps[0]), (2, &two.apps[1]), (3, &two.apps[1])] {
        let mut typist = Raw::connect(&app.socket(), doc, two.callers[0].token()).await;
        typist.sync().await;
        typists.push((client, typist));
    }
    let typing = join_all(typists.into_iter().map(|(client, mut typist)| async move {
        loop {
            typist.append(client, "typed ").await;
            typist.until(|_| true).await;
            // Faster than people type, and slower than the log accepts.
            sleep(Duration::from_millis(50)).await;
        }
    }));
    let calls = async {
        for round in 0..rounds() {
            two.put(round % 2, &lines(&format!("round {round}")), &[]).await.expect(204);
        }
    };
    tokio::select! {
        _ = typing => unreachable!("they go on"),
        () = calls => {}
    }
    let text = two.agree().await;
    let last = lines(&format!("round {}", rounds() - 1));
    assert_eq!(text.replace("typed ", ""), last);
    two.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_answered_that_is_not_durable() {
    let two = Two::start().await;
    let before = two.put(0, "before", &[]).await.expect(204).header("etag").to_owned();
    two.agree().await;
    let retried = retries(&two.apps[0]).await;
    two.redis.freeze(true);
    let (first, again) = tokio::join!(
        async {
            let condition = [("if-match", before.as_str())];
            let mut first = std::pin::pin!(two.put(0, "after", &condition));
            assert!(timeout(Duration::from_millis(400), &mut first).await.is_err(), "its append has not returned");
            first.await
        },
        async {
            sleep(Duration::from_millis(100)).await;
            let mut again = std::pin::pin!(two.put(0, "after", &[]));
            assert!(timeout(Duration::from_millis(400), &mut again).await.is_err(), "nor is the same text durable");
            // Until the answer of the first append is lost.
            while retries(&two.apps[0]).await == retried {
                sleep(Duration::from_millis(20)).await;
            }
            two.redis.freeze(false);
            again.await
        }
    );
    first.expect(204);
    again.expect(204);
    assert_eq!(two.agree().await, "after");

    // A typed edit that nobody was notified of.
    let doc = two.document.rsplit('/').next().unwrap();
    let mut typist = Raw::codesync(&two.apps[0].socket(), doc, two.callers[0].token()).await;
    typist.sync().await;
    let mut reader = Raw::connect(&two.apps[0].socket(), doc, two.callers[0].token()).await;
    reader.sync().await;
    two.redis.freeze(true);
    typist.append(7, " typed").await;
    reader.until_text("after typed").await;
    let text = format!("{}/text", two.document);
    let versions = format!("{}/versions", two.document);
    let patience = Duration::from_millis(300);
    let (put, read, named) = tokio::join!(
        timeout(patience, two.put(0, "after typed", &[])),
        timeout(patience, two.callers[0].get(&text)),
        timeout(patience, two.callers[0].post(&versions, json!({ "name": "Typed" }))),
    );
    assert!(put.is_err() && read.is_err() && named.is_err(), "{put:?} {read:?} {named:?}");
    two.redis.freeze(false);
    let (put, read, named) = tokio::join!(
        two.put(0, "after typed", &[]),
        two.callers[0].get(&text),
        two.callers[0].post(&versions, json!({ "name": "Typed" })),
    );
    put.expect(204);
    assert_eq!(read.expect(200).body, "after typed");
    let version = format!("{versions}/{}/text", named.expect(201).text("id"));
    assert_eq!(two.callers[0].get(&version).await.expect(200).body, "after typed");
    drop((typist, reader));
    two.end().await;
}

#[tokio::test]
async fn a_durable_edit_is_answered_also_where_it_cannot_be_noted() {
    let postgres = Postgres::start().await;
    let app = TestApp::on(&postgres).await;
    let ada = app.register("ada").await;
    let document = ada.document("a.txt").await;
    put(&ada, &document, "one", &[]).await.expect(204);
    let versions = format!("{document}/versions");
    let version = ada.post(&versions, json!({ "name": "One" })).await.expect(201).text("id");
    put(&ada, &document, "two", &[]).await.expect(204);
    let mut sql = PgConnection::connect(&postgres.url()).await.unwrap();
    sqlx::raw_sql("alter table documents rename column updated_at to away").execute(&mut sql).await.unwrap();
    put(&ada, &document, "three", &[]).await.expect(204);
    ada.post(&format!("{versions}/{version}/restore"), json!(null)).await.expect(204);
    sqlx::raw_sql("alter table documents rename column away to updated_at").execute(&mut sql).await.unwrap();
    assert_eq!(ada.get(&format!("{document}/text")).await.expect(200).body, "one");
    sql.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_changes_no_text_leaves_the_document_where_it_is_in_lists() {
    let app = TestApp::with(|config| config.room.snapshot_delay = Duration::from_secs(3_600)).await;
    let ada = app.register("ada").await;
    let document = ada.document("a.txt").await;
    put(&ada, &document, "one\n", &[]).await.expect(204);
    let mut typist = Raw::codesync(&app.socket(), document.rsplit('/').next().unwrap(), ada.token()).await;
    typist.sync().await;
    typist.append(7, "two\n").await;
    typist.mark(1).await;
    let edited_by = OffsetDateTime::now_utc();
    let versions = format!("{document}/versions");
    let version = ada.post(&versions, json!({ "name": "First" })).await.expect(201).text("id");
    let before = ada.get(&document).await.expect(200).text("updated_at");
    assert!(OffsetDateTime::parse(&before, &Rfc3339).unwrap() <= edited_by, "a name is no edit");
    let tag = put(&ada, &document, "one\r\ntwo\r\n", &[]).await.expect(204).header("etag").to_owned();
    put(&ada, &document, "one\ntwo\n", &[("if-match", &tag)]).await.expect(204);
    put(&ada, &document, "other", &[("if-match", "\"other\"")]).await.expect_error(412, "precondition_failed");
    ada.post(&versions, json!({ "name": "Second" })).await.expect(201);
    ada.post(&format!("{versions}/{version}/restore"), json!(null)).await.expect(204);
    ada.get(&format!("{document}/text")).await.expect(200);
    let after = ada.get(&document).await.expect(200);
    assert_eq!((after.text("updated_at"), &after["size_bytes"]), (before.clone(), &json!(8)));
    put(&ada, &document, "three", &[]).await.expect(204);
    assert_ne!(ada.get(&document).await.expect(200).text("updated_at"), before);
    drop(typist);
    app.stop().await;
}

#[tokio::test]
async fn a_text_is_put_only_where_none_is_there() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let document = ada.document("a.txt").await;
    let tag = put(&ada, &document, "first", &[("if-none-match", "*")]).await.expect(204).header("etag").to_owned();
    put(&ada, &document, "second", &[("if-none-match", "*")]).await.expect_error(412, "precondition_failed");
    put(&ada, &document, "second", &[("if-none-match", &tag)]).await.expect_error(412, "precondition_failed");
    put(&ada, &document, "second", &[("if-none-match", "\"other\"")]).await.expect(204);
    put(&ada, &document, "third", &[("if-none-match", "\"other\""), ("if-match", &tag)])
        .await
        .expect_error(412, "precondition_failed");
    assert_eq!(ada.get(&format!("{document}/text")).await.expect(200).body, "second");
    app.stop().await;
}

#[tokio::test]
async fn the_server_edits_under_ids_as_yjs_makes_them() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    for round in 0..20 {
        let new = json!({ "title": "a.txt", "text": format!("round {round}") });
        let doc = ada.post("/api/documents", new).await.expect(201).text("id");
        put(&ada, &format!("/api/documents/{doc}"), "other", &[]).await.expect(204);
        let stored = app.services.storage.load(doc.parse().unwrap()).await.unwrap().document;
        let ids: Vec<u64> = stored.state_vector().iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), 1, "one id for all edits of a room");
        assert!(ids[0] < 1 << 32, "{ids:?}");
    }
    app.stop().await;
}
