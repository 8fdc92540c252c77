//! What handlers take out of a request, with every failure in our shape.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    app::Services,
    auth::Role,
    config::HttpConfig,
    directory::{Access, By, Session},
    error::{ApiError, Fields, Missing},
    ids::DocId,
};

/// A JSON body, in and out.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Services> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Services) -> Result<Self, ApiError> {
        if !is(request.headers(), "application/json") {
            return Err(ApiError::UnsupportedMediaType("application/json"));
        }
        let bytes = read(request, services).await?;
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| ApiError::MalformedJson(error.to_string()))?;
        // A list would pass for the fields in their order.
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
    // A missing field is told of at the object around it.
    match problem.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(name) => ApiError::field(name, "is missing"),
        None => ApiError::Invalid(Fields::from([(error.path().to_string(), problem)])),
    }
}

/// A body of plain text.
pub(super) struct PlainText(pub(super) String);

impl FromRequest<Services> for PlainText {
    type Rejection = ApiError;

    async fn from_request(request: Request, services: &Services) -> Result<Self, ApiError> {
        if !is(request.headers(), "text/plain") {
            return Err(ApiError::UnsupportedMediaType("text/plain"));
        }
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

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

/// Parts of the path; ids that are none are not found.
pub(super) struct Segments<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Services> for Segments<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let segments = Path::<T>::from_request_parts(parts, services).await;
        segments.map(|Path(segments)| Self(segments)).map_err(|_| ApiError::NotFound(Missing::Route))
    }
}

/// The caller, by his token.
pub(super) struct Principal(pub(super) Session);

impl FromRequestParts<Services> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(ApiError::Unauthenticated)?;
        let session = services.auth.session(token).await?.ok_or(ApiError::Unauthenticated)?;
        services.limits.account(session.user.id).await?;
        Ok(Self(session))
    }
}

/// The token in the header, if there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller, and what the audit trail tells of him.
pub(super) struct Caller {
    pub(super) session: Session,
    pub(super) by: By,
}

impl FromRequestParts<Services> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let Principal(session) = Principal::from_request_parts(parts, services).await?;
        let by = By::log_in(&session, Some(client_address(parts, &services.config.http)));
        Ok(Self { session, by })
    }
}

/// A caller who may do everything.
pub(super) struct Administrator {
    pub(super) by: By,
}

impl FromRequestParts<Services> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        let Caller { session, by } = Caller::from_request_parts(parts, services).await?;
        if session.user.is_admin { Ok(Self { by }) } else { Err(ApiError::Forbidden) }
    }
}

/// The document of the path, and what the caller may do with it.
pub(super) struct Granted {
    pub(super) session: Session,
    pub(super) doc: DocId,
    pub(super) role: Role,
    pub(super) by: By,
}

impl Granted {
    /// Goes on only with `role` or more. A change checks it once more when it is made.
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
        let Caller { session, by } = Caller::from_request_parts(parts, services).await?;
        let missing = || ApiError::NotFound(Missing::Document);
        let Path(Id { id: doc }) = Path::from_request_parts(parts, services).await.map_err(|_| missing())?;
        match services.directory.access(session.user.id, doc).await? {
            Access::Role(role) => Ok(Self { session, doc, role, by }),
            Access::None | Access::NoDocument => Err(missing()),
        }
    }
}

/// The address that the caller is limited by.
pub(crate) struct ClientAddress(pub(super) IpAddr);

impl FromRequestParts<Services> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, ApiError> {
        Ok(Self(client_address(parts, &services.config.http)))
    }
}

/// Who is at the other end: the peer, or behind trusted proxies whom the outermost of them saw. What stands further left in
/// `X-Forwarded-For` is the client's own claim.
pub fn client_address(parts: &Parts, config: &HttpConfig) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip()).to_canonical();
    let Some(hops) = usize::from(config.trusted_proxies).checked_sub(1) else {
        return peer;
    };
    let values = parts.headers.get_all("x-forwarded-for").iter();
    let listed: Vec<&str> = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
    let seen = listed.iter().rev().nth(hops).and_then(|address| address.trim().parse::<IpAddr>().ok());
    seen.map_or(peer, |address| address.to_canonical())
}
