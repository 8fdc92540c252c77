//! One edit of thousands of places of a large document.

use serde_json::{Value, json};

use crate::{clients::Clients, harness::TestApp, lifecycle::metric, raw::Raw, text::put};

const LINE: &str = "let old_name = 1;\n";
const PLACES: usize = 5_000;

/// Replaces a word on every tenth line, the last first, as y-monaco does for "Replace All".
fn replace_all(old: &str, new: &str) -> Vec<Value> {
    let at = |line: usize| 10 * line * LINE.len() + 4;
    (0..PLACES).rev().map(|line| json!([at(line), old.len(), new])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_page_replaces_thousands_of_words_in_a_megabyte_last_place_first() {
    let app = TestApp::embedded().await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let path = ann.document("notes").await;
    ann.share(&path, &bob, "editor").await;
    let doc = path.rsplit('/').next().unwrap().to_owned();
    let text = LINE.repeat(10 * PLACES);
    put(&ann, &format!("{path}/text"), text, None).await.expect(204);
    let clients = Clients::start();
    clients.join("ann", &app.socket(), &doc, ann.token()).await;
    clients.join("bob", &app.socket(), &doc, bob.token()).await;
    let words = ["old_name", "new_name", "longer_n", "another_"];
    for pair in words.windows(2) {
        clients.ask("many", json!({ "client": "ann", "edits": replace_all(pair[0], pair[1]) })).await;
        clients.wait("ann", json!({ "acknowledged": true })).await;
        clients.converge(&["ann", "bob"]).await;
    }
    let replaced = format!("{}{}", LINE.replace("old_name", "another_"), LINE.repeat(9)).repeat(PLACES);
    assert!(clients.text("bob").await == replaced, "the texts differ");
    let served = ann.get(&format!("{path}/text")).await.expect(200);
    assert!(served.body.as_str().unwrap() == replaced, "the server has another text");
    let mut auditor = Raw::connect(&app.socket(), &doc, bob.token()).await;
    auditor.sync().await;
    auditor.until_text(&replaced).await;
    for client in ["ann", "bob"] {
        assert_eq!(clients.status(client, "connects").await, 1, "{client}");
        assert_eq!(clients.status(client, "closes").await, json!([]), "{client}");
    }
    assert_eq!(metric(&app.metrics().await, "codesync_replicas_rebuilt_total"), 0.0);
    app.stop().await;
}
