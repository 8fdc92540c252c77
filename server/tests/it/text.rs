//! The text of documents, through their rooms.

use reqwest::Method;
use serde_json::json;

use crate::{
    harness::TestApp,
    rest::{Answer, Caller},
};

pub(crate) async fn put(
    caller: &Caller,
    path: &str,
    text: impl Into<reqwest::Body>,
    condition: Option<&str>,
) -> Answer {
    let mut request = caller.request(Method::PUT, path).header("content-type", "text/plain; charset=utf-8").body(text);
    if let Some(condition) = condition {
        request = request.header("if-match", condition);
    }
    caller.send(request, Method::PUT, path).await
}

#[tokio::test]
async fn a_document_begins_with_the_text_that_it_is_given() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let made = ada.post("/api/documents", json!({ "title": "a.txt", "text": "one\r\ntwo 😀\r" })).await.expect(201);
    assert_eq!(made["size_bytes"], "one\ntwo 😀\n".len());
    let text = ada.get(&format!("/api/documents/{}/text", made.text("id"))).await.expect(200);
    assert_eq!(text.body, "one\ntwo 😀\n");
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    app.stop().await;
}

#[tokio::test]
async fn a_text_is_replaced_where_it_is_the_one_that_was_read() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let path = format!("{}/text", ada.document("a.txt").await);
    let empty = ada.get(&path).await.expect(200);
    assert_eq!(empty.body, "");
    let first = put(&ada, &path, "first", Some(empty.header("etag"))).await.expect(204);
    put(&ada, &path, "second", Some(empty.header("etag"))).await.expect_error(412, "precondition_failed");
    let read = ada.get(&path).await.expect(200);
    assert_eq!((&read.body, read.header("etag")), (&json!("first"), first.header("etag")));
    let listed = format!("\"nothing\", {}", read.header("etag"));
    put(&ada, &path, "second", Some(&listed)).await.expect(204);
    put(&ada, &path, "third", Some(&listed)).await.expect_error(412, "precondition_failed");
    put(&ada, &path, "third", Some("*")).await.expect(204);
    put(&ada, &path, "fourth", None).await.expect(204);
    let read = ada.get(&path).await.expect(200);
    assert_eq!(read.body, "fourth");
    let unchanged = ada.request(Method::GET, &path).header("if-none-match", read.header("etag"));
    ada.send(unchanged, Method::GET, &path).await.expect(304);
    app.stop().await;
}

#[tokio::test]
async fn bodies_that_are_not_text_are_refused() {
    let app = TestApp::with(|config| config.http.body_bytes_max = 1000).await;
    let ada = app.register("ada").await;
    let path = format!("{}/text", ada.document("a.txt").await);
    put(&ada, &path, vec![0xff, 0xfe], None).await.expect_error(400, "malformed_text");
    put(&ada, &path, "x".repeat(1001), None).await.expect_error(413, "too_large");
    ada.put(&path, json!("text")).await.expect_error(415, "unsupported_media_type");
    app.stop().await;
}
