//! A span, an id and two metrics for every call.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use metrics::{counter, histogram};
use tracing::{Instrument, info_span};
use uuid::Uuid;

/// Runs the call in a span with the id that the caller receives.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    // The route and never the path: paths hold ids and the secrets of links.
    let route = request.extensions().get::<MatchedPath>().map_or("site".to_owned(), |path| path.as_str().to_owned());
    let method = method_label(&request);
    let id = Uuid::now_v7();
    let span = info_span!("http.request", http.method = method, http.route = route, request.id = %id);
    let started = Instant::now();
    let mut response = next.run(request).instrument(span).await;
    let status = response.status().as_u16().to_string();
    counter!("codesync_http_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!("codesync_http_request_seconds", "method" => method, "route" => route).record(started.elapsed());
    let id = HeaderValue::from_str(&id.to_string()).expect("an id fits into a header");
    response.headers_mut().insert("x-request-id", id);
    response
}

/// The method, or `other`: clients must not be able to make new series.
fn method_label(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
