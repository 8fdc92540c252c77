//! Authentication and authorization: passwords, tokens, logins and access to documents. Knows no socket and no HTTP.

pub mod events;
mod passwords;
mod tokens;

use std::{sync::Arc, time::Duration};

use rand::{TryRng, rngs::SysRng};
use time::OffsetDateTime;

pub use self::passwords::is_typeable;
use self::{
    events::{AccessEvent, AccessEvents},
    passwords::{Passwords, Verdict},
    tokens::{Clock, Token, Tokens},
};
use crate::{
    config::{AuthConfig, StorageConfig},
    directory::{Access, By, Directory, DirectoryError, Login, NewUser, Replaced, Standing, User},
    hex::hex,
    ids::{DocId, LoginId, UserId},
    role::Role,
};

/// How long an administrator's link to a new password is valid.
const PASSWORD_RESET: Duration = Duration::from_secs(24 * 3_600);
/// How long a setup link is valid.
const SETUP: Duration = Duration::from_secs(3_600);

/// The user of a socket, and its rights there.
#[derive(Clone, Debug)]
pub struct SocketGrant {
    /// The account.
    pub user: UserId,
    /// The name that peers see.
    pub name: String,
    /// The colour that peers see, `#rrggbb`.
    pub color: String,
    /// The login behind the token or ticket.
    pub login: LoginId,
    /// When the login ends.
    pub expires_at: OffsetDateTime,
    /// The role in this document.
    pub role: Role,
}

impl SocketGrant {
    /// Sets the field `user` of a presence state to the name, account and role of this grant. `None` for a state that
    /// is not an object.
    pub fn stamp(&self, state: &str) -> Option<String> {
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(state).ok()?;
        let Self { user: UserId(id), name, color, role, .. } = self;
        object.insert(
            "user".to_owned(),
            serde_json::json!({ "id": id, "name": name, "color": color, "role": role.as_str() }),
        );
        serde_json::to_string(&object).ok()
    }
}

/// Why a socket is refused.
#[derive(Debug, thiserror::Error)]
pub enum SocketRefusal {
    /// The token is missing or not valid (any more): 4401.
    #[error("not authenticated")]
    Unauthenticated,
    /// The user has no access to this existing document: 4403.
    #[error("no access")]
    Forbidden,
    /// There is no such document: 4404.
    #[error("no such document")]
    NotFound,
    /// The directory did not answer: 4503.
    #[error("directory unavailable")]
    Unavailable,
}

/// Why a login or a change of a password failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is no such account, or the password is wrong; the caller does not learn which.
    #[error("wrong e-mail address or password")]
    WrongPassword,
    /// The account may not log in.
    #[error("account is disabled")]
    Disabled,
    /// Too many passwords are being checked.
    #[error("too many logins at once")]
    Busy,
    /// The directory failed.
    #[error(transparent)]
    Directory(DirectoryError),
    /// An unexpected failure.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

impl From<DirectoryError> for AuthError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::PasswordChanged => Self::WrongPassword,
            DirectoryError::Disabled => Self::Disabled,
            other => Self::Directory(other),
        }
    }
}

/// A token and its expiry.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// When it expires.
    pub expires_at: OffsetDateTime,
}

/// Creates logins, and checks the rights of tokens. Every check reads the directory, so a revocation has an immediate
/// effect.
#[derive(Clone)]
pub struct Auth {
    directory: Directory,
    events: AccessEvents,
    passwords: Passwords,
    tokens: Tokens,
    session: Duration,
    ticket: Duration,
}

impl Auth {
    /// Reads or generates the secret, and prepares the password hash.
    ///
    /// # Errors
    /// When the secret is too short or cannot be stored.
    pub async fn new(
        config: &AuthConfig,
        storage: &StorageConfig,
        directory: Directory,
        events: AccessEvents,
    ) -> anyhow::Result<Self> {
        let clock = if storage.database.options()?.is_some() { Clock::Another } else { Clock::Same };
        Ok(Self {
            directory,
            events,
            passwords: Passwords::new(config.argon2_kib).await?,
            tokens: Tokens::new(config, &storage.data_dir, clock)?,
            session: config.session,
            ticket: config.ticket,
        })
    }

    /// Hashes a password for storage.
    ///
    /// # Errors
    /// [`AuthError::Busy`].
    pub async fn hash_password(&self, password: String) -> Result<String, AuthError> {
        self.passwords.hash(password).await
    }

