//! The editor's files. Whether it is built or not, every page answers.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::harness::TestApp;

fn dist() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/dist"))
}

#[tokio::test]
async fn every_page_of_the_site_is_the_editor() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    let built = dist().join("index.html").exists();
    for path in ["/", "/d/some-document", "/join/secret", "/index.html"] {
        let page = nobody.get(path).await.expect(if built { 200 } else { 404 });
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.header("content-security-policy").contains("connect-src 'self' ws: wss:"));
        let text = page.body.as_str().unwrap();
        if built {
            assert_eq!(page.header("cache-control"), "no-cache");
            assert_eq!(text, std::fs::read_to_string(dist().join("index.html")).unwrap());
        } else {
            assert!(text.contains("npm run build"), "{text}");
        }
    }
    nobody.get("/assets/none.js").await.expect_error(404, "route_not_found");
    nobody.get("/../Cargo.toml").await.expect(if built { 200 } else { 404 });
    nobody.post("/", json!(null)).await.expect_error(405, "method_not_allowed");
    app.stop().await;
}

#[tokio::test]
async fn assets_are_kept_by_browsers_and_come_compressed() {
    let Ok(assets) = std::fs::read_dir(dist().join("assets")) else { return };
    let app = TestApp::embedded().await;
    let names = assets.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let script = names.into_iter().find(|name| name.ends_with(".js.br")).expect("some script is worth compressing");
    let path = format!("/assets/{}", script.trim_end_matches(".br"));
    for (accepted, encoding, suffix) in [("gzip, br", "br", ".br"), ("gzip", "gzip", ".gz"), ("identity", "", "")] {
        let request = app.nobody().request(Method::GET, &path).header("accept-encoding", accepted);
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(header("content-encoding"), encoding);
        assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header("content-type"), "text/javascript");
        let etag = header("etag");
        let body = response.bytes().await.unwrap();
        assert_eq!(body, std::fs::read(dist().join(format!("{}{suffix}", &path[1..]))).unwrap());
        let again =
            app.nobody().request(Method::GET, &path).header("accept-encoding", accepted).header("if-none-match", etag);
        assert_eq!(again.send().await.unwrap().status(), 304);
    }
    app.stop().await;
}
