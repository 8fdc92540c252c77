//! Loading a document into its room: once, however many callers request it at the same time, in a separate task that no
//! caller can end.

use std::{panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{sync::watch, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    RoomError, RoomHandle, actor,
    registry::Rooms,
    slots::{Found, Outcome},
};
use crate::{
    ids::DocId,
    log::Tail,
    relay::Relayed,
    storage::{LoadError, Loaded},
};

/// The longest duration of a load and of the wait of its callers, including its place in the queue.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long snapshots may take to answer before the load tries without them.
const SNAPSHOTS_PATIENCE: Duration = Duration::from_secs(2);

impl Rooms {
    /// The live room of `doc`, loaded if necessary; the caller has checked that the document exists. A caller that is
    /// dropped changes nothing for the others.
    ///
    /// # Errors
    /// When it cannot be loaded with certainty.
    pub async fn open(&self, doc: DocId) -> Result<RoomHandle, RoomError> {
        loop {
            let mut outcome = match self.slots().find_or_take(doc) {
                Found::Live(room) => return Ok(room),
                Found::Ending(room) => {
                    room.ended().await;
                    continue;
                }
                Found::Loading(outcome) => outcome,
                Found::Taken(sender, outcome) => {
                    self.tasks().spawn(self.clone().fill(doc, sender));
                    outcome
                }
                Found::Crowded => return Err(RoomError::Unavailable),
            };
            let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
            match outcome.unwrap_or(Err(RoomError::Unavailable))? {
                room if room.is_closed() => {}
                room => return Ok(room),
            }
        }
    }

    /// Fills the slot of `doc`, or frees it. No code below may return early: a slot that is never filled refuses every
    /// caller from then on.
    async fn fill(self, doc: DocId, outcome: watch::Sender<Outcome>) {
        let stop = self.tasks().stop().clone();
        let load = AssertUnwindSafe(timeout(LOAD_TIMEOUT, self.load(doc))).catch_unwind();
        let loaded = tokio::select! {
            biased;
            () = stop.cancelled() => Err(RoomError::Unavailable),
            loaded = load => match loaded {
                Ok(Ok(loaded)) => loaded,
                Ok(Err(_)) => {
                    error!(doc.id = %doc, "document could not be loaded: its stores take too long");
                    Err(RoomError::Unavailable)
                }
                Err(_) => {
                    error!(doc.id = %doc, "document could not be loaded: loading it panicked");
                    Err(RoomError::Unavailable)
                }
            },
        };
        let room =
            loaded.map(|(loaded, tail, relayed)| actor::start(doc, loaded, tail, relayed, Arc::clone(self.parts())));
        if room.is_err() {
            self.parts().gauges.memory.release(doc);
        }
        self.slots().loaded(doc, room.as_ref().ok().map(|(handle, _)| handle));
        // Only now, because a room that ends at once must find its slot.
        let room = room.map(|(handle, life)| {
            self.tasks().spawn(self.clone().remove_when_ended(doc, handle.0.ended.clone(), life));
            handle
        });
        outcome.send_replace(Some(room));
    }

    async fn remove_when_ended(self, doc: DocId, ended: CancellationToken, life: impl Future<Output = ()>) {
        life.await;
        self.parts().gauges.memory.release(doc);
        self.slots().free(doc);
        ended.cancel();
    }

    async fn load(&self, doc: DocId) -> Result<(Loaded, Tail, Relayed), RoomError> {
        let started = std::time::Instant::now();
        let _turn = self.loads().acquire().await.expect("the semaphore is never closed");
        // While everything is in use, nothing more is even read.
        self.make_room_for(doc, 0).await?;
        // Subscribed before the read, so that entries appended in between are received.
        let (tail, relayed) =
            tokio::try_join!(async { self.parts().storage.log.tail(doc).await.map_err(anyhow::Error::from) }, async {
                self.parts().relay.join(doc).await.map_err(anyhow::Error::from)
            },)
            .map_err(|error| {
                warn!(doc.id = %doc, %error, "log and relay of the document could not be subscribed to");
                RoomError::Unavailable
            })?;
        let loaded = self.load_stored(doc).await.map_err(|error| {
            let damaged = matches!(error, LoadError::Damaged(_));
            metrics::counter!("codesync_load_failures_total", "damaged" => damaged.to_string()).increment(1);
            error!(doc.id = %doc, %error, "document could not be loaded");
            if damaged {
                return self.damages().found(doc, self.parts().config.damaged_after);
            }
            self.damages().clear(doc);
            RoomError::Unavailable
        })?;
        self.damages().clear(doc);
        self.make_room_for(doc, loaded.document.size_bytes()).await?;
        metrics::histogram!("codesync_load_seconds").record(started.elapsed());
        Ok((loaded, tail, relayed))
    }

    /// Loads what is stored. If the snapshots do not answer, loads from the log alone, provided that the log is
    /// certainly complete.
    async fn load_stored(&self, doc: DocId) -> Result<Loaded, LoadError> {
        let (storage, directory) = (&self.parts().storage, self.directory());
        let mut load = pin!(storage.load(doc));
        let refused = match timeout(SNAPSHOTS_PATIENCE, &mut load).await {
            Ok(Err(error @ LoadError::Snapshot(_))) => Some(error),
            Ok(answer) => return answer,
            Err(_) => None,
        };
        if let Some(loaded) = storage.load_from_log(doc, directory).await? {
            info!(doc.id = %doc, "loaded from its log alone: the snapshots do not answer");
            return Ok(loaded);
        }
        match refused {
            Some(error) => Err(error),
            None => load.await,
        }
    }
}
