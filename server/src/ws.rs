//! The sockets: `GET /socket/{document_id}`. Decides who may open one; the session handles its messages.

mod pace;
mod session;
mod socket;

use std::sync::Arc;

use crate::{
    auth::SocketRefusal,
    close::CloseReason,
    http::{self, error::ApiError},
    ids::DocId,
    room::Dialect,
    services::Services,
};
use axum::{
    Router,
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};

use socket::Socket;

/// The subprotocol of our own clients.
const CODESYNC_V1: &str = "codesync.v1";
/// The prefix of a token in the list of subprotocols.
const BEARER: &str = "bearer.";

#[derive(Default, serde::Deserialize)]
struct Params {
    token: Option<String>,
}

/// The route of the sockets.
pub fn router(services: Services) -> Router {
    let limit = from_fn_with_state(services.clone(), http::limits::sockets_by_address);
    Router::new()
        .route("/socket/{document_id}", get(upgrade))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(limit)
        .with_state(Arc::new(services))
}

async fn upgrade(
    State(services): State<Arc<Services>>,
    document: Result<Path<DocId>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
    mut request: Request,
) -> Response {
    let Some((mut response, upgraded)) = socket::accept(&mut request) else {
        return ApiError::UpgradeRequired.into_response();
    };
    let slot = if services.draining.is_cancelled() { None } else { services.sockets.open() };
    let Some(slot) = slot else {
        return ([(header::RETRY_AFTER, "5")], ApiError::Unavailable).into_response();
    };
    let params = params.map(|Query(params)| params).unwrap_or_default();
    let offered = protocols(request.headers());
    let (dialect, answer) = subprotocol(&offered);
    if let Some(answer) = answer.and_then(|name| HeaderValue::from_str(name).ok()) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, answer);
    }
    let token = token(params, request.headers(), &offered).unwrap_or_default();
    let doc = document.map(|Path(doc)| doc).ok();
    let tasks = services.tasks.clone();
    tasks.clone().spawn(async move {
        // A client that left before its connection became a socket needs no answer.
        if let Ok(upgraded) = upgraded.await {
            let socket = Socket::over(upgraded, services.config.socket.message_bytes_max);
            // A separate task, because this one is small and many may wait here.
            tasks.spawn(session::open(socket, services, slot, doc, token, dialect));
        }
    });
    response
}

/// The dialect, and the subprotocol that is selected. A client that offers any fails if none is selected, or one that
/// it did not offer. So for a client that offers other names the first is selected, and it is served as a stock client.
fn subprotocol(offered: &[String]) -> (Dialect, Option<&str>) {
    if let Some(ours) = offered.iter().find(|name| *name == CODESYNC_V1) {
        return (Dialect::Codesync, Some(ours));
    }
    let plain = offered.iter().find(|name| !name.starts_with(BEARER));
    (Dialect::Stock, plain.or(offered.first()).map(String::as_str))
}

/// Names in the list of subprotocols, as written.
fn protocols(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

fn token(params: Params, headers: &HeaderMap, offered: &[String]) -> Option<String> {
    let bearer = http::bearer(headers).map(str::to_owned);
    let protocol = || offered.iter().find_map(|name| name.strip_prefix(BEARER)).map(str::to_owned);
    params.token.filter(|token| !token.is_empty()).or(bearer).or_else(protocol)
}

impl From<SocketRefusal> for CloseReason {
    fn from(refusal: SocketRefusal) -> Self {
        match refusal {
            SocketRefusal::Unauthenticated => Self::Unauthenticated,
            SocketRefusal::Forbidden => Self::Forbidden,
            SocketRefusal::NotFound => Self::NotFound,
            SocketRefusal::Unavailable => Self::Unavailable,
        }
    }
}
