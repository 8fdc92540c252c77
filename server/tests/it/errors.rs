//! The one format of refusals, and the headers of every answer.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;

use crate::{harness::TestApp, process::free_port, rest::PASSWORD};

#[tokio::test]
async fn every_error_has_the_same_json_form() {
    let app = TestApp::with(|config| config.http.body_bytes_max = 1000).await;
    let nobody = app.nobody();
    let path = "/api/auth/register";
    let body = |text: &str| {
        nobody.request(Method::POST, path).header("content-type", "application/json").body(text.to_owned())
    };
    for malformed in ["", "{", "\u{0}", "{\"email\": x}"] {
        nobody.send(body(malformed), Method::POST, path).await.expect_error(400, "malformed_json");
    }
    let untyped = nobody.request(Method::POST, path).body("{}");
    nobody.send(untyped, Method::POST, path).await.expect_error(415, "unsupported_media_type");
    let large = body(&json!({ "email": "x".repeat(1000) }).to_string());
    nobody.send(large, Method::POST, path).await.expect_error(413, "too_large");
    let list = json!(["ada@example.org", PASSWORD, "Ada"]).to_string();
    for no_object in ["[]", "7", "null", &list] {
        nobody.send(body(no_object), Method::POST, path).await.expect_fields(&["body"]);
    }
    nobody.get(path).await.expect_error(405, "method_not_allowed");
    nobody.delete("/api/users/me").await.expect_error(405, "method_not_allowed");
    nobody.post("/health", json!(null)).await.expect_error(405, "method_not_allowed");
    nobody.post("/anything", json!(null)).await.expect_error(405, "method_not_allowed");
    for nowhere in ["/api", "/api/", "/api/nothing", "/api/documents/x/y", "/socket", "/metrics/x"] {
        nobody.get(nowhere).await.expect_error(404, "route_not_found");
        nobody.delete(nowhere).await.expect_error(404, "route_not_found");
    }
    app.stop().await;
}

#[tokio::test]
async fn every_answer_has_security_headers() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    for path in ["/", "/api/users/me", "/api/nothing", "/health", "/api/docs/", "/api/openapi.json"] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
    }
    for path in ["/api/users/me", "/health", "/api/health", "/socket/health", "/metrics", "/assets/none.js"] {
        assert_eq!(nobody.get(path).await.header("cache-control"), "no-store", "{path}");
    }
    let [first, second] = [nobody.get("/health").await, nobody.get("/health").await];
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    app.stop().await;
}

#[tokio::test]
async fn health_and_metrics_are_served() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    assert_eq!(nobody.get("/health").await.expect(200)["status"], "alive");
    for path in ["/api/health", "/socket/health"] {
        assert_eq!(nobody.get(path).await.expect(200)["status"], "ready");
    }
    let fresh = app.metrics().await;
    for name in [
        "codesync_sessions_open",
        "codesync_rooms_live",
        "codesync_mailbox_commands_count",
        "codesync_append_seconds_count",
        "codesync_edit_to_peer_seconds_count",
        "codesync_edit_to_durable_seconds_count",
        "codesync_outboxes_dropped_total",
        "codesync_log_bytes_behind_snapshot",
    ] {
        assert!(fresh.lines().any(|line| line.split(' ').next() == Some(name)), "{name} is not in {fresh}");
    }
    nobody.get("/api/documents/0197b1c5-0000-7000-8000-000000000000").await.expect(401);
    let metrics = nobody.get("/metrics").await.expect(200).body.as_str().unwrap().to_owned();
    let counted = metrics.lines().any(|line| {
        line.starts_with("codesync_http_requests_total")
            && line.contains("route=\"/api/documents/{id}\"")
            && line.contains("401")
    });
    assert!(counted, "{metrics}");
    assert!(metrics.contains("codesync_http_request_seconds"));
    app.services.draining.cancel();
    nobody.get("/health").await.expect(200);
    for path in ["/api/health", "/socket/health"] {
        let answer = nobody.get(path).await.expect_error(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    app.stop().await;
}

#[tokio::test]
async fn metrics_are_for_this_machine_or_a_listener_of_their_own() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    nobody.get("/metrics").await.expect(200);
    // A proxy on the same machine passes on what others ask.
    for (name, value) in [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")] {
        let passed_on = nobody.request(Method::GET, "/metrics").header(name, value).send().await.unwrap();
        assert_eq!(passed_on.status(), 404, "{name}");
    }
    app.stop().await;

    let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let app = TestApp::with(|config| config.telemetry.metrics_listen = Some(listen)).await;
    app.nobody().get("/metrics").await.expect_error(404, "route_not_found");
    let scraper = app.nobody().elsewhere(&format!("http://{listen}"));
    let metrics = scraper.get("/metrics").await.expect(200);
    assert!(metrics.body.as_str().unwrap().contains("codesync_rooms_live"));
    for path in ["/", "/health", "/api/health", "/api/users/me"] {
        scraper.get(path).await.expect_error(404, "route_not_found");
    }
    app.stop().await;
}

#[tokio::test]
async fn answers_are_compressed() {
    let app = TestApp::embedded().await;
    for encoding in ["gzip", "br"] {
        let request = app.nobody().request(Method::GET, "/api/openapi.json").header("accept-encoding", encoding);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], encoding);
        assert!(response.bytes().await.unwrap().len() < 20_000);
    }
    app.stop().await;
}
