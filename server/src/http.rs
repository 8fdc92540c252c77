//! The REST API, the site and the health checks: extract, call, map. Calls go to the directory and the rooms only.

mod address;
mod admin;
mod auth;
mod collaborators;
mod documents;
pub mod error;
mod extract;
mod finish;
mod headers;
mod health;
pub(crate) mod limits;
mod links;
mod observe;
mod openapi;
mod page;
mod presence;
pub mod serve;
mod site;
mod snapshot;
mod text;
mod users;
mod validate;
mod versions;

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{Method, Uri},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    address::client_address,
    extract::bearer,
    openapi::document as openapi,
    validate::{check_account, check_password},
};
use crate::{
    config::NodeRole,
    http::error::{ApiError, Missing},
    services::Services,
};

/// The longest duration of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Every route of the server except the sockets.
pub fn router(services: Services) -> Router {
    let body_limit = DefaultBodyLimit::max(services.config.http.body_bytes_max);
    let (api, document) = openapi::assemble(api());
    let calls = match services.config.has(NodeRole::Api) {
        true => Router::new().merge(api).merge(openapi::pages(document)),
        false => Router::new(),
    };
    calls
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn_with_state(services.clone(), limits::by_address))
        .merge(health::router())
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .fallback(elsewhere)
        .layer(body_limit)
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(CompressionLayer::new())
        .layer(from_fn(headers::secure))
        .layer(from_fn(observe::observe))
        .with_state(services)
}

/// The routes of the listener of metrics.
pub fn metrics_router(services: Services) -> Router {
    health::metrics_router()
        .fallback(async || ApiError::NotFound(Missing::Route))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn(in_time))
        .with_state(services)
}

/// The calls in the OpenAPI document.
fn api() -> OpenApiRouter<Services> {
    OpenApiRouter::default()
        .routes(routes!(auth::register))
        .routes(routes!(auth::log_in))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::log_out))
        .routes(routes!(auth::reset_password))
        .routes(routes!(auth::set_up))
        .routes(routes!(users::me, users::update_me))
        .routes(routes!(users::change_password))
        .routes(routes!(documents::list, documents::create))
        .routes(routes!(documents::get, documents::update, documents::delete))
        .routes(routes!(documents::ticket))
        .routes(routes!(text::get, text::put))
        .routes(routes!(versions::list, versions::create))
        .routes(routes!(versions::text))
        .routes(routes!(versions::update, versions::delete))
        .routes(routes!(versions::restore))
        .routes(routes!(snapshot::get))
        .routes(routes!(collaborators::list, collaborators::put))
        .routes(routes!(collaborators::remove))
        .routes(routes!(links::list, links::create))
        .routes(routes!(links::delete))
        .routes(routes!(links::accept))
        .routes(routes!(presence::get))
        .merge(admin::routes())
}

/// Paths without a route: a page of the site, or not found.
async fn elsewhere(State(services): State<Services>, method: Method, uri: Uri, request: Request) -> Response {
    let ours = ["/api", "/socket", "/metrics", "/health"];
    let below =
        |root: &&str| uri.path().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if ours.iter().any(below) || !services.config.has(NodeRole::Api) {
        return ApiError::NotFound(Missing::Route).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return ApiError::MethodNotAllowed.into_response();
    }
    site::serve(uri.path(), request.headers())
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Unavailable.into_response(),
    }
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Internal(anyhow::anyhow!("panic: {}", text.unwrap_or("of unknown kind"))).into_response()
}
