//! Documents, without their text.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::warn;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    extract::{Caller, Granted, Json, Principal},
    finish::finish,
    page::{Asked, Page, Paging, Searching},
    validate::Validate,
};
use crate::{
    auth::events::AccessEvent,
    directory::{self, By, DocumentChange, Indentation, LineEnd, Right},
    http::error::{ApiError, Missing},
    ids::{DocId, UserId},
    role::Role,
    room::{Condition, Replaced},
    services::Services,
};

/// What other users see of a user.
#[derive(Serialize, ToSchema)]
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) color: String,
}

impl From<directory::Person> for Person {
    fn from(person: directory::Person) -> Self {
        Self { id: person.id.0, name: person.name, color: person.color }
    }
}

/// A document as the caller sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct Document {
    id: Uuid,
    title: String,
    /// The language, by Monaco's name.
    language: String,
    /// The line end of the exported file; the text of these calls has LF only.
    line_end: LineEnd,
    /// The indentation for all editors.
    indentation: Indentation,
    /// The owner; of several the first.
    owner: Person,
    /// The role of the caller.
    role: Role,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// The size of the text, some seconds ago.
    size_bytes: i64,
}

impl From<directory::Document> for Document {
    fn from(document: directory::Document) -> Self {
        Self {
            id: document.id.0,
            title: document.title,
            language: document.language,
            line_end: document.line_end,
            indentation: document.indentation,
            owner: document.owner.into(),
            role: document.role,
            created_at: document.created_at,
            updated_at: document.updated_at,
            size_bytes: document.size_bytes,
        }
    }
}

/// A new document.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewDocument {
    title: String,
    /// The language, by Monaco's name; `plaintext` if omitted.
    language: Option<String>,
    /// The line end of the exported file; if omitted, that of most lines of `text`.
    line_end: Option<LineEnd>,
    /// The indentation for all editors; `auto` if omitted.
    indentation: Option<Indentation>,
    /// The initial text.
    text: Option<String>,
}

/// A change; omitted fields keep their values.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateDocument {
    title: Option<String>,
    language: Option<String>,
    line_end: Option<LineEnd>,
    indentation: Option<Indentation>,
}

/// A ticket for the socket of one document, valid for a minute.
#[derive(Serialize, ToSchema)]
pub(super) struct Ticket {
    ticket: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    role: Role,
}

/// Lists the caller's documents and those shared with the caller, last changed first.
#[utoipa::path(get, path = "/api/documents", tag = "documents", operation_id = "list_documents",
    params(Searching, Paging), responses((status = 200, body = Page<Document>)))]
pub(super) async fn list(
    State(services): State<Services>,
    Principal(login): Principal,
    Asked { query, after, limit }: Asked,
) -> Result<Json<Page<Document>>, ApiError> {
    Ok(Json(Page::of(services.directory.documents(login.user.id, &query, after, limit).await?)))
}

/// Creates a document of the caller.
#[utoipa::path(post, path = "/api/documents", tag = "documents", operation_id = "create_document",
    request_body = NewDocument, responses((status = 201, body = Document)))]
pub(super) async fn create(
    State(services): State<Services>,
    Caller { login, by }: Caller,
    Json(new): Json<NewDocument>,
) -> Result<(StatusCode, Json<Document>), ApiError> {
    let language = new.language.unwrap_or_else(|| "plaintext".to_owned());
    Validate::default().title("title", &new.title).language("language", &language).done()?;
    let user = login.user.id;
    let line_end = new.line_end.unwrap_or_else(|| LineEnd::of(new.text.as_deref().unwrap_or_default()));
    let indentation = new.indentation.unwrap_or_default();
    let facts = directory::NewDocument { title: new.title.trim().to_owned(), language, line_end, indentation };
    let document = services.directory.create_document(facts, by).await?;
    if let Some(text) = new.text.filter(|text| !text.is_empty())
        && let Err(error) = seed(&services, document.id, by, user, text).await
    {
        let deleted = services.directory.delete_document(document.id, by.server()).await?;
        remove_stored(&services, document.id, deleted).await?;
        return Err(error);
    }
    Ok((StatusCode::CREATED, Json(as_seen_by(&services, user, document.id).await?)))
}

