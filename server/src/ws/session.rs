//! One socket: decodes, limits, pings, writes. One task with one exit, in which a reader and a writer run side by side, so
//! that a client that reads nothing is still heard. Owns no document; says everything to its room.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{Message, WebSocket},
};
use codesync_crdt::{
    AwarenessEntry, Limits, Message as Protocol, decode_awareness, decode_frame, encode, encode_awareness,
    protocol::codesync::Message as Extension,
};
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    future::{BoxFuture, Either, OptionFuture},
    stream::{FuturesUnordered, SplitSink, SplitStream},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, interval_at, sleep, sleep_until, timeout};
use tracing::debug;

use super::{
    close,
    outbox::{Batch, Frame, Outbox},
    pace::Pace,
    sockets::Slot,
};
use crate::{
    app::Services,
    auth::{Auth, SocketGrant, SocketRefusal, events::AccessEvent},
    config::Switch,
    error::CloseReason,
    ids::{DocId, UserId},
    room::{Dialect, NewPeer, PeerId, RoomHandle, Said},
    telemetry,
};

/// Pings that may go unanswered before a client counts as gone.
const SILENT_PINGS: u32 = 5;
/// How long until a fresh token is looked up again when the directory did not answer.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);

/// Lets a client in, or closes it with the reason, and serves it until either side ends.
pub(super) async fn open(
    socket: WebSocket,
    services: Arc<Services>,
    mut slot: Slot,
    doc: Option<DocId>,
    token: String,
    dialect: Dialect,
) {
    let reason = match enter(&services, &mut slot, doc, &token, dialect).await {
        Ok(session) => {
            let (sink, stream) = socket.split();
            // A task of its own around a box: a connection that idles is not to keep the memory that coming in took.
            let tasks = services.tasks.clone();
            return tasks.spawn(Box::new(session).serve(sink, stream, services, slot.into()));
        }
        Err(reason) => reason,
    };
    metrics::counter!("codesync_sockets_refused_total", "code" => reason.code().0.to_string()).increment(1);
    close(socket, reason).await;
}

async fn enter(
    services: &Services,
    slot: &mut Slot,
    doc: Option<DocId>,
    token: &str,
    dialect: Dialect,
) -> Result<Session, CloseReason> {
    if services.draining.is_cancelled() {
        return Err(CloseReason::Unavailable);
    }
    let doc = doc.ok_or(CloseReason::NotFound)?;
    // Heard from before access is looked up until after the room knows the socket: no change falls in between.
    let mut events = services.access_events.subscribe();
    let grant = services.auth.open_socket(token, doc).await?;
    if services.config.http.rate_limits == Switch::On && !slot.belongs_to(grant.user) {
        return Err(CloseReason::TooMany);
    }
    let config = &services.config.socket;
    let outbox = Outbox::new(config.outbox_frames_max, config.outbox_bytes_max);
    let (id, since) = (slot.peer_id(), OffsetDateTime::now_utc());
    if dialect == Dialect::Codesync {
        outbox.push(hello(services, &grant, doc).into());
    }
    let room = loop {
        let room = services.rooms.open(doc).await.map_err(|_| CloseReason::Unavailable)?;
        let peer = NewPeer { id, grant: grant.clone(), dialect, outbox: outbox.clone(), since };
        // A room that ended meanwhile is opened anew.
        if room.join(peer).await.is_ok() {
            break room;
        }
    };
    let mut changed = false;
    while let Ok(event) = events.try_recv() {
        changed |= concerns(&event, doc, &grant);
    }
    let mut session = Session { id, room, outbox, grant, dialect };
    if changed {
        session.look_again(services, token).await?;
    }
    Ok(session)
}

fn concerns(event: &AccessEvent, doc: DocId, grant: &SocketGrant) -> bool {
    match event {
        AccessEvent::Grant { doc: changed, user, .. } => *changed == doc && *user == grant.user,
        AccessEvent::DocumentDeleted(deleted) => *deleted == doc,
        AccessEvent::SessionEnded(session) => *session == grant.session,
        AccessEvent::UserEnded(user) => *user == grant.user,
        AccessEvent::Missed => true,
    }
}

