//! Appending: the waiting edits of the room, the edit of a call, or the whole document after a loss. One append at a time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::FutureExt;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use super::{
    LogLink, PAUSE, READ_DELAY,
    healing::{Healing, Restore},
};
use crate::{
    close::CloseReason,
    log::{After, Appended, LogError},
    long_work::yield_if_large,
    offset::Offset,
    room::{
        chain::Broken,
        state::{Effects, State},
    },
};

/// The content of an append.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::room) enum Form {
    Updates,
    /// The whole document.
    Whole,
}

impl LogLink {
    /// Appends the waiting edits, unless an append is in progress.
    pub(in crate::room) fn start_append(&mut self, state: &mut State) {
        if self.append.is_some() {
            return;
        }
        match self.healing {
            None => {}
            Some(Healing::Reading) => return,
            Some(Healing::Restoring(..)) => {
                // The whole document contains all waiting edits.
                self.appending.extend(state.take_append().unwrap_or_default());
                return self.retry_append(Duration::ZERO, state);
            }
        }
        if state.has_callers() {
            // They come after all edits applied before.
            self.flush(state);
        }
        self.appending = state.take_append().unwrap_or_default();
        self.call = self.begin_call(state);
        if !self.appending.is_empty() {
            self.growth.edited(self.appending.len(), self.appending.iter().map(Bytes::len).sum());
        }
        self.append_started = Instant::now();
        self.retry_append(Duration::ZERO, state);
    }

    /// Decides the next call on the replica, which has everything known of the log. If the log is known to hold more,
    /// that is read first.
    fn begin_call(&mut self, state: &mut State) -> Option<(Offset, Vec<Bytes>)> {
        if !state.has_callers() || self.reading.is_some() || self.reloading.is_some() {
            return None;
        }
        if self.chain.waits() || self.written > self.chain.seen() {
            let seen = self.chain.seen();
            if self.read_from.replace(seen) == Some(seen) {
                // The last read returned nothing.
                self.read_at.get_or_insert(Instant::now() + READ_DELAY);
            } else if self.read_at.is_none() || self.pause == PAUSE {
                self.read_log();
            }
            return None;
        }
        let edit = yield_if_large(state.next_call_bytes(), || state.decide())?;
        Some((self.chain.seen(), edit))
    }

    pub(super) fn retry_append(&mut self, pause: Duration, state: &State) {
        let restores = matches!(self.healing, Some(Healing::Restoring(..)));
        if self.appending.is_empty() && self.call.is_none() && !restores {
            return;
        }
        let (log, doc) = (self.parts.storage.log.clone(), self.doc);
        self.append = Some(match self.healing {
            Some(Healing::Restoring(Restore { above, .. })) => {
                // A lost replica restores nothing: loading another one ends the room.
                let Some(whole) = state.whole() else { return };
                async move {
                    sleep(pause).await;
                    (Form::Whole, log.restore(doc, whole, above).await)
                }
                .boxed()
            }
            _ => {
                let (mut updates, mut after) =
                    (self.appending.clone(), After::Known(self.chain.seen().max(self.written)));
                if let Some((end, edit)) = &self.call {
                    updates.extend_from_slice(edit);
                    after = After::Exactly(*end);
                }
                async move {
                    sleep(pause).await;
                    (Form::Updates, log.append(doc, updates, after).await)
                }
                .boxed()
            }
        });
    }

    pub(super) fn appended(
        &mut self,
        form: Form,
        result: Result<Appended, LogError>,
        state: &mut State,
        effects: &mut Effects,
    ) -> Result<(), CloseReason> {
        metrics::histogram!("codesync_append_seconds").record(self.append_started.elapsed());
        let call = self.call.take();
        let appended = match result {
            Ok(appended) => appended,
            Err(LogError::Lost) => {
                state.unanswered(false);
                self.heal("it does not hold what was appended behind");
                self.start_append(state);
                return Ok(());
            }
            Err(LogError::Deleted) => return Err(CloseReason::NotFound),
            Err(LogError::Unavailable(error)) => {
                metrics::counter!("codesync_append_retries_total").increment(1);
                warn!(%error, "the log is unavailable: the append is retried");
                state.without_log();
                let pause = self.backed_off();
                if call.is_some() && state.unanswered(!self.is_healing()) {
                    self.call = call;
                } else if call.is_some() {
                    // The update may have been appended, or may still be.
                    self.read_at.get_or_insert(Instant::now() + pause);
                }
                self.retry_append(pause, state);
                return Ok(());
            }
            Err(LogError::Moved) => {
                metrics::counter!("codesync_exact_appends_refused_total").increment(1);
                state.refused();
                self.read_log();
                // The edits of sockets need no condition.
                self.retry_append(Duration::ZERO, state);
                return Ok(());
            }
            Err(error @ LogError::Failed(_)) => {
                metrics::counter!("codesync_append_failures_total").increment(1);
                error!(%error, "append failed: the room ends, and its clients send again");
                return Err(CloseReason::Resync);
            }
        };
        self.pause = PAUSE;
        self.appending.clear();
        self.written = appended.last;
        if call.is_some()
            && let Some(bytes) = state.confirmed(effects)
        {
            self.growth.edited(1, bytes);
        }
        if let (Form::Whole, Some(Healing::Restoring(Restore { end, fork, .. }))) = (form, &self.healing) {
            if let Some(place) = fork {
                state.forked(*place);
                return Err(CloseReason::Resync);
            }
            self.chain.reset(*end);
            self.healing = None;
            self.growth.grown(1, 0);
            // Entries received during the restore were not applied.
            self.read_at = Some(Instant::now() + READ_DELAY);
        }
        if let Some(received) = state.appended() {
            metrics::histogram!("codesync_edit_to_durable_seconds").record(received.elapsed());
        }
        match self.chain.appended(appended, Vec::new()) {
            // Entries that arrived early and waited for our own.
            Ok(updates) => drop(self.follow(updates, state, effects)),
            Err(Broken) => self.heal("our append is below an offset that was read"),
        }
        if self.chain.waits() {
            self.read_at.get_or_insert(Instant::now() + READ_DELAY);
        }
        self.start_append(state);
        Ok(())
    }
}
