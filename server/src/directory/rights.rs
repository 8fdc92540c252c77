//! Rights, checked in the transaction that makes a change. A change that removes a right locks the account or the document
//! exclusively; a change that relies on a right holds the same lock shared. So a change is complete before the right ends,
//! or it is refused. The database changes only through a [`Pending`] change or [`Directory::keep_books`].

use std::{future::Future, net::IpAddr, ops, time::Duration};

use sqlx_macros::FromRow;
use time::OffsetDateTime;
use tokio::{sync::SemaphorePermit, time::timeout};
use uuid::Uuid;

use super::{
    Directory, DirectoryError, Login, Result,
    audit::{Deed, note},
    db::{Select, Sql, Transaction, in_time, select},
    locks::Held,
    millis,
};
use crate::{
    ids::{DocId, LoginId, UserId},
    role::Role,
};

/// How long work outside of the database may hold a right. PostgreSQL ends a transaction that is idle for 10 s.
const HOLD_MAX: Duration = Duration::from_secs(8);

/// The caller on whose behalf a change is made.
#[derive(Clone, Copy, Debug)]
pub struct By {
    authority: Authority,
    /// The account; `None` is the command line.
    pub(super) user: Option<UserId>,
    /// The address that the call came from.
    pub(super) address: Option<IpAddr>,
    /// When the call was made.
    pub(super) at: OffsetDateTime,
}

#[derive(Clone, Copy, Debug)]
enum Authority {
    /// The rights of the account, while this login is valid.
    Login(LoginId, UserId),
    /// Every right.
    Operator,
}

impl By {
    /// The command line of the server: every right.
    pub fn command_line() -> Self {
        Self { authority: Authority::Operator, user: None, address: None, at: OffsetDateTime::now_utc() }
    }

    /// The account of a login, at `address`, now.
    pub fn log_in(login: &Login, address: Option<IpAddr>) -> Self {
        let (id, user) = (login.id, login.user.id);
        Self { authority: Authority::Login(id, user), user: Some(user), address, at: OffsetDateTime::now_utc() }
    }

    /// The server, which cleans up after this caller: every right.
    pub fn server(self) -> Self {
        Self { authority: Authority::Operator, ..self }
    }

    /// A caller without a login, at `address`, now: only for a change that is authorized by a secret of its own.
    pub fn secret(address: IpAddr) -> Self {
        Self { address: Some(address), ..Self::command_line() }
    }

    /// The same caller at another time.
    pub fn at(self, at: OffsetDateTime) -> Self {
        Self { at, ..self }
    }

    /// The login and its account.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`] on the command line.
    pub(super) fn login(self) -> Result<(LoginId, UserId)> {
        match self.authority {
            Authority::Login(login, user) => Ok((login, user)),
            Authority::Operator => Err(DirectoryError::Unauthenticated),
        }
    }
}

/// The right that a change needs.
#[derive(Clone, Copy, Debug)]
pub enum Right {
    /// A valid login.
    Login,
    /// The login of an administrator.
    Administrator,
    /// This role in a document, or a higher one.
    Document(DocId, Role),
}

/// The lock that a change holds on an account or a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lock {
    /// The change relies on rights of the account or in the document.
    Shared(Uuid),
    /// The change removes rights, or counts rows against a limit.
    Exclusive(Uuid),
}

impl Lock {
    pub(super) fn id(self) -> Uuid {
        match self {
            Self::Shared(id) | Self::Exclusive(id) => id,
        }
    }
}

/// The permission to change the database. Only this module makes one.
pub(super) struct Allowed(());

/// A change whose right was checked, not yet committed. If dropped, it is rolled back.
#[derive(Debug)]
pub(super) struct Pending {
    tx: Transaction,
    by: By,
    /// Released after the transaction.
    _held: Vec<Held>,
}

impl ops::Deref for Pending {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.tx
    }
}

impl ops::DerefMut for Pending {
    fn deref_mut(&mut self) -> &mut Transaction {
        &mut self.tx
    }
}

impl Pending {
    /// Adds an entry to the audit trail.
    pub(super) async fn note(&mut self, deed: Deed) -> Result<()> {
        self.tx.execute(note(self.by, deed)).await.map(drop)
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.tx.commit().await
    }
}

/// A right that cannot be removed while this exists.
#[derive(Debug)]
pub struct Hold<'a> {
    change: Option<Pending>,
    _held: Vec<Held>,
    _permit: SemaphorePermit<'a>,
}

impl Hold<'_> {
    /// Runs `work`, then releases the right. `work` must begin no change of the same account or document: it would wait
    /// for a queued removal, which waits for `work`.
    ///
    /// # Errors
    /// [`DirectoryError::Unavailable`] when it takes too long: a removal of the right must not wait without end.
    pub async fn during<T>(self, work: impl Future<Output = T>) -> Result<T> {
        let done = timeout(HOLD_MAX, work).await;
        if let Some(change) = self.change {
            // It holds only locks.
            let _ = change.commit().await;
        }
        done.map_err(|_| DirectoryError::timed_out())
    }
}

