//! Line ends: what a document remembers of the file that it was.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the lines of a document end where it leaves as a file; its shared text has LF alone.
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
    /// What most lines of a text end in.
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
