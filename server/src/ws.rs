//! The sockets: `GET /socket/{document_id}`. Decides who comes in; what is said there is the session's business.

pub mod outbox;
mod pace;
mod session;
mod sockets;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        Path, Query, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{app::Services, auth::SocketRefusal, error::CloseReason, ids::DocId, room::Dialect};

pub use sockets::Sockets;

/// The subprotocol of our own clients.
const CODESYNC_V1: &str = "codesync.v1";
/// What comes before a token in the list of subprotocols.
const BEARER: &str = "bearer.";
/// How long a client may take to read why it was closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How much a frame may be longer than the message in it, so that one a little too long is still read and named.
const SLACK_BYTES: usize = 64 << 10;

#[derive(serde::Deserialize)]
struct Params {
    token: Option<String>,
}

/// The route of the sockets.
pub fn router(services: Services) -> Router {
    Router::new().route("/socket/{document_id}", get(upgrade)).with_state(Arc::new(services))
}

async fn upgrade(
    State(services): State<Arc<Services>>,
    Path(document): Path<String>,
    Query(params): Query<Params>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let slot = if services.draining.is_cancelled() { None } else { services.sockets.open() };
    let Some(slot) = slot else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")]).into_response();
    };
    let offered = protocols(&headers);
    let dialect = match offered.iter().any(|name| name == CODESYNC_V1) {
        true => Dialect::Codesync,
        false => Dialect::Stock,
    };
    let token = token(params, &headers, &offered).unwrap_or_default();
    let doc = document.parse::<DocId>().ok();
    let limit = services.config.socket.message_bytes_max;
    upgrade
        // Its default of 128 KiB a connection is what most idle connections would cost.
        .read_buffer_size(2048)
        .write_buffer_size(4096)
        .max_write_buffer_size(limit + SLACK_BYTES)
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
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    let protocol = || offered.iter().find_map(|name| name.strip_prefix(BEARER)).map(str::to_owned);
    params.token.or(bearer).or_else(protocol)
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
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await;
}
