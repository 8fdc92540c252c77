//! Restoring what was lost: the log from the replica, and the replica from what is stored.

use std::time::Duration;

use codesync_crdt::ClientId;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, timeout};
use tracing::{error, warn};

use super::{Event, LogLink};
use crate::{
    close::CloseReason,
    digest::Digest,
    log::{Contents, LogError},
    offset::Offset,
    room::state::{Effects, State},
    storage::{LoadError, Loaded},
};

/// How long loading what is stored may take.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a room that ends waits for its log.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) enum Healing {
    /// The rest of the log is being read.
    Reading,
    /// The whole document is being appended.
    Restoring(Restore),
}

#[derive(Clone, Copy)]
pub(super) struct Restore {
    /// The end of the rest of the log.
    pub(super) end: Offset,
    /// The whole document is appended above this offset.
    pub(super) above: Offset,
    /// The first difference between the rest of the log and the replica.
    pub(super) fork: Option<(ClientId, u32)>,
}

impl LogLink {
    /// Begins to restore a log that has lost something.
    pub(in crate::room) fn heal(&mut self, why: &str) {
        if !self.is_healing() {
            warn!(log.offset = %self.chain.seen(), why, "the log has lost entries: the whole document is appended");
            self.healing = Some(Healing::Reading);
            self.read_log();
        }
    }

    /// Applies the rest of the log, and appends the whole document above it and above the newest snapshot, whose offset
    /// would otherwise hide it. A replica that differs is appended too, before its room ends: it may be the last copy
    /// of its other edits.
    pub(super) fn restore_from(
        &mut self,
        contents: Contents,
        newest: Offset,
        state: &mut State,
    ) -> Result<(), CloseReason> {
        let last = contents.last;
        let updates = contents.entries.into_iter().map(|entry| entry.update).collect();
        let mut effects = Effects::default();
        let taken = state.apply_log(updates, &mut effects);
        if effects.rebuild {
            return Err(CloseReason::Resync);
        }
        let above = self.chain.seen().max(last).max(newest);
        self.healing = Some(Healing::Restoring(Restore { end: last, above, fork: taken.differs }));
        self.start_append(state);
        Ok(())
    }

    /// Loads what is stored while the room continues: more was missed than the log still holds.
    pub(super) fn reload(&mut self) {
        if self.reloading.is_none() {
            self.reloading = Some(self.stored());
        }
    }

    /// Merges what is stored into the replica, and appends what that lacks.
    pub(in crate::room) fn reconcile(&mut self) {
        self.reconciling = true;
        self.reload();
    }

    /// Merges what was stored when the reload began.
    pub(super) fn reloaded(
        &mut self,
        loaded: Result<Loaded, LoadError>,
        state: &mut State,
        effects: &mut Effects,
    ) -> Result<(), CloseReason> {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                // This replica may be the last copy of something: it stays, and the load is retried.
                warn!(%error, "missed entries could not be loaded yet");
                self.read_at = Some(Instant::now() + self.backed_off());
                return Ok(());
            }
        };
        let reconciling = std::mem::take(&mut self.reconciling);
        let stored = reconciling.then(|| Digest::of(&loaded.document));
        let taken = state.apply_log(vec![loaded.document.state().into()], effects);
        if let Some(place) = taken.differs {
            state.forked(place);
        }
        if taken.gap || taken.differs.is_some() {
            return Err(CloseReason::Resync);
        }
        if !self.is_healing() && loaded.offset > self.chain.seen() {
            self.chain.reset(loaded.offset);
        }
        if stored.is_some() && stored != state.digest() {
            self.heal("what is stored lacks something");
        }
        // Entries received during the load have been dropped.
        self.read_log();
        Ok(())
    }

    /// Loads a replica of what is stored.
    pub(in crate::room) fn stored(&self) -> BoxFuture<'static, Result<Loaded, LoadError>> {
        let (storage, doc) = (self.parts.storage.clone(), self.doc);
        let load = async move { timeout(LOAD_TIMEOUT, storage.load(doc)).await };
        load.map(|loaded| loaded.unwrap_or_else(|late| Err(LogError::Unavailable(late.into()).into()))).boxed()
    }

    /// Continues with another replica.
    pub(in crate::room) fn rebuilt(
        &mut self,
        loaded: Result<Loaded, LoadError>,
        state: &mut State,
    ) -> Result<(), CloseReason> {
        match loaded {
            Ok(loaded) if loaded.offset < self.chain.seen().max(self.written) => {
                // A replica that is only in doubt still holds what the log has lost.
                match state.whole() {
                    Some(_) => {
                        self.heal("it ends below what was read");
                        Ok(())
                    }
                    None => Err(CloseReason::Resync),
                }
            }
            Ok(loaded) => {
                self.chain.reset(loaded.offset);
                state.rebuilt(loaded.document);
                self.read_log();
                Ok(())
            }
            Err(error) => {
                error!(%error, "replica could not be rebuilt: the room ends");
                Err(CloseReason::Resync)
            }
        }
    }

    /// Waits for the append in progress; `None` if there is none.
    pub(in crate::room) async fn next_append(&mut self) -> Option<Event> {
        let (form, result) = self.append.as_mut()?.await;
        self.append = None;
        Some(Event::Appended(form, result))
    }

    /// Waits for the append in progress, but not long: it may be retried again and again.
    pub(in crate::room) async fn finish_append(&mut self) {
        if let Some(append) = self.append.take() {
            let _ = timeout(FINISH_TIMEOUT, append).await;
        }
    }

    /// Whether the log certainly holds what was read from it; otherwise begins to restore it.
    pub(in crate::room) async fn is_whole(&mut self) -> bool {
        let seen = self.chain.seen().max(self.written);
        let read = timeout(FINISH_TIMEOUT, self.parts.storage.log.read(self.doc, seen)).await;
        match read.unwrap_or_else(|late| Err(LogError::Unavailable(late.into()))) {
            Ok(contents) if contents.last >= seen => return true,
            Ok(_) => self.heal("it ends below what was read"),
            Err(error) => warn!(%error, "the log could not be read: the room stays"),
        }
        false
    }
}
