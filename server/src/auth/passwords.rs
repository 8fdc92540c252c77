//! Passwords: argon2id, off the async threads and a few at a time. What is hashed is the password as RFC 8265 prepares an
//! opaque string, so that it does not depend on how a keyboard composes letters; full-width digits stay what they are.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use precis_profiles::{OpaqueString, precis_core::profile::Profile};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::AuthError;

/// Passes over the memory: with 19 MiB the least that is held to be safe.
const PASSES: u32 = 2;
/// How long a log-in waits for its turn before it is told to come back.
const WAIT: Duration = Duration::from_secs(5);

/// Whether a password is the one of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is another one.
    Wrong,
    /// It is.
    Right,
    /// It is, but the hash is of the bytes as they were typed, and should be replaced by one of the prepared form.
    RightAsTyped,
}

/// The form of a password that is hashed; `None` for one that nobody can be sure to type again.
fn opaque(password: &str) -> Option<String> {
    let opaque = OpaqueString::new().enforce(password).ok()?;
    (!opaque.trim().is_empty()).then(|| opaque.into_owned())
}

/// Whether a password may be chosen: all of its characters can be typed, and it is not blank.
pub fn is_typeable(password: &str) -> bool {
    opaque(password).is_some()
}

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
        let password = opaque(&password).unwrap_or(password);
        let argon2 = self.argon2.clone();
        self.in_turn(move || {
            let hash = argon2.hash_password(password.as_bytes()).context("hash a password")?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Says whether `password` is the one of `hash`; `None` for an unknown account takes as long and is never right.
    pub(super) async fn verify(&self, password: String, hash: Option<String>) -> Result<Verdict, AuthError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let argon2 = self.argon2.clone();
        self.in_turn(move || {
            let hash = PasswordHash::new(&hash).context("read a password hash")?;
            let is = |password: &str| argon2.verify_password(password.as_bytes(), &hash).is_ok();
            let verdict = match opaque(&password) {
                Some(opaque) if is(&opaque) => Verdict::Right,
                Some(opaque) if opaque != password && is(&password) => Verdict::RightAsTyped,
                None if is(&password) => Verdict::Right,
                _ => Verdict::Wrong,
            };
            Ok(if known { verdict } else { Verdict::Wrong })
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
