//! The newest snapshot of a document, for programs that need its whole state without its room.

use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};

use super::extract::Granted;
use crate::{
    http::error::{ApiError, Missing},
    services::Services,
};

/// How long a signed address is valid: as long as a socket ticket.
const LINK_LASTS: Duration = Duration::from_secs(60);

/// Returns the newest snapshot as it is stored, up to some seconds old. From S3 it is a redirect to a signed address
/// that is valid for a minute. Its parts: 8 bytes `csynsnp1`; the offset, 16 bytes; the length of the state vector, 8
/// bytes (numbers are big-endian); state vector and state in the Yjs v1 encoding; the SHA-256 of everything before, 32
/// bytes.
#[utoipa::path(get, path = "/api/documents/{id}/snapshot", tag = "versions", operation_id = "get_snapshot",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = String, content_type = "application/octet-stream"),
        (status = 307, headers(("location" = String, description = "Where it is for a minute"))),
    ))]
pub(super) async fn get(State(services): State<Services>, granted: Granted) -> Result<Response, ApiError> {
    let (doc, snapshots) = (granted.doc, &services.storage.snapshots);
    let newest = snapshots.list(doc).await?.first().copied().ok_or(ApiError::NotFound(Missing::Version))?;
    let caching = (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Some(link) = snapshots.link(doc, newest, LINK_LASTS).await? {
        return Ok(([caching], Redirect::temporary(&link)).into_response());
    }
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(([caching, kind], Body::from_stream(snapshots.stream(doc, newest).await?)).into_response())
}
