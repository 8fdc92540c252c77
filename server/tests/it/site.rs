//! The editor's place in the server, whether it is built in or not; `http/site.rs` tests how its files are served.

use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn what_is_no_call_is_a_page_of_the_site() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    for path in ["/", "/d/some-document", "/join/secret", "/apiary"] {
        let page = nobody.get(path).await;
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("connect-src 'self' ws: wss:"), "{path}");
        // WebKit writes an error at each page for a directive that it does not know.
        assert!(!policy.contains("manifest-src"), "{path}");
        assert!(page.body.as_str().unwrap().starts_with("<!doctype html>"), "{path}");
    }
    nobody.get("/assets/none.js").await.expect_error(404, "route_not_found");
    nobody.post("/", json!(null)).await.expect_error(405, "method_not_allowed");
    app.stop().await;
}
