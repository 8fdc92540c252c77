//! The rights of a user in a document.

/// The rights of a user in a document; each role includes the ones before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads, and is shown as present.
    Viewer,
    /// Edits the text, the title and the language.
    Editor,
    /// Shares and deletes.
    Owner,
}

impl Role {
    /// Its name in JSON and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// Whether edits of a user with this role are accepted.
    pub fn may_edit(self) -> bool {
        self >= Self::Editor
    }
}
