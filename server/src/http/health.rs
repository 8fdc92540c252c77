//! Liveness, readiness, the state of the stores, and metrics. They may be requested at any rate: one check of the stores
//! answers all requests of a second, and rendering the metrics takes a small part of the time.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use super::{address::is_forwarded, extract::Json};
use crate::{
    health::Answers,
    http::error::{ApiError, Missing},
    services::Services,
    telemetry,
};

/// The pause between two renderings of the metrics, as a multiple of the duration of the last one.
const REST_FACTOR: u32 = 4;

pub(super) fn router() -> Router<Services> {
    Router::new()
        .route("/health", get(alive))
        .route("/api/health", get(ready))
        .route("/socket/health", get(ready))
        .route("/metrics", get(metrics_for_this_machine))
        .layer(Extension(Rendered::default()))
}

/// The routes of the listener of metrics.
pub(super) fn metrics_router() -> Router<Services> {
    Router::new().route("/metrics", get(metrics)).layer(Extension(Rendered::default()))
}

async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// Ready: each store has answered since the start, and the node does not stop. With `?deep` each store must answer now.
async fn ready(State(services): State<Services>, uri: Uri) -> Response {
    // A stop counts at once.
    let stops = || services.stopping.is_cancelled() || services.draining.is_cancelled();
    if stops() {
        return ApiError::Unavailable.into_response();
    }
    if uri.query().is_some_and(|query| query.split('&').any(|parameter| parameter.trim_end_matches('=') == "deep")) {
        return deep(services.health.check().await);
    }
    match services.health.has_reached_all().await && !stops() {
        true => Json(json!({ "status": "ready" })).into_response(),
        false => ApiError::Unavailable.into_response(),
    }
}

fn deep(answers: Answers) -> Response {
    let states = answers.map(|(store, answers)| (store, if answers { "available" } else { "unavailable" }));
    let stores = BTreeMap::from(states);
    if answers.iter().all(|(_, answers)| *answers) {
        return Json(json!({ "status": "ready", "stores": stores })).into_response();
    }
    let (_, error) = ApiError::Unavailable.detail();
    let mut response = ApiError::Unavailable.into_response();
    *response.body_mut() = Body::from(json!({ "error": error, "stores": stores }).to_string());
    response
}

/// The last rendered metrics: when rendering began, and when they may be rendered again.
type Rendered = Arc<Mutex<Option<(Instant, Instant, Bytes)>>>;

/// Metrics on the public listener: for callers on this machine, and only while they have no listener of their own.
async fn metrics_for_this_machine(
    State(services): State<Services>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    rendered: Extension<Rendered>,
) -> Result<Response, ApiError> {
    let has_listener = services.config.telemetry.metrics_listen.is_some();
    // A proxy on this machine passes on what anybody asks, from a loopback address.
    if has_listener || is_forwarded(&headers) || !peer.ip().to_canonical().is_loopback() {
        return Err(ApiError::NotFound(Missing::Route));
    }
    Ok(metrics(State(services), rendered).await.into_response())
}

/// All requests during a rendering or a pause get the next rendering together.
async fn metrics(State(services): State<Services>, Extension(rendered): Extension<Rendered>) -> impl IntoResponse {
    let asked = Instant::now();
    let mut last = rendered.lock().await;
    let text = match &*last {
        Some((begun, _, text)) if *begun >= asked => text.clone(),
        other => {
            if let Some((_, rested, _)) = other {
                sleep_until(*rested).await;
            }
            let begun = Instant::now();
            services.refresh_gauges();
            let text = Bytes::from(telemetry::recorder().render());
            *last = Some((begun, Instant::now() + begun.elapsed() * REST_FACTOR, text.clone()));
            text
        }
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
