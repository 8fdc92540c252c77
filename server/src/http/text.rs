//! The text of a document, for programs. Goes through the room, so everyone who has it open sees a change at once.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::extract::{Granted, PlainText};
use crate::{app::Services, auth::Role, directory::Right, error::ApiError, room::RoomHandle};

/// Reads the text.
#[utoipa::path(get, path = "/api/documents/{id}/text", tag = "documents", operation_id = "get_text",
    params(("id" = Uuid, Path), ("if-none-match" = Option<String>, Header, description = "The `ETag` of the text at hand")),
    responses(
        (status = 200, body = String, content_type = "text/plain", headers(("etag" = String, description = "Names this text"))),
        (status = 304, description = "The text is the one at hand"),
    ))]
pub(super) async fn get(
    State(services): State<Services>,
    granted: Granted,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let text = services.rooms.open(granted.doc).await?.text().await?;
    let caching =
        [(header::ETAG, etag(&text.tag)), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    let known = tags(&headers, header::IF_NONE_MATCH);
    if known.iter().any(|known| known == "*" || *known == text.tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    Ok((caching, text.text).into_response())
}

/// Replaces the text by the smallest edits, live for everyone who has it open; for editors.
#[utoipa::path(put, path = "/api/documents/{id}/text", tag = "documents", operation_id = "put_text",
    params(("id" = Uuid, Path), ("if-match" = Option<String>, Header, description = "Only where the text has this `ETag`")),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 204, headers(("etag" = String, description = "Names the new text")))))]
pub(super) async fn put(
    State(services): State<Services>,
    granted: Granted,
    headers: HeaderMap,
    PlainText(text): PlainText,
) -> Result<impl IntoResponse, ApiError> {
    granted.at_least(Role::Editor)?;
    // The body took its time: nothing is loaded any more for somebody who has lost access, or of a deleted document.
    let right = Right::Document(granted.doc, Role::Editor);
    services.directory.check(granted.by, right).await?;
    let room = services.rooms.open(granted.doc).await?;
    let expected = expected(&room, &headers).await?;
    let allowed = services.directory.hold(granted.by, right).await?;
    let text = allowed.during(room.replace_text(granted.session.user.id, text, expected)).await??;
    services.directory.record_snapshot(granted.doc, text.text.len() as u64).await?;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(&text.tag))]))
}

/// The tag that the text must have, or `None` where any will do. Of several in `If-Match` it is the one that the text has.
async fn expected(room: &RoomHandle, headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(None);
    }
    let mut tags = tags(headers, header::IF_MATCH);
    if tags.iter().any(|tag| tag == "*") {
        return Ok(None);
    }
    if tags.len() > 1 {
        let present = room.text().await?.tag;
        tags.retain(|tag| *tag == present);
    }
    tags.pop().map(Some).ok_or(ApiError::Changed)
}

/// The tags of a condition, without quotes. A weak one counts as what it names: equal tags mean equal text here.
fn tags(headers: &HeaderMap, name: HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tags =
        values.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'));
    tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

pub(super) fn etag(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).expect("a tag is made of letters and digits")
}
