//! Messages from a client: read, limited, decoded completely, and passed to the room.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use codesync_crdt::{
    AwarenessEntry, Limits, Message as Protocol, decode_awareness, decode_frame, encode,
    protocol::codesync::Message as Extension,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, OptionFuture},
};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;
use tungstenite::Message;

use super::{Session, rfc3339};
use crate::{
    auth::{Auth, SocketGrant, SocketRefusal},
    close::CloseReason,
    config::Switch,
    ids::DocId,
    room::{Dialect, PeerMessage},
    services::Services,
    ws::{pace::Pace, socket::ReadHalf},
};

/// Message types whose content is ignored: permission, which only servers send, and our extension if it was not
/// negotiated.
const AUTH: u8 = 2;
const EXTENSION: u8 = 100;
/// The number of unanswered pings after which a client counts as gone.
const SILENT_PINGS: u32 = 5;
/// The pause before a new token is checked again, if the directory did not answer.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Reader<'a> {
    session: &'a Session,
    services: &'a Services,
    grant: Arc<SocketGrant>,
    /// The check of a new token, while the socket is read.
    renewal: Option<BoxFuture<'static, Result<Arc<SocketGrant>, SocketRefusal>>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(session: &'a Session, services: &'a Services) -> Self {
        let grant = Arc::clone(&session.grant);
        Self { session, services, grant, renewal: None }
    }

    /// Reads until the socket ends (`None`) or must be closed.
    pub(super) async fn run(&mut self, socket: &mut ReadHalf) -> Option<CloseReason> {
        let mut pace = match self.services.config.http.rate_limits {
            Switch::On => Some(Pace::new(self.services.config.socket.messages_per_s)),
            Switch::Off => None,
        };
        let silence = self.services.config.socket.ping * SILENT_PINGS;
        loop {
            let (expires, silent) = (expiry(self.grant.expires_at), Instant::now() + silence);
            let message = tokio::select! {
                message = socket.next() => message,
                () = sleep_until(expires.min(silent)) => {
                    // Half-open: the client reconnects automatically.
                    let reason = if silent < expires { CloseReason::Resync } else { CloseReason::Unauthenticated };
                    return Some(reason);
                }
                Some(looked_up) = OptionFuture::from(self.renewal.as_mut()) => {
                    match Box::pin(self.renewed(looked_up)).await {
                        Ok(()) => continue,
                        Err(reason) => return Some(reason),
                    }
                }
            };
            let frame = match message {
                Ok(Message::Binary(frame)) => frame,
                // Not part of any protocol here: ignored, like messages of unknown types, at the pace of all.
                Ok(Message::Text(_)) => Bytes::new(),
                Ok(Message::Ping(payload)) => {
                    self.session.outbox.pong(payload);
                    continue;
                }
                Ok(_) => continue,
                Err(reason) => return reason,
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
        let is_passed_over = match frame.first() {
            Some(&AUTH) => true,
            Some(&EXTENSION) => self.session.dialect == Dialect::Stock,
            _ => false,
        };
        if is_passed_over {
            return Ok(());
        }
        let messages = decode_frame(frame, &Limits::default()).map_err(|error| {
            debug!(%error, "bad frame");
            CloseReason::BadMessage
        })?;
        for message in messages {
            let message = match message {
                Protocol::SyncStep1(theirs) => PeerMessage::Step1(theirs),
                Protocol::SyncStep2(update) => PeerMessage::Step2(frame.slice_ref(update)),
                Protocol::Update(update) => PeerMessage::Update(frame.slice_ref(update)),
                Protocol::Awareness(states) => PeerMessage::Awareness(self.stamped(states)?),
                Protocol::QueryAwareness => PeerMessage::QueryAwareness,
                Protocol::Codesync(extension) if self.session.dialect == Dialect::Codesync => {
                    match self.extension(extension)? {
                        Some(message) => message,
                        None => continue,
                    }
                }
                Protocol::Codesync(_) | Protocol::Auth(_) | Protocol::Unknown => continue,
            };
            // A room that has ended has closed this socket's outbox with the reason.
            if self.session.room.send(self.session.id, message).await.is_err() {
                return Err(CloseReason::Resync);
            }
        }
        Ok(())
    }

    fn extension(&mut self, message: Extension<'_>) -> Result<Option<PeerMessage>, CloseReason> {
        match message {
            Extension::Mark(mark) => Ok(Some(PeerMessage::Mark(mark))),
            Extension::Token { token } => {
                let token = token.to_owned();
                self.renewal = Some(renew(self.services.auth.clone(), token, self.session.room.doc()).boxed());
                Ok(None)
            }
            _ => Err(CloseReason::BadMessage),
        }
    }

    /// The check of a new token has ended.
    async fn renewed(&mut self, looked_up: Result<Arc<SocketGrant>, SocketRefusal>) -> Result<(), CloseReason> {
        self.renewal = None;
        let grant = looked_up?;
        if grant.user != self.grant.user {
            return Err(CloseReason::Unauthenticated);
        }
        self.grant = Arc::clone(&grant);
        let expires_at = rfc3339(grant.expires_at);
        let accepted = encode::codesync(&Extension::TokenAccepted { expires_at: &expires_at });
        self.session.outbox.push(accepted.into());
        self.session.room.renewed(self.session.id, grant).await.map_err(|_| CloseReason::Resync)
    }

    /// The user of a presence comes from the token only.
    fn stamped(&self, states: &[u8]) -> Result<Vec<AwarenessEntry>, CloseReason> {
        let mut entries = decode_awareness(states, &Limits::default()).map_err(|error| {
            debug!(%error, "bad awareness");
            CloseReason::BadMessage
        })?;
        for entry in &mut entries {
            if let Some(state) = &mut entry.state {
                *state = self.grant.stamp(state).ok_or(CloseReason::BadMessage)?;
            }
        }
        Ok(entries)
    }
}

/// Checks a new token until the directory answers: until then the socket continues with its old token.
async fn renew(auth: Auth, token: String, doc: DocId) -> Result<Arc<SocketGrant>, SocketRefusal> {
    loop {
        match auth.open_socket(&token, doc).await {
            Err(SocketRefusal::Unavailable) => sleep(RENEWAL_INTERVAL).await,
            answer => return answer,
        }
    }
}

fn expiry(at: OffsetDateTime) -> Instant {
    let left = Duration::try_from(at - OffsetDateTime::now_utc()).unwrap_or(Duration::ZERO);
    Instant::now() + left
}