#[derive(FromRow)]
struct Rights {
    is_admin: bool,
    role: Option<Role>,
}

/// Reads the rights of the account, if the login is valid.
fn rights(login: LoginId, user: UserId, doc: Option<DocId>) -> Select {
    select!(
        "select u.is_admin, (select role from grants where doc_id = $4 and user_id = u.id) as role
         from sessions s join users u on u.id = s.user_id
         where s.id = $1 and s.user_id = $2 and s.expires_at > $3 and not u.is_disabled",
        login,
        user,
        millis(OffsetDateTime::now_utc()),
        doc
    )
}

impl Right {
    fn doc(self) -> Option<DocId> {
        match self {
            Self::Document(doc, _) => Some(doc),
            Self::Login | Self::Administrator => None,
        }
    }

    fn check(self, rights: Option<Rights>) -> Result<()> {
        let Rights { is_admin, role } = rights.ok_or(DirectoryError::Unauthenticated)?;
        match self {
            Self::Login => Ok(()),
            Self::Administrator => {
                if is_admin {
                    Ok(())
                } else {
                    Err(DirectoryError::Forbidden)
                }
            }
            Self::Document(_, needed) => match role {
                Some(role) if role >= needed => Ok(()),
                Some(_) => Err(DirectoryError::Forbidden),
                None => Err(DirectoryError::NoDocument),
            },
        }
    }
}

impl Directory {
    /// Begins a change that needs `right`. The caller's own account is locked too, shared unless `locks` say otherwise.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`], [`DirectoryError::Forbidden`], [`DirectoryError::NoDocument`].
    pub(super) async fn change(&self, by: By, right: Right, locks: &[Lock]) -> Result<Pending> {
        let mut change = self.begin(by, locks).await?;
        if let Ok((login, user)) = by.login() {
            right.check(change.optional(rights(login, user, right.doc())).await?)?;
        }
        Ok(change)
    }

    /// Begins a change that needs no right: a registration, a login by a verified password, an import.
    pub(super) async fn change_without_right(&self, by: By, locks: &[Lock]) -> Result<Pending> {
        self.begin(by, locks).await
    }

    /// Changes the server's own bookkeeping in one statement: sizes, snapshots, expired rows.
    pub(super) async fn keep_books(&self, sql: Sql) -> Result<u64> {
        self.db.execute(sql, Allowed(())).await
    }

    /// Checks `right` now. It may be removed at any time after.
    ///
    /// # Errors
    /// As [`Directory::hold`].
    pub async fn check(&self, by: By, right: Right) -> Result<()> {
        match by.login() {
            Ok((login, user)) => right.check(self.db.optional(rights(login, user, right.doc())).await?),
            Err(_) => Ok(()),
        }
    }

    /// Checks `right` and prevents its removal until the hold ends. On PostgreSQL it holds a connection.
    ///
    /// # Errors
    /// [`DirectoryError::Unauthenticated`], [`DirectoryError::Forbidden`], [`DirectoryError::NoDocument`].
    pub async fn hold(&self, by: By, right: Right) -> Result<Hold<'_>> {
        let permit = in_time(async { Ok(self.holds.acquire().await.expect("the semaphore is never closed")) }).await?;
        let locks: Vec<Lock> = right.doc().map(|doc| Lock::Shared(doc.0)).into_iter().collect();
        if self.db.is_shared() {
            return Ok(Hold {
                change: Some(self.change(by, right, &locks).await?),
                _held: Vec::new(),
                _permit: permit,
            });
        }
        // A transaction of SQLite would block every other change.
        let held = in_time(self.locks.hold(in_order(by, &locks))).await?;
        self.check(by, right).await?;
        Ok(Hold { change: None, _held: held, _permit: permit })
    }

    async fn begin(&self, by: By, locks: &[Lock]) -> Result<Pending> {
        let locks = in_order(by, locks);
        if self.db.is_shared() {
            let mut tx = self.db.begin(Allowed(())).await?;
            for lock in locks {
                tx.lock(lock).await?;
            }
            return Ok(Pending { tx, by, _held: Vec::new() });
        }
        let held = in_time(self.locks.hold(locks)).await?;
        Ok(Pending { tx: self.db.begin(Allowed(())).await?, by, _held: held })
    }
}

/// The locks and the caller's own, each once and in one order for all changes, so that they cannot deadlock.
fn in_order(by: By, locks: &[Lock]) -> Vec<Lock> {
    let own = by.login().ok().map(|(_, user)| Lock::Shared(user.0));
    let mut locks: Vec<Lock> = locks.iter().copied().chain(own).collect();
    locks.sort_by_key(|lock| (lock.id(), matches!(lock, Lock::Shared(_))));
    locks.dedup_by_key(|lock| lock.id());
    locks
}
