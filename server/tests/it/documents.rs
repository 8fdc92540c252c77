//! Documents: creating, finding, changing and deleting them.

use codesync_server::auth::events::AccessEvent;
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_document_is_made_changed_and_deleted() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let made = ada.post("/api/documents", json!({ "title": " Notes ", "language": "rust" })).await.expect(201);
    assert_eq!((&made["title"], &made["language"], &made["role"]), (&json!("Notes"), &json!("rust"), &json!("owner")));
    assert_eq!((&made["owner"]["id"], &made["size_bytes"]), (&json!(ada.id()), &json!(0)));
    let path = format!("/api/documents/{}", made.text("id"));
    assert_eq!(ada.get(&path).await.expect(200).body, made.body);
    let changed = ada.patch(&path, json!({ "title": "Plans" })).await.expect(200);
    assert_eq!((&changed["title"], &changed["language"]), (&json!("Plans"), &json!("rust")));
    let mut events = app.services.access_events.subscribe();
    ada.delete(&path).await.expect(204);
    let id = made.text("id").parse().unwrap();
    assert!(matches!(events.try_recv(), Ok(AccessEvent::DocumentDeleted(doc)) if doc == id));
    ada.get(&path).await.expect_error(404, "document_not_found");
    ada.delete(&path).await.expect_error(404, "document_not_found");
    assert!(ada.get("/api/documents").await.expect(200).items("/id").is_empty());
    app.stop().await;
}

#[tokio::test]
async fn the_line_end_of_a_document_is_known_beside_its_text() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    for (body, line_end) in [
        (json!({ "title": "a" }), "lf"),
        (json!({ "title": "a", "text": "one\r\ntwo\nthree\r\n" }), "crlf"),
        (json!({ "title": "a", "text": "one\r\ntwo\n" }), "lf"),
        (json!({ "title": "a", "text": "one\n", "line_end": "crlf" }), "crlf"),
    ] {
        let made = ada.post("/api/documents", body).await.expect(201);
        assert_eq!(made.text("line_end"), line_end);
        let text = ada.get(&format!("/api/documents/{}/text", made.text("id"))).await.expect(200);
        assert!(!text.body.as_str().unwrap().contains('\r'));
    }
    let path = ada.document("a").await;
    assert_eq!(ada.patch(&path, json!({ "line_end": "crlf" })).await.expect(200).text("line_end"), "crlf");
    assert_eq!(ada.patch(&path, json!({ "title": "b" })).await.expect(200).text("line_end"), "crlf");
    ada.patch(&path, json!({ "line_end": "cr" })).await.expect_fields(&["line_end"]);
    app.stop().await;
}

#[tokio::test]
async fn limits_of_titles_and_languages_are_reported() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let long = "x".repeat(201);
    for (body, fields) in [
        (json!({}), &["title"][..]),
        (json!({ "title": " " }), &["title"]),
        (json!({ "title": long }), &["title"]),
        (json!({ "title": "a\nb", "language": "" }), &["language", "title"]),
        (json!({ "title": "a", "language": "<b>" }), &["language"]),
    ] {
        ada.post("/api/documents", body).await.expect_fields(fields);
    }
    let path = ada.document("a").await;
    ada.patch(&path, json!({ "title": "", "language": "é" })).await.expect_fields(&["language", "title"]);
    app.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_last_changed_first() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let mut paths = Vec::new();
    for number in 0..5 {
        paths.push(ada.document(&format!("Number {number}")).await);
    }
    let before = ada.get(&paths[0]).await.expect(200).text("updated_at");
    // Once a change is visible, the clock has advanced by a millisecond or more.
    while ada.patch(&paths[0], json!({})).await.expect(200).text("updated_at") == before {}
    let mut titles = Vec::new();
    let mut next = "/api/documents?limit=2".to_owned();
    loop {
        let page = ada.get(&next).await.expect(200);
        assert!(page.items("/title").len() <= 2);
        titles.extend(page.items("/title").into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("/api/documents?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(titles, ["Number 0", "Number 4", "Number 3", "Number 2", "Number 1"]);
    let all = ada.get("/api/documents?query=&cursor=&limit=").await.expect(200);
    assert_eq!(all.body, ada.get("/api/documents").await.expect(200).body);
    for (query, field) in [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")] {
        ada.get(&format!("/api/documents?{query}")).await.expect_fields(&[field]);
    }
    app.stop().await;
}

#[tokio::test]
async fn titles_are_searched_for_what_was_typed() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    for title in ["Straße 100%", "STRASSE 1000", "snake_case", "snakeXcase"] {
        ada.document(title).await;
    }
    for (query, found) in [("STRAẞE", 1), ("strasse", 1), ("100%25", 1), ("snake_", 1), ("SNAKE", 2), ("nothing", 0)]
    {
        let page = ada.get(&format!("/api/documents?query={query}")).await.expect(200);
        assert_eq!(page.items("/title").len(), found, "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn users_without_access_cannot_detect_a_document() {
    let app = TestApp::embedded().await;
    let [ada, eve] = [app.register("ada").await, app.register("eve").await];
    let path = ada.document("Secret").await;
    let absent = "/api/documents/0197b1c5-0000-7000-8000-000000000000";
    for path in [path.as_str(), absent, "/api/documents/none"] {
        let mut answers =
            vec![eve.get(path).await, eve.delete(path).await, eve.patch(path, json!({ "title": "x" })).await];
        answers.push(eve.post(&format!("{path}/ticket"), json!(null)).await);
        answers.push(eve.get(&format!("{path}/text")).await);
        answers.push(eve.get(&format!("{path}/collaborators")).await);
        answers.push(eve.put(&format!("{path}/collaborators"), json!({ "email": eve.email(), "role": "owner" })).await);
        answers.push(eve.delete(&format!("{path}/collaborators/{}", eve.id())).await);
        answers.push(eve.get(&format!("{path}/links")).await);
        answers.push(eve.post(&format!("{path}/links"), json!({ "role": "editor" })).await);
        for answer in answers {
            answer.expect_error(404, "document_not_found");
        }
    }
    assert!(eve.get("/api/documents").await.expect(200).items("/id").is_empty());
    app.stop().await;
}
