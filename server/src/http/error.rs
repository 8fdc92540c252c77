//! Refused calls: status and JSON body.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tracing::error;

use crate::{auth::AuthError, directory::DirectoryError, limits::Exceeded, room::RoomError, snapshot::SnapshotError};

/// Problems by field.
pub type Fields = BTreeMap<String, String>;

/// Why a call was refused.
#[derive(Debug)]
pub enum ApiError {
    /// The body is not JSON.
    MalformedJson(String),
    /// The body is not text.
    MalformedText,
    /// No token, or one that is not (any longer) valid.
    Unauthenticated,
    /// The e-mail address or the password is wrong.
    WrongPassword,
    /// The account is disabled.
    Disabled,
    /// The caller has access, but not this right.
    Forbidden,
    /// There is no such thing, or the caller must not know of it.
    NotFound(Missing),
    /// The path accepts only WebSocket requests.
    UpgradeRequired,
    /// The path accepts only other methods.
    MethodNotAllowed,
    /// Another account has this e-mail address.
    EmailTaken,
    /// The document would be left without an owner.
    LastOwner,
    /// No administrator would be left.
    LastAdmin,
    /// The limit of such things is reached.
    LimitReached(i64),
    /// The text does not have the tag of `If-Match`.
    Changed,
    /// A body or a document past its limit, in bytes.
    TooLarge(usize),
    /// A body of a type that the call does not accept.
    UnsupportedMediaType(&'static str),
    /// Fields that are missing or out of bounds.
    Invalid(Fields),
    /// Too many calls; try again after that time.
    TooManyRequests(Duration),
    /// The server is overloaded, draining, or one of its stores does not answer.
    Unavailable,
    /// The stored document is damaged.
    Damaged,
    /// An unexpected failure. Its cause is only logged.
    Internal(anyhow::Error),
}

/// What was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The path.
    Route,
    /// The document.
    Document,
    /// The account.
    User,
    /// The share link, which may have expired.
    Link,
    /// The version, which may have been pruned.
    Version,
    /// The live document.
    Room,
}

/// The body of every refusal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// An error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorDetail {
    /// A stable code for programs.
    pub code: String,
    /// A message for people; it may change.
    pub message: String,
    /// With 422, the problems by field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, inline)]
    pub fields: BTreeMap<String, String>,
}

impl ApiError {
    /// One invalid field.
    pub fn field(name: &str, problem: &str) -> Self {
        Self::Invalid(Fields::from([(name.to_owned(), problem.to_owned())]))
    }

