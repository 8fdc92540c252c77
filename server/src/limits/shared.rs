//! Rate limits of all nodes together. While Redis is unavailable, only each node's own limits apply.

use std::{hash::Hash, time::Duration};

use redis::Script;
use sha2::{Digest, Sha256};
use tracing::debug;

use super::Limiter;
use crate::{
    hex::hex,
    redis::{Pool, Redis},
};

/// How long a call waits for Redis.
const TIMEOUT: Duration = Duration::from_millis(250);

const TAKE: &str = include_str!("take.lua");

/// Buckets in Redis.
pub(super) struct Shared {
    pool: Pool,
    take: Script,
}

impl Shared {
    pub(super) fn new(redis: &Redis) -> Self {
        Self { pool: redis.pool.clone(), take: Script::new(TAKE) }
    }

    /// Counts one call, or returns how long to wait.
    pub(super) async fn check<K: Hash + Eq + Clone>(&self, limiter: &Limiter<K>, key: &str) -> Result<(), Duration> {
        // Addresses and e-mails are not stored in Redis.
        let key = hex(&Sha256::digest(key)[..16]);
        let mut invocation = self.take.prepare_invoke();
        invocation.key(format!("codesync:rate:{}:{key}", limiter.name)).arg(limiter.burst);
        invocation.arg(u64::try_from(limiter.period.as_millis()).expect("periods are short"));
        let mut pool = self.pool.clone();
        match tokio::time::timeout(TIMEOUT, invocation.invoke_async::<u64>(&mut pool)).await {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(wait_ms)) => Err(Duration::from_millis(wait_ms)),
            Ok(Err(error)) => {
                debug!(%error, "a call was counted on this node alone");
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }
}
