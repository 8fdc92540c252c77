//! Presence: who has a document open.

use std::sync::Arc;

use tracing::warn;

use super::{Member, RoomError, Rooms};
use crate::{auth::SocketGrant, ids::DocId, relay::Present};

impl Rooms {
    /// Lists who has `doc` open, in the order of joining.
    ///
    /// # Errors
    /// When other nodes cannot be asked.
    pub async fn presence(&self, doc: DocId) -> Result<Vec<Present>, RoomError> {
        let mut all = self.present_here(doc).await?;
        let elsewhere = self.parts().relay.announced(doc).await.map_err(|error| {
            warn!(doc.id = %doc, %error, "presence at other nodes is unknown");
            RoomError::Unavailable
        })?;
        all.extend(elsewhere);
        Ok(merged(all))
    }

    /// Lists who has `doc` open on this node, in the order of joining. Loads nothing: without a room nobody is present.
    ///
    /// # Errors
    /// None yet.
    pub async fn present_here(&self, doc: DocId) -> Result<Vec<Present>, RoomError> {
        let Some(room) = self.room(doc) else { return Ok(Vec::new()) };
        // A room that has ended has closed its sockets.
        Ok(people(room.members().await.unwrap_or_default()))
    }
}

/// The users of the sockets.
pub(super) fn people(members: Vec<Member>) -> Vec<Present> {
    let present = |Member { grant, since }| {
        let SocketGrant { user, name, color, role, .. } = Arc::unwrap_or_clone(grant);
        Present { user, name, color, role, since, sockets: 1 }
    };
    merged(members.into_iter().map(present).collect())
}

/// Each user once, in the order of joining.
fn merged(mut all: Vec<Present>) -> Vec<Present> {
    all.sort_by_key(|present| present.since);
    let mut people: Vec<Present> = Vec::new();
    for present in all {
        match people.iter_mut().find(|person| person.user == present.user) {
            Some(person) => {
                // The later socket has the current name.
                (person.name, person.color, person.role) = (present.name, present.color, present.role);
                person.sockets += present.sockets;
            }
            None => people.push(present),
        }
    }
    people
}
