//! The newest snapshot of a document, for programs that want its whole state without its room.

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

/// How long an address may be used: as long as a socket ticket, and for one thing.
const LINK_LASTS: Duration = Duration::from_secs(60);

/// Gives the newest snapshot: up to some seconds old, as it is stored. From S3 it comes by a redirection to an address that
/// holds for a minute. It is made of: 8 bytes `csynsnp1`; the offset, 16 bytes; the length of the state vector, 8 bytes
/// (numbers are big-endian); state vector and state in the Yjs v1 encoding; the SHA-256 of all before it, 32 bytes.
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
