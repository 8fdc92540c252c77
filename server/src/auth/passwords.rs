//! Passwords: argon2id, off the async threads and a few at a time.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::AuthError;

/// Passes over the memory: with 19 MiB the least that is held to be safe.
const PASSES: u32 = 2;
/// How long a log-in waits for its turn before it is told to come back.
const WAIT: Duration = Duration::from_secs(5);

/// Hashes and verifies.
#[derive(Clone)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// Verified against where there is no such account, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    pub(super) async fn new(argon2_kib: u32) -> anyhow::Result<Self> {
        let params = Params::new(argon2_kib, PASSES, 1, None).context("memory of a password hash")?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Arc::new(Semaphore::new(cores));
        let passwords = Self { argon2, turns, decoy: "".into() };
        let decoy = passwords.hash("no password is this one".into()).await?.into();
        Ok(Self { decoy, ..passwords })
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, AuthError> {
        let argon2 = self.argon2.clone();
        self.in_turn(move || {
            let hash = argon2.hash_password(password.as_bytes()).context("hash a password")?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Says whether `password` is the one of `hash`; `None` for an unknown account takes as long and is never right.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, AuthError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let argon2 = self.argon2.clone();
        self.in_turn(move || {
            let hash = PasswordHash::new(&hash).context("read a password hash")?;
            Ok(argon2.verify_password(password.as_bytes(), &hash).is_ok() && known)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, AuthError> {
        let turn = timeout(WAIT, Arc::clone(&self.turns).acquire_owned()).await.map_err(|_| AuthError::Busy)?;
        let turn = turn.expect("the semaphore is never closed");
        // The turn goes into the thread: a caller that gives up must not let another one in beside it.
        spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .context("password thread")
        .flatten()
        .map_err(AuthError::Internal)
    }
}
