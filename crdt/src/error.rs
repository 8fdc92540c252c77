use thiserror::Error;

/// Why bytes from outside could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The bytes end inside a value.
    #[error("data ends inside a value")]
    Truncated,
    /// Bytes are left after the last value.
    #[error("data continues after its last value")]
    Trailing,
    /// A number is too large, or written longer than it needs to be.
    #[error("a number is out of range or not in its shortest form")]
    Number,
    /// A string is not UTF-8.
    #[error("a string is not valid utf-8")]
    Utf8,
    /// A count claims more than the remaining bytes can hold.
    #[error("a count exceeds what the remaining bytes can hold")]
    Count,
    /// Well-formed, but not allowed in a code document.
    #[error("{0} are not supported")]
    Unsupported(&'static str),
    /// A contradiction in the data.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// Above a limit.
    #[error("too many or too large {0}")]
    Limit(&'static str),
}

/// Why an update was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The bytes are not an update that this system accepts.
    #[error("malformed update: {0}")]
    Malformed(#[from] Malformed),
    /// The update has more bytes than the limit.
    #[error("update is too large: {actual} exceeds the limit of {limit}")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
        /// The size of the update in bytes.
        actual: usize,
    },
    /// The document would have more client ids than the limit.
    #[error("document has its most client ids: {limit}")]
    TooManyClients {
        /// The limit.
        limit: usize,
    },
    /// The update depends on edits that this replica does not have: its sender must answer sync step 1.
    #[error("update builds on edits that are not known here")]
    Gap,
}

/// Why a replica could not be loaded or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// The stored state, or an update that was not checked against this replica, cannot be applied.
    #[error("document state is corrupt: {0}")]
    Corrupt(Malformed),
    /// Applying the update failed, and the replica may be half changed: it was dropped, and must be loaded again.
    #[error("the replica failed while applying an update and must be dropped")]
    Poisoned,
}

/// Data that passed the check once and fails it now has been damaged.
impl From<Refusal> for DocumentError {
    fn from(refusal: Refusal) -> Self {
        Self::Corrupt(match refusal {
            Refusal::Malformed(malformed) => malformed,
            Refusal::Gap => Malformed::Invalid("state: edits are missing"),
            Refusal::TooLarge { .. } => Malformed::Limit("bytes"),
            Refusal::TooManyClients { .. } => Malformed::Limit("client ids"),
        })
    }
}