async fn seed(services: &Services, doc: DocId, by: By, author: UserId, text: String) -> Result<(), ApiError> {
    let room = services.rooms.open(doc).await?;
    let allowed = services.directory.hold(by, Right::Document(doc, Role::Editor)).await?;
    let replaced = allowed.during(room.replace_text(author, text, Condition::default())).await??;
    note_edit(services, doc, &replaced).await;
    Ok(())
}

/// Records that a call has changed the text. The edit is durable: if it cannot be recorded now, the next snapshot does
/// it.
pub(super) async fn note_edit(services: &Services, doc: DocId, replaced: &Replaced) {
    if !replaced.changed {
        return;
    }
    let (size, now) = (replaced.text.text.len() as u64, OffsetDateTime::now_utc());
    if let Err(error) = services.directory.record_edit(doc, size, now).await {
        warn!(doc.id = %doc, %error, "cannot record the edit of a document");
    }
}

/// Returns a document, without its text.
#[utoipa::path(get, path = "/api/documents/{id}", tag = "documents", operation_id = "get_document",
    params(("id" = Uuid, Path)), responses((status = 200, body = Document)))]
pub(super) async fn get(State(services): State<Services>, granted: Granted) -> Result<Json<Document>, ApiError> {
    Ok(Json(as_seen_by(&services, granted.login.user.id, granted.doc).await?))
}

/// Changes the title, the language, the line end or the indentation; for editors.
#[utoipa::path(patch, path = "/api/documents/{id}", tag = "documents", operation_id = "update_document",
    params(("id" = Uuid, Path)), request_body = UpdateDocument, responses((status = 200, body = Document)))]
pub(super) async fn update(
    State(services): State<Services>,
    granted: Granted,
    Json(change): Json<UpdateDocument>,
) -> Result<Json<Document>, ApiError> {
    granted.at_least(Role::Editor)?;
    let mut validate = Validate::default();
    if let Some(title) = &change.title {
        validate = validate.title("title", title);
    }
    if let Some(language) = &change.language {
        validate = validate.language("language", language);
    }
    validate.done()?;
    let UpdateDocument { title, language, line_end, indentation } = change;
    let change = DocumentChange { title: title.map(|title| title.trim().to_owned()), language, line_end, indentation };
    services.directory.update_document(granted.doc, change, granted.by).await?;
    Ok(Json(as_seen_by(&services, granted.login.user.id, granted.doc).await?))
}

/// Deletes a document for everyone; for owners.
#[utoipa::path(delete, path = "/api/documents/{id}", tag = "documents", operation_id = "delete_document",
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub(super) async fn delete(State(services): State<Services>, granted: Granted) -> Result<StatusCode, ApiError> {
    granted.at_least(Role::Owner)?;
    let all = services.clone();
    let delete = async move {
        let deleted = all.directory.delete_document(granted.doc, granted.by).await?;
        remove_stored(&all, granted.doc, deleted).await?;
        Ok(StatusCode::NO_CONTENT)
    };
    finish(&services, delete).await
}

/// Ends the room of a document that the directory has deleted, and removes its log and snapshots.
pub(super) async fn remove_stored(services: &Services, doc: DocId, deleted: bool) -> Result<(), ApiError> {
    if !deleted {
        return Err(ApiError::NotFound(Missing::Document));
    }
    services.access_events.publish(AccessEvent::DocumentDeleted(doc));
    if let Err(error) = services.rooms.delete(doc).await {
        // For users the document is deleted; its rest only takes space.
        warn!(doc.id = %doc, error = &error as &dyn std::error::Error, "cannot delete a document's log and snapshots");
    }
    Ok(())
}

/// Creates a ticket for the document's socket, so that no login token appears in an address.
#[utoipa::path(post, path = "/api/documents/{id}/ticket", tag = "documents", operation_id = "create_ticket",
    params(("id" = Uuid, Path)), responses((status = 200, body = Ticket)))]
pub(super) async fn ticket(State(services): State<Services>, granted: Granted) -> Json<Ticket> {
    let issued = services.auth.ticket(&granted.login, granted.doc);
    Json(Ticket { ticket: issued.token, expires_at: issued.expires_at, role: granted.role })
}

/// The document as `user` sees it now.
pub(super) async fn as_seen_by(services: &Services, user: UserId, doc: DocId) -> Result<Document, ApiError> {
    let document = services.directory.document(user, doc).await?;
    document.map(Document::from).ok_or(ApiError::NotFound(Missing::Document))
}
