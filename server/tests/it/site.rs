//! The editor inside of the server, built in or not; the tests of `http/site.rs` are about its files.

use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn other_paths_are_pages_of_the_site() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    for path in ["/", "/d/some-document", "/join/secret", "/apiary"] {
        let page = nobody.get(path).await;
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("connect-src 'self' ws: wss:"), "{path}");
        // WebKit logs an error on each page for an unknown directive.
        assert!(!policy.contains("manifest-src"), "{path}");
        assert!(page.body.as_str().unwrap().starts_with("<!doctype html>"), "{path}");
    }
    nobody.get("/assets/none.js").await.expect_error(404, "route_not_found");
    nobody.post("/", json!(null)).await.expect_error(405, "method_not_allowed");
    app.stop().await;
}
