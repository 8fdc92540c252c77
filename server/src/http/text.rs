//! The text of a document, for programs. It passes through the room, so that everyone with the open document sees a
//! change at once.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    documents::note_edit,
    extract::{Granted, PlainText},
};
use crate::{
    directory::Right,
    http::error::ApiError,
    role::Role,
    room::{Condition, Tags},
    services::Services,
};

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
    let is_known = match tags(&headers, header::IF_NONE_MATCH) {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::Listed(tags)) => tags.contains(&text.tag),
    };
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    Ok((caching, text.text).into_response())
}

/// Replaces the text by the smallest edits, visible at once to everyone with the open document; for editors.
#[utoipa::path(put, path = "/api/documents/{id}/text", tag = "documents", operation_id = "put_text",
    params(
        ("id" = Uuid, Path),
        ("if-match" = Option<String>, Header, description = "Only where the text has this `ETag`, or one of several"),
        ("if-none-match" = Option<String>, Header, description = "Only where the text has another `ETag`; `*`: only where \
            it is empty"),
    ),
    request_body(content = String, content_type = "text/plain"),
    responses((status = 204, headers(("etag" = String, description = "Names the new text")))))]
pub(super) async fn put(
    State(services): State<Services>,
    granted: Granted,
    headers: HeaderMap,
    PlainText(text): PlainText,
) -> Result<impl IntoResponse, ApiError> {
    granted.at_least(Role::Editor)?;
    // The body may have taken long: no room is opened for a caller who lost access, or for a deleted document.
    let right = Right::Document(granted.doc, Role::Editor);
    services.directory.check(granted.by, right).await?;
    let room = services.rooms.open(granted.doc).await?;
    let allowed = services.directory.hold(granted.by, right).await?;
    let replaced = allowed.during(room.replace_text(granted.login.user.id, text, condition(&headers))).await??;
    note_edit(&services, granted.doc, &replaced).await;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(&replaced.text.tag))]))
}

fn condition(headers: &HeaderMap) -> Condition {
    Condition { one_of: tags(headers, header::IF_MATCH), none_of: tags(headers, header::IF_NONE_MATCH) }
}

/// The tags of a condition, without quotes; `None` without the header. A weak tag counts as the strong one, because
/// equal tags mean equal text here; but `If-Match` requires strong tags, and no weak one matches (RFC 9110, 13.1.1).
fn tags(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
    if !headers.contains_key(&name) {
        return None;
    }
    let values = headers.get_all(&name).iter().filter_map(|value| value.to_str().ok());
    let tags =
        values.flat_map(|value| value.split(',')).map(str::trim).filter_map(|tag| match tag.strip_prefix("W/") {
            Some(_) if name == header::IF_MATCH => None,
            Some(tag) => Some(tag.trim_matches('"')),
            None => Some(tag.trim_matches('"')),
        });
    let tags: Vec<String> = tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    Some(if tags.iter().any(|tag| tag == "*") { Tags::Any } else { Tags::Listed(tags) })
}

pub(super) fn etag(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).expect("a tag is made of letters and digits")
}
