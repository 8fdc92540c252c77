//! A bare socket, for behaviour that no stock client has.

use std::time::{Duration, Instant};

use codesync_crdt::{
    Document, Limits, Message as Protocol, StateVector, Update, decode_frame, encode,
    protocol::codesync::Message as Extension,
};
use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, header},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// The timeout of anything expected.
const PATIENCE: Duration = Duration::from_secs(20);

/// One socket, and a replica that applies what it receives.
pub(crate) struct Raw {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) replica: Document,
    synced: bool,
}

impl Raw {
    /// Opens a socket; a refusal is visible as its close.
    pub(crate) async fn connect(url: &str, doc: &str, token: &str) -> Self {
        Self::with(url, doc, token, None).await
    }

    /// Opens a socket of `codesync.v1`, with its token in the list of subprotocols.
    pub(crate) async fn codesync(url: &str, doc: &str, token: &str) -> Self {
        Self::with(url, doc, "", Some(&format!("codesync.v1, bearer.{token}"))).await
    }

    async fn with(url: &str, doc: &str, token: &str, protocols: Option<&str>) -> Self {
        let mut request = format!("{url}/{doc}?token={token}").into_client_request().unwrap();
        if let Some(protocols) = protocols {
            let uri = format!("{url}/{doc}").parse().unwrap();
            *request.uri_mut() = uri;
            request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(protocols).unwrap());
        }
        let (socket, _) = connect_async(request).await.unwrap();
        Self { socket, replica: Document::new(Limits::default()), synced: false }
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, frame: Vec<u8>) {
        self.socket.send(Message::Binary(frame.into())).await.unwrap();
    }

    /// Sends a message of any kind.
    pub(crate) async fn say(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends one frame on a socket that may be closed.
    pub(crate) async fn try_send(&mut self, frame: Vec<u8>) -> Result<(), Error> {
        self.socket.send(Message::Binary(frame.into())).await
    }

    /// Sends a frame and a request, and receives the answer or the close code.
    pub(crate) async fn probe(&mut self, frame: Vec<u8>) -> Result<(), u16> {
        // For a closed socket the reason is read below.
        if self.try_send(frame).await.is_ok() {
            let _ = self.try_send(encode::query_awareness()).await;
        }
        loop {
            match self.frame().await {
                Ok(frame)
                    if matches!(decode_frame(&frame, &Limits::default()).as_deref(), Ok([Protocol::Awareness(_)])) =>
                {
                    return Ok(());
                }
                Ok(_) => {}
                Err(Some(code)) => return Err(code),
                Err(None) => panic!("the connection ended without a code"),
            }
        }
    }

    /// Sends frames while receiving.
    pub(crate) async fn send_all(&mut self, frames: Vec<Vec<u8>>) {
        let (mut sink, mut stream) = (&mut self.socket).split();
        let sending = async {
            for frame in frames {
                sink.feed(Message::Binary(frame.into())).await.unwrap();
            }
            sink.flush().await.unwrap();
        };
        let hearing = async { while stream.next().await.is_some() {} };
        tokio::select! {
            () = sending => {}
            () = hearing => panic!("the socket ended"),
        }
    }

    /// Requests the document and receives frames until it has arrived.
    pub(crate) async fn sync(&mut self) {
        self.send(encode::sync_step1(&StateVector::default())).await;
        self.until(|message| matches!(message, Protocol::SyncStep2(_))).await;
    }

    /// Types at the end as `client`, and sends it.
    pub(crate) async fn append(&mut self, client: u64, text: &str) {
        let update = self.edit(client, text);
        self.send(encode::update(update.bytes())).await;
    }

    /// Types at the end of its own replica only.
    pub(crate) fn edit(&mut self, client: u64, text: &str) -> Update {
        let text = self.replica.text("content") + text;
        self.turn(client, &text)
    }

    /// Changes the text of its own replica only.
    pub(crate) fn turn(&mut self, client: u64, text: &str) -> Update {
        let update = self.replica.replacement("content", text, client).unwrap().expect("the text differs");
        self.take_in(update.bytes().clone());
        update
    }

    fn take_in(&mut self, bytes: bytes::Bytes) {
        let update = self.replica.check(bytes).unwrap();
        apply(&mut self.replica, &update);
    }

    /// Receives frames for as long as it is polled.
    pub(crate) async fn stay(&mut self) {
        self.until(|_| false).await;
    }

    /// Receives frames until one message is wanted.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Protocol<'_>) -> bool) {
        loop {
            let frame = self.frame().await.unwrap_or_else(|code| panic!("closed with {code:?}"));
            let messages = decode_frame(&frame, &Limits::default()).unwrap();
            assert_eq!(messages.len(), 1, "one message a frame");
            match messages[0] {
                // Updates before the answer to our step 1 are in that answer too.
                Protocol::Update(_) if !self.synced => {}
                Protocol::Update(bytes) => self.take_in(frame.slice_ref(bytes)),
                Protocol::SyncStep2(bytes) => {
                    self.synced = true;
                    self.take_in(frame.slice_ref(bytes));
                }
                _ => {}
            }
            if wanted(&messages[0]) {
                return;
            }
        }
    }

    /// Waits until everything that was sent is saved.
    pub(crate) async fn mark(&mut self, mark: u64) {
        self.send(encode::codesync(&Extension::Mark(mark))).await;
        self.until(|message| matches!(message, Protocol::Codesync(Extension::Mark(echo)) if *echo == mark)).await;
    }

    /// Sends a new token.
    pub(crate) async fn renew(&mut self, token: &str) {
        self.send(encode::codesync(&Extension::Token { token })).await;
    }

    /// Receives frames until the new token is accepted.
    pub(crate) async fn until_accepted(&mut self) {
        self.until(|message| matches!(message, Protocol::Codesync(Extension::TokenAccepted { .. }))).await;
    }

    /// Receives frames until one sets that role.
    pub(crate) async fn until_role(&mut self, wanted: &str) {
        self.until(|message| matches!(message, Protocol::Codesync(Extension::Role { role }) if *role == wanted)).await;
    }

    /// Receives frames until the text is `text`.
    pub(crate) async fn until_text(&mut self, text: &str) {
        while self.replica.text("content") != text {
            self.until(|message| matches!(message, Protocol::SyncStep2(_) | Protocol::Update(_))).await;
        }
    }

    /// Receives frames until the text has this length.
    pub(crate) async fn until_length(&mut self, length: u32) {
        while self.replica.text_len("content") < length {
            self.until(|message| matches!(message, Protocol::SyncStep2(_) | Protocol::Update(_))).await;
        }
    }

    /// Sends a frame and returns the close code, which may arrive during the sending.
    pub(crate) async fn refused(&mut self, frame: Vec<u8>) -> u16 {
        let (mut sink, mut stream) = (&mut self.socket).split();
        let sending = async {
            sink.send(Message::Binary(frame.into())).await.expect("it is not cut off");
            std::future::pending().await
        };
        let hearing = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                    Some(Ok(_)) => {}
                    ended => panic!("the connection ended without a code: {ended:?}"),
                }
            }
        };
        // As in Node, where an error ends the socket and the rest of its data.
        let both = async {
            tokio::select! { biased; code = sending => code, code = hearing => code }
        };
        timeout(PATIENCE, both).await.unwrap()
    }

    /// Closes like a leaving client, and returns the code of the answer.
    pub(crate) async fn leave(&mut self) -> Option<u16> {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        self.socket.close(Some(frame)).await.unwrap();
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    /// Waits until `bytes` have arrived, and reads none of them.
    pub(crate) async fn waits_to_be_read(&self, bytes: usize) {
        let MaybeTlsStream::Plain(tcp) = self.socket.get_ref() else { panic!("no test encrypts") };
        let (mut arrived, since) = (vec![0; bytes], Instant::now());
        while tcp.peek(&mut arrived).await.unwrap() < bytes {
            assert!(since.elapsed() < PATIENCE, "nothing more arrives");
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the close and returns its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Ok(_) => {}
                Err(Some(code)) => return code,
                Err(None) => panic!("the connection ended without a code"),
            }
        }
    }

    /// The next binary frame, or the code that the socket was closed with.
    pub(crate) async fn frame(&mut self) -> Result<bytes::Bytes, Option<u16>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("something is heard in time") {
                Some(Ok(Message::Binary(frame))) => return Ok(frame),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}

/// Applies an update to a client's own replica.
pub(crate) fn apply(replica: &mut Document, update: &Update) {
    let (changed, _) = std::mem::replace(replica, Document::new(Limits::default())).with_update(update).unwrap();
    *replica = changed;
}
