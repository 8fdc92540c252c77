//! Passwords: argon2id, in blocking threads, a few in parallel. The hashed form is the password as RFC 8265 prepares an
//! opaque string, so that it does not depend on how a keyboard composes letters; full-width digits stay as they are.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use precis_profiles::{OpaqueString, precis_core::profile::Profile};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::AuthError;

/// Passes over the memory: with 19 MiB the recommended minimum.
const PASSES: u32 = 2;
/// How long a login waits in the queue before it is refused.
const WAIT: Duration = Duration::from_secs(5);

/// The result of checking a password against a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, but the hash is of the bytes as typed, and should be replaced by one of the prepared
    /// form.
    RightAsTyped,
}

/// The form of a password that is hashed; `None` for a password that cannot be typed again reliably.
fn opaque(password: &str) -> Option<String> {
    let opaque = OpaqueString::new().enforce(password).ok()?;
    (!opaque.trim().is_empty()).then(|| opaque.into_owned())
}

/// Whether a password is allowed: all of its characters can be typed, and it is not blank.
pub fn is_typeable(password: &str) -> bool {
    opaque(password).is_some()
}

/// Hashes and verifies.
#[derive(Clone)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// The hash for an unknown account, so that the answer takes as long.
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

    /// Checks `password` against `hash`; `None`, for an unknown account, takes as long and is never right.
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
        // The thread holds the permit: a caller that gives up must not free it for another while the thread still
        // works.
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
