//! Tokens: signed, and valid only as long as the login that they name.

use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{
    config::{AuthConfig, Secret},
    hex::hex,
    ids::{DocId, LoginId},
};

/// The minimum for HS256 to be as strong as its hash.
const SECRET_BYTES_MIN: usize = 32;

/// The largest difference between the clocks of two nodes. A token is made by one clock and checked by another, and a
/// ticket lives no longer than this difference. So with several nodes it opens sockets for this much longer; a login
/// ends on time by its row.
const CLOCK_SKEW_S: u64 = 120;

/// How long tokens of the previous secret are accepted: as long as a login lasts by default.
const PREVIOUS_ACCEPTED: Duration = Duration::from_secs(24 * 3_600);

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
    key: Key,
    /// A second key, and until when its tokens are accepted.
    previous: Option<(Key, Instant)>,
    validation: Validation,
}

/// A secret, and its id in the header of tokens.
#[derive(Clone)]
struct Key {
    id: String,
    signing: EncodingKey,
    reading: DecodingKey,
}

impl Key {
    /// `variable` names the secret in errors.
    fn new(secret: &str, variable: &str) -> anyhow::Result<Self> {
        ensure!(
            secret.len() >= SECRET_BYTES_MIN,
            "the secret that signs tokens ({variable}) has {} bytes and needs {SECRET_BYTES_MIN}",
            secret.len()
        );
        ensure!(secret.chars().any(|char| !char.is_whitespace()), "the secret that signs tokens ({variable}) is blank");
        // A hash of the secret with a prefix of its own, so that the id says nothing about signatures.
        let id = hex(&Sha256::digest(format!("codesync token key {secret}"))[..8]);
        let (signing, reading) =
            (EncodingKey::from_secret(secret.as_bytes()), DecodingKey::from_secret(secret.as_bytes()));
        Ok(Self { id, signing, reading })
    }
}

impl Tokens {
    /// Uses the configured secret, or the one in `data_dir`, which is generated at the first start.
    pub(super) fn new(config: &AuthConfig, data_dir: &Path, clock: Clock) -> anyhow::Result<Self> {
        let secret = match &config.jwt_secret {
            Some(secret) => secret.expose().to_owned(),
            None => kept_secret(&data_dir.join("jwt.secret"))?,
        };
        let key = Key::new(&secret, "JWT_SECRET")?;
        let previous = config.jwt_secret_previous.as_ref().map(Secret::expose).filter(|secret| !secret.is_empty());
        let previous = previous.map(|secret| Key::new(secret, "JWT_SECRET_PREVIOUS")).transpose()?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = match clock {
            Clock::Same => 0,
            Clock::Another => CLOCK_SKEW_S,
        };
        Ok(Self { key, previous: previous.map(|key| (key, Instant::now() + PREVIOUS_ACCEPTED)), validation })
    }

    pub(super) fn sign(&self, token: Token, expires_at: OffsetDateTime) -> String {
        let (jti, doc) = match token {
            Token::Login(login) => (login, None),
            Token::Ticket(login, doc) => (login, Some(doc)),
        };
        // Rounded up: the login itself ends to the millisecond.
        let exp = expires_at.unix_timestamp() + 1;
        let header = Header { kid: Some(self.key.id.clone()), ..Header::default() };
        jsonwebtoken::encode(&header, &Claims { jti, exp, doc }, &self.key.signing)
            .expect("the claims are JSON and the key fits the algorithm")
    }

    /// The content of `token`, if it is one of ours and has not expired.
    pub(super) fn read(&self, token: &str) -> Option<Token> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid;
        let previous = self.previous.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(key, _)| key);
        // Tokens of an earlier release name no key.
        let mut keys = [Some(&self.key), previous].into_iter().flatten();
        let claims = keys.find_map(|key| match &kid {
            Some(kid) if *kid != key.id => None,
            _ => jsonwebtoken::decode::<Claims>(token, &key.reading, &self.validation).ok(),
        })?;
        Some(match claims.claims {
            Claims { jti, doc: None, .. } => Token::Login(jti),
            Claims { jti, doc: Some(doc), .. } => Token::Ticket(jti, doc),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const OLD: &str = "the old secret, which is long enough for this";
    const NEW: &str = "the new secret, which is long enough as well";

    fn tokens(secret: &str, previous: Option<&str>) -> Tokens {
        let mut config = Config::for_tests("unused".into()).auth;
        config.jwt_secret = Some(secret.to_owned().into());
        config.jwt_secret_previous = previous.map(|secret| secret.to_owned().into());
        Tokens::new(&config, Path::new("unused"), Clock::Same).unwrap()
    }

    fn in_an_hour() -> OffsetDateTime {
        OffsetDateTime::now_utc() + Duration::from_secs(3_600)
    }

    #[test]
    fn a_secret_is_replaced_in_steps_without_a_refused_token() {
        let login = Token::Login(LoginId::new());
        // Each step of a rotation runs beside the step before it, and each accepts the tokens of the other.
        let steps = [tokens(OLD, None), tokens(OLD, Some(NEW)), tokens(NEW, Some(OLD)), tokens(NEW, None)];
        for pair in steps[..3].windows(2) {
            for (signed, read) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                assert_eq!(read.read(&signed.sign(login, in_an_hour())), Some(login));
            }
        }
        assert_eq!(steps[3].read(&steps[1].sign(login, in_an_hour())), None);
    }

    #[test]
    fn a_token_that_names_no_key_is_read_by_both() {
        let (login, both) = (LoginId::new(), tokens(NEW, Some(OLD)));
        let claims = Claims { jti: login, exp: in_an_hour().unix_timestamp(), doc: None };
        for secret in [OLD, NEW] {
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
            assert_eq!(both.read(&token), Some(Token::Login(login)));
        }
        let forged = Header { kid: Some(both.key.id.clone()), ..Header::default() };
        let token = jsonwebtoken::encode(&forged, &claims, &EncodingKey::from_secret(OLD.as_bytes())).unwrap();
        assert_eq!(both.read(&token), None, "the named key did not sign it");
    }

    #[test]
    fn the_previous_secret_ends_a_day_after_the_start() {
        let (login, mut both) = (Token::Login(LoginId::new()), tokens(NEW, Some(OLD)));
        let token = tokens(OLD, None).sign(login, in_an_hour());
        assert_eq!(both.read(&token), Some(login));
        both.previous.as_mut().unwrap().1 -= PREVIOUS_ACCEPTED;
        assert_eq!(both.read(&token), None);
    }

    #[test]
    fn a_short_or_blank_secret_is_named_by_its_variable() {
        let mut config = Config::for_tests("unused".into()).auth;
        config.jwt_secret = Some(NEW.to_owned().into());
        for secret in ["short", &" ".repeat(40)] {
            config.jwt_secret_previous = Some(secret.to_owned().into());
            let error = Tokens::new(&config, Path::new("unused"), Clock::Same).err().unwrap().to_string();
            assert!(error.contains("JWT_SECRET_PREVIOUS"), "{error}");
        }
    }
}
