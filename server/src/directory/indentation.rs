//! Indentation: the same for everyone who edits a document.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The indentation of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Indentation {
    /// The indentation of its text, or else the usual one of its language.
    #[default]
    Auto,
    /// A tab.
    Tab,
    /// Two spaces.
    Space2,
    /// Three spaces.
    Space3,
    /// Four spaces.
    Space4,
    /// Eight spaces.
    Space8,
}

impl Indentation {
    const ALL: [Self; 6] = [Self::Auto, Self::Tab, Self::Space2, Self::Space3, Self::Space4, Self::Space8];

    /// Whether nobody has chosen one.
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// Reads the number in the database; one that only a later release knows counts as `Auto`.
    pub(super) fn from_code(code: i64) -> Self {
        let index = usize::try_from(code).unwrap_or(usize::MAX);
        Self::ALL.get(index).copied().unwrap_or_default()
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }
}
