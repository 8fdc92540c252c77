//! Changes of access: passed on to the rooms that they concern. If some may have been missed, every open socket is
//! checked again. Waits for no room, and closes no socket that cannot be checked.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::sleep,
};
use tracing::warn;

use super::{RoomError, RoomHandle, Rooms, Urgent};
use crate::{
    auth::events::AccessEvent,
    directory::{Access, DirectoryError, Existence},
    ids::{LoginId, UserId},
    role::Role,
};

/// The pause before a room is checked again, if the directory did not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The number of rooms checked in parallel: a slow one must not delay the others.
const CHECKS_AT_ONCE: usize = 8;

impl Rooms {
    /// Checks every open socket of the node against the directory, and notifies the rooms of changes. Returns at once.
    /// A call during a check causes one more check.
    pub fn recheck(&self) {
        self.missed_events().notify_one();
    }

    pub(super) async fn recheck_when_asked(self) {
        let stop = self.tasks().stop().clone();
        let checks = async {
            loop {
                self.missed_events().notified().await;
                stream::iter(self.live())
                    .for_each_concurrent(CHECKS_AT_ONCE, |room| self.recheck_until_done(room))
                    .await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = checks => {}
        }
    }

    async fn recheck_until_done(&self, room: RoomHandle) {
        while let Err(error) = self.recheck_room(&room).await {
            warn!(doc.id = %room.doc(), %error, "access cannot be checked again yet");
            sleep(RETRY_INTERVAL).await;
        }
    }

    async fn recheck_room(&self, room: &RoomHandle) -> Result<(), DirectoryError> {
        // A room that has ended has no sockets.
        let Ok(members) = room.members().await else { return Ok(()) };
        if members.is_empty() && self.directory().existence(room.doc()).await? == Existence::Deleted {
            notify(room, AccessEvent::DocumentDeleted(room.doc())).await;
        }
        let logins: BTreeSet<LoginId> = members.iter().map(|member| member.grant.login).collect();
        let roles: BTreeSet<(UserId, Role)> =
            members.iter().map(|member| (member.grant.user, member.grant.role)).collect();
        for login in logins {
            if self.directory().login(login, OffsetDateTime::now_utc()).await?.is_none() {
                notify(room, AccessEvent::LoginEnded(login)).await;
            }
        }
        for (user, role) in roles {
            match self.directory().access(user, room.doc()).await? {
                Access::Role(present) if present == role => {}
                Access::Role(present) => notify(room, grant(room, user, Some(present))).await,
                Access::None => notify(room, grant(room, user, None)).await,
                Access::NoDocument => notify(room, AccessEvent::DocumentDeleted(room.doc())).await,
            }
        }
        Ok(())
    }

    /// Passes changes of access to the rooms that they concern.
    pub(super) async fn follow_access(self, mut events: broadcast::Receiver<AccessEvent>) {
        let stop = self.tasks().stop().clone();
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => event,
            };
            let rooms = match &event {
                Ok(AccessEvent::Grant { doc, .. } | AccessEvent::DocumentDeleted(doc)) => {
                    self.room(*doc).into_iter().collect()
                }
                Ok(AccessEvent::Missed) | Err(RecvError::Lagged(_)) => {
                    self.recheck();
                    continue;
                }
                Ok(_) => self.live(),
                Err(RecvError::Closed) => return,
            };
            let Ok(event) = event else { continue };
            // Never waits: one room that is late must not delay changes that concern the others.
            for room in rooms {
                if !room.try_urgent(Urgent::Access(event.clone())) {
                    self.recheck();
                }
            }
        }
    }
}

fn grant(room: &RoomHandle, user: UserId, role: Option<Role>) -> AccessEvent {
    AccessEvent::Grant { doc: room.doc(), user, role }
}

async fn notify(room: &RoomHandle, event: AccessEvent) {
    let _: Result<(), RoomError> = room.send_urgent(Urgent::Access(event)).await;
}
