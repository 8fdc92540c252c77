//! All documents, for administrators, without their content.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::{
    collaborators::announce,
    documents::{Person, remove_stored},
    extract::{Administrator, Json, Segments},
    finish::finish,
    page::{Asked, Page, Paging, Searching},
};
use crate::{
    directory,
    http::error::{ApiError, Missing},
    ids::DocId,
    services::Services,
};

/// A document, as administrators see it.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedDocument {
    id: Uuid,
    title: String,
    /// The language, by Monaco's name.
    language: String,
    /// The owner; of several the first.
    owner: Person,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// The size of the text, some seconds ago.
    size_bytes: i64,
}

impl From<directory::Document> for ListedDocument {
    fn from(document: directory::Document) -> Self {
        let directory::Document { id, title, language, owner, created_at, updated_at, size_bytes, .. } = document;
        Self { id: id.0, title, language, owner: owner.into(), created_at, updated_at, size_bytes }
    }
}

/// The new owner of a document.
#[derive(Deserialize, ToSchema)]
pub(super) struct Transfer {
    /// The e-mail address of the account.
    email: String,
}

/// Lists all documents, last changed first; `query` is searched in titles.
#[utoipa::path(get, path = "/api/admin/documents", tag = "admin", operation_id = "list_all_documents",
    params(Searching, Paging), responses((status = 200, body = Page<ListedDocument>)))]
pub(super) async fn list(
    State(services): State<Services>,
    _: Administrator,
    Asked { query, after, limit }: Asked,
) -> Result<Json<Page<ListedDocument>>, ApiError> {
    Ok(Json(Page::of(services.directory.all_documents(&query, after, limit).await?)))
}

/// Deletes a document for everyone.
#[utoipa::path(delete, path = "/api/admin/documents/{id}", tag = "admin", operation_id = "delete_any_document",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(services): State<Services>,
    Administrator { by }: Administrator,
    segments: Result<Segments<DocId>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let doc = doc(segments)?;
    let all = services.clone();
    let delete = async move {
        let deleted = all.directory.delete_any_document(doc, by).await?;
        remove_stored(&all, doc, deleted).await?;
        Ok(StatusCode::NO_CONTENT)
    };
    finish(&services, delete).await
}

/// Makes an account the only owner; former owners become editors. Takes effect on open sockets at once.
#[utoipa::path(post, path = "/api/admin/documents/{id}/transfer", tag = "admin", operation_id = "transfer_document",
    params(("id" = Uuid, Path)), request_body = Transfer, responses((status = 200, body = ListedDocument)))]
pub(super) async fn transfer(
    State(services): State<Services>,
    Administrator { by }: Administrator,
    segments: Result<Segments<DocId>, ApiError>,
    Json(Transfer { email }): Json<Transfer>,
) -> Result<Json<ListedDocument>, ApiError> {
    let doc = doc(segments)?;
    let user = services.directory.user_by_email(&email).await?.ok_or(ApiError::NotFound(Missing::User))?;
    let all = services.clone();
    let transfer = async move {
        for directory::Grant { user, role } in all.directory.transfer(doc, user.id, by).await? {
            announce(&all, doc, user, Some(role));
        }
        Ok(())
    };
    finish(&services, transfer).await?;
    Ok(Json(services.directory.any_document(doc).await?.into()))
}

/// The document of the path; an invalid id is one that does not exist.
pub(super) fn doc(segments: Result<Segments<DocId>, ApiError>) -> Result<DocId, ApiError> {
    segments.map(|Segments(doc)| doc).map_err(|_| ApiError::NotFound(Missing::Document))
}
