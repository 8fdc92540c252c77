//! Two authors at one client id and clock: the later edits are refused as a whole, and their author is notified. The
//! log decides the order; a replica that holds the later ones is rebuilt from it.

use codesync_crdt::{ClientId, Comparison, Document};
use tracing::{info, warn};

use super::{State, edits::reject};
use crate::{
    close::CloseReason,
    room::{Dialect, PeerId},
};

impl State {
    /// Refuses an edit whose client id and clock hold other edits. Nothing more is accepted from that socket, because
    /// its replica differs permanently; its words are still on its screen.
    pub(super) fn conflict(&mut self, id: PeerId, client: ClientId, clock: u32) {
        metrics::counter!("codesync_client_conflicts_total").increment(1);
        info!(client, clock, "edit refused: its client id holds other edits at that clock");
        let Some(peer) = self.peers.get(id) else { return };
        if peer.dialect == Dialect::Stock {
            return self.close(id, CloseReason::Conflict, self.now_ms);
        }
        reject(
            peer,
            serde_json::json!({
                "code": "client_conflict",
                "message": "these edits carry a client id that somebody else has used: make them again under another",
                "client": client,
                "clock": clock,
            }),
        );
        // Not earlier, because a client in conflict receives only this: deletions would hit its own words.
        peer.has_conflict = true;
    }

    /// The replica holds other edits than the log: every peer has them too, and must load the document again.
    pub fn forked(&mut self, (client, clock): (ClientId, u32)) {
        metrics::counter!("codesync_forks_total").increment(1);
        warn!(client, clock, "the replica held other edits than the log: its clients load the document again");
        for id in self.peers.all() {
            self.conflict(id, client, clock);
        }
    }
}

/// The first difference between an older replica and a newer one that holds all of it.
pub(super) fn difference(older: &Document, newer: &Document) -> Option<(ClientId, u32)> {
    let all = newer.check_stored(older.state().into()).ok()?;
    match newer.compare(&all) {
        Comparison::Differs { client, clock } => Some((client, clock)),
        Comparison::Same | Comparison::NotComparable => None,
    }
}
