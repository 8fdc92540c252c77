//! Calls that are completed although their client has disconnected.

use std::future::Future;

use anyhow::anyhow;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::{http::error::ApiError, services::Services};

/// Runs `work` to its end even if the client disconnects: a committed change of access must reach the open sockets.
/// `work` must not wait for the client.
pub(super) async fn finish<T: Send + 'static>(
    services: &Services,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let (reply, answer) = oneshot::channel();
    let work = async move {
        let _ = reply.send(work.await);
    };
    services.tasks.spawn(work.in_current_span());
    answer.await.unwrap_or_else(|_| Err(ApiError::Internal(anyhow!("the call panicked"))))
}
