//! The documents that are open on the node that answers.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    super::{
        extract::{Administrator, Json, Segments},
        page::{Asked, Page, Paging},
    },
    documents::doc,
};
use crate::{
    directory::{Action, By, DirectoryError, Right},
    http::error::{ApiError, Missing},
    ids::DocId,
    room::RoomError,
    services::Services,
};

/// A document that is open.
#[derive(Serialize, ToSchema)]
pub(super) struct Room {
    document_id: Uuid,
    /// Null while the document is being deleted.
    #[schema(required)]
    title: Option<String>,
    /// Users who have it open.
    users: usize,
    /// Sockets that have it open.
    sockets: usize,
}

/// Lists the documents that are open on this node.
#[utoipa::path(get, path = "/api/admin/rooms", tag = "admin", operation_id = "list_rooms",
    params(Paging), responses((status = 200, body = Page<Room>)))]
pub(super) async fn list(
    State(services): State<Services>,
    _: Administrator,
    Asked { after, limit, .. }: Asked,
) -> Result<Json<Page<Room>>, ApiError> {
    let mut docs = services.rooms.docs(after.map(|after| DocId(after.id)), usize::from(limit) + 1);
    let more = docs.len() > usize::from(limit);
    docs.truncate(usize::from(limit));
    // This list is sorted by id; the cursor has the form of other lists' cursors.
    let next_cursor = docs.last().filter(|_| more).map(|last| format!("0.{}", last.0.simple()));
    let mut items = Vec::with_capacity(docs.len());
    for doc in docs {
        items.push(room(&services, doc).await?);
    }
    Ok(Json(Page { items, next_cursor }))
}

async fn room(services: &Services, doc: DocId) -> Result<Room, ApiError> {
    let title = match services.directory.any_document(doc).await {
        Ok(document) => Some(document.title),
        Err(DirectoryError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let present = services.rooms.present_here(doc).await?;
    let sockets = present.iter().map(|present| present.sockets).sum();
    Ok(Room { document_id: doc.0, title, users: present.len(), sockets })
}

/// Closes every socket of a document on this node; clients with access reconnect and are checked again.
#[utoipa::path(post, path = "/api/admin/rooms/{id}/kick", tag = "admin", operation_id = "kick_room",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn kick(
    State(services): State<Services>,
    Administrator { by }: Administrator,
    segments: Result<Segments<DocId>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let doc = live(&services, segments, Action::RoomKicked, by).await?;
    let allowed = services.directory.hold(by, Right::Administrator).await?;
    allowed.during(services.rooms.kick(doc)).await?.map_err(closed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a snapshot of a document that is open on this node.
#[utoipa::path(post, path = "/api/admin/rooms/{id}/compact", tag = "admin", operation_id = "compact_room",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn compact(
    State(services): State<Services>,
    Administrator { by }: Administrator,
    segments: Result<Segments<DocId>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let doc = live(&services, segments, Action::RoomCompacted, by).await?;
    services.rooms.snapshot(doc).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The open document of the path; the action is recorded before it happens.
async fn live(
    services: &Services,
    segments: Result<Segments<DocId>, ApiError>,
    action: Action,
    by: By,
) -> Result<DocId, ApiError> {
    let doc = doc(segments)?;
    if !services.rooms.is_live(doc) {
        return Err(ApiError::NotFound(Missing::Room));
    }
    services.directory.note_as_administrator(action, doc, by).await?;
    Ok(doc)
}

fn closed(error: RoomError) -> ApiError {
    match error {
        RoomError::Unavailable => ApiError::NotFound(Missing::Room),
        other => other.into(),
    }
}
