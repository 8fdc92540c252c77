//! Security headers of responses.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// For the site: the editor compiles WebAssembly, and Monaco writes its styles inline.
const SITE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// For the page of the API: its styles and pictures are inline.
const API_DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";
/// For responses that are no pages.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Adds the headers; a header that the handler set stays.
pub(super) async fn secure(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let policy = match path {
        _ if path.starts_with("/api/docs") => API_DOCS_POLICY,
        _ if path.starts_with("/api/") => API_POLICY,
        _ => SITE_POLICY,
    };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, header::CONTENT_SECURITY_POLICY, policy);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    // The address of a share link is a secret.
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(headers, header::CACHE_CONTROL, "no-store");
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}
