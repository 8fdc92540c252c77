//! Line ends: a document keeps those of the file that it was made from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The line end of the exported file; the shared text has LF only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LineEnd {
    /// LF, as on Linux and macOS.
    #[default]
    Lf,
    /// CR LF, as on Windows.
    Crlf,
}

impl LineEnd {
    /// The line end of most lines of a text.
    pub fn of(text: &str) -> Self {
        let (all, crlf) = (text.matches('\n').count(), text.matches("\r\n").count());
        Self::from_crlf(crlf * 2 > all)
    }

    pub(super) fn from_crlf(crlf: bool) -> Self {
        if crlf { Self::Crlf } else { Self::Lf }
    }

    pub(super) fn is_crlf(self) -> bool {
        self == Self::Crlf
    }
}
