//! Versions: states of a document to read and to restore. A restore is an ordinary edit, made by the room.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use codesync_crdt::TEXT;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    documents::{Person, note_edit},
    extract::{Granted, Json, Segments},
    page::{Asked, Page, Paging},
    text::etag,
    validate::Validate,
};
use crate::{
    directory::{self, Action, DirectoryError, Right},
    http::error::{ApiError, Missing},
    ids::{DocId, VersionId},
    role::Role,
    room::Condition,
    services::Services,
    snapshot::SnapshotError,
};

/// How often naming is retried for a state that is pruned in the meantime: two newer ones must have been taken.
const TRIES_MAX: usize = 3;

/// A state of a document.
#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    id: Uuid,
    /// Its name; null for an automatic version, which is pruned with age.
    #[schema(required)]
    name: Option<String>,
    /// The user who named it.
    #[schema(required)]
    author: Option<Person>,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// The size of its text.
    size_bytes: i64,
}

impl From<directory::Version> for Version {
    fn from(version: directory::Version) -> Self {
        let directory::Version { id, name, author, created_at, size_bytes, .. } = version;
        Self { id: id.0, name, author: author.map(Person::from), created_at, size_bytes }
    }
}

/// A name for the current state.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewVersion {
    name: String,
}

/// A new name for a version.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateVersion {
    name: String,
}

/// Lists the versions, newest first: those with a name, and the others that are not pruned yet.
#[utoipa::path(get, path = "/api/documents/{id}/versions", tag = "versions", operation_id = "list_versions",
    params(("id" = Uuid, Path), Paging), responses((status = 200, body = Page<Version>)))]
pub(super) async fn list(
    State(services): State<Services>,
    granted: Granted,
    Asked { after, limit, .. }: Asked,
) -> Result<Json<Page<Version>>, ApiError> {
    Ok(Json(Page::of(services.directory.versions(granted.doc, after, limit).await?)))
}

/// Names the current state, which keeps it; for editors, 200 names each.
#[utoipa::path(post, path = "/api/documents/{id}/versions", tag = "versions", operation_id = "create_version",
    params(("id" = Uuid, Path)), request_body = NewVersion, responses((status = 201, body = Version)))]
pub(super) async fn create(
    State(services): State<Services>,
    granted: Granted,
    Json(NewVersion { name }): Json<NewVersion>,
) -> Result<(StatusCode, Json<Version>), ApiError> {
    granted.at_least(Role::Editor)?;
    Validate::default().title("name", &name).done()?;
    let doc = granted.doc;
    services.directory.check(granted.by, Right::Document(doc, Role::Editor)).await?;
    for _ in 0..TRIES_MAX {
        let done = services.rooms.snapshot(doc).await?;
        match services.directory.name_version(doc, done.snapshot, name.trim(), granted.by).await {
            Ok(version) => return Ok((StatusCode::CREATED, Json(version.into()))),
            Err(DirectoryError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::Unavailable)
}

/// Renames a version; for its author and for owners. A version without a name may be named by any editor.
#[utoipa::path(patch, path = "/api/documents/{id}/versions/{version_id}", tag = "versions",
    operation_id = "update_version", params(("id" = Uuid, Path), ("version_id" = Uuid, Path)),
    request_body = UpdateVersion, responses((status = 200, body = Version)))]
pub(super) async fn update(
    State(services): State<Services>,
    granted: Granted,
    segments: Result<Segments<(DocId, VersionId)>, ApiError>,
    Json(UpdateVersion { name }): Json<UpdateVersion>,
) -> Result<Json<Version>, ApiError> {
    granted.at_least(Role::Editor)?;
    let Segments((doc, id)) = segments.map_err(|_| ApiError::NotFound(Missing::Version))?;
    Validate::default().title("name", &name).done()?;
    let renamed = services.directory.rename_version(doc, id, name.trim(), granted.by).await;
    Ok(Json(renamed.map_err(no_version)?.into()))
}

/// Deletes a version; for its author and for owners, one without a name only for owners.
#[utoipa::path(delete, path = "/api/documents/{id}/versions/{version_id}", tag = "versions",
    operation_id = "delete_version", params(("id" = Uuid, Path), ("version_id" = Uuid, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(services): State<Services>,
    granted: Granted,
    segments: Result<Segments<(DocId, VersionId)>, ApiError>,
) -> Result<StatusCode, ApiError> {
    granted.at_least(Role::Editor)?;
    let Segments((doc, id)) = segments.map_err(|_| ApiError::NotFound(Missing::Version))?;
    services.directory.delete_version(doc, id, granted.by).await.map_err(no_version)?;
    Ok(StatusCode::NO_CONTENT)
}

fn no_version(error: DirectoryError) -> ApiError {
    match error {
        DirectoryError::NotFound => ApiError::NotFound(Missing::Version),
        other => other.into(),
    }
}

/// Reads the text of a version.
#[utoipa::path(get, path = "/api/documents/{id}/versions/{version_id}/text", tag = "versions",
    operation_id = "get_version_text", params(("id" = Uuid, Path), ("version_id" = Uuid, Path)),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn text(
    State(services): State<Services>,
    granted: Granted,
    segments: Result<Segments<(DocId, VersionId)>, ApiError>,
) -> Result<impl IntoResponse, ApiError> {
    let text = read(&services, &granted, segments).await?;
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"))], text))
}

/// Changes the text back into that of a version by the smallest edits, visible at once to everyone with the open
/// document; for editors.
#[utoipa::path(post, path = "/api/documents/{id}/versions/{version_id}/restore", tag = "versions",
    operation_id = "restore_version", params(("id" = Uuid, Path), ("version_id" = Uuid, Path)),
    responses((status = 204, headers(("etag" = String, description = "Names the new text")))))]
pub(super) async fn restore(
    State(services): State<Services>,
    granted: Granted,
    segments: Result<Segments<(DocId, VersionId)>, ApiError>,
) -> Result<impl IntoResponse, ApiError> {
    granted.at_least(Role::Editor)?;
    let text = read(&services, &granted, segments).await?;
    // The current state becomes a version, so that the restore can be undone too.
    services.rooms.snapshot(granted.doc).await?;
    let room = services.rooms.open(granted.doc).await?;
    let allowed = services.directory.hold(granted.by, Right::Document(granted.doc, Role::Editor)).await?;
    let restored = async {
        let replaced = room.replace_text(granted.login.user.id, text, Condition::default()).await?;
        if let Err(error) = services.directory.note(Action::VersionRestored, granted.doc, granted.by).await {
            // The version is restored: an error would make the caller retry.
            error!(doc.id = %granted.doc, %error, "cannot record the restore of a version in the audit trail");
        }
        Ok::<_, ApiError>(replaced)
    };
    let replaced = allowed.during(restored).await??;
    note_edit(&services, granted.doc, &replaced).await;
    Ok((StatusCode::NO_CONTENT, [(header::ETAG, etag(&replaced.text.tag))]))
}

async fn read(
    services: &Services,
    granted: &Granted,
    segments: Result<Segments<(DocId, VersionId)>, ApiError>,
) -> Result<String, ApiError> {
    let missing = || ApiError::NotFound(Missing::Version);
    let Segments((_, id)) = segments.map_err(|_| missing())?;
    let version = services.directory.version(granted.doc, id).await?.ok_or_else(missing)?;
    match services.storage.snapshots.get(granted.doc, version.snapshot).await {
        Ok(document) => Ok(document.text(TEXT)),
        Err(SnapshotError::Unavailable(object_store::Error::NotFound { .. })) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}
