//! Request bodies: type, character set, encoding, and the invalid field.

use reqwest::Method;
use serde_json::json;

use crate::{
    harness::TestApp,
    rest::{Answer, Caller},
};

async fn put(caller: &Caller, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let request =
        headers.iter().fold(caller.request(Method::PUT, path), |request, (name, value)| request.header(*name, *value));
    caller.send(request.body(body.to_vec()), Method::PUT, path).await
}

async fn post_json(caller: &Caller, path: &str, body: &str) -> Answer {
    let request = caller.request(Method::POST, path).header("content-type", "application/json").body(body.to_owned());
    caller.send(request, Method::POST, path).await
}

#[tokio::test]
async fn a_body_is_read_as_what_it_says_or_not_at_all() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    let path = format!("{}/text", ann.document("a").await);
    for media_type in [
        "text/plain",
        "Text/Plain ; Charset=UTF-8",
        "text/plain;charset=\"utf-8\"",
        "text/plain; format=flowed; charset=utf8",
    ] {
        put(&ann, &path, &[("content-type", media_type)], "é".as_bytes()).await.expect(204);
        put(&ann, &path, &[("content-type", media_type), ("content-encoding", "identity")], b"e").await.expect(204);
    }
    for media_type in [
        "text/plain;charset=iso-8859-1",
        "text/plain; charset=utf-16",
        "text/plain; charset=\"UTF-16LE\"",
        "text/plain; charset=",
        "text/plain; charset=utf-8; charset=utf-16",
        "text/html",
        "",
    ] {
        put(&ann, &path, &[("content-type", media_type)], b"ab").await.expect_error(415, "unsupported_media_type");
    }
    let plain = ("content-type", "text/plain");
    for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "x"] {
        put(&ann, &path, &[plain, ("content-encoding", encoding)], b"ab")
            .await
            .expect_error(415, "unsupported_media_type");
    }
    put(&ann, &path, &[plain, ("content-type", "text/plain; charset=utf-16")], b"ab").await.expect(415);
    assert_eq!(ann.get(&path).await.expect(200).body, "e");
    for media_type in ["application/json; charset=utf-16", "application/json;charset=latin1", "text/json"] {
        let request = ann.request(Method::POST, "/api/documents").header("content-type", media_type);
        let answer = ann.send(request.body("{\"title\":\"x\"}"), Method::POST, "/api/documents").await;
        answer.expect_error(415, "unsupported_media_type");
    }
    app.stop().await;
}

#[tokio::test]
async fn problems_in_json_are_reported_by_field() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    for (body, field) in [
        (r#"{"title":"\ud83d"}"#, "title"),
        (r#"{"title":"a","text":"x \ud83d\u0041"}"#, "text"),
        (r#"{"title":"\ude00"}"#, "title"),
        (r#"{"title":"a","text":"\uDC00\uD800"}"#, "text"),
        (r#"{"title":7}"#, "title"),
        (r#"{"title":null}"#, "title"),
        (r#"{"title":["a"]}"#, "title"),
        (r#"{"language":"rust"}"#, "title"),
        (r#"{"title":"a","line_end":"cr"}"#, "line_end"),
    ] {
        post_json(&ann, "/api/documents", body).await.expect_fields(&[field]);
    }
    let cut = post_json(&ann, "/api/documents", r#"{"title":"a"#).await.expect_error(400, "malformed_json");
    assert!(cut.body.to_string().contains("title"), "{}", cut.body);
    post_json(&ann, "/api/documents", r#"{"title":"a"} x"#).await.expect_error(400, "malformed_json");
    post_json(&ann, "/api/documents", r#"{"title":"\ud83d\ude00"}"#).await.expect(201);
    app.stop().await;
}

#[tokio::test]
async fn a_field_that_a_call_cannot_change_is_refused() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    let document = ann.document("a").await;
    for (path, body) in [
        ("/api/users/me", json!({ "email": "other@example.org" })),
        ("/api/users/me", json!({ "name": "Ann", "password": "correct horse battery" })),
        (&document, json!({ "owner": ann.id() })),
    ] {
        let field = body.as_object().unwrap().keys().find(|key| *key != "name").unwrap().clone();
        ann.patch(path, body).await.expect_fields(&[&field]);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_link_ends_at_a_time_that_can_be_kept() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    let links = format!("{}/links", ann.document("a").await);
    for odd in [
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "+12345-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2999-02-29T00:00:00Z",
        "2999-01-01T24:00:00Z",
        "2999-01-01T00:00:00",
        "2999-01-01",
        "2999-01-01T00:00:00+99:00",
        "",
    ] {
        let answer = ann.post(&links, json!({ "role": "viewer", "expires_at": odd })).await;
        assert_eq!(answer.status, 422, "{odd}: {}", answer.body);
        answer.expect_fields(&["expires_at"]);
    }
    for (kept, shown) in [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59+12:00", "9999-12-31T11:59:59Z"),
        ("2999-01-01T00:00:00+23:59", "2998-12-31T00:01:00Z"),
    ] {
        let made = ann.post(&links, json!({ "role": "viewer", "expires_at": kept })).await.expect(201);
        let listed = ann.get(&links).await.expect(200);
        let link = listed["items"].as_array().unwrap().iter().find(|link| link["id"] == made["id"]).unwrap().clone();
        assert_eq!(link["expires_at"], shown, "{kept}");
    }
    app.stop().await;
}
