//! Positions in the log of a document, which also name snapshots.

use std::{fmt, str::FromStr};

/// A position in a document's log; later entries have greater offsets. As wide as the ids of a Redis stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u128);

impl Offset {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Offset {
    /// 32 hexadecimal digits, so that names sort like offsets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Offset {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}