    fn answer(&self) -> (StatusCode, &'static str, String) {
        use StatusCode as S;
        let (status, code, message) = match self {
            Self::MalformedJson(problem) => return (S::BAD_REQUEST, "malformed_json", problem.clone()),
            Self::MalformedText => (S::BAD_REQUEST, "malformed_text", "The text is not UTF-8."),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Please sign in."),
            Self::WrongPassword => (S::UNAUTHORIZED, "wrong_password", "Wrong e-mail address or password."),
            Self::Disabled => (S::FORBIDDEN, "account_disabled", "This account is disabled."),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "Your role does not allow that."),
            Self::NotFound(Missing::Route) => (S::NOT_FOUND, "route_not_found", "There is nothing at this address."),
            Self::NotFound(Missing::Document) => (S::NOT_FOUND, "document_not_found", "There is no such document."),
            Self::NotFound(Missing::User) => (S::NOT_FOUND, "user_not_found", "There is no such account."),
            Self::NotFound(Missing::Link) => (S::NOT_FOUND, "link_not_found", "This link does not exist or has ended."),
            Self::NotFound(Missing::Version) => (S::NOT_FOUND, "version_not_found", "There is no such version."),
            Self::NotFound(Missing::Room) => (S::NOT_FOUND, "room_not_found", "This document is not open."),
            Self::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method_not_allowed", "This address knows other methods.")
            }
            Self::UpgradeRequired => (S::UPGRADE_REQUIRED, "upgrade_required", "This address speaks WebSocket."),
            Self::EmailTaken => (S::CONFLICT, "email_taken", "There is an account with this e-mail address already."),
            Self::LastOwner => (S::CONFLICT, "last_owner", "A document needs an owner."),
            Self::LastAdmin => (S::CONFLICT, "last_admin", "There must be an administrator."),
            Self::LimitReached(max) => {
                return (S::CONFLICT, "limit_reached", format!("There can be {max} of these at most."));
            }
            Self::Changed => (S::PRECONDITION_FAILED, "precondition_failed", "The text has changed in the meantime."),
            Self::TooLarge(max) => return (S::PAYLOAD_TOO_LARGE, "too_large", format!("The limit is {max} bytes.")),
            Self::UnsupportedMediaType(takes) => {
                return (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", format!("This call takes {takes}."));
            }
            Self::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "invalid", "Some fields need a correction."),
            Self::TooManyRequests(_) => (S::TOO_MANY_REQUESTS, "too_many_requests", "That was too often."),
            Self::Unavailable => {
                (S::SERVICE_UNAVAILABLE, "unavailable", "The server cannot do this now. Please try again.")
            }
            Self::Damaged => (
                S::INTERNAL_SERVER_ERROR,
                "document_damaged",
                "This document cannot be opened: its stored data is damaged. Ask the operator of this server.",
            ),
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on the server."),
        };
        (status, code, message.to_owned())
    }

    /// The status, and what the body says.
    pub(super) fn detail(self) -> (StatusCode, ErrorDetail) {
        let (status, code, message) = self.answer();
        let fields = match self {
            Self::Invalid(fields) => fields,
            _ => Fields::new(),
        };
        (status, ErrorDetail { code: code.to_owned(), message, fields })
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests(wait) => Some(*wait),
            Self::Unavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(cause) = &self {
            error!(error = format!("{cause:#}"), "call failed");
        }
        let retry_after = self.retry_after();
        let (status, error) = self.detail();
        let mut response = (status, Json(ErrorBody { error })).into_response();
        if let Some(wait) = retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            let value = HeaderValue::from_str(&seconds.to_string()).expect("digits fit into a header");
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::EmailTaken => Self::EmailTaken,
            DirectoryError::NotFound | DirectoryError::NoDocument => Self::NotFound(Missing::Document),
            DirectoryError::Unauthenticated => Self::Unauthenticated,
            DirectoryError::Forbidden => Self::Forbidden,
            DirectoryError::PasswordChanged => Self::WrongPassword,
            DirectoryError::Disabled => Self::Disabled,
            DirectoryError::Broken(_) => Self::Internal(error.into()),
            DirectoryError::LastOwner => Self::LastOwner,
            DirectoryError::LastAdmin => Self::LastAdmin,
            DirectoryError::LimitReached(max) => Self::LimitReached(max),
            DirectoryError::Unavailable(cause) => {
                error!(error = &cause as &dyn std::error::Error, "directory is unavailable");
                Self::Unavailable
            }
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::WrongPassword => Self::WrongPassword,
            AuthError::Disabled => Self::Disabled,
            AuthError::Busy => Self::Unavailable,
            AuthError::Directory(error) => error.into(),
            AuthError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<SnapshotError> for ApiError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Damaged(_) => {
                metrics::counter!("codesync_snapshots_damaged_total").increment(1);
                Self::Internal(error.into())
            }
            SnapshotError::Unavailable(cause) => {
                error!(error = &cause as &dyn std::error::Error, "snapshots are unavailable");
                Self::Unavailable
            }
        }
    }
}

impl From<RoomError> for ApiError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Unavailable => Self::Unavailable,
            RoomError::Deleted => Self::NotFound(Missing::Document),
            RoomError::Damaged => Self::Damaged,
            RoomError::Changed => Self::Changed,
            RoomError::TooCostly => Self::TooManyRequests(Duration::from_secs(5)),
            RoomError::TooLarge { limit } => Self::TooLarge(limit),
        }
    }
}

impl From<Exceeded> for ApiError {
    fn from(Exceeded(wait): Exceeded) -> Self {
        Self::TooManyRequests(wait)
    }
}
