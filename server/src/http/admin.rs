//! Calls of administrators; all others are refused.

mod audit;
mod documents;
mod rooms;
mod users;

use axum::extract::State;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::extract::{Administrator, Json};
use crate::{directory::Counts, http::error::ApiError, services::Services};

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::default()
        .routes(routes!(users::list))
        .routes(routes!(users::update))
        .routes(routes!(users::reset_password))
        .routes(routes!(documents::list))
        .routes(routes!(documents::delete))
        .routes(routes!(documents::transfer))
        .routes(routes!(rooms::list))
        .routes(routes!(rooms::kick))
        .routes(routes!(rooms::compact))
        .routes(routes!(audit::list))
        .routes(routes!(stats))
}

/// The numbers of accounts, logins and documents in the installation, and the state of the node that answers.
#[derive(Serialize, ToSchema)]
struct Stats {
    users: i64,
    admins: i64,
    disabled_users: i64,
    /// Valid logins.
    sessions: i64,
    documents: i64,
    /// Bytes of all texts, some seconds ago.
    document_bytes: i64,
    node: Node,
}

/// The node that answers.
#[derive(Serialize, ToSchema)]
struct Node {
    version: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    uptime_s: i64,
    /// Documents that are open here.
    rooms: usize,
    /// Sockets that are open here.
    sockets: usize,
}

/// Counts accounts, logins and documents.
#[utoipa::path(get, path = "/api/admin/stats", tag = "admin", operation_id = "get_stats",
    responses((status = 200, body = Stats)))]
async fn stats(State(services): State<Services>, _: Administrator) -> Result<Json<Stats>, ApiError> {
    let now = OffsetDateTime::now_utc();
    let Counts { users, admins, disabled, sessions, documents, document_bytes } =
        services.directory.counts(now).await?;
    let node = Node {
        version: env!("CARGO_PKG_VERSION"),
        started_at: services.started_at,
        uptime_s: (now - services.started_at).whole_seconds(),
        rooms: services.rooms.len(),
        sockets: services.sockets.len(),
    };
    Ok(Json(Stats { users, admins, disabled_users: disabled, sessions, documents, document_bytes, node }))
}
