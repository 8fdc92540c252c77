//! Extractors of handlers; every failure has the shape of our errors.

use std::net::IpAddr;

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::address::client_address;
use crate::{
    directory::{Access, By, Login},
    http::error::{ApiError, Fields, Missing},
    ids::DocId,
    role::Role,
    services::Services,
};

/// The messages of `serde_json` about half a surrogate pair: a first half without a second, a second half alone.
const HALF_PAIR: [&str; 2] = ["unexpected end of hex escape", "lone leading surrogate"];

/// A JSON body, of requests and responses.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Services> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Services) -> Result<Self, ApiError> {
        takes(request.headers(), "application/json")?;
        let bytes = read(request, services).await?;
        let value = parse(&bytes)?;
        // A list would be read as the fields in their order.
        if !value.is_object() {
            return Err(ApiError::field("body", "is not an object"));
        }
        serde_path_to_error::deserialize(value).map(Self).map_err(|error| unreadable(&error))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let problem = error.inner().to_string();
    // A missing or unknown field is reported at the object around it.
    if let Some(name) = problem.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return ApiError::field(name, "is missing");
    }
    if let Some((name, _)) = problem.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        return ApiError::field(name, "is nothing that this call can change");
    }
    ApiError::Invalid(Fields::from([(error.path().to_string(), problem)]))
}

/// A body of plain text.
pub(super) struct PlainText(pub(super) String);

impl FromRequest<Services> for PlainText {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Services) -> Result<Self, ApiError> {
        takes(request.headers(), "text/plain")?;
        let bytes = read(request, services).await?;
        String::from_utf8(bytes.into()).map(Self).map_err(|_| ApiError::MalformedText)
    }
}

async fn read(request: Request, services: &Services) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, services).await.map_err(|rejection: BytesRejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            ApiError::TooLarge(services.config.http.body_bytes_max)
        } else {
            ApiError::MalformedText
        }
    })
}

/// Refuses a body of another type, in another character set than UTF-8, or encoded: nothing is read as something else.
fn takes(headers: &HeaderMap, media_type: &'static str) -> Result<(), ApiError> {
    let refused = Err(ApiError::UnsupportedMediaType(media_type));
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else { return refused };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case(media_type) {
        return refused;
    }
    let mut charsets = parts.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let is_utf8 = |charset: &str| ["utf-8", "utf8"].iter().any(|name| charset.eq_ignore_ascii_case(name));
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_plain = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if charsets.all(is_utf8) && encodings.all(is_plain) { Ok(()) } else { refused }
}

/// Parses JSON; a problem inside of a field is reported by its name.
fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let malformed = |error: serde_json::Error| ApiError::MalformedJson(error.to_string());
    let value = serde_path_to_error::deserialize::<_, Value>(&mut json).map_err(|error| {
        let (path, problem) = (error.path().to_string(), error.inner().to_string());
        // Half of a surrogate pair is valid JSON, but not text.
        if HALF_PAIR.iter().any(|half| problem.starts_with(half)) {
            let field = if path == "." { "body" } else { &path };
            return ApiError::field(field, "has half of a surrogate pair, which is no text");
        }
        if path == "." { malformed(error.into_inner()) } else { ApiError::MalformedJson(format!("{path}: {problem}")) }
    })?;
    json.end().map_err(malformed)?;
    Ok(value)
}

/// Parts of the path; invalid ids are not found.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Services> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let segments = Path::<T>::from_request_parts(parts, services).await;
        segments.map(|Path(segments)| Self(segments)).map_err(|_| ApiError::NotFound(Missing::Route))
    }
}

/// The caller, from the token.
pub(super) struct Principal(pub(super) Login);

impl FromRequestParts<Services> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(ApiError::Unauthenticated)?;
        let login = services.auth.login(token).await?.ok_or(ApiError::Unauthenticated)?;
        services.limits.account(login.user.id).await?;
        Ok(Self(login))
    }
}

/// The token in the header, if there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller, and its data for the audit trail.
pub(super) struct Caller {
    pub(super) login: Login,
    pub(super) by: By,
}

impl FromRequestParts<Services> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let Principal(login) = Principal::from_request_parts(parts, services).await?;
        let by = By::log_in(&login, Some(client_address(parts, &services.config.http)));
        Ok(Self { login, by })
    }
}

/// An administrator.
pub(super) struct Administrator {
    pub(super) by: By,
}

impl FromRequestParts<Services> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let Caller { login, by } = Caller::from_request_parts(parts, services).await?;
        if login.user.is_admin { Ok(Self { by }) } else { Err(ApiError::Forbidden) }
    }
}

/// The document of the path, and the caller's role in it.
pub(super) struct Granted {
    pub(super) login: Login,
    pub(super) doc: DocId,
    pub(super) role: Role,
    pub(super) by: By,
}

impl Granted {
    /// Succeeds only with `role` or a higher one. A change checks it again in its transaction.
    pub(super) fn at_least(&self, role: Role) -> Result<(), ApiError> {
        if self.role >= role { Ok(()) } else { Err(ApiError::Forbidden) }
    }
}

impl FromRequestParts<Services> for Granted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        #[derive(serde::Deserialize)]
        struct Id {
            id: DocId,
        }
        let Caller { login, by } = Caller::from_request_parts(parts, services).await?;
        let missing = || ApiError::NotFound(Missing::Document);
        let Path(Id { id: doc }) = Path::from_request_parts(parts, services).await.map_err(|_| missing())?;
        match services.directory.access(login.user.id, doc).await? {
            Access::Role(role) => Ok(Self { login, doc, role, by }),
            Access::None | Access::NoDocument => Err(missing()),
        }
    }
}

/// The address for rate limits.
pub(crate) struct ClientAddress(pub(super) IpAddr);

impl FromRequestParts<Services> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        Ok(Self(client_address(parts, &services.config.http)))
    }
}
