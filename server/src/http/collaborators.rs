//! The collaborators of a document.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    extract::{Granted, Json, Segments},
    finish::finish,
    page::Page,
};
use crate::{
    auth::events::AccessEvent,
    directory::{self, Change, DirectoryError},
    http::error::{ApiError, Missing},
    ids::{DocId, UserId},
    role::Role,
    services::Services,
};

/// A collaborator of a document.
#[derive(Serialize, ToSchema)]
pub(super) struct Collaborator {
    user: Contact,
    role: Role,
    /// When access began.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// What the owners of a document see of a collaborator.
#[derive(Serialize, ToSchema)]
pub(super) struct Contact {
    id: Uuid,
    email: String,
    name: String,
    color: String,
}

impl From<directory::Collaborator> for Collaborator {
    fn from(collaborator: directory::Collaborator) -> Self {
        let directory::Collaborator { id, email, name, color, role, created_at } = collaborator;
        Self { user: Contact { id: id.0, email, name, color }, role, created_at }
    }
}

/// An account and its role.
#[derive(Deserialize, ToSchema)]
pub(super) struct Grant {
    email: String,
    role: Role,
}

/// Lists the collaborators, owners first; for owners, because it contains e-mail addresses.
#[utoipa::path(get, path = "/api/documents/{id}/collaborators", tag = "sharing", operation_id = "list_collaborators",
    params(("id" = Uuid, Path)), responses((status = 200, body = Page<Collaborator>)))]
pub(super) async fn list(
    State(services): State<Services>,
    granted: Granted,
) -> Result<Json<Page<Collaborator>>, ApiError> {
    granted.at_least(Role::Owner)?;
    let people = services.directory.collaborators(granted.doc).await?;
    Ok(Json(Page::whole(people.into_iter().map(Collaborator::from).collect())))
}

/// Sets the role of the account with that e-mail address; for owners. Takes effect on open sockets at once.
#[utoipa::path(put, path = "/api/documents/{id}/collaborators", tag = "sharing", operation_id = "put_collaborator",
    params(("id" = Uuid, Path)), request_body = Grant, responses((status = 200, body = Collaborator)))]
pub(super) async fn put(
    State(services): State<Services>,
    granted: Granted,
    Json(Grant { email, role }): Json<Grant>,
) -> Result<Json<Collaborator>, ApiError> {
    granted.at_least(Role::Owner)?;
    let user = services.directory.user_by_email(&email).await?.ok_or(ApiError::NotFound(Missing::User))?;
    let Granted { doc, by, .. } = granted;
    let all = services.clone();
    let set = async move {
        if all.directory.set_role(doc, user.id, role, by).await? == Change::Made {
            announce(&all, doc, user.id, Some(role));
        }
        Ok(())
    };
    finish(&services, set).await?;
    let people = services.directory.collaborators(doc).await?;
    let person = people.into_iter().find(|person| person.id == user.id);
    person.map(|person| Json(person.into())).ok_or(ApiError::NotFound(Missing::User))
}

/// Removes access: owners that of anyone, other users their own.
#[utoipa::path(delete, path = "/api/documents/{id}/collaborators/{user_id}", tag = "sharing",
    operation_id = "remove_collaborator", params(("id" = Uuid, Path), ("user_id" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(services): State<Services>,
    granted: Granted,
    segments: Result<Segments<(DocId, UserId)>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let Segments((doc, user)) = segments.map_err(|_| ApiError::NotFound(Missing::User))?;
    if user != granted.login.user.id {
        granted.at_least(Role::Owner)?;
    }
    let all = services.clone();
    let remove = async move {
        all.directory.remove_grant(doc, user, granted.by).await.map_err(|error| match error {
            DirectoryError::NotFound => ApiError::NotFound(Missing::User),
            other => other.into(),
        })?;
        announce(&all, doc, user, None);
        Ok(StatusCode::NO_CONTENT)
    };
    finish(&services, remove).await
}

/// Notifies open sockets of a change of access.
pub(super) fn announce(services: &Services, doc: DocId, user: UserId, role: Option<Role>) {
    services.access_events.publish(AccessEvent::Grant { doc, user, role });
}
