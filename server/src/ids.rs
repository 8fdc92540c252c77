//! Identifiers that cross module borders: UUIDv7 newtypes, so that a document id is never passed as a user id.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new time-ordered id.
            #[expect(clippy::new_without_default, reason = "an id out of nowhere should be asked for by name")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// A document.
    DocId
);
id!(
    /// A user account.
    UserId
);
id!(
    /// A login: what a token names and what can be revoked.
    LoginId
);
id!(
    /// A share link, without its secret.
    LinkId
);
id!(
    /// An entry of the audit trail.
    AuditId
);
id!(
    /// A running server; each start has a new one.
    NodeId
);
id!(
    /// An installation: the stores that belong together share it.
    InstallationId
);
id!(
    /// A version of a document.
    VersionId
);
