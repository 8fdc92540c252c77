//! Versions: automatic, named, read, and restored.

use codesync_crdt::{Document, Limits};
use codesync_server::{config::Config, ids::DocId};
use reqwest::Method;
use serde_json::json;

use crate::{
    clients::Clients,
    harness::TestApp,
    rest::{self, Answer, Caller},
    rig::s3::S3,
};

/// Only snapshots that a test requests, and none is kept for its age.
fn on_demand(config: &mut Config) {
    config.room.snapshot_delay = std::time::Duration::from_secs(3_600);
    config.room.versions = "1s/1s".parse().unwrap();
}

fn id(document: &str) -> DocId {
    document.rsplit('/').next().unwrap().parse().unwrap()
}

async fn write(caller: &Caller, document: &str, text: &str) {
    let path = format!("{document}/text");
    let request = caller.request(Method::PUT, &path).header("content-type", "text/plain").body(text.to_owned());
    caller.send(request, Method::PUT, &path).await.expect(204);
}

async fn read(caller: &Caller, path: &str) -> String {
    let answer = caller.get(&format!("{path}/text")).await.expect(200);
    answer.body.as_str().unwrap_or_default().to_owned()
}

async fn name(caller: &Caller, document: &str, name: &str) -> String {
    let answer = caller.post(&format!("{document}/versions"), json!({ "name": name })).await.expect(201);
    format!("{document}/versions/{}", answer.text("id"))
}

