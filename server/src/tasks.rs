//! The tasks of the process: spawned in one place, so that a drain can stop them and wait for them.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Spawns the tasks of the process, so that a drain can wait for them.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` to its end; it must watch [`Tasks::stop`].
    #[expect(clippy::disallowed_methods, reason = "this is the tracker")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.tracker.track_future(task));
    }

    /// The number of running tasks.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether no task runs.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Stops all tasks and waits for them.
    pub(crate) async fn end(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The token that ends every task.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}
