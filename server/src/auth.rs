//! Who may do what: passwords, tokens, log-ins and the access to documents. Knows no socket and no HTTP.

pub mod events;

use time::OffsetDateTime;

use crate::ids::{SessionId, UserId};

/// What a user may do with a document; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads, and is seen.
    Viewer,
    /// Edits.
    Editor,
    /// Shares, renames and deletes.
    Owner,
}

/// Who is at the other end of a socket, and what he may do there.
#[derive(Clone, Debug)]
pub struct SocketGrant {
    /// The account.
    pub user: UserId,
    /// The name that peers see.
    pub name: String,
    /// The colour that peers see, `#rrggbb`.
    pub color: String,
    /// The log-in behind the token or ticket.
    pub session: SessionId,
    /// When the log-in ends.
    pub expires_at: OffsetDateTime,
    /// The role in this document.
    pub role: Role,
}

/// Why a socket is refused.
#[derive(Debug, thiserror::Error)]
pub enum SocketRefusal {
    /// No token, or one that is not (any longer) valid: 4401.
    #[error("not authenticated")]
    Unauthenticated,
    /// The user may not see this document: 4403 where it exists.
    #[error("no access")]
    Forbidden,
    /// There is no such document: 4404.
    #[error("no such document")]
    NotFound,
    /// The directory did not answer: 4503.
    #[error("directory unavailable")]
    Unavailable,
}
