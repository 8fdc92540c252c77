//! Our extension, used only under the subprotocol `codesync.v1`: message type 100, then a kind.

use crate::Malformed;
use crate::lib0::{Reader, write_buffer, write_number};

const MARK: u64 = 0;
const HELLO: u64 = 1;
const ROLE: u64 = 2;
const REJECTED: u64 = 3;
const TOKEN: u64 = 4;
const TOKEN_ACCEPTED: u64 = 5;

/// A message of the extension.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// To the server: requests an echo once everything sent before is durable. From the server: the echo. Below 2^53.
    Mark(u64),
    /// From the server, as the first message.
    Hello {
        /// An object with `role`, `epoch`, `limits` and `expires_at`.
        json: &'a str,
    },
    /// From the server: the role changed.
    Role {
        /// `viewer`, `editor` or `owner`.
        role: &'a str,
    },
    /// From the server: an edit was refused.
    Rejected {
        /// An object with `code` and `message`.
        json: &'a str,
    },
    /// To the server: a new token for this socket.
    Token {
        /// The token.
        token: &'a str,
    },
    /// From the server: the new token is accepted.
    TokenAccepted {
        /// When it expires, RFC 3339.
        expires_at: &'a str,
    },
}

/// `None` for a kind that this release does not know.
pub(super) fn decode<'a>(reader: &mut Reader<'a>) -> Result<Option<Message<'a>>, Malformed> {
    Ok(Some(match reader.number()? {
        MARK => Message::Mark(reader.number()?),
        HELLO => Message::Hello { json: reader.string()? },
        ROLE => Message::Role { role: reader.string()? },
        REJECTED => Message::Rejected { json: reader.string()? },
        TOKEN => Message::Token { token: reader.string()? },
        TOKEN_ACCEPTED => Message::TokenAccepted { expires_at: reader.string()? },
        _ => return Ok(None),
    }))
}

pub(super) fn encode(message: &Message<'_>, out: &mut Vec<u8>) {
    let (kind, text) = match *message {
        Message::Mark(number) => {
            write_number(out, MARK);
            return write_number(out, number);
        }
        Message::Hello { json } => (HELLO, json),
        Message::Role { role } => (ROLE, role),
        Message::Rejected { json } => (REJECTED, json),
        Message::Token { token } => (TOKEN, token),
        Message::TokenAccepted { expires_at } => (TOKEN_ACCEPTED, expires_at),
    };
    write_number(out, kind);
    write_buffer(out, text.as_bytes());
}

/// Without the token, which must not be logged.
impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Message::Mark(number) => write!(f, "Mark({number})"),
            Message::Hello { json } => write!(f, "Hello({json})"),
            Message::Role { role } => write!(f, "Role({role})"),
            Message::Rejected { json } => write!(f, "Rejected({json})"),
            Message::Token { .. } => write!(f, "Token(…)"),
            Message::TokenAccepted { expires_at } => write!(f, "TokenAccepted({expires_at})"),
        }
    }
}
