//! Tokens: signed, and valid only as long as the login that they name.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, ensure};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    config::Secret,
    ids::{DocId, LoginId},
};

/// The minimum for HS256 to be as strong as its hash.
const SECRET_BYTES_MIN: usize = 32;

/// The largest difference between the clocks of two nodes. A token is made by one clock and checked by another, and a
/// ticket lives no longer than this difference. So with several nodes it opens sockets for this much longer; a login
/// ends on time by its row.
const CLOCK_SKEW_S: u64 = 120;

/// Whether a token is checked by the clock of the node that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// One node makes and checks all tokens.
    Same,
    /// Nodes share their tokens.
    Another,
}

/// The right that a token grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// All rights of the login.
    Login(LoginId),
    /// A socket to one document.
    Ticket(LoginId, DocId),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    jti: LoginId,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doc: Option<DocId>,
}

/// Signs and reads tokens.
#[derive(Clone)]
pub(super) struct Tokens {
    signing: EncodingKey,
    reading: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// Uses the configured secret, or the one in `data_dir`, which is generated at the first start.
    pub(super) fn new(configured: Option<&Secret>, data_dir: &Path, clock: Clock) -> anyhow::Result<Self> {
        let secret = match configured {
            Some(secret) => secret.expose().to_owned(),
            None => kept_secret(&data_dir.join("jwt.secret"))?,
        };
        ensure!(
            secret.len() >= SECRET_BYTES_MIN,
            "the secret that signs tokens (JWT_SECRET) has {} bytes and needs {SECRET_BYTES_MIN}",
            secret.len()
        );
        ensure!(secret.chars().any(|char| !char.is_whitespace()), "the secret that signs tokens (JWT_SECRET) is blank");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = match clock {
            Clock::Same => 0,
            Clock::Another => CLOCK_SKEW_S,
        };
        Ok(Self {
            signing: EncodingKey::from_secret(secret.as_bytes()),
            reading: DecodingKey::from_secret(secret.as_bytes()),
            validation,
        })
    }

    pub(super) fn sign(&self, token: Token, expires_at: OffsetDateTime) -> String {
        let (jti, doc) = match token {
            Token::Login(login) => (login, None),
            Token::Ticket(login, doc) => (login, Some(doc)),
        };
        // Rounded up: the login itself ends to the millisecond.
        let exp = expires_at.unix_timestamp() + 1;
        jsonwebtoken::encode(&Header::default(), &Claims { jti, exp, doc }, &self.signing)
            .expect("the claims are JSON and the key fits the algorithm")
    }

    /// The content of `token`, if it is one of ours and has not expired.
    pub(super) fn read(&self, token: &str) -> Option<Token> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.reading, &self.validation).ok()?.claims;
        Some(match claims.doc {
            None => Token::Login(claims.jti),
            Some(doc) => Token::Ticket(claims.jti, doc),
        })
    }
}

/// The secret in `path`. It is written to another file and linked into place. So two processes that start together use
/// one secret, and a crash leaves no truncated one.
fn kept_secret(path: &Path) -> anyhow::Result<String> {
    if !path.exists() {
        let draft = path.with_extension(format!("secret.{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .with_context(|| format!("write {}", draft.display()))?;
        file.write_all(super::random_secret().as_bytes())?;
        file.sync_all()?;
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("write {}", path.display()));
            }
            _ => {}
        }
    }
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}
