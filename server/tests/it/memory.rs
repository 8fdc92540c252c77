//! The memory of loaded documents has a limit: idle ones are unloaded, open ones stay.

use std::time::{Duration, Instant};

use codesync_crdt::Message;
use serde_json::json;

use crate::{harness::TestApp, raw::Raw};

#[tokio::test(flavor = "multi_thread")]
async fn idle_documents_make_room_for_others_and_open_ones_stay() {
    // Three documents of this size fit into a MiB, by estimate.
    let text = "x".repeat(20_000);
    let app = TestApp::with(|config| config.room.documents_memory_mib = 1).await;
    let ada = app.register("ada").await;
    let mut docs = Vec::new();
    for title in ["a", "b", "c", "d", "e", "f"] {
        let made = ada.post("/api/documents", json!({ "title": title, "text": text })).await.expect(201);
        docs.push(made.text("id"));
        assert!(app.services.rooms.len() <= 4, "{} rooms after {title}", app.services.rooms.len());
    }
    let path = |doc: &str| format!("/api/documents/{doc}/text");
    for doc in &docs {
        assert_eq!(ada.get(&path(doc)).await.expect(200).body, text.as_str(), "what was unloaded loads again");
    }
    let mut open = Vec::new();
    for doc in &docs[..3] {
        let mut socket = Raw::connect(&app.socket(), doc, ada.token()).await;
        socket.sync().await;
        open.push(socket);
    }
    let refused = ada.get(&path(&docs[5])).await.expect_error(503, "unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(Raw::connect(&app.socket(), &docs[5], ada.token()).await.closed().await, 4503);
    for (socket, doc) in open.iter_mut().zip(&docs) {
        socket.append(9, " still open").await;
        // The echo: it is durable.
        socket.until(|message| matches!(message, Message::Update(_))).await;
        assert!(
            ada.get(&path(doc)).await.expect(200).body.as_str().unwrap().ends_with("still open"),
            "open documents stay"
        );
    }
    open.pop().unwrap().leave().await;
    let started = Instant::now();
    while ada.get(&path(&docs[5])).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "nothing is unloaded for it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.stop().await;
}