fn hello(services: &Services, grant: &SocketGrant, doc: DocId) -> Vec<u8> {
    let config = &services.config;
    let json = serde_json::json!({
        "role": grant.role.as_str(),
        // A document keeps one lineage for as long as its id lives.
        "epoch": doc.to_string(),
        "expires_at": rfc3339(grant.expires_at),
        "limits": {
            "message_bytes": config.socket.message_bytes_max.min(Limits::default().update_bytes),
            "document_bytes": config.room.document_bytes_max,
            "awareness_bytes": Limits::default().awareness_state_bytes,
        },
    });
    encode::codesync(&Extension::Hello { json: &json.to_string() })
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).expect("a time that was parsed or made here has a year of four digits")
}

struct Session {
    id: PeerId,
    room: RoomHandle,
    outbox: Outbox,
    grant: SocketGrant,
    dialect: Dialect,
}

impl Session {
    /// Access changed while the socket came in: what holds now counts.
    async fn look_again(&mut self, services: &Services, token: &str) -> Result<(), CloseReason> {
        match services.auth.open_socket(token, self.room.doc()).await {
            Ok(grant) => {
                self.grant = grant.clone();
                self.room.say(self.id, Said::Renewed(grant)).await.map_err(|_| CloseReason::Resync)
            }
            Err(refusal) => {
                // A room that has ended has let it go already.
                let _ = self.room.say(self.id, Said::Left).await;
                Err(refusal.into())
            }
        }
    }

    async fn serve(
        self: Box<Self>,
        sink: SplitSink<WebSocket, Message>,
        mut stream: SplitStream<WebSocket>,
        services: Arc<Services>,
        _slot: Box<Slot>,
    ) {
        let mut writer = Writer { sink, outbox: &self.outbox, room: &self.room, id: self.id, services: &services };
        let mut reader = Reader {
            session: &self,
            services: &services,
            grant: self.grant.clone(),
            renewal: None,
            limits: Limits::default(),
        };
        // Each side is polled only when it was woken itself: what is written to an idle client must not cost it a look
        // into its socket.
        let mut sides = FuturesUnordered::new();
        sides.push(Either::Left(reader.run(&mut stream)));
        sides.push(Either::Right(writer.run()));
        let reason = sides.next().await.flatten();
        drop(sides);
        debug!(doc.id = %self.room.doc(), peer.id = self.id.0, ?reason, "session ends");
        // The room first: nothing more is taken from this socket, and the others see it go.
        let _ = self.room.say(self.id, Said::Left).await;
        let sink = writer.sink;
        if let Some(reason) = reason
            && let Ok(socket) = sink.reunite(stream)
        {
            close(socket, reason).await;
        }
    }
}

struct Reader<'a> {
    session: &'a Session,
    services: &'a Services,
    grant: SocketGrant,
    /// Looks a fresh token up while the socket is read on.
    renewal: Option<BoxFuture<'static, Result<SocketGrant, SocketRefusal>>>,
    limits: Limits,
}

