//! The limit of a server on this runtime: it copies each frame to the other clients of the document and does not look
//! inside.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const OUTBOX_FRAMES: usize = 4096;
const FRAMES_A_FLUSH: usize = 512;

type Peers = Arc<Mutex<Vec<(u64, mpsc::Sender<Bytes>)>>>;

#[derive(Clone, Default)]
struct Relay {
    rooms: Arc<Mutex<HashMap<String, Peers>>>,
    last_id: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3001".into());
    let app = Router::new().route("/{name}", get(upgrade)).with_state(Relay::default());
    axum::serve(NoDelay(TcpListener::bind(addr).await?), app).await?;
    Ok(())
}

async fn upgrade(State(relay): State<Relay>, Path(name): Path<String>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(4096).on_upgrade(async move |socket| relay.join(name, socket).await)
}

impl Relay {
    async fn join(self, name: String, socket: WebSocket) {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let peers = Arc::clone(lock(&self.rooms).entry(name).or_default());
        let (outbox, queue) = mpsc::channel(OUTBOX_FRAMES);
        lock(&peers).push((id, outbox));
        let (sink, stream) = socket.split();
        tokio::select! {
            () = copy_in(stream, &peers, id) => {}
            () = copy_out(sink, queue) => {}
        }
        lock(&peers).retain(|(peer, _)| *peer != id);
    }
}

async fn copy_in(mut stream: SplitStream<WebSocket>, peers: &Peers, id: u64) {
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(frame) = message else {
            continue;
        };
        for outbox in copy(peers, id, &frame) {
            // A peer that reads slowly delays a fast writer.
            let _ = outbox.send(frame.clone()).await;
        }
    }
}

/// Passes the frame to all others; returns the outboxes that are full.
fn copy(peers: &Peers, author: u64, frame: &Bytes) -> Vec<mpsc::Sender<Bytes>> {
    let others = |(peer, outbox): &(u64, mpsc::Sender<Bytes>)| {
        let full = *peer != author && outbox.try_send(frame.clone()).is_err();
        full.then(|| outbox.clone())
    };
    lock(peers).iter().filter_map(others).collect()
}

async fn copy_out(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Bytes>) {
    let mut ready = Vec::new();
    while queue.recv_many(&mut ready, FRAMES_A_FLUSH).await > 0 {
        for frame in ready.drain(..) {
            if sink.feed(Message::Binary(frame)).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frames are small and must not wait for each other.
struct NoDelay(TcpListener);

impl axum::serve::Listener for NoDelay {
    type Io = tokio::net::TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, addr) = axum::serve::Listener::accept(&mut self.0).await;
        // Without it the relay is only slower.
        let _ = stream.set_nodelay(true);
        (stream, addr)
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}
