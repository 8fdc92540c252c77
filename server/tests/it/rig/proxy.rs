//! A TCP proxy in front of a service, for outages that can be switched on and off.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to connections, old and new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Goes through.
    Passes,
    /// Is taken and never answered.
    Vanishes,
    /// Gets HTTP status 500 for whatever it says.
    Fails,
}

/// The proxy; ends with its test.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    traffic: watch::Sender<Traffic>,
}

impl Proxy {
    /// Starts in front of `service`.
    pub(crate) async fn start(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (traffic, seen) = watch::channel(Traffic::Passes);
        #[expect(clippy::disallowed_methods, reason = "ends with the test that owns the proxy")]
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, service, seen.clone()));
            }
        });
        Self { addr, traffic }
    }

    /// Lets traffic pass or not; connections that are open feel it too.
    pub(crate) fn set(&self, traffic: Traffic) {
        self.traffic.send_replace(traffic);
    }
}

async fn serve(mut client: TcpStream, service: SocketAddr, mut traffic: watch::Receiver<Traffic>) {
    let now = *traffic.borrow_and_update();
    tokio::select! {
        // One that vanishes stays open meanwhile: nothing tells its client.
        Ok(()) = traffic.changed() => {
            if *traffic.borrow_and_update() == Traffic::Vanishes {
                let _ = traffic.changed().await;
            }
        }
        () = carry(&mut client, service, now) => {}
    }
}

async fn carry(client: &mut TcpStream, service: SocketAddr, traffic: Traffic) {
    match traffic {
        Traffic::Passes => {
            if let Ok(mut server) = TcpStream::connect(service).await {
                let _ = copy_bidirectional(client, &mut server).await;
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
