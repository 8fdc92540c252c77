//! Why the server closes a socket, and the close codes.

/// Why the server closes a socket. Stock clients stop at 4400 to 4499 and reconnect at 4500 to 4599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// A message that does not conform to the protocol, or an edit that no client of ours makes.
    BadMessage,
    /// Not authenticated, or no longer.
    Unauthenticated,
    /// No access, or no longer.
    Forbidden,
    /// No such document, or no longer.
    NotFound,
    /// Edits under a client id and clocks that already hold other edits.
    Conflict,
    /// A message or a document above its limit.
    TooLarge,
    /// The stored document is damaged, and retrying does not help.
    Damaged,
    /// The node is draining, or cannot load the document at the moment.
    Unavailable,
    /// The client read nothing for too long, or the room restarts from what is durable.
    Resync,
    /// Too many sockets.
    TooMany,
    /// The user's edits took too much processor time.
    TooCostly,
    /// Edits under too many client ids that the document did not know.
    TooManyAuthors,
}

impl CloseReason {
    /// The close code and its text.
    pub fn code(self) -> (u16, &'static str) {
        match self {
            Self::BadMessage => (4400, "bad message"),
            Self::Unauthenticated => (4401, "not authenticated"),
            Self::Forbidden => (4403, "no access"),
            Self::NotFound => (4404, "no such document"),
            Self::Conflict => (4409, "edits of another author under the same client id, reload"),
            Self::TooLarge => (4413, "too large"),
            Self::Damaged => (4422, "stored document is damaged"),
            Self::Unavailable => (4503, "unavailable, try again"),
            Self::Resync => (4513, "out of date, try again"),
            Self::TooMany => (4529, "too many sockets, try again later"),
            Self::TooCostly => (4529, "edits that take too much work, try again later"),
            Self::TooManyAuthors => (4529, "edits under too many new client ids, try again later"),
        }
    }
}
