//! Accepts connections and answers the calls on them, until told to close.

use std::{io::ErrorKind, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::app::Tasks;

/// The longest head of a call.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long nothing is accepted after no connection could be, for want of file descriptors.
const REST: Duration = Duration::from_millis(500);

/// Serves until `connections` is told to stop; then nothing new is accepted, and what was asked is answered. A connection
/// that takes longer than `keep_alive` to ask is closed.
pub async fn run(listener: TcpListener, router: Router, keep_alive: Duration, connections: &Tasks) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(keep_alive).max_buf_size(HEAD_BYTES_MAX);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = connections.stop().cancelled() => break,
        };
        match accepted {
            Ok((tcp, peer)) => {
                connections.spawn(connection(http.clone(), tcp, peer, router.clone(), connections.clone()));
            }
            // It was gone again already.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections");
                sleep(REST).await;
            }
        }
    }
    drop(listener);
    connections.end().await;
}

async fn connection(http: http1::Builder, tcp: TcpStream, peer: SocketAddr, router: Router, connections: Tasks) {
    // Frames are small, and must not wait for each other.
    let _ = tcp.set_nodelay(true);
    let answer = service_fn(move |mut call: Request<Incoming>| {
        call.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(call)
    });
    let mut served = pin!(http.serve_connection(TokioIo::new(tcp), answer).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = connections.stop().cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, %peer, "connection ends");
    }
}
