//! Restoring what was lost: of the log from the replica, of the replica from what is stored.

use tokio::time::Instant;
use tracing::{error, warn};

use super::{Follower, PAUSE_MAX};
use crate::{
    error::CloseReason,
    log::{Contents, Offset},
    room::state::{Effects, State},
};

pub(super) enum Healing {
    /// What is left of the log is read.
    Reading,
    /// It ends here; the whole document goes above the second offset.
    Restoring(Offset, Offset),
}

impl Follower {
    /// Begins to restore a log that has lost something.
    pub(in crate::room) fn heal(&mut self, why: &str) {
        if !self.is_healing() {
            warn!(log.offset = %self.chain.seen(), why, "the log has lost entries: the document is appended whole");
            self.healing = Some(Healing::Reading);
            self.look();
        }
    }

    /// What is left of the log is taken in; then the whole document goes above it, and above every snapshot, whose
    /// offset would otherwise hide it.
    pub(super) async fn restore_from(&mut self, contents: Contents, state: &mut State) -> Result<(), CloseReason> {
        let last = contents.last;
        let updates = contents.entries.into_iter().map(|entry| entry.update).collect();
        let mut effects = Effects::default();
        state.take_in(updates, &mut effects);
        if effects.rebuild {
            return Err(CloseReason::Resync);
        }
        let snapshots = self.rooms.storage().snapshots.list(self.doc);
        let newest = match tokio::time::timeout(PAUSE_MAX, snapshots).await {
            Ok(Ok(offsets)) => offsets.first().copied().unwrap_or_default(),
            // Offsets are times: only a clock that went back could bring this one below.
            _ => Offset::ZERO,
        };
        self.healing = Some(Healing::Restoring(last, self.chain.seen().max(last).max(newest)));
        self.start_append(state);
        Ok(())
    }

    /// Merges in what is stored: more was missed than the log still holds.
    pub(super) async fn reload(&mut self, state: &mut State) -> Result<(), CloseReason> {
        match self.rooms.storage().load(self.doc).await {
            Ok(loaded) => {
                let mut effects = Effects::default();
                let taken = state.take_in(vec![loaded.document.state().into()], &mut effects);
                self.chain.reset(loaded.offset);
                if effects.rebuild || taken.gap { Err(CloseReason::Resync) } else { Ok(()) }
            }
            Err(error) => {
                // This replica may be all that is left of something: it stays, and asks again.
                warn!(%error, "what was missed could not be loaded yet");
                self.look_at = Some(Instant::now() + self.backed_off());
                Ok(())
            }
        }
    }

    /// Loads another replica. What the lost one had taken in is made durable first, so that the new one has it too.
    pub(in crate::room) async fn rebuild(&mut self, state: &mut State) -> Result<(), CloseReason> {
        while let Some(append) = self.append.as_mut() {
            let (form, result) = append.await;
            self.append = None;
            // Whether the lost replica is lost once more is all the same.
            self.appended(form, result, state, &mut Effects::default())?;
        }
        if self.is_healing() {
            return Err(CloseReason::Resync);
        }
        match self.rooms.storage().load(self.doc).await {
            Ok(loaded) => {
                self.chain.reset(loaded.offset);
                state.rebuilt(loaded.document);
                Ok(())
            }
            Err(error) => {
                error!(%error, "replica could not be rebuilt: the room ends");
                Err(CloseReason::Resync)
            }
        }
    }

    /// Whether the log certainly holds what was read of it; begins to restore it where it does not.
    pub(in crate::room) async fn is_whole(&mut self) -> bool {
        let seen = self.chain.seen();
        match self.rooms.storage().log.read(self.doc, seen).await {
            Ok(contents) if contents.last >= seen => return true,
            Ok(_) => self.heal("it ends below what was read"),
            Err(error) => warn!(%error, "the log could not be looked at: the room stays"),
        }
        false
    }
}