impl Reader<'_> {
    /// Reads until the socket ends (`None`) or has to be closed.
    async fn run(&mut self, stream: &mut SplitStream<WebSocket>) -> Option<CloseReason> {
        let mut pace = match self.services.config.http.rate_limits {
            Switch::On => Some(Pace::new(self.services.config.socket.messages_per_s)),
            Switch::Off => None,
        };
        let silence = self.services.config.socket.ping * SILENT_PINGS;
        loop {
            let expired = sleep_until(expiry(self.grant.expires_at));
            let message = tokio::select! {
                message = timeout(silence, stream.next()) => message,
                () = expired => return Some(CloseReason::Unauthenticated),
                Some(looked_up) = OptionFuture::from(self.renewal.as_mut()) => {
                    match self.renewed(looked_up).await {
                        Ok(()) => continue,
                        Err(reason) => return Some(reason),
                    }
                }
            };
            let frame = match message {
                Ok(Some(Ok(Message::Binary(frame)))) => frame,
                Ok(Some(Ok(Message::Text(_)))) => return Some(CloseReason::BadMessage),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
                // The next look into the socket answers it and ends.
                Ok(Some(Ok(Message::Close(_)))) => continue,
                Ok(None) => return None,
                Ok(Some(Err(error))) => return read_error(error),
                // Half-open: whoever is behind it comes back by itself.
                Err(_) => return Some(CloseReason::Resync),
            };
            if frame.len() > self.services.config.socket.message_bytes_max {
                return Some(CloseReason::TooLarge);
            }
            if let Some(pace) = &mut pace {
                pace.one().await;
            }
            if let Err(reason) = self.frame(&frame).await {
                return Some(reason);
            }
        }
    }

    async fn frame(&mut self, frame: &Bytes) -> Result<(), CloseReason> {
        let messages = decode_frame(frame, &self.limits).map_err(|error| {
            debug!(%error, "bad frame");
            CloseReason::BadMessage
        })?;
        for message in messages {
            let said = match message {
                Protocol::SyncStep1(theirs) => Said::Step1(theirs),
                Protocol::SyncStep2(update) => Said::Step2(frame.slice_ref(update)),
                Protocol::Update(update) => Said::Update(frame.slice_ref(update)),
                Protocol::Awareness(states) => Said::Awareness(self.stamped(states)?),
                Protocol::QueryAwareness => Said::QueryAwareness,
                Protocol::Codesync(extension) if self.session.dialect == Dialect::Codesync => {
                    match self.extension(extension)? {
                        Some(said) => said,
                        None => continue,
                    }
                }
                Protocol::Codesync(_) | Protocol::Auth(_) => return Err(CloseReason::BadMessage),
            };
            // A room that has ended has closed this socket's outbox with the reason.
            if self.session.room.say(self.session.id, said).await.is_err() {
                return Err(CloseReason::Resync);
            }
        }
        Ok(())
    }

    fn extension(&mut self, message: Extension<'_>) -> Result<Option<Said>, CloseReason> {
        match message {
            Extension::Mark(mark) => Ok(Some(Said::Mark(mark))),
            Extension::Token { token } => {
                let token = token.to_owned();
                self.renewal = Some(renew(self.services.auth.clone(), token, self.session.room.doc()).boxed());
                Ok(None)
            }
            _ => Err(CloseReason::BadMessage),
        }
    }

    /// A fresh token was looked up.
    async fn renewed(&mut self, looked_up: Result<SocketGrant, SocketRefusal>) -> Result<(), CloseReason> {
        self.renewal = None;
        let grant = looked_up?;
        if grant.user != self.grant.user {
            return Err(CloseReason::Unauthenticated);
        }
        self.grant = grant.clone();
        let expires_at = rfc3339(grant.expires_at);
        let accepted = encode::codesync(&Extension::TokenAccepted { expires_at: &expires_at });
        self.session.outbox.push(accepted.into());
        self.session.room.say(self.session.id, Said::Renewed(grant)).await.map_err(|_| CloseReason::Resync)
    }

    /// Presence says who somebody is only by the token.
    fn stamped(&self, states: &[u8]) -> Result<Vec<AwarenessEntry>, CloseReason> {
        let mut entries = decode_awareness(states, &self.limits).map_err(|error| {
            debug!(%error, "bad awareness");
            CloseReason::BadMessage
        })?;
        for entry in &mut entries {
            if let Some(state) = &mut entry.state {
                *state = stamp(state, &self.grant).ok_or(CloseReason::BadMessage)?;
            }
        }
        Ok(entries)
    }
}

