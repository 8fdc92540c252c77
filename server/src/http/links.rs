//! Share links: a user with the secret of a link gets its role.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    address::origin,
    collaborators::announce,
    documents::{Document, as_seen_by},
    extract::{Caller, ClientAddress, Granted, Json, Segments},
    finish::finish,
    page::Page,
};
use crate::{
    auth::random_secret,
    directory::{self, Change, DirectoryError},
    http::error::{ApiError, Missing},
    ids::{DocId, LinkId},
    role::Role,
    services::Services,
};

/// A share link, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct Link {
    id: Uuid,
    role: Role,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it expires; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    expires_at: Option<OffsetDateTime>,
}

impl From<directory::Link> for Link {
    fn from(link: directory::Link) -> Self {
        Self { id: link.id.0, role: link.role, created_at: link.created_at, expires_at: link.expires_at }
    }
}

/// A share link with its secret, which is shown only now.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedLink {
    id: Uuid,
    role: Role,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it expires; null for never.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(required)]
    expires_at: Option<OffsetDateTime>,
    /// The secret of the link.
    secret: String,
    /// The page of the link.
    url: String,
}

/// A new link.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewLink {
    /// `viewer` or `editor`.
    role: Role,
    /// When it expires, up to the year 9999 in UTC; never if omitted.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
}

/// Creates a link; for owners. Its secret is shown only now.
#[utoipa::path(post, path = "/api/documents/{id}/links", tag = "sharing", operation_id = "create_link",
    params(("id" = Uuid, Path)), request_body = NewLink, responses((status = 201, body = CreatedLink)))]
pub(super) async fn create(
    State(services): State<Services>,
    granted: Granted,
    headers: HeaderMap,
    Json(NewLink { role, expires_at }): Json<NewLink>,
) -> Result<(StatusCode, Json<CreatedLink>), ApiError> {
    granted.at_least(Role::Owner)?;
    if role == Role::Owner {
        return Err(ApiError::field("role", "is viewer or editor: owners are made by name"));
    }
    if expires_at.is_some_and(|at| at <= OffsetDateTime::now_utc()) {
        return Err(ApiError::field("expires_at", "is in the past"));
    }
    if expires_at.is_some_and(|at| at.checked_to_offset(UtcOffset::UTC).is_none()) {
        return Err(ApiError::field("expires_at", "is after the year 9999"));
    }
    let secret = random_secret();
    let new = directory::NewLink { role, expires_at };
    let directory::Link { id, created_at, expires_at, .. } =
        services.directory.create_link(granted.doc, new, &secret, granted.by).await?;
    let url = format!("{}/join/{secret}", origin(&services.config.http, &headers));
    Ok((StatusCode::CREATED, Json(CreatedLink { id: id.0, role, created_at, expires_at, secret, url })))
}

/// Lists the links, oldest first, including expired ones; for owners.
#[utoipa::path(get, path = "/api/documents/{id}/links", tag = "sharing", operation_id = "list_links",
    params(("id" = Uuid, Path)), responses((status = 200, body = Page<Link>)))]
pub(super) async fn list(State(services): State<Services>, granted: Granted) -> Result<Json<Page<Link>>, ApiError> {
    granted.at_least(Role::Owner)?;
    let links = services.directory.links(granted.doc).await?;
    Ok(Json(Page::whole(links.into_iter().map(Link::from).collect())))
}

/// Deletes a link; for owners. Users who got access by it keep it.
#[utoipa::path(delete, path = "/api/documents/{id}/links/{link_id}", tag = "sharing", operation_id = "delete_link",
    params(("id" = Uuid, Path), ("link_id" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(services): State<Services>,
    granted: Granted,
    segments: Result<Segments<(DocId, LinkId)>, ApiError>,
) -> Result<StatusCode, ApiError> {
    granted.at_least(Role::Owner)?;
    let Segments((doc, link)) = segments.map_err(|_| ApiError::NotFound(Missing::Link))?;
    services.directory.delete_link(doc, link, granted.by).await.map_err(no_link)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives the caller the role of a link, unless the caller has a higher one.
#[utoipa::path(post, path = "/api/links/{secret}/accept", tag = "sharing", operation_id = "accept_link",
    params(("secret" = String, Path)), responses((status = 200, body = Document)))]
pub(super) async fn accept(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    Caller { login, by }: Caller,
    Segments(secret): Segments<String>,
) -> Result<Json<Document>, ApiError> {
    services.limits.accept(address).await?;
    let user = login.user.id;
    let all = services.clone();
    let accept = async move {
        let (link, change) = all.directory.accept_link(&secret, by).await.map_err(no_link)?;
        if change == Change::Made {
            announce(&all, link.doc, user, Some(link.role));
        }
        Ok(link.doc)
    };
    let doc = finish(&services, accept).await?;
    Ok(Json(as_seen_by(&services, user, doc).await?))
}

fn no_link(error: DirectoryError) -> ApiError {
    match error {
        DirectoryError::NotFound => ApiError::NotFound(Missing::Link),
        other => other.into(),
    }
}
