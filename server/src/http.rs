//! The REST API, the site and the health checks: extract, call, map. Never past the directory and the rooms.

use axum::Router;

use crate::app::Services;

/// Every route of the server but the sockets.
pub fn router(_services: Services) -> Router {
    Router::new()
}
