//! Accounts, for administrators.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::{
    address::origin,
    extract::{Administrator, Json, Segments},
    finish::finish,
    page::{Asked, Page, Paging, Searching},
};
use crate::{
    directory::{self, DirectoryError, Standing},
    http::error::{ApiError, Missing},
    ids::UserId,
    services::Services,
};

/// An account, as administrators see it.
#[derive(Serialize, ToSchema)]
pub(super) struct Account {
    id: Uuid,
    email: String,
    name: String,
    /// The colour that others see, `#rrggbb`.
    color: String,
    is_admin: bool,
    /// Whether it is disabled.
    is_disabled: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<directory::User> for Account {
    fn from(user: directory::User) -> Self {
        let directory::User { id, email, name, color, is_admin, is_disabled, created_at, .. } = user;
        Self { id: id.0, email, name, color, is_admin, is_disabled, created_at }
    }
}

/// A change; omitted fields keep their values.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateAccount {
    /// Whether it is an administrator.
    is_admin: Option<bool>,
    /// Whether it is disabled; all logins and sockets of a disabled account end at once.
    is_disabled: Option<bool>,
}

/// A one-time link to a new password.
#[derive(Serialize, ToSchema)]
pub(super) struct PasswordReset {
    /// The secret of the link, shown only now.
    secret: String,
    /// The page of the link, for the user of the account.
    url: String,
    /// When it expires.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// Creates a one-time link by which the user of an account sets a new password. Earlier links of the account are
/// invalid then.
#[utoipa::path(post, path = "/api/admin/users/{id}/password-reset", tag = "admin", operation_id = "create_password_reset",
    params(("id" = Uuid, Path)), responses((status = 201, body = PasswordReset)))]
pub(super) async fn reset_password(
    State(services): State<Services>,
    Administrator { by }: Administrator,
    headers: HeaderMap,
    segments: Result<Segments<UserId>, ApiError>,
) -> Result<(StatusCode, Json<PasswordReset>), ApiError> {
    let Segments(user) = segments.map_err(|_| ApiError::NotFound(Missing::User))?;
    let (secret, expires_at) = services.auth.offer_password_reset(user, by).await.map_err(no_user)?;
    let url = format!("{}/reset/{secret}", origin(&services.config.http, &headers));
    Ok((StatusCode::CREATED, Json(PasswordReset { secret, url, expires_at })))
}

fn no_user(error: DirectoryError) -> ApiError {
    match error {
        DirectoryError::NotFound => ApiError::NotFound(Missing::User),
        other => other.into(),
    }
}

/// Lists all accounts, newest first; `query` is searched in names and addresses.
#[utoipa::path(get, path = "/api/admin/users", tag = "admin", operation_id = "list_users",
    params(Searching, Paging), responses((status = 200, body = Page<Account>)))]
pub(super) async fn list(
    State(services): State<Services>,
    _: Administrator,
    Asked { query, after, limit }: Asked,
) -> Result<Json<Page<Account>>, ApiError> {
    Ok(Json(Page::of(services.directory.users(&query, after, limit).await?)))
}

/// Disables or enables an account, and makes it an administrator or ends that. One administrator always remains.
#[utoipa::path(patch, path = "/api/admin/users/{id}", tag = "admin", operation_id = "update_user",
    params(("id" = Uuid, Path)), request_body = UpdateAccount, responses((status = 200, body = Account)))]
pub(super) async fn update(
    State(services): State<Services>,
    Administrator { by }: Administrator,
    segments: Result<Segments<UserId>, ApiError>,
    Json(UpdateAccount { is_admin, is_disabled }): Json<UpdateAccount>,
) -> Result<Json<Account>, ApiError> {
    let Segments(user) = segments.map_err(|_| ApiError::NotFound(Missing::User))?;
    let auth = services.auth.clone();
    let change = async move {
        let changed = auth.change_standing(user, Standing { is_admin, is_disabled }, by).await;
        changed.map(|user| Json(user.into())).map_err(no_user)
    };
    finish(&services, change).await
}
