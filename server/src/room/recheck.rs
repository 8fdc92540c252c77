//! Looks up anew what open sockets may do, when changes may have gone unheard. Closes none that it cannot look up.

use std::{collections::BTreeSet, time::Duration};

use time::OffsetDateTime;
use tracing::warn;

use super::{Command, RoomHandle, Rooms};
use crate::{
    auth::{Role, events::AccessEvent},
    directory::{Access, DirectoryError},
    ids::{SessionId, UserId},
};

/// How long until a room is looked at again when the directory did not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

impl Rooms {
    /// Has every open socket of the node checked against the directory, and the rooms told what has changed. Returns at
    /// once; asked while it is being done, it is done once more.
    pub fn recheck(&self) {
        self.unheard().notify_one();
    }

    pub(super) async fn recheck_when_asked(self) {
        let stop = self.tasks().stop().clone();
        let checks = async {
            loop {
                self.unheard().notified().await;
                self.recheck_all().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = checks => {}
        }
    }

    async fn recheck_all(&self) {
        for room in self.live() {
            while let Err(error) = self.recheck_room(&room).await {
                warn!(doc.id = %room.doc(), %error, "access cannot be checked anew yet");
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        }
    }

    async fn recheck_room(&self, room: &RoomHandle) -> Result<(), DirectoryError> {
        // A room that has ended has no sockets.
        let Ok(members) = room.members().await else { return Ok(()) };
        let sessions: BTreeSet<SessionId> = members.iter().map(|member| member.grant.session).collect();
        let roles: BTreeSet<(UserId, Role)> =
            members.iter().map(|member| (member.grant.user, member.grant.role)).collect();
        for session in sessions {
            if self.directory().session(session, OffsetDateTime::now_utc()).await?.is_none() {
                tell(room, AccessEvent::SessionEnded(session)).await;
            }
        }
        for (user, role) in roles {
            match self.directory().access(user, room.doc()).await? {
                Access::Role(present) if present == role => {}
                Access::Role(present) => tell(room, grant(room, user, Some(present))).await,
                Access::None => tell(room, grant(room, user, None)).await,
                Access::NoDocument => tell(room, AccessEvent::DocumentDeleted(room.doc())).await,
            }
        }
        Ok(())
    }
}

fn grant(room: &RoomHandle, user: UserId, role: Option<Role>) -> AccessEvent {
    AccessEvent::Grant { doc: room.doc(), user, role }
}

async fn tell(room: &RoomHandle, event: AccessEvent) {
    let _ = room.send(Command::Access(event)).await;
}
