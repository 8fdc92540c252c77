//! Places in the log of a document, which name snapshots too.

use std::{fmt, str::FromStr};

/// A place in a document's log; later entries have greater offsets. Wide enough for the ids of a Redis stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u128);

impl Offset {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Offset {
    /// 32 hexadecimal digits, so that names sort as offsets do.
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
