//! The editor's files, built into the program. Every page of the site is `index.html`; the browser does the rest.

use std::fmt::Write;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::{ApiError, Missing};

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
    let name = path.trim_start_matches('/');
    // Behind the siblings are other names for files that have their own.
    let file = (!name.ends_with(".br") && !name.ends_with(".gz")).then(|| Dist::get(name)).flatten();
    match file {
        Some(file) => respond(name, &file, headers),
        // A stale page that asks for the files of an older build must not take the page for one.
        None if name.starts_with("assets/") => ApiError::NotFound(Missing::Route).into_response(),
        None => match Dist::get("index.html") {
            Some(page) => respond("index.html", &page, headers),
            None => (StatusCode::NOT_FOUND, axum::response::Html(UNBUILT)).into_response(),
        },
    }
}

fn respond(name: &str, file: &EmbeddedFile, headers: &HeaderMap) -> Response {
    let (encoding, data) = match sibling(name, headers) {
        Some((encoding, sibling)) => (Some(encoding), sibling),
        None => (None, EmbeddedFile { data: file.data.clone(), metadata: file.metadata.clone() }),
    };
    let etag = etag(&data);
    // The names under /assets hold a hash of what is in them.
    let caching = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let unchanged = known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag);
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { data.data.into_owned().into_response() };
    let mut set = |name: HeaderName, value: &str| {
        let value = HeaderValue::from_str(value).expect("media types, hashes and our words fit into headers");
        response.headers_mut().insert(name, value);
    };
    set(header::CONTENT_TYPE, file.metadata.mimetype());
    set(header::CACHE_CONTROL, caching);
    set(header::VARY, "accept-encoding");
    set(header::ETAG, &etag);
    if let Some(encoding) = encoding.filter(|_| !unchanged) {
        set(header::CONTENT_ENCODING, encoding);
    }
    response
}

/// The file as it was compressed when the editor was built, in the best way that the browser takes.
fn sibling(name: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, suffix)| {
        if !accepts(accepted, encoding) {
            return None;
        }
        Some((encoding, Dist::get(&format!("{name}.{suffix}"))?))
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
    let hash = file.metadata.sha256_hash();
    hash[..16].iter().fold(String::from("\""), |mut etag, byte| {
        let _ = write!(etag, "{byte:02x}");
        etag
    }) + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_by_name_unless_refused() {
        assert!(accepts("gzip, deflate, br;q=0.9", "br"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("brotli", "br"));
    }
}
