//! Where logs end, requested for many documents at once: rooms ask at intervals, and most of the cost of a single
//! request is the round trip.

use std::time::Duration;

use redis::Cmd;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Key, offset};
use crate::{ids::DocId, offset::Offset, redis::Commands, tasks::Tasks};

/// How long a request waits for others.
const GATHERING: Duration = Duration::from_millis(250);
/// The number of waiting requests; above it the room must read the log itself.
const WAITING_MAX: usize = 8_192;
/// The number of requests sent to Redis at once; it does nothing else during that time.
const BATCH_MAX: usize = 512;

/// Answers where logs end.
#[derive(Clone)]
pub(super) struct Ends(mpsc::Sender<Question>);

struct Question {
    doc: DocId,
    answer: mpsc::Sender<Offset>,
}

impl Ends {
    pub(super) fn new(commands: Commands, tasks: &Tasks) -> Self {
        let (sender, questions) = mpsc::channel(WAITING_MAX);
        tasks.spawn(answer_all(commands, questions, tasks.stop().clone()));
        Self(sender)
    }

    /// Requests the end of a document's log. While Redis is unavailable there is no answer.
    ///
    /// # Errors
    /// When too many requests wait.
    pub(super) fn ask(&self, doc: DocId, answer: &mpsc::Sender<Offset>) -> Result<(), ()> {
        match self.0.try_send(Question { doc, answer: answer.clone() }) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => Err(()),
        }
    }
}

async fn answer_all(commands: Commands, mut questions: mpsc::Receiver<Question>, stop: CancellationToken) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            count = questions.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
        }
        if batch.len() < BATCH_MAX {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(GATHERING) => {}
            }
            while batch.len() < BATCH_MAX
                && let Ok(question) = questions.try_recv()
            {
                batch.push(question);
            }
        }
        answer(&commands, std::mem::take(&mut batch)).await;
    }
}

async fn answer(commands: &Commands, questions: Vec<Question>) {
    let all = commands.together(questions.iter().map(|question| last(question.doc)).collect()).await;
    let mut failed = None;
    for (question, value) in questions.into_iter().zip(all) {
        match value.and_then(|value| Ok(redis::from_redis_value::<Option<String>>(value)?)) {
            // An invalid id is reported by the reader of the log.
            Ok(id) => {
                let end = id.map_or(Ok(Offset::ZERO), |id| offset(&id)).unwrap_or_default();
                // A receiver with an unread answer needs no newer one.
                let _ = question.answer.try_send(end);
            }
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        warn!(%error, "the ends of logs could not be read");
    }
}

fn last(doc: DocId) -> Cmd {
    let mut command = redis::cmd("HGET");
    command.arg(Key::Meta.of(doc)).arg("last");
    command
}
