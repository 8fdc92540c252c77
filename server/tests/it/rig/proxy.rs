//! A TCP proxy in front of one or several equal services: outages on demand, and addresses that move.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// The treatment of connections, old and new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Passes.
    Passes,
    /// Is accepted and never answered.
    Vanishes,
    /// Gets HTTP status 500 for every request.
    Fails,
}

/// The proxy; ends with its test.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    way: watch::Sender<Way>,
}

#[derive(Clone)]
struct Way {
    traffic: Traffic,
    services: Vec<SocketAddr>,
    /// How often open connections were ended or treated differently, and how often they were silenced.
    changed: usize,
    silenced: usize,
}

impl Proxy {
    /// Starts in front of `service`.
    pub(crate) async fn start(service: SocketAddr) -> Self {
        Self::before(vec![service]).await
    }

    /// Starts in front of services that get connections in turn; services that accept none are skipped.
    pub(crate) async fn before(services: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (way, seen) = watch::channel(Way { traffic: Traffic::Passes, services, changed: 0, silenced: 0 });
        #[expect(clippy::disallowed_methods, reason = "ends with the test that owns the proxy")]
        tokio::spawn(async move {
            for turn in 0.. {
                let Ok((client, _)) = listener.accept().await else { return };
                tokio::spawn(serve(client, turn, seen.clone()));
            }
        });
        Self { addr, way }
    }

    /// Sets the treatment of connections, including open ones.
    pub(crate) fn set(&self, traffic: Traffic) {
        self.way.send_modify(|way| {
            way.traffic = traffic;
            way.changed += 1;
        });
    }

    /// Makes open connections silent without closing them, as behind a firewall that has dropped them. New ones work.
    pub(crate) fn silence(&self) {
        self.way.send_modify(|way| way.silenced += 1);
    }

    /// Leads new connections elsewhere; open ones continue.
    pub(crate) fn lead_new_to(&self, services: Vec<SocketAddr>) {
        self.way.send_modify(|way| way.services = services);
    }

    /// Leads elsewhere from now on; open connections end.
    pub(crate) fn lead_to(&self, services: Vec<SocketAddr>) {
        self.way.send_modify(|way| {
            way.services = services;
            way.changed += 1;
        });
    }
}

async fn serve(mut client: TcpStream, turn: usize, mut way: watch::Receiver<Way>) {
    let now = way.borrow_and_update().clone();
    let then = tokio::select! {
        then = until_changed(&now, &mut way) => then,
        () = carry(&mut client, turn, now.clone()) => return,
    };
    // A vanished connection stays open: nothing notifies its client.
    if then.silenced != now.silenced {
        std::future::pending().await
    }
    if then.traffic == Traffic::Vanishes {
        until_changed(&then, &mut way).await;
    }
}

/// Waits until open connections are affected.
async fn until_changed(now: &Way, way: &mut watch::Receiver<Way>) -> Way {
    let is_other = |then: &Way| (then.changed, then.silenced) != (now.changed, now.silenced);
    let then = way.wait_for(is_other).await.map(|then| then.clone());
    match then {
        Ok(then) => then,
        Err(_) => std::future::pending().await,
    }
}

async fn carry(client: &mut TcpStream, turn: usize, way: Way) {
    match way.traffic {
        Traffic::Passes => {
            let count = way.services.len();
            for service in way.services.into_iter().cycle().skip(turn % count).take(count) {
                if let Ok(mut server) = TcpStream::connect(service).await {
                    let _ = copy_bidirectional(client, &mut server).await;
                    return;
                }
            }
        }
        Traffic::Vanishes => std::future::pending().await,
        Traffic::Fails => {
            let _ = client.read(&mut [0; 1024]).await;
            let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = client.write_all(answer).await;
            let _ = client.shutdown().await;
            // Closing with unread bytes would reset the connection and lose the answer.
            while client.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
        }
    }
}
