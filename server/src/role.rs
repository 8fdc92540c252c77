//! What a user may do with a document.

/// What a user may do with a document; each role includes the ones before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads, and is seen.
    Viewer,
    /// Edits the text and what the document is called.
    Editor,
    /// Shares and deletes.
    Owner,
}

impl Role {
    /// The word for it in JSON and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// Whether edits are taken from someone with this role.
    pub fn may_edit(self) -> bool {
        self >= Self::Editor
    }
}