    /// Creates a login for an e-mail address and its password.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`], [`AuthError::Disabled`], [`AuthError::Busy`].
    pub async fn log_in(&self, email: &str, password: String) -> Result<(User, Issued), AuthError> {
        let user = self.directory.user_by_email(email).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let verdict = self.passwords.verify(password.clone(), hash).await?;
        let mut user = user.filter(|_| verdict != Verdict::Wrong).ok_or(AuthError::WrongPassword)?;
        if verdict == Verdict::RightAsTyped {
            let hash = self.passwords.hash(password).await?;
            if self.directory.rehash_password(user.id, &user.password_hash, &hash).await? {
                user.password_hash = hash;
            }
        }
        let now = OffsetDateTime::now_utc();
        let expires_at = now + self.session;
        // The check of the password waits in a queue: the password may have changed since it was read.
        let login = self.directory.create_login(user.id, &user.password_hash, now, expires_at).await?;
        Ok((user, self.issue(login, expires_at)))
    }

    /// The login of `token`, if both are valid; a ticket opens sockets only.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn login(&self, token: &str) -> Result<Option<Login>, DirectoryError> {
        match self.tokens.read(token) {
            Some(Token::Login(login)) => self.directory.login(login, OffsetDateTime::now_utc()).await,
            Some(Token::Ticket(..)) | None => Ok(None),
        }
    }

    /// Replaces the caller's login by a new one, and closes its sockets.
    ///
    /// # Errors
    /// When the login has ended.
    pub async fn refresh(&self, by: By) -> Result<Issued, DirectoryError> {
        let now = OffsetDateTime::now_utc();
        let expires_at = now + self.session;
        let Replaced { old, new } = self.directory.replace_login(by, now, expires_at).await?;
        self.events.publish(AccessEvent::LoginEnded(old));
        Ok(self.issue(new, expires_at))
    }

    /// Ends the caller's login and closes its sockets.
    ///
    /// # Errors
    /// When the login has ended.
    pub async fn log_out(&self, by: By) -> Result<(), DirectoryError> {
        let login = self.directory.end_login(by).await?;
        self.events.publish(AccessEvent::LoginEnded(login));
        Ok(())
    }

    /// Changes the password and ends every other login of the user.
    ///
    /// # Errors
    /// [`AuthError::WrongPassword`], [`AuthError::Busy`].
    pub async fn change_password(&self, login: &Login, by: By, current: String, new: String) -> Result<(), AuthError> {
        let verified = &login.user.password_hash;
        if self.passwords.verify(current, Some(verified.clone())).await? == Verdict::Wrong {
            return Err(AuthError::WrongPassword);
        }
        let hash = self.passwords.hash(new).await?;
        for ended in self.directory.set_password(verified, &hash, by).await? {
            self.events.publish(AccessEvent::LoginEnded(ended));
        }
        Ok(())
    }

    /// Creates a one-time link to a new password of an account; returns its secret and its expiry.
    ///
    /// # Errors
    /// When there is no such account, or the caller is no administrator.
    pub async fn offer_password_reset(&self, user: UserId, by: By) -> Result<(String, OffsetDateTime), DirectoryError> {
        let (secret, expires_at) = (random_secret(), OffsetDateTime::now_utc() + PASSWORD_RESET);
        self.directory.create_password_reset(user, &secret, expires_at, by).await?;
        Ok((secret, expires_at))
    }

    /// Sets the password of the account of a reset link, and ends all of its logins and sockets.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the link was used or has expired, [`AuthError::Busy`].
    pub async fn reset_password(&self, secret: &str, password: String, by: By) -> Result<(), AuthError> {
        let user =
            self.directory.password_reset(secret, OffsetDateTime::now_utc()).await?.ok_or(DirectoryError::NotFound)?;
        let hash = self.passwords.hash(password).await?;
        self.directory.use_password_reset(user, secret, &hash, by).await?;
        self.events.publish(AccessEvent::UserEnded(user));
        Ok(())
    }

    /// Creates a one-time link to the first administrator while nobody has an account; returns its secret.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn offer_setup(&self) -> Result<Option<String>, DirectoryError> {
        if !self.directory.has_no_accounts().await? {
            return Ok(None);
        }
        let secret = random_secret();
        self.directory.create_setup_link(&secret, OffsetDateTime::now_utc() + SETUP).await?;
        Ok(Some(secret))
    }

    /// Creates the first administrator by the secret of a setup link.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] if the link was used or has expired, [`DirectoryError::EmailTaken`],
    /// [`AuthError::Busy`].
    pub async fn set_up(
        &self,
        secret: &str,
        email: String,
        name: String,
        password: String,
        by: By,
    ) -> Result<User, AuthError> {
        // Checked first: hashing a password is expensive, and a caller may be guessing links.
        if !self.directory.is_setup_link(secret, OffsetDateTime::now_utc()).await? {
            return Err(DirectoryError::NotFound.into());
        }
        let password_hash = self.passwords.hash(password).await?;
        let new = NewUser { email, name, color: random_color().to_owned(), password_hash, is_admin: true };
        Ok(self.directory.set_up(secret, new, by).await?)
    }

    /// Changes the standing of an account. All sockets of a disabled account are closed.
    ///
    /// # Errors
    /// When there is no such account, no administrator would be left, or the directory does not answer.
    pub async fn change_standing(&self, user: UserId, change: Standing, by: By) -> Result<User, DirectoryError> {
        let user = self.directory.change_standing(user, change, by).await?;
        if user.is_disabled {
            self.events.publish(AccessEvent::UserEnded(user.id));
        }
        Ok(user)
    }

    /// Creates a ticket that opens a socket to `doc` for the user of `login`; the caller checks the access.
    pub fn ticket(&self, login: &Login, doc: DocId) -> Issued {
        let expires_at = (OffsetDateTime::now_utc() + self.ticket).min(login.expires_at);
        Issued { token: self.tokens.sign(Token::Ticket(login.id, doc), expires_at), expires_at }
    }

    /// Checks a token or ticket for a socket to `doc`.
    ///
    /// # Errors
    /// The refusal.
    pub async fn open_socket(&self, token: &str, doc: DocId) -> Result<Arc<SocketGrant>, SocketRefusal> {
        let login = match self.tokens.read(token).ok_or(SocketRefusal::Unauthenticated)? {
            Token::Ticket(_, other) if other != doc => return Err(SocketRefusal::Forbidden),
            Token::Ticket(login, _) | Token::Login(login) => login,
        };
        let login = self.directory.login(login, OffsetDateTime::now_utc()).await.map_err(unavailable)?;
        let Login { id, user, expires_at } = login.ok_or(SocketRefusal::Unauthenticated)?;
        match self.directory.access(user.id, doc).await.map_err(unavailable)? {
            Access::NoDocument => Err(SocketRefusal::NotFound),
            Access::None => Err(SocketRefusal::Forbidden),
            Access::Role(role) => {
                let (user, name, color) = (user.id, user.name, user.color);
                Ok(Arc::new(SocketGrant { user, name, color, login: id, expires_at, role }))
            }
        }
    }

    /// The role of `user` in `doc`; `None` without access or document.
    ///
    /// # Errors
    /// When the directory does not answer.
    pub async fn role(&self, user: UserId, doc: DocId) -> Result<Option<Role>, DirectoryError> {
        Ok(match self.directory.access(user, doc).await? {
            Access::Role(role) => Some(role),
            Access::None | Access::NoDocument => None,
        })
    }

    fn issue(&self, login: LoginId, expires_at: OffsetDateTime) -> Issued {
        Issued { token: self.tokens.sign(Token::Login(login), expires_at), expires_at }
    }
}

fn unavailable(error: DirectoryError) -> SocketRefusal {
    tracing::error!(error = &error as &dyn std::error::Error, "cannot check the access of a socket");
    SocketRefusal::Unavailable
}

/// A secret of 256 random bits, as 64 characters that are valid in an address.
pub fn random_secret() -> String {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).expect("the system has randomness");
    hex(bytes)
}

/// Hashes a password for storage, without a running server.
///
/// # Errors
/// When the settings allow no hash.
pub async fn hash_password(config: &AuthConfig, password: String) -> anyhow::Result<String> {
    Ok(Passwords::new(config.argon2_kib).await?.hash(password).await?)
}

/// The colours of users, each dark enough for white text on it.
const COLORS: [&str; 12] = [
    "#0b6b60", "#b83a22", "#2457c5", "#8a3ab9", "#8a5a00", "#b4256f", "#2f7331", "#0a6f94", "#5c4fd0", "#6b6a12",
    "#94402f", "#4d6170",
];

/// A random colour of a user.
pub fn random_color() -> &'static str {
    COLORS[rand::random_range(0..COLORS.len())]
}
