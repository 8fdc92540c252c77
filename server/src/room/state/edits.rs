//! Edits: checked against the replica, then applied to it or refused with a reason.

use std::time::Instant;

use bytes::Bytes;
use codesync_crdt::{Applied, ClientId, Comparison, Refusal, Update, encode, protocol::codesync::Message as Extension};
use tracing::{debug, warn};

use super::{Effects, State, fan_out::Origin};
use crate::{
    close::CloseReason,
    room::{
        Dialect, PeerId,
        effort::{self, Stopwatch},
        outbox::Frame,
        peers::Peer,
    },
};

/// The result of applying updates of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogApplied {
    /// Some update was new.
    pub changed: bool,
    /// Some update depends on edits that are missing.
    pub gap: bool,
    /// The first place where the replica holds other edits than the log.
    pub differs: Option<(ClientId, u32)>,
}

impl State {
    /// Applies updates of the log that other nodes appended.
    pub fn apply_log(&mut self, updates: Vec<Bytes>, effects: &mut Effects) -> LogApplied {
        let mut taken = LogApplied::default();
        let mut known = Vec::new();
        for bytes in updates {
            let Some(document) = self.replica.live() else { break };
            match document.check_stored(bytes) {
                Ok(update) if update.adds_to(document.state_vector()) => {
                    self.apply_known(&mut known, &mut taken);
                    self.apply_one(update, &mut taken);
                }
                Ok(update) => known.push(update),
                Err(refusal) => {
                    debug!(%refusal, "an entry of the log does not follow");
                    taken.gap = true;
                }
            }
        }
        self.apply_known(&mut known, &mut taken);
        effects.rebuild |= self.replica.live().is_none();
        taken
    }

    /// Applies updates that insert nothing new, merged into one. Each is compared with everything after it in the
    /// document, so one by one a long log would take quadratic time.
    fn apply_known(&mut self, known: &mut Vec<Update>, taken: &mut LogApplied) {
        for update in Update::merge(&std::mem::take(known)) {
            self.apply_one(update, taken);
        }
    }

    fn apply_one(&mut self, update: Update, taken: &mut LogApplied) {
        let Some(document) = self.replica.live() else { return };
        if let Comparison::Differs { client, clock } = document.compare(&update) {
            // It is applied nevertheless: later entries depend on its new clocks.
            taken.differs = Some((client, clock));
        }
        match self.replica.apply(&update) {
            Ok(Applied::Unchanged) => {}
            Ok(Applied::Changed) => {
                taken.changed = true;
                self.outgoing.push(update, Origin::Log, None);
            }
            Err(error) => warn!(%error, "replica lost: it is rebuilt from what is stored"),
        }
    }

    pub(super) fn edit(&mut self, from: PeerId, bytes: Bytes, received: Instant, now_ms: u64, effects: &mut Effects) {
        let received_bytes = bytes.len();
        if self.peers.get(from).is_some_and(|peer| peer.has_conflict) {
            return;
        }
        let Some(document) = self.replica.live() else {
            effects.rebuild = true;
            return self.close(from, CloseReason::Resync, now_ms);
        };
        let update = match document.check(bytes) {
            Ok(update) => update,
            Err(Refusal::Gap) => return self.ask_for_gap(from),
            Err(refusal) => return self.refuse(from, &refusal, now_ms),
        };
        let adds = update.adds_to(document.state_vector());
        let authors = update.new_clients(document.state_vector());
        let size_bytes = document.size_bytes();
        let Some(peer) = self.peers.get(from) else { return };
        if peer.unjudged.is_early(&update) {
            return;
        }
        let user = peer.grant.user;
        if !peer.grant.role.may_edit() {
            // Its answer to our step 1 repeats all deletions: only its inserts are known to be its own.
            if adds {
                refuse_in_words(peer, "read_only", "viewers cannot edit");
            }
            return;
        }
        let limit = self.document_bytes_max;
        if adds && !self.replica.live_mut().is_some_and(|document| document.has_room(received_bytes, limit)) {
            refuse_in_words(peer, "document_too_large", "the document has reached its limit");
            return self.close(from, CloseReason::TooLarge, now_ms);
        }
        if let Err(reason) = self.peers.effort(user, now_ms).check(authors, now_ms) {
            return self.close(from, reason, now_ms);
        }
        let deadline = effort::deadline(received_bytes, update.places(), size_bytes);
        let (stopwatch, mut in_time) = (Stopwatch::start(), true);
        if let Comparison::Differs { client, clock } = self.compare(user, &update) {
            self.peers.effort(user, now_ms).charge(received_bytes, stopwatch.elapsed());
            return self.conflict(from, client, clock);
        }
        if self.is_held(from, user, &update, effects) {
            self.peers.effort(user, now_ms).charge(received_bytes, stopwatch.elapsed());
            return;
        }
        self.note_authors(from, user, &update);
        let applied = self.replica.apply_while(&update, || {
            in_time = stopwatch.elapsed() < deadline;
            in_time
        });
        self.peers.effort(user, now_ms).charge(received_bytes, stopwatch.elapsed());
        match applied {
            Ok(Applied::Unchanged) => {}
            Ok(Applied::Changed) => {
                metrics::counter!("codesync_edits_total").increment(1);
                self.wrote(from, &update);
                self.outgoing.push(update, Origin::Peer(from), Some(received));
            }
            Err(error) => {
                warn!(%error, in_time, "replica lost: it is rebuilt from what is stored");
                self.close(from, if in_time { CloseReason::BadMessage } else { CloseReason::TooCostly }, now_ms);
                effects.rebuild = true;
            }
        }
    }

    fn wrote(&mut self, author: PeerId, update: &Update) {
        if update.inserts().next().is_none() {
            self.waiting.wrote(author, 0, 0..0);
        }
        update.inserts().for_each(|(client, clocks)| self.waiting.wrote(author, client, clocks));
    }

    fn refuse(&mut self, from: PeerId, refusal: &Refusal, now_ms: u64) {
        metrics::counter!("codesync_updates_refused_total").increment(1);
        let (code, reason) = match refusal {
            Refusal::TooLarge { .. } => ("update_too_large", CloseReason::TooLarge),
            // Pages know this code: the document accepts no edits of new pages any more.
            Refusal::TooManyClients { .. } => ("document_too_large", CloseReason::TooLarge),
            _ => ("malformed_update", CloseReason::BadMessage),
        };
        debug!(%refusal, "update refused");
        if let Some(peer) = self.peers.get(from) {
            refuse_in_words(peer, code, &refusal.to_string());
        }
        self.close(from, reason, now_ms);
    }
}

pub(super) fn refuse_in_words(peer: &mut Peer, code: &str, message: &str) {
    reject(peer, serde_json::json!({ "code": code, "message": message }));
}

/// Notifies a client that its edit was refused. No later mark of it is echoed.
pub(super) fn reject(peer: &mut Peer, why: serde_json::Value) {
    if peer.dialect == Dialect::Codesync {
        let frame: Frame = encode::codesync(&Extension::Rejected { json: &why.to_string() }).into();
        peer.push(frame.clone());
        peer.refused = Some(frame);
    }
}
