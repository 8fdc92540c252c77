//! Whether the node lives, whether it can serve, and its metrics.

use std::time::Duration;

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use serde_json::{Value, json};
use tracing::warn;

use super::extract::Json;
use crate::{app::Services, error::ApiError, telemetry};

/// A store that takes longer counts as down.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn router() -> Router<Services> {
    Router::new().route("/health", get(alive)).route("/api/health", get(ready)).route("/socket/health", get(ready))
}

async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

async fn ready(State(services): State<Services>) -> Result<Json<Value>, ApiError> {
    match tokio::time::timeout(PROBE_TIMEOUT, services.ready()).await {
        Ok(Ok(())) => Ok(Json(json!({ "status": "ready" }))),
        Ok(Err(cause)) => {
            warn!(error = format!("{cause:#}"), "not ready");
            Err(ApiError::Unavailable)
        }
        Err(_) => {
            warn!("not ready: a store does not answer");
            Err(ApiError::Unavailable)
        }
    }
}

pub(super) async fn metrics(State(services): State<Services>) -> impl IntoResponse {
    telemetry::refresh(&services);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::recorder().render())
}
