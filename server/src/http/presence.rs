//! The users who have a document open.

use axum::extract::State;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    documents::Person,
    extract::{Granted, Json},
    page::Page,
};
use crate::{http::error::ApiError, relay, role::Role, services::Services};

/// A user who has the document open.
#[derive(Serialize, ToSchema)]
pub(super) struct Present {
    user: Person,
    role: Role,
    /// When the first of the open sockets connected.
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    /// The number of open sockets.
    sockets: usize,
}

impl From<relay::Present> for Present {
    fn from(present: relay::Present) -> Self {
        let relay::Present { user, name, color, role, since, sockets } = present;
        Self { user: Person { id: user.0, name, color }, role, since, sockets }
    }
}

/// Lists who has the document open, in the order of joining.
#[utoipa::path(get, path = "/api/documents/{id}/presence", tag = "documents", operation_id = "list_presence",
    params(("id" = Uuid, Path)), responses((status = 200, body = Page<Present>)))]
pub(super) async fn get(State(services): State<Services>, granted: Granted) -> Result<Json<Page<Present>>, ApiError> {
    let present = services.rooms.presence(granted.doc).await?;
    Ok(Json(Page::whole(present.into_iter().map(Present::from).collect())))
}
