//! One socket: decoding, limits, pings, writing. One task with one exit, in which a reader, a writer and a pulse run
//! side by side, so that a client that reads nothing is still read from. It owns no document; it passes everything to
//! its room.

mod pulse;
mod reader;
mod sides;
mod writer;

use std::{pin::pin, sync::Arc};

use codesync_crdt::{Limits, encode, protocol::codesync::Message as Extension};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::debug;

use self::reader::Reader;
use super::socket::Socket;
use crate::{
    auth::{SocketGrant, events::AccessEvent},
    close::CloseReason,
    config::Switch,
    ids::DocId,
    room::{Dialect, NewPeer, PeerId, PeerMessage, RoomHandle, outbox::Outbox},
    services::Services,
    sockets::Slot,
};

/// Checks a client, closes it with the reason or serves it until either side ends.
pub(super) async fn open(
    socket: Box<Socket>,
    services: Arc<Services>,
    mut slot: Slot,
    doc: Option<DocId>,
    token: String,
    dialect: Dialect,
) {
    let entered = tokio::select! {
        biased;
        entered = enter(&services, &mut slot, doc, &token, dialect) => entered,
        // A room that accepts nothing must not delay the end of the node.
        () = services.draining.cancelled() => Err(CloseReason::Unavailable),
    };
    let reason = match entered {
        Ok(session) => {
            // A separate task around a box: an idle connection must not keep the memory of the opening.
            let tasks = services.tasks.clone();
            return tasks.spawn(Box::new(session).serve(socket, services, slot.into()));
        }
        Err(reason) => reason,
    };
    metrics::counter!("codesync_sockets_refused_total", "code" => reason.code().0.to_string()).increment(1);
    socket.close(Some(reason)).await;
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
    // Subscribed before access is checked, until the room knows the socket: no change is missed in between.
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
        let room = services.rooms.open(doc).await?;
        let peer = NewPeer { id, grant: Arc::clone(&grant), dialect, outbox: outbox.clone(), since };
        // A room that has ended is opened again.
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
        session.recheck_access(services, token).await?;
    }
    Ok(session)
}

fn concerns(event: &AccessEvent, doc: DocId, grant: &SocketGrant) -> bool {
    match event {
        AccessEvent::Grant { doc: changed, user, .. } => *changed == doc && *user == grant.user,
        AccessEvent::DocumentDeleted(deleted) => *deleted == doc,
        AccessEvent::LoginEnded(session) => *session == grant.login,
        AccessEvent::UserEnded(user) | AccessEvent::Renamed { user, .. } => *user == grant.user,
        AccessEvent::Missed => true,
    }
}

fn hello(services: &Services, grant: &SocketGrant, doc: DocId) -> Vec<u8> {
    let config = &services.config;
    let json = serde_json::json!({
        "role": grant.role.as_str(),
        // A document has one lineage for the lifetime of its id.
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
    grant: Arc<SocketGrant>,
    dialect: Dialect,
}

impl Session {
    /// Access changed while the socket was opened: the new rights count.
    async fn recheck_access(&mut self, services: &Services, token: &str) -> Result<(), CloseReason> {
        match services.auth.open_socket(token, self.room.doc()).await {
            Ok(grant) => {
                self.grant = Arc::clone(&grant);
                self.room.renewed(self.id, grant).await.map_err(|_| CloseReason::Resync)
            }
            Err(refusal) => {
                // A room that has ended has removed it already.
                let _ = self.room.send(self.id, PeerMessage::Left).await;
                Err(refusal.into())
            }
        }
    }

    async fn serve(self: Box<Self>, mut socket: Box<Socket>, services: Arc<Services>, _slot: Box<Slot>) {
        let mut reader = Reader::new(&self, &services);
        let reason = sides::first(
            pin!(writer::run(&self, &services, &mut socket.write)),
            [pin!(reader.run(&mut socket.read)), pin!(pulse::run(&self, &services))],
        )
        .await;
        debug!(doc.id = %self.room.doc(), peer.id = self.id.0, ?reason, "session ends");
        // The room first, so that the others see it leave; but a room that accepts nothing at the moment does not keep
        // it open. Boxed, because only few sockets reach this: every socket would reserve the space.
        let _ =
            Box::pin(async { tokio::join!(biased; self.room.send(self.id, PeerMessage::Left), socket.close(reason)) })
                .await;
    }
}
