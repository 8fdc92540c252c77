//! The audit trail: who changed accounts and sharing, on what, when and from where. Written in the transaction of the
//! change, so that neither exists without the other.

use sqlx_macros::FromRow;
use time::OffsetDateTime;

use super::{
    By, Directory, Page, Position, Result, Right,
    db::{Sql, select, sql},
    from_millis, millis,
};
use crate::ids::{AuditId, DocId, UserId};

/// The recorded actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A user got a role, or another one.
    AccessGranted,
    /// A user lost access.
    AccessRemoved,
    /// A share link was created.
    LinkCreated,
    /// A share link was deleted.
    LinkDeleted,
    /// A user got access by a share link.
    LinkAccepted,
    /// A document was deleted.
    DocumentDeleted,
    /// A document got another owner.
    DocumentTransferred,
    /// A version was named.
    VersionNamed,
    /// A version got another name.
    VersionRenamed,
    /// A version was deleted.
    VersionDeleted,
    /// A version was restored.
    VersionRestored,
    /// All sockets of a room were closed.
    RoomKicked,
    /// A snapshot was requested.
    RoomCompacted,
    /// An account was disabled.
    UserDisabled,
    /// An account was enabled again.
    UserEnabled,
    /// A one-time link to a new password of an account was created.
    PasswordResetOffered,
    /// The password of an account was reset, without the old one.
    PasswordReset,
    /// An account became an administrator.
    AdminGranted,
    /// An account is no longer an administrator.
    AdminRevoked,
}

impl Action {
    /// Its stable name in the trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessGranted => "access.granted",
            Self::AccessRemoved => "access.removed",
            Self::LinkCreated => "link.created",
            Self::LinkDeleted => "link.deleted",
            Self::LinkAccepted => "link.accepted",
            Self::DocumentDeleted => "document.deleted",
            Self::DocumentTransferred => "document.transferred",
            Self::VersionNamed => "version.named",
            Self::VersionRenamed => "version.renamed",
            Self::VersionDeleted => "version.deleted",
            Self::VersionRestored => "version.restored",
            Self::RoomKicked => "room.kicked",
            Self::RoomCompacted => "room.compacted",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::PasswordResetOffered => "password_reset.created",
            Self::PasswordReset => "password.reset",
            Self::AdminGranted => "admin.granted",
            Self::AdminRevoked => "admin.revoked",
        }
    }
}

/// An action to record.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) action: Action,
    pub(super) doc: Option<DocId>,
    pub(super) user: Option<UserId>,
    pub(super) detail: Option<String>,
}

impl Deed {
    pub(super) fn on(action: Action, doc: impl Into<Option<DocId>>, user: impl Into<Option<UserId>>) -> Self {
        Self { action, doc: doc.into(), user: user.into(), detail: None }
    }

    pub(super) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}

/// Adds an entry to the trail; runs in the transaction of the change.
pub(super) fn note(by: By, deed: Deed) -> Sql {
    sql!(
        "insert into audit (id, at, actor_id, address, action, doc_id, user_id, detail)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        AuditId::new(),
        millis(by.at),
        by.user,
        by.address.map(|address| address.to_string()),
        deed.action.as_str(),
        deed.doc,
        deed.user,
        deed.detail
    )
}

/// One entry of the trail.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When it happened.
    pub at: OffsetDateTime,
    /// The account that did it; `None` is the command line.
    pub actor: Option<Contact>,
    /// The network address of the caller.
    pub address: Option<String>,
    /// The action, as in [`Action::as_str`].
    pub action: String,
    /// The document concerned.
    pub doc: Option<DocId>,
    /// The account concerned.
    pub user: Option<Contact>,
    /// Details: a role, a title.
    pub detail: Option<String>,
}

/// An account with the names by which people know it.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The account.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

#[derive(FromRow)]
struct AuditRow {
    id: AuditId,
    at: i64,
    address: Option<String>,
    action: String,
    doc_id: Option<DocId>,
    detail: Option<String>,
    actor_id: Option<UserId>,
    actor_name: Option<String>,
    actor_email: Option<String>,
    user_id: Option<UserId>,
    user_name: Option<String>,
    user_email: Option<String>,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        let contact = |id: Option<UserId>, name: Option<String>, email: Option<String>| {
            Some(Contact { id: id?, name: name.unwrap_or_default(), email: email.unwrap_or_default() })
        };
        Self {
            id: row.id,
            at: from_millis(row.at),
            actor: contact(row.actor_id, row.actor_name, row.actor_email),
            address: row.address,
            action: row.action,
            doc: row.doc_id,
            user: contact(row.user_id, row.user_name, row.user_email),
            detail: row.detail,
        }
    }
}

impl Directory {
    /// Records an action on a document that happens outside of the directory.
    pub async fn note(&self, action: Action, doc: DocId, by: By) -> Result<()> {
        self.keep_books(note(by, Deed::on(action, doc, None))).await.map(drop)
    }

    /// Records an administrator's action on a document that happens outside of the directory, before it happens.
    ///
    /// # Errors
    /// When the caller is no longer an administrator.
    pub async fn note_as_administrator(&self, action: Action, doc: DocId, by: By) -> Result<()> {
        let mut change = self.change(by, Right::Administrator, &[]).await?;
        change.note(Deed::on(action, doc, None)).await?;
        change.commit().await
    }

    /// Deletes the oldest entries from before `at`, at most `limit`; returns how many.
    pub async fn delete_old_audit(&self, at: OffsetDateTime, limit: u32) -> Result<u64> {
        self.keep_books(sql!(
            "delete from audit where id in (select id from audit where at < $1 order by at, id limit $2)",
            millis(at),
            i64::from(limit)
        ))
        .await
    }

    /// The trail, newest first, after `after`.
    pub async fn audit(&self, after: Option<Position>, limit: u8) -> Result<Page<AuditEntry>> {
        let after = after.unwrap_or(Position::START);
        let rows: Vec<AuditRow> = self
            .db
            .all(select!(
                "select a.id, a.at, a.address, a.action, a.doc_id, a.detail,
                        a.actor_id, w.name as actor_name, w.email as actor_email,
                        a.user_id, u.name as user_name, u.email as user_email
                 from audit a left join users w on w.id = a.actor_id left join users u on u.id = a.user_id
                 where (a.at, a.id) < ($1, $2) order by a.at desc, a.id desc limit $3",
                after.at,
                AuditId(after.id),
                i64::from(limit) + 1
            ))
            .await?;
        let entries = rows.into_iter().map(AuditEntry::from).collect();
        Ok(Page::cut(entries, limit, |last| Position { at: millis(last.at), id: last.id.0 }))
    }
}
