//! The caller's own account.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    extract::{Caller, Json, Principal},
    finish::finish,
    validate::Validate,
};
use crate::{
    auth::{AuthError, events::AccessEvent},
    directory,
    http::error::ApiError,
    services::Services,
};

/// An account, as its user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    id: Uuid,
    email: String,
    name: String,
    /// The colour that others see, `#rrggbb`.
    color: String,
    is_admin: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<directory::User> for User {
    fn from(user: directory::User) -> Self {
        let directory::User { id, email, name, color, is_admin, created_at, .. } = user;
        Self { id: id.0, email, name, color, is_admin, created_at }
    }
}

/// A change; omitted fields keep their values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateMe {
    name: Option<String>,
    /// The colour that others see, `#rrggbb`.
    color: Option<String>,
}

/// The current and the new password.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangePassword {
    current_password: String,
    #[schema(min_length = 10)]
    new_password: String,
}

/// Returns the account of the caller.
#[utoipa::path(get, path = "/api/users/me", tag = "users", responses((status = 200, body = User)))]
pub(super) async fn me(Principal(login): Principal) -> Json<User> {
    Json(login.user.into())
}

/// Changes the name or the colour of the caller.
#[utoipa::path(patch, path = "/api/users/me", tag = "users", request_body = UpdateMe, responses((status = 200, body = User)))]
pub(super) async fn update_me(
    State(services): State<Services>,
    Caller { by, .. }: Caller,
    Json(change): Json<UpdateMe>,
) -> Result<Json<User>, ApiError> {
    let mut validate = Validate::default();
    if let Some(name) = &change.name {
        validate = validate.name("name", name);
    }
    if let Some(color) = &change.color {
        validate = validate.color("color", color);
    }
    validate.done()?;
    let change = directory::UserChange {
        name: change.name.map(|name| name.trim().to_owned()),
        color: change.color.map(|color| color.to_ascii_lowercase()),
    };
    let all = services.clone();
    let update = async move {
        let user = all.directory.update_user(change, by).await?;
        let (name, color) = (user.name.clone(), user.color.clone());
        all.access_events.publish(AccessEvent::Renamed { user: user.id, name, color });
        Ok(Json(user.into()))
    };
    finish(&services, update).await
}

/// Changes the password and ends every other login of the caller.
#[utoipa::path(post, path = "/api/users/me/password", tag = "users", request_body = ChangePassword, responses((status = 204)))]
pub(super) async fn change_password(
    State(services): State<Services>,
    Caller { login, by }: Caller,
    Json(change): Json<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    Validate::default().password("new_password", &change.new_password).done()?;
    services.limits.password_change(login.user.id).await?;
    let auth = services.auth.clone();
    let change = async move {
        match auth.change_password(&login, by, change.current_password, change.new_password).await {
            Ok(()) => Ok(StatusCode::NO_CONTENT),
            Err(AuthError::WrongPassword) => Err(ApiError::field("current_password", "is wrong")),
            Err(error) => Err(error.into()),
        }
    };
    finish(&services, change).await
}