/// Looks a fresh token up until the directory answers: while it does not, the socket goes on with the token that it has.
async fn renew(auth: Auth, token: String, doc: DocId) -> Result<SocketGrant, SocketRefusal> {
    loop {
        match auth.open_socket(&token, doc).await {
            Err(SocketRefusal::Unavailable) => sleep(RENEWAL_INTERVAL).await,
            answer => return answer,
        }
    }
}

fn stamp(state: &str, grant: &SocketGrant) -> Option<String> {
    let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(state).ok()?;
    let SocketGrant { user: UserId(id), name, color, .. } = grant;
    object.insert("user".to_owned(), serde_json::json!({ "id": id, "name": name, "color": color }));
    serde_json::to_string(&object).ok()
}

fn expiry(at: OffsetDateTime) -> Instant {
    let left = Duration::try_from(at - OffsetDateTime::now_utc()).unwrap_or(Duration::ZERO);
    Instant::now() + left
}

fn read_error(error: axum::Error) -> Option<CloseReason> {
    use tungstenite::Error;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => Some(CloseReason::TooLarge),
        Some(Error::Protocol(_) | Error::Utf8(_)) => Some(CloseReason::BadMessage),
        _ => None,
    }
}

struct Writer<'a> {
    sink: SplitSink<WebSocket, Message>,
    outbox: &'a Outbox,
    room: &'a RoomHandle,
    id: PeerId,
    services: &'a Services,
}

impl Writer<'_> {
    /// Writes until the socket ends (`None`) or has to be closed.
    async fn run(&mut self) -> Option<CloseReason> {
        self.run_inner().await.err().flatten()
    }

    async fn run_inner(&mut self) -> Result<(), Option<CloseReason>> {
        let period = self.services.config.socket.ping;
        let mut ping = interval_at(Instant::now() + period, period);
        let drained = drained(self.services);
        tokio::pin!(drained);
        let mut asked = None;
        loop {
            tokio::select! {
                batch = self.outbox.take() => self.write_batch(batch, &mut asked).await?,
                // Stock clients hang up after 30 s in which they heard no message; a ping of the transport is none to them.
                // It is what makes the silent speak, also where they are told something all the time.
                _ = ping.tick() => {
                    let nothing = encode::awareness(&encode_awareness([])).into();
                    self.write([Message::Binary(nothing), Message::Ping(Bytes::new())]).await?;
                }
                () = &mut drained => return Err(Some(CloseReason::Unavailable)),
            }
        }
    }

    async fn write_batch(&mut self, batch: Batch, asked: &mut Option<u64>) -> Result<(), Option<CloseReason>> {
        let received = batch.frames.iter().find_map(|frame| frame.received);
        self.write(batch.frames.into_iter().map(message)).await?;
        if let Some(received) = received {
            telemetry::edit_to_peer().record(received.elapsed());
        }
        if let Some(reason) = batch.close {
            return Err(Some(reason));
        }
        if batch.behind.is_some() && *asked != batch.behind {
            *asked = batch.behind;
            self.room.say(self.id, Said::Behind).await.map_err(|_| CloseReason::Resync)?;
        }
        Ok(())
    }

    /// Writes all and flushes once; a client that takes nothing for too long has stalled.
    async fn write(&mut self, messages: impl IntoIterator<Item = Message>) -> Result<(), Option<CloseReason>> {
        let stall = self.services.config.socket.stall;
        for message in messages {
            progress(stall, self.sink.feed(message)).await?;
        }
        progress(stall, self.sink.flush()).await
    }
}

/// Resolves when it is this socket's turn to go while the node drains: spread out, so that not all come back at once.
async fn drained(services: &Services) {
    services.draining.cancelled().await;
    sleep(services.config.http.drain_spread.mul_f64(rand::random())).await;
}

async fn progress(
    stall: Duration,
    write: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), Option<CloseReason>> {
    match timeout(stall, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(CloseReason::Resync)),
    }
}

fn message(frame: Frame) -> Message {
    Message::Binary(frame.bytes)
}
