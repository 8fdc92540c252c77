//! Other clients of the protocol: subprotocols of other names, messages of other types.

use codesync_crdt::encode;
use tungstenite::{Message, client::IntoClientRequest, http::HeaderValue};

use crate::{harness::TestApp, raw::Raw};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_offers_subprotocols_is_answered_by_one_of_them() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    let doc = ann.document("a").await.rsplit('/').next().unwrap().to_owned();
    let bearer = format!("bearer.{}", ann.token());
    let both = |first: &str, second: &str| format!("{first}, {second}");
    for (offered, in_url, answered) in [
        (bearer.clone(), false, Some(bearer.as_str())),
        (bearer.clone(), true, Some(bearer.as_str())),
        ("y-sync".to_owned(), true, Some("y-sync")),
        (both("a", "b"), true, Some("a")),
        (both(&bearer, "a"), false, Some("a")),
        (both("a", "codesync.v1"), true, Some("codesync.v1")),
        (both("codesync.v1", &bearer), false, Some("codesync.v1")),
        (String::new(), true, None),
    ] {
        let token = if in_url { ann.token() } else { "" };
        let mut request = format!("{}/{doc}?token={token}", app.socket()).into_client_request().unwrap();
        if !offered.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_str(&offered).unwrap());
        }
        // The client refuses an answer without one of the offered subprotocols, as browsers do.
        let (mut socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
        let answer = response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
        assert_eq!(answer, answered, "{offered}");
        socket.close(None).await.unwrap();
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_unknown_types_are_ignored() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    let doc = ann.document("a").await.rsplit('/').next().unwrap().to_owned();
    let mut stock = Raw::connect(&app.socket(), &doc, ann.token()).await;
    let mut ours = Raw::codesync(&app.socket(), &doc, ann.token()).await;
    for (client, socket) in [(7, &mut stock), (8, &mut ours)] {
        socket.sync().await;
        for text in ["ping", "", "{\"type\":\"hello\"}"] {
            socket.say(Message::text(text)).await;
        }
        for frame in [
            &[][..],
            &[2],
            &[2, 0, 3, b'a', b'b', b'c'],
            &[4],
            &[5, 1],
            &[6],
            &[8, 0xff],
            &[102],
            &[125, 1, 2],
            &[0, 7],
            &[0, 100],
            &[100, 77, 1],
            &[0x80, 0x01],
        ] {
            socket.send(frame.to_vec()).await;
        }
        socket.append(client, "here ").await;
        socket.probe(encode::query_awareness()).await.unwrap();
    }
    // If our extension was not negotiated, it is unknown too.
    stock.send(vec![100, 0]).await;
    stock.send(vec![100, 0, 1]).await;
    stock.until_text(&ours.replica.text("content")).await;
    // A malformed message of a known type is still an error.
    stock.send(vec![0, 2, 9]).await;
    assert_eq!(stock.closed().await, 4400);
    app.stop().await;
}
