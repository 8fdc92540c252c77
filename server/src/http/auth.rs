//! Registration, login and logout.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::warn;
use utoipa::ToSchema;

use super::{
    extract::{Caller, ClientAddress, Json},
    finish::finish,
    users::User,
    validate::{Validate, check_account},
};
use crate::{
    auth::{AuthError, Issued, random_color},
    directory::{By, DirectoryError, NewUser},
    http::error::{ApiError, Missing},
    ids::UserId,
    limits::network,
    services::Services,
};

/// A new account.
#[derive(Deserialize, ToSchema)]
pub(super) struct Register {
    email: String,
    #[schema(min_length = 10)]
    password: String,
    name: String,
}

/// The new account.
#[derive(Serialize, ToSchema)]
pub(super) struct Registered {
    user: User,
}

/// The credentials of a login.
#[derive(Deserialize, ToSchema)]
pub(super) struct LogIn {
    email: String,
    password: String,
}

/// A login and its token.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    user: User,
}

impl Session {
    fn new(issued: Issued, user: User) -> Self {
        Self { token: issued.token, token_type: "Bearer", expires_at: issued.expires_at, user }
    }
}

/// Creates an account.
#[utoipa::path(
    post, path = "/api/auth/register", tag = "auth", security(()), request_body = Register,
    responses((status = 201, body = Registered))
)]
pub(super) async fn register(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    Json(new): Json<Register>,
) -> Result<(StatusCode, Json<Registered>), ApiError> {
    services.limits.registration(address).await?;
    check_account(&new.email, &new.name, &new.password).map_err(ApiError::Invalid)?;
    let user = NewUser {
        password_hash: services.auth.hash_password(new.password).await?,
        email: new.email,
        name: new.name.trim().to_owned(),
        color: random_color().to_owned(),
        is_admin: false,
    };
    let user = services.directory.create_user(user, OffsetDateTime::now_utc()).await?.into();
    Ok((StatusCode::CREATED, Json(Registered { user })))
}

/// Logs in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "auth", security(()), request_body = LogIn,
    responses((status = 200, body = Session))
)]
pub(super) async fn log_in(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    Json(LogIn { email, password }): Json<LogIn>,
) -> Result<Json<Session>, ApiError> {
    services.limits.log_in(address).await?;
    let network = network(address);
    if let Err(refused) = services.limits.password(&email).await {
        // Password attempts by others must not lock out users at addresses where they logged in before.
        let user = services.directory.user_by_email(&email).await?;
        let knows = async |user: UserId| services.directory.knows_address(user, network).await;
        match user {
            Some(user) if knows(user.id).await? => services.limits.password_from(user.id, network).await?,
            _ => return Err(refused.into()),
        }
    }
    let (user, issued) = services.auth.log_in(&email, password).await?;
    if let Err(error) = services.directory.note_address(user.id, network, OffsetDateTime::now_utc()).await {
        warn!(%error, "cannot record the address of a login");
    }
    Ok(Json(Session::new(issued, user.into())))
}

/// A new password, with the secret of a link that an administrator has created.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResetPassword {
    secret: String,
    #[schema(min_length = 10)]
    password: String,
}

/// Sets a forgotten password, once, by the secret of a link from an administrator; all logins of the account end.
#[utoipa::path(
    post, path = "/api/auth/reset-password", tag = "auth", security(()), request_body = ResetPassword,
    responses((status = 204))
)]
pub(super) async fn reset_password(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    Json(ResetPassword { secret, password }): Json<ResetPassword>,
) -> Result<StatusCode, ApiError> {
    services.limits.accept(address).await?;
    Validate::default().password("password", &password).done()?;
    let auth = services.auth.clone();
    let reset = async move { auth.reset_password(&secret, password, By::secret(address)).await.map_err(no_link) };
    finish(&services, reset).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The error of a call with the secret of a link.
fn no_link(error: AuthError) -> ApiError {
    match error {
        AuthError::Directory(DirectoryError::NotFound) => ApiError::NotFound(Missing::Link),
        error => error.into(),
    }
}

/// The first administrator, with the secret of a setup link.
#[derive(Deserialize, ToSchema)]
pub(super) struct SetUp {
    secret: String,
    email: String,
    #[schema(min_length = 10)]
    password: String,
    name: String,
}

/// Creates the first administrator of a new installation, by the one-time link that the server printed.
#[utoipa::path(
    post, path = "/api/auth/setup", tag = "auth", security(()), request_body = SetUp,
    responses((status = 201, body = Registered))
)]
pub(super) async fn set_up(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    Json(SetUp { secret, email, password, name }): Json<SetUp>,
) -> Result<(StatusCode, Json<Registered>), ApiError> {
    services.limits.accept(address).await?;
    check_account(&email, &name, &password).map_err(ApiError::Invalid)?;
    let auth = services.auth.clone();
    let name = name.trim().to_owned();
    let made = async move { auth.set_up(&secret, email, name, password, By::secret(address)).await.map_err(no_link) };
    let user = finish(&services, made).await?.into();
    Ok((StatusCode::CREATED, Json(Registered { user })))
}

/// Replaces the login of the token by a new one, and closes the sockets of the old one.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", responses((status = 200, body = Session)))]
pub(super) async fn refresh(
    State(services): State<Services>,
    Caller { login, by }: Caller,
) -> Result<Json<Session>, ApiError> {
    let auth = services.auth.clone();
    let issued = finish(&services, async move { Ok(auth.refresh(by).await?) }).await?;
    Ok(Json(Session::new(issued, login.user.into())))
}

/// Ends the login and closes its sockets.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", responses((status = 204)))]
pub(super) async fn log_out(
    State(services): State<Services>,
    Caller { by, .. }: Caller,
) -> Result<StatusCode, ApiError> {
    let auth = services.auth.clone();
    finish(&services, async move { Ok(auth.log_out(by).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
