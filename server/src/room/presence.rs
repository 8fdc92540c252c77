//! Who is in a document.

use std::sync::Arc;

use tracing::warn;

use super::{Member, RoomError, Rooms};
use crate::{auth::SocketGrant, ids::DocId, relay::Present};

impl Rooms {
    /// Who has `doc` open, the first to come first.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn presence(&self, doc: DocId) -> Result<Vec<Present>, RoomError> {
        let mut all = self.present_here(doc).await?;
        let elsewhere = self.parts().relay.announced(doc).await.map_err(|error| {
            warn!(doc.id = %doc, %error, "who is there at other nodes is not known");
            RoomError::Unavailable
        })?;
        all.extend(elsewhere);
        Ok(merged(all))
    }

    /// Who has `doc` open on this node, the first to come first. Loads nothing: where there is no room, there is nobody.
    ///
    /// # Errors
    /// None yet.
    pub async fn present_here(&self, doc: DocId) -> Result<Vec<Present>, RoomError> {
        let Some(room) = self.room(doc) else { return Ok(Vec::new()) };
        // A room that ends meanwhile has closed its sockets.
        Ok(people(room.members().await.unwrap_or_default()))
    }
}

/// The people behind sockets.
pub(super) fn people(members: Vec<Member>) -> Vec<Present> {
    let present = |Member { grant, since }| {
        let SocketGrant { user, name, color, role, .. } = Arc::unwrap_or_clone(grant);
        Present { user, name, color, role, since, sockets: 1 }
    };
    merged(members.into_iter().map(present).collect())
}

/// Each person once, the first to come first.
fn merged(mut all: Vec<Present>) -> Vec<Present> {
    all.sort_by_key(|present| present.since);
    let mut people: Vec<Present> = Vec::new();
    for present in all {
        match people.iter_mut().find(|person| person.user == present.user) {
            Some(person) => {
                // The later socket knows the present name.
                (person.name, person.color, person.role) = (present.name, present.color, present.role);
                person.sockets += present.sockets;
            }
            None => people.push(present),
        }
    }
    people
}
