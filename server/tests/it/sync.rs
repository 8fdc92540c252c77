//! Stock clients on the socket: convergence, reconnects, silence, access.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, client::IntoClientRequest},
};

use crate::{clients::Clients, harness::TestApp, raw::Raw};
use codesync_crdt::{AwarenessEntry, Message, StateVector, encode, encode_awareness, protocol::codesync};

/// A server, two accounts and a document that both may edit.
async fn shared() -> (TestApp, crate::rest::Caller, crate::rest::Caller, String) {
    let app = TestApp::embedded().await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let path = ann.document("notes").await;
    ann.share(&path, &bob, "editor").await;
    let doc = path.rsplit('/').next().unwrap().to_owned();
    (app, ann, bob, doc)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stock_clients_converge_and_rest_sees_their_text() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    clients.join("bob", &app.socket(), &doc, bob.token()).await;
    for (client, seed) in [("ann", 1), ("bob", 2)] {
        clients.ask("edit", json!({ "client": client, "seed": seed, "everyMs": 1 })).await;
    }
    for client in ["ann", "bob"] {
        clients.wait(client, json!({ "acknowledgedAtLeast": 200 })).await;
        clients.ask("rest", json!({ "client": client })).await;
    }
    clients.wait("ann", json!({ "acknowledged": true })).await;
    clients.wait("bob", json!({ "acknowledged": true })).await;
    clients.converge(&["ann", "bob"]).await;
    let text = ann.get(&format!("/api/documents/{doc}/text")).await.expect(200);
    assert_eq!(text.body.as_str().unwrap_or_default(), clients.text("bob").await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_made_offline_merge_after_reconnecting() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    clients.join("bob", &app.socket(), &doc, bob.token()).await;
    clients.append("ann", "both ").await;
    clients.converge(&["ann", "bob"]).await;
    let stale = clients.ask("save", json!({ "client": "bob" })).await;
    clients.ask("disconnect", json!({ "client": "bob" })).await;
    clients.append("ann", "online ").await;
    clients.append("bob", "offline ").await;
    clients.ask("connect", json!({ "client": "bob" })).await;
    clients.converge(&["ann", "bob"]).await;
    let text = clients.text("ann").await;
    assert!(text.contains("online ") && text.contains("offline "), "{text}");

    // As a page does that kept an old state in the browser.
    let old = json!({ "client": "old", "url": app.socket(), "doc": doc, "token": bob.token(), "state": stale });
    clients.ask("open", old).await;
    clients.converge(&["ann", "bob", "old"]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_with_half_an_emoji_reaches_the_others_with_a_replacement_character() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    let mut bobs = Raw::connect(&app.socket(), &doc, bob.token()).await;
    bobs.sync().await;
    // What JavaScript makes of the first unit of a name that begins with an emoji.
    let here = AwarenessEntry { client: 7, clock: 1, state: Some(r#"{"initial":"\ud83d"}"#.into()) };
    bobs.probe(encode::awareness(&encode_awareness([&here]))).await.unwrap();
    clients.wait("ann", json!({ "awareness": "\"initial\":\"\u{fffd}\"" })).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_forty_seconds_brings_no_reconnect() {
    let (app, ann, _, doc) = shared().await;
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    clients.ask("awareness", json!({ "client": "ann", "state": null })).await;
    // The passing of time is under test.
    tokio::time::sleep(std::time::Duration::from_secs(40)).await;
    assert_eq!(clients.status("ann", "connects").await, 1);
    assert_eq!(clients.status("ann", "connected").await, true);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_of_the_transport_are_answered() {
    let (app, ann, _, doc) = shared().await;
    let mut socket = Raw::connect(&app.socket(), &doc, ann.token()).await.socket;
    socket.send(tungstenite::Message::Ping("are you there".into())).await.unwrap();
    while socket.next().await.unwrap().unwrap() != tungstenite::Message::Pong("are you there".into()) {}
    drop(socket);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_comes_after_the_whole_of_what_was_being_written() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    // More than the buffers of a connection, whose client does not read.
    let large = json!({ "title": "large", "text": "x".repeat(5 << 20) });
    let doc = ann.post("/api/documents", large).await.expect(201).text("id");
    let mut socket = Raw::connect(&app.socket(), &doc, ann.token()).await;
    socket.send(encode::sync_step1(&StateVector::default())).await;
    socket.waits_to_be_read(64 << 10).await;
    socket.send(vec![0xff; 64]).await;
    assert_eq!(socket.closed().await, 4400);
    drop(socket);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_access_closes_sockets_within_a_second() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    clients.join("bob", &app.socket(), &doc, bob.token()).await;
    ann.delete(&format!("/api/documents/{doc}/collaborators/{}", bob.id())).await.expect(204);
    clients.ask("wait", json!({ "client": "bob", "for": { "closed": 4403 }, "timeoutMs": 1_000 })).await;
    assert_eq!(clients.status("bob", "wantsConnection").await, false, "a stock client stops for good");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_is_seen_and_cannot_edit_and_the_role_changes_in_place() {
    let (app, ann, bob, doc) = shared().await;
    let path = format!("/api/documents/{doc}");
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    let mut viewer = Raw::codesync(&app.socket(), &doc, bob.token()).await;
    viewer.sync().await;
    viewer.append(7, "taken. ").await;
    clients.wait("ann", json!({ "text": "taken. " })).await;

    ann.share(&path, &bob, "viewer").await;
    viewer.until(|message| matches!(message, Message::Codesync(codesync::Message::Role { role: "viewer" }))).await;
    viewer.append(7, "refused. ").await;
    viewer.until(|message| matches!(message, Message::Codesync(codesync::Message::Rejected { json }) if json.contains("read_only"))).await;
    let here = AwarenessEntry { client: 7, clock: 1, state: Some(r#"{"cursor":3,"user":{"name":"Mallory"}}"#.into()) };
    viewer.send(encode::awareness(&encode_awareness([&here]))).await;
    clients.wait("ann", json!({ "awareness": "\"name\":\"bob\"" })).await;
    clients.append("ann", "seen.").await;
    let mut other = Raw::connect(&app.socket(), &doc, bob.token()).await;
    other.sync().await;
    other.until_text("taken. seen.").await;

    ann.share(&path, &bob, "editor").await;
    viewer.until(|message| matches!(message, Message::Codesync(codesync::Message::Role { role: "editor" }))).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_echoed_once_everything_before_it_is_durable() {
    let (app, ann, _, doc) = shared().await;
    let mut page = Raw::codesync(&app.socket(), &doc, ann.token()).await;
    page.until(|message| matches!(message, Message::Codesync(codesync::Message::Hello { json }) if json.contains("\"role\":\"owner\""))).await;
    page.sync().await;
    page.append(1, "kept").await;
    page.send(encode::codesync(&codesync::Message::Mark(41))).await;
    page.until(|message| matches!(message, Message::Codesync(codesync::Message::Mark(41)))).await;
    let stored = app.services.storage.load(doc.parse().unwrap()).await.unwrap();
    assert_eq!(stored.document.text("content"), "kept");

    page.send(encode::codesync(&codesync::Message::Token { token: ann.token() })).await;
    page.until(|message| matches!(message, Message::Codesync(codesync::Message::TokenAccepted { .. }))).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_codes() {
    let (app, ann, bob, doc) = shared().await;
    let eve = app.register("eve").await;
    let absent = codesync_server::ids::DocId::new().to_string();
    for (doc, token, code) in [
        (doc.as_str(), "", 4401),
        (&doc, "nonsense", 4401),
        (&doc, eve.token(), 4403),
        (&absent, ann.token(), 4404),
        ("no-uuid", ann.token(), 4404),
    ] {
        let mut socket = Raw::connect(&app.socket(), doc, token).await;
        assert_eq!(socket.closed().await, code);
    }
    let mut open = Raw::connect(&app.socket(), &doc, bob.token()).await;
    bob.post("/api/auth/logout", json!({})).await.expect(204);
    assert_eq!(open.closed().await, 4401);

    let mut open = Raw::connect(&app.socket(), &doc, ann.token()).await;
    open.sync().await;
    ann.delete(&format!("/api/documents/{doc}")).await.expect(204);
    assert_eq!(open.closed().await, 4404);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_put_over_rest_is_live_for_everyone() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    clients.append("ann", "one\ntwo\nthree\n").await;
    clients.wait("ann", json!({ "acknowledged": true })).await;
    let path = format!("/api/documents/{doc}/text");
    let put = |text: &'static str| {
        let request = bob.request(reqwest::Method::PUT, &path).header("content-type", "text/plain").body(text);
        bob.send(request, reqwest::Method::PUT, &path)
    };
    assert!(put("one\r\n2\r\nthree\r\n").await.status < 300);
    clients.wait("ann", json!({ "text": "one\n2\nthree\n" })).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_reconnects_before_its_old_socket_ended_is_shown_again() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    clients.join("bob", &app.socket(), &doc, bob.token()).await;
    clients.ask("awareness", json!({ "client": "bob", "state": { "cursor": 1 } })).await;
    clients.wait("ann", json!({ "awareness": "cursor" })).await;
    clients.ask("disconnect", json!({ "client": "bob" })).await;
    clients.wait("ann", json!({ "peers": 1 })).await;
    clients.ask("connect", json!({ "client": "bob" })).await;
    clients.ask("awareness", json!({ "client": "bob", "state": { "cursor": 2 } })).await;
    clients.wait("ann", json!({ "awareness": "cursor" })).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_client_is_shown_again_as_soon_as_it_reconnects() {
    let app = TestApp::embedded().await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let doc = ann.document("plan").await;
    ann.share(&doc, &bob, "viewer").await;
    let doc = doc.rsplit('/').next().unwrap();
    let clients = Clients::start();
    clients.join("ann", &app.socket(), doc, ann.token()).await;
    clients.join("bob", &app.socket(), doc, bob.token()).await;
    clients.ask("awareness", json!({ "client": "bob", "state": { "cursor": 1 } })).await;
    for _ in 0..3 {
        clients.wait("ann", json!({ "peers": 2, "awareness": "cursor" })).await;
        clients.ask("disconnect", json!({ "client": "bob" })).await;
        clients.wait("ann", json!({ "peers": 1 })).await;
        let away = std::time::Instant::now();
        clients.ask("connect", json!({ "client": "bob" })).await;
        clients.wait("ann", json!({ "peers": 2, "awareness": "cursor" })).await;
        assert!(away.elapsed() < std::time::Duration::from_secs(5), "unseen for {:?}", away.elapsed());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closing_client_gets_a_close_frame() {
    let (app, ann, _, doc) = shared().await;
    let mut leaving = Raw::connect(&app.socket(), &doc, ann.token()).await;
    leaving.sync().await;
    assert_eq!(leaving.leave().await, Some(1000));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_larger_than_a_message_may_be_is_opened() {
    let app = TestApp::with(|config| config.socket.message_bytes_max = 300_000).await;
    let ann = app.register("ann").await;
    let path = ann.document("Large").await;
    let doc = path.rsplit('/').next().unwrap();
    let mut writer = Raw::connect(&app.socket(), doc, ann.token()).await;
    writer.sync().await;
    for client in 1..=4 {
        writer.append(client, &"line of text\n".repeat(20_000)).await;
    }
    let text = writer.replica.text("content");
    let mut reader = Raw::connect(&app.socket(), doc, ann.token()).await;
    reader.sync().await;
    reader.until_text(&text).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_an_upgrade_get_a_json_error() {
    let (app, ann, _, doc) = shared().await;
    let path = format!("/socket/{doc}");
    let refused = ann.get(&path).await.expect_error(426, "upgrade_required");
    assert_eq!(refused.header("upgrade"), "websocket");
    ann.post(&path, json!({})).await.expect_error(405, "method_not_allowed");
    let mut request = format!("{}/{doc}?token=", app.socket()).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("bearer {}", ann.token()).parse().unwrap());
    let (mut by_header, _) = connect_async(request).await.unwrap();
    assert!(matches!(by_header.next().await, Some(Ok(tungstenite::Message::Binary(_)))), "schemes have no case");
    let mut odd = Raw::connect(&app.socket(), "%ff", ann.token()).await;
    assert_eq!(odd.closed().await, 4404);
    let mut twice = Raw::connect(&app.socket(), &doc, &format!("{0}&token={0}", ann.token())).await;
    assert_eq!(twice.closed().await, 4401);
    app.stop().await;
}