async fn list(caller: &Caller, document: &str) -> Answer {
    caller.get(&format!("{document}/versions")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_restored_live_for_everyone() {
    let app = TestApp::with(on_demand).await;
    let ada = app.register("ada").await;
    let document = ada.document("a.rs").await;
    let doc = id(&document).to_string();
    write(&ada, &document, "one\ntwo\n").await;
    let first = name(&ada, &document, " First draft ").await;
    let clients = Clients::start();
    for client in ["a", "b"] {
        clients.join(client, &app.socket(), &doc, ada.token()).await;
    }
    clients.append("a", "three\n").await;
    clients.wait("b", json!({ "text": "one\ntwo\nthree\n" })).await;
    clients.wait("a", json!({ "acknowledged": true })).await;
    assert_eq!(read(&ada, &first).await, "one\ntwo\n");
    ada.post(&format!("{first}/restore"), json!(null)).await.expect(204);
    for client in ["a", "b"] {
        clients.wait(client, json!({ "text": "one\ntwo\n" })).await;
    }
    // The state before is kept, so that the restore can be undone.
    let versions = list(&ada, &document).await;
    let before = versions["items"].as_array().unwrap().iter().find(|version| version["name"].is_null()).unwrap();
    let before = format!("{document}/versions/{}", before["id"].as_str().unwrap());
    ada.post(&format!("{before}/restore"), json!(null)).await.expect(204);
    clients.wait("b", json!({ "text": "one\ntwo\nthree\n" })).await;
    clients.converge(&["a", "b"]).await;
    let named = &list(&ada, &document).await["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&named["name"], &named["size_bytes"]), (&json!("First draft"), &json!(8)));
    assert_eq!(named["author"]["name"], "ada");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_stay_and_what_has_none_goes() {
    let app = TestApp::with(on_demand).await;
    let ada = app.register("ada").await;
    let document = ada.document("a.rs").await;
    write(&ada, &document, "kept").await;
    let kept = name(&ada, &document, "Kept").await;
    let again = name(&ada, &document, "Kept too").await;
    assert_ne!(kept, again, "one state may have two names");
    let mut unnamed = Vec::new();
    for round in 0..5 {
        write(&ada, &document, &format!("round {round}")).await;
        app.services.rooms.snapshot(id(&document)).await.unwrap();
        unnamed.push(list(&ada, &document).await["items"][0]["id"].as_str().unwrap().to_owned());
        // Ages count in whole seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    }
    let names = |answer: &Answer| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|item| item["name"].to_string()).collect()
    };
    assert_eq!(names(&list(&ada, &document).await), ["null", "null", "\"Kept too\"", "\"Kept\""]);
    for path in [&kept, &again] {
        assert_eq!(read(&ada, path).await, "kept");
    }
    let gone = format!("{document}/versions/{}/text", unnamed[0]);
    ada.get(&gone).await.expect_error(404, "version_not_found");
    let here = format!("{document}/versions/{}", unnamed[4]);
    assert_eq!(read(&ada, &here).await, "round 4");
    let snapshots = app.services.storage.snapshots.list(id(&document)).await.unwrap();
    assert_eq!(snapshots.len(), 3, "as many objects as states");
    ada.delete(&document).await.expect(204);
    assert_eq!(app.services.storage.snapshots.list(id(&document)).await.unwrap(), []);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_for_those_whose_document_it_is() {
    let app = TestApp::with(on_demand).await;
    let [ada, vic, eve] = [app.register("ada").await, app.register("vic").await, app.register("eve").await];
    let document = ada.document("a.rs").await;
    let other = vic.document("b.rs").await;
    ada.share(&document, &vic, "viewer").await;
    write(&ada, &document, "text").await;
    let version = name(&ada, &document, "Mine").await;
    assert_eq!(read(&vic, &version).await, "text");
    assert_eq!(list(&vic, &document).await.items("/name"), ["Mine"]);
    let (versions, restore) = (format!("{document}/versions"), format!("{version}/restore"));
    vic.post(&versions, json!({ "name": "Yours" })).await.expect_error(403, "forbidden");
    vic.post(&restore, json!(null)).await.expect_error(403, "forbidden");
    eve.get(&versions).await.expect_error(404, "document_not_found");
    eve.post(&restore, json!(null)).await.expect_error(404, "document_not_found");
    let elsewhere = version.replace(&document, &other);
    vic.post(&format!("{elsewhere}/restore"), json!(null)).await.expect_error(404, "version_not_found");
    vic.get(&format!("{elsewhere}/text")).await.expect_error(404, "version_not_found");
    ada.get(&format!("{versions}/none/text")).await.expect_error(404, "version_not_found");
    ada.post(&versions, json!({ "name": " " })).await.expect_fields(&["name"]);
    ada.get(&format!("{versions}?cursor=x")).await.expect_fields(&["cursor"]);
    ada.get(&format!("{versions}?limit=0")).await.expect_fields(&["limit"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_come_in_pages_newest_first() {
    let app = TestApp::with(on_demand).await;
    let ada = app.register("ada").await;
    let document = ada.document("a.rs").await;
    for round in 0..5 {
        name(&ada, &document, &format!("{round}")).await;
        write(&ada, &document, &format!("round {round}")).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = ada.get(&format!("{document}/versions?limit=2{cursor}")).await.expect(200);
        seen.extend(page.items("/name").into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_snapshot_comes_from_here_or_by_a_link_to_s3() {
    let s3 = S3::start().await;
    let apps = [
        TestApp::with(on_demand).await,
        TestApp::with(|config| {
            on_demand(config);
            s3.configure(config);
        })
        .await,
    ];
    let client = rest::client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (app, status) in apps.into_iter().zip([200, 307]) {
        let [ada, vic, eve] = [app.register("ada").await, app.register("vic").await, app.register("eve").await];
        let document = ada.document("a.rs").await;
        ada.share(&document, &vic, "viewer").await;
        let path = format!("{document}/snapshot");
        ada.get(&path).await.expect_error(404, "version_not_found");
        write(&ada, &document, "in a snapshot").await;
        app.services.rooms.snapshot(id(&document)).await.unwrap();
        eve.get(&path).await.expect_error(404, "document_not_found");
        let mut answer = client.get(app.url(&path)).bearer_auth(vic.token()).send().await.unwrap();
        assert_eq!(answer.status(), status);
        if status == 307 {
            let link = answer.headers()["location"].to_str().unwrap().to_owned();
            assert!(link.contains("X-Amz-Expires=60"), "{link}");
            answer = client.get(link).send().await.unwrap();
        } else {
            assert_eq!(answer.headers()["content-type"], "application/octet-stream");
        }
        let bytes = answer.bytes().await.unwrap();
        let newest = app.services.storage.snapshots.list(id(&document)).await.unwrap()[0];
        assert_eq!((&bytes[..8], &bytes[8..24]), (b"csynsnp1".as_slice(), newest.0.to_be_bytes().as_slice()));
        let seen = usize::try_from(u64::from_be_bytes(bytes[24..32].try_into().unwrap())).unwrap();
        let state = Document::load(&bytes[32 + seen..bytes.len() - 32], Limits::default()).unwrap();
        assert_eq!(state.text("content"), "in a snapshot");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_changed_and_deleted_by_their_authors_and_by_owners() {
    let app = TestApp::with(on_demand).await;
    let [ada, bob, eve] = [app.register("ada").await, app.register("bob").await, app.register("eve").await];
    let document = ada.document("a.rs").await;
    for editor in [&bob, &eve] {
        ada.share(&document, editor, "editor").await;
    }
    write(&ada, &document, "one").await;
    let of_bob = name(&bob, &document, "bob's").await;
    write(&ada, &document, "two").await;
    let of_ada = name(&ada, &document, "ada's").await;
    let renamed = bob.patch(&of_bob, json!({ "name": " the first " })).await.expect(200);
    assert_eq!(
        (renamed["name"].as_str(), renamed["author"]["name"].as_str()),
        (Some("the first"), bob.user["name"].as_str())
    );
    ada.patch(&of_bob, json!({ "name": "first" })).await.expect(200);
    bob.patch(&of_bob, json!({ "name": " " })).await.expect_fields(&["name"]);
    bob.patch(&of_bob, json!({ "title": "x" })).await.expect(422);
    for stranger in [&bob, &eve] {
        stranger.patch(&of_ada, json!({ "name": "mine" })).await.expect_error(403, "forbidden");
        stranger.delete(&of_ada).await.expect_error(403, "forbidden");
    }
    eve.delete(&of_bob).await.expect_error(403, "forbidden");
    bob.delete(&of_bob).await.expect(204);
    for gone in [
        &of_bob,
        &format!("{document}/versions/0197b1c5-0000-7000-8000-000000000000"),
        &format!("{document}/versions/x"),
    ] {
        ada.delete(gone).await.expect_error(404, "version_not_found");
        ada.patch(gone, json!({ "name": "x" })).await.expect_error(404, "version_not_found");
        ada.get(&format!("{gone}/text")).await.expect_error(404, "version_not_found");
    }
    assert_eq!(list(&ada, &document).await["items"].as_array().unwrap().len(), 1);
    ada.delete(&of_ada).await.expect(204);
    assert_eq!(ada.get(&format!("{document}/text")).await.expect(200).body, "two");
    // The limit of one user does not affect others.
    for _ in 0..200 {
        name(&bob, &document, "again").await;
    }
    let more = json!({ "name": "one more" });
    bob.post(&format!("{document}/versions"), more.clone()).await.expect_error(409, "limit_reached");
    eve.post(&format!("{document}/versions"), more).await.expect(201);
    app.stop().await;
}
