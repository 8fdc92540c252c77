//! The editor's files, built into the program. Every page of the site is `index.html`; the browser does the routing.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{
    hex::hex,
    http::error::{ApiError, Missing},
};

#[derive(RustEmbed)]
#[folder = "../frontend/dist"]
#[allow_missing = true]
struct Dist;

/// Shown by a server that was built without the editor.
const UNBUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>CodeSync</title>\
    <h1>The editor is not built</h1>\
    <p>This server has the API only. Build the editor with <code>npm ci &amp;&amp; npm run build</code> in \
    <code>frontend/</code>, then build the server again, or say <code>make run</code>.\n";

/// Answers with the file at `path`, or the page of the editor.
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Response {
    serve_from::<Dist>(path, headers)
}

fn serve_from<Files: RustEmbed>(path: &str, headers: &HeaderMap) -> Response {
    let name = path.trim_start_matches('/');
    // The compressed siblings are other names of files that have their own.
    let file = (!name.ends_with(".br") && !name.ends_with(".gz")).then(|| Files::get(name)).flatten();
    match file {
        Some(file) => respond::<Files>(name, file, headers),
        // A stale page that requests files of an older build must not get the page instead.
        None if name.starts_with("assets/") => ApiError::NotFound(Missing::Route).into_response(),
        None => match Files::get("index.html") {
            Some(page) => respond::<Files>("index.html", page, headers),
            None => (StatusCode::NOT_FOUND, axum::response::Html(UNBUILT)).into_response(),
        },
    }
}

fn respond<Files: RustEmbed>(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let media_type = file.metadata.mimetype().to_owned();
    let (encoding, sent) = match sibling::<Files>(name, headers) {
        Some((encoding, sibling)) => (Some(encoding), sibling),
        None => (None, file),
    };
    let etag = etag(&sent);
    // The names under /assets contain a hash of the content.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unchanged = known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag);
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { sent.data.into_owned().into_response() };
    let mut set = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value).expect("media types, hashes and our words fit into headers");
        response.headers_mut().insert(name, value);
    };
    set(header::CONTENT_TYPE, &media_type);
    set(header::CACHE_CONTROL, caching);
    set(header::VARY, "accept-encoding");
    set(header::ETAG, &etag);
    if let Some(encoding) = encoding.filter(|_| !unchanged) {
        set(header::CONTENT_ENCODING, encoding);
    }
    response
}

/// The file as compressed at build time, in the best encoding that the browser accepts.
fn sibling<Files: RustEmbed>(name: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, suffix)| {
        if !accepts(accepted, encoding) {
            return None;
        }
        Some((encoding, Files::get(&format!("{name}.{suffix}"))?))
    })
}

fn accepts(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|item| {
        let (name, quality) = item.split_once(';').unwrap_or((item, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.parse::<f32>() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn etag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(RustEmbed)]
    #[folder = "tests/site"]
    struct Built;

    #[derive(RustEmbed)]
    #[folder = "tests/no-such-folder"]
    #[allow_missing = true]
    struct Unbuilt;

    /// Status, the named headers and the body.
    async fn get<Files: RustEmbed>(
        path: &str,
        asked: &[(HeaderName, &str)],
        told: [&str; 3],
    ) -> (u16, [String; 3], String) {
        let asked = asked.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let response = serve_from::<Files>(path, &asked);
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (status, headers) = (response.status().as_u16(), told.map(header));
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, headers, String::from_utf8(body.into()).unwrap())
    }

    #[tokio::test]
    async fn every_page_is_the_editor_and_asked_for_again() {
        for path in ["/", "/index.html", "/d/some-document", "/join/secret", "/../Cargo.toml", "/index.html.br"] {
            let (status, headers, body) =
                get::<Built>(path, &[], ["content-type", "cache-control", "content-encoding"]).await;
            assert_eq!((status, body.as_str()), (200, "<!doctype html>the editor\n"), "{path}");
            assert_eq!(headers, ["text/html", "no-cache", ""], "{path}");
        }
    }

    #[tokio::test]
    async fn assets_are_kept_and_come_as_they_were_compressed() {
        for (accepted, encoding, sent) in [
            ("gzip, br", "br", "as brotli\n"),
            ("gzip", "gzip", "as gzip\n"),
            ("br;q=0, gzip;q=0", "", "plain\n"),
            ("", "", "plain\n"),
        ] {
            let asked = [(header::ACCEPT_ENCODING, accepted)];
            let told = ["content-encoding", "cache-control", "content-type"];
            let (status, headers, body) = get::<Built>("/assets/app-1a2b.js", &asked, told).await;
            assert_eq!((status, body.as_str()), (200, sent));
            assert_eq!(headers, [encoding, "public, max-age=31536000, immutable", "text/javascript"]);
        }
        assert_eq!(get::<Built>("/assets/app-gone.js", &[], [""; 3]).await.0, 404);
    }

    #[tokio::test]
    async fn files_with_a_known_etag_are_not_sent_again() {
        let accepted = (header::ACCEPT_ENCODING, "br");
        let [first, other] = [&[][..], std::slice::from_ref(&accepted)];
        let (_, [plain, ..], _) = get::<Built>("/assets/app-1a2b.js", first, ["etag", "vary", "etag"]).await;
        let (_, [brotli, vary, _], _) = get::<Built>("/assets/app-1a2b.js", other, ["etag", "vary", "etag"]).await;
        assert_ne!(plain, brotli);
        assert_eq!(vary, "accept-encoding");
        let again = [accepted, (header::IF_NONE_MATCH, brotli.as_str())];
        let (status, [etag, encoding, _], body) =
            get::<Built>("/assets/app-1a2b.js", &again, ["etag", "content-encoding", "etag"]).await;
        assert_eq!((status, etag, encoding.as_str(), body.as_str()), (304, brotli.clone(), "", ""));
        let changed = [(header::IF_NONE_MATCH, brotli.as_str())];
        assert_eq!(get::<Built>("/assets/app-1a2b.js", &changed, [""; 3]).await.0, 200);
    }

    #[tokio::test]
    async fn a_server_without_the_editor_says_how_to_build_it() {
        let (status, _, body) = get::<Unbuilt>("/", &[], [""; 3]).await;
        assert_eq!(status, 404);
        assert!(body.contains("npm run build"), "{body}");
    }
}
