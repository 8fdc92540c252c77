//! The audit trail.

use axum::extract::State;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::{
    extract::{Administrator, Json},
    page::{Asked, Page, Paging},
};
use crate::{directory, http::error::ApiError, services::Services};

/// A change of accounts or of the sharing of documents.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEntry {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// The action.
    #[schema(example = "access.granted")]
    action: String,
    /// The account that did it; null for the command line.
    #[schema(required)]
    actor: Option<Actor>,
    /// The address of the caller; null for the command line.
    #[schema(required)]
    address: Option<String>,
    /// The document concerned.
    #[schema(required)]
    document_id: Option<Uuid>,
    /// The account concerned.
    #[schema(required)]
    user: Option<Actor>,
    /// Details: a role, a title.
    #[schema(required)]
    detail: Option<String>,
}

/// An account with the names by which people know it.
#[derive(Serialize, ToSchema)]
pub(super) struct Actor {
    id: Uuid,
    name: String,
    email: String,
}

impl From<directory::Contact> for Actor {
    fn from(contact: directory::Contact) -> Self {
        Self { id: contact.id.0, name: contact.name, email: contact.email }
    }
}

impl From<directory::AuditEntry> for AuditEntry {
    fn from(entry: directory::AuditEntry) -> Self {
        Self {
            id: entry.id.0,
            at: entry.at,
            action: entry.action,
            actor: entry.actor.map(Actor::from),
            address: entry.address,
            document_id: entry.doc.map(|doc| doc.0),
            user: entry.user.map(Actor::from),
            detail: entry.detail,
        }
    }
}

/// Lists actions of administrators and changes of sharing, newest first.
#[utoipa::path(get, path = "/api/admin/audit", tag = "admin", operation_id = "list_audit",
    params(Paging), responses((status = 200, body = Page<AuditEntry>)))]
pub(super) async fn list(
    State(services): State<Services>,
    _: Administrator,
    Asked { after, limit, .. }: Asked,
) -> Result<Json<Page<AuditEntry>>, ApiError> {
    Ok(Json(Page::of(services.directory.audit(after, limit).await?)))
}
