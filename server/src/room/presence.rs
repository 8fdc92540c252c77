//! Who is in a document.

use time::OffsetDateTime;

use super::{Member, RoomError, Rooms};
use crate::{
    auth::Role,
    ids::{DocId, UserId},
};

/// Somebody who has a document open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The account.
    pub user: UserId,
    /// The name that others see.
    pub name: String,
    /// The colour that others see, `#rrggbb`.
    pub color: String,
    /// What he may do.
    pub role: Role,
    /// When the first of his open sockets came in.
    pub since: OffsetDateTime,
    /// How many sockets he has in it.
    pub sockets: usize,
}

impl Rooms {
    /// Who has `doc` open, the first to come first.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn presence(&self, doc: DocId) -> Result<Vec<Present>, RoomError> {
        self.present_here(doc).await
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

fn people(mut members: Vec<Member>) -> Vec<Present> {
    members.sort_by_key(|member| member.since);
    let mut people: Vec<Present> = Vec::new();
    for Member { grant, since } in members {
        match people.iter_mut().find(|person| person.user == grant.user) {
            Some(person) => {
                // The later socket knows the present name.
                (person.name, person.color, person.role) = (grant.name, grant.color, grant.role);
                person.sockets += 1;
            }
            None => {
                let (user, name, color, role) = (grant.user, grant.name, grant.color, grant.role);
                people.push(Present { user, name, color, role, since, sockets: 1 });
            }
        }
    }
    people
}
