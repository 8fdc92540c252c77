//! The sockets: `GET /socket/{document_id}`. Decides who comes in; what is said there is the session's business.

pub mod outbox;
mod pace;
mod session;
mod sockets;

use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        Path, Query, State, WebSocketUpgrade,
        rejection::{PathRejection, QueryRejection},
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{
    app::Services,
    auth::SocketRefusal,
    error::{ApiError, CloseReason},
    http,
    ids::DocId,
    room::Dialect,
};

pub use sockets::Sockets;

/// The subprotocol of our own clients.
const CODESYNC_V1: &str = "codesync.v1";
/// What comes before a token in the list of subprotocols.
const BEARER: &str = "bearer.";
/// How long a client may take to read why it was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How much a frame may be longer than the message in it, so that one a little too long is still read and named.
const SLACK_BYTES: usize = 64 << 10;

#[derive(Default, serde::Deserialize)]
struct Params {
    token: Option<String>,
}

/// The route of the sockets.
pub fn router(services: Services) -> Router {
    Router::new()
        .route("/socket/{document_id}", get(upgrade))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .with_state(Arc::new(services))
}

async fn upgrade(
    State(services): State<Arc<Services>>,
    document: Result<Path<DocId>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return ApiError::UpgradeRequired.into_response();
    };
    let Some(slot) = services.sockets.open() else {
        return ([(header::RETRY_AFTER, "5")], ApiError::Unavailable).into_response();
    };
    let params = params.map(|Query(params)| params).unwrap_or_default();
    let offered = protocols(&headers);
    let dialect = match offered.iter().any(|name| name == CODESYNC_V1) {
        true => Dialect::Codesync,
        false => Dialect::Stock,
    };
    let token = token(params, &headers, &offered).unwrap_or_default();
    let doc = document.map(|Path(doc)| doc).ok();
    let limit = services.config.socket.message_bytes_max;
    upgrade
        // Its default of 128 KiB a connection is what most idle connections would cost.
        .read_buffer_size(2048)
        // No limit on what is written: a frame may hold a whole document, and waits until the one before it has gone.
        .write_buffer_size(4096)
        .max_message_size(limit + SLACK_BYTES)
        .max_frame_size(limit + SLACK_BYTES)
        .protocols([CODESYNC_V1])
        // Our own task: it is drained, and axum's, which is sized for the greater of all futures before it, ends.
        .on_upgrade(async move |socket| {
            let tasks = services.tasks.clone();
            tasks.spawn(session::open(socket, services, slot, doc, token, dialect));
        })
}

/// Names in the list of subprotocols, as they were written.
fn protocols(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
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

/// Closes with a code that the client can read.
async fn close(mut socket: WebSocket, reason: CloseReason) {
    let (code, words) = reason.code();
    let frame = CloseFrame { code, reason: words.into() };
    let _ = timeout(CLOSE_TIMEOUT, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // Closing with unread data would reset the connection before the client has read the code.
            let mut heard = false;
            while let Some(Ok(_)) = socket.next().await {
                heard = true;
            }
            // What is far too large cannot be read; its sender is left the time to look up from sending it.
            if reason == CloseReason::TooLarge && !heard {
                pending().await
            }
        }
    })
    .await;
}
