//! Liveness, readiness and metrics. They may be requested at any rate: one probe answers all requests of a second, and
//! rendering the metrics takes a small part of the time.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, extract::State, http::header, response::IntoResponse, routing::get};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep_until},
};
use tracing::warn;

use super::extract::Json;
use crate::{http::error::ApiError, services::Services, telemetry};

/// A store that takes longer counts as unavailable.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the result of a probe is used.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// The pause between two renderings of the metrics, as a multiple of the duration of the last one.
const REST_FACTOR: u32 = 4;

pub(super) fn router() -> Router<Services> {
    Router::new()
        .route("/health", get(alive))
        .route("/api/health", get(ready))
        .route("/socket/health", get(ready))
        .route("/metrics", get(metrics))
        .layer(Extension(Answered::default()))
        .layer(Extension(Rendered::default()))
}

async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// The last probe: when it ended, and whether the node was ready. Locked by a probe in progress.
type Answered = Arc<Mutex<Option<(Instant, bool)>>>;

async fn ready(
    State(services): State<Services>,
    Extension(answered): Extension<Answered>,
) -> Result<Json<Value>, ApiError> {
    // A stop counts at once.
    let stops = || services.stopping.is_cancelled() || services.draining.is_cancelled();
    match !stops() && is_ready(&services, answered).await && !stops() {
        true => Ok(Json(json!({ "status": "ready" }))),
        false => Err(ApiError::Unavailable),
    }
}

async fn is_ready(services: &Services, answered: Answered) -> bool {
    let mut last = answered.lock_owned().await;
    if let Some((at, is_ready)) = *last
        && at.elapsed() < SHARED_FOR
    {
        return is_ready;
    }
    let (answer, answers) = oneshot::channel();
    let probed = services.clone();
    // In a separate task: a caller that disconnects must not end it, and cause another one to begin.
    services.tasks.spawn(async move {
        let is_ready = probe(&probed).await;
        *last = Some((Instant::now(), is_ready));
        let _ = answer.send(is_ready);
    });
    answers.await.unwrap_or(false)
}

async fn probe(services: &Services) -> bool {
    match tokio::time::timeout(PROBE_TIMEOUT, services.ready()).await {
        Ok(Ok(())) => return true,
        Ok(Err(cause)) => warn!(error = format!("{cause:#}"), "not ready"),
        Err(_) => warn!("not ready: a store does not answer"),
    }
    false
}

/// The last rendered metrics: when rendering began, and when they may be rendered again.
type Rendered = Arc<Mutex<Option<(Instant, Instant, Bytes)>>>;

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
