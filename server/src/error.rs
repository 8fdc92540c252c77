//! How refusals look from outside: `ApiError` as status and JSON, `CloseReason` as a WebSocket close code.

/// Why the server closes a socket. Stock clients stop for good on 4400 to 4499 and come back on 4500 to 4599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// A message that is not of the protocol, or an edit that no client of ours makes.
    BadMessage,
    /// Not, or no longer, authenticated.
    Unauthenticated,
    /// No access, or no longer.
    Forbidden,
    /// No such document, or no longer.
    NotFound,
    /// A message or a document past its limit.
    TooLarge,
    /// The node is going away, or cannot load the document at the moment.
    Unavailable,
    /// The client took nothing for too long, or the room starts again from what is durable.
    Resync,
    /// Too many sockets.
    TooMany,
}

impl CloseReason {
    /// The close code and the words that go with it.
    pub fn code(self) -> (u16, &'static str) {
        match self {
            Self::BadMessage => (4400, "bad message"),
            Self::Unauthenticated => (4401, "not authenticated"),
            Self::Forbidden => (4403, "no access"),
            Self::NotFound => (4404, "no such document"),
            Self::TooLarge => (4413, "too large"),
            Self::Unavailable => (4503, "unavailable, try again"),
            Self::Resync => (4513, "out of date, try again"),
            Self::TooMany => (4529, "too many sockets, try again later"),
        }
    }
}
