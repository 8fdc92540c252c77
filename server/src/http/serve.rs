//! Accepts connections and serves the calls on them, until stopped. The number of connections has a limit; a connection
//! without a call makes room for others.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::tasks::Tasks;

/// The largest head of a call.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// The pause after no connection could be accepted for lack of file descriptors.
const REST: Duration = Duration::from_millis(500);

/// How long a peer may leave sent data unacknowledged; otherwise it would keep its place without end.
const UNREAD_MS_MAX: u32 = 60_000;
/// The number of connections that are refused with an answer at a time, and how long each may take; others are closed
/// without one.
const REFUSALS_MAX: usize = 64;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// The answer on a connection above the limit.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-type: application/json\r\ncontent-length: 82\r\n\r\n\
    {\"error\":{\"code\":\"unavailable\",\"message\":\"Too many connections. Try again soon.\"}}";

/// Serves until `connections` is stopped; then nothing new is accepted, and calls in progress are answered. A
/// connection that sends no call within `keep_alive` is closed. Above `connections_max` a new connection is answered
/// with 503, and connections without a call are closed.
pub async fn run(
    listener: TcpListener,
    router: Router,
    keep_alive: Duration,
    connections_max: usize,
    connections: &Tasks,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(keep_alive).max_buf_size(HEAD_BYTES_MAX);
    let [places, refusals] = [connections_max, REFUSALS_MAX].map(|count| Arc::new(Semaphore::new(count)));
    let crowded = watch::Sender::new(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = connections.stop().cancelled() => break,
        };
        match accepted {
            Ok((tcp, peer)) => match places.clone().try_acquire_owned() {
                Ok(place) => {
                    let held = Held { _place: place, crowded: crowded.subscribe(), connections: connections.clone() };
                    connections.spawn(connection(http.clone(), tcp, peer, router.clone(), held));
                }
                Err(_) => {
                    metrics::counter!("codesync_connections_refused_total").increment(1);
                    crowded.send_replace(());
                    if let Ok(refusal) = refusals.clone().try_acquire_owned() {
                        connections.spawn(refuse(tcp, refusal));
                    }
                }
            },
            // The connection was closed again already.
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

/// The resources of a connection until it ends or becomes a socket.
struct Held {
    _place: OwnedSemaphorePermit,
    /// Changes when there was no place for another connection.
    crowded: watch::Receiver<()>,
    connections: Tasks,
}

async fn connection(http: http1::Builder, tcp: TcpStream, peer: SocketAddr, router: Router, mut held: Held) {
    // Frames are small, and must not wait for each other.
    let _ = tcp.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&tcp, UNREAD_MS_MAX);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asks = has_asked.clone();
    let answer = service_fn(move |mut call: Request<Incoming>| {
        asks.store(true, Ordering::Relaxed);
        call.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(call)
    });
    let mut served = pin!(http.serve_connection(TokioIo::new(tcp), answer).with_upgrades());
    let ended = tokio::select! {
        // Received data is read first: a new connection may have sent a call already.
        biased;
        ended = served.as_mut() => ended,
        () = held.connections.stop().cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        Ok(()) = held.crowded.changed() => {
            if !has_asked.load(Ordering::Relaxed) {
                return;
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, %peer, "connection ends");
    }
}

/// Answers that there is no place, and reads the call: closing with unread data would lose the answer.
async fn refuse(mut tcp: TcpStream, _refusal: OwnedSemaphorePermit) {
    let _ = timeout(REFUSAL_TIMEOUT, async {
        tcp.write_all(FULL.as_bytes()).await?;
        tcp.shutdown().await?;
        while tcp.read(&mut [0; 1024]).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_is_as_long_as_it_claims() {
        let (head, body) = FULL.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
