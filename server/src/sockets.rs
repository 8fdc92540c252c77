//! Counts the sockets of this node, in total and by user, against their limits.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{ids::UserId, room::PeerId};

/// The sockets of this node.
#[derive(Clone, Debug)]
pub struct Sockets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    permits: Arc<Semaphore>,
    max: usize,
    by_user: Mutex<HashMap<UserId, usize>>,
    per_user_max: usize,
    next_peer: AtomicU64,
}

/// One open socket; returns its place when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    sockets: Sockets,
    user: Option<UserId>,
    _permit: OwnedSemaphorePermit,
}

impl Sockets {
    /// Places for `max` sockets, and `per_user_max` of one user.
    pub fn new(max: usize, per_user_max: usize) -> Self {
        Self(Arc::new(Shared {
            permits: Arc::new(Semaphore::new(max)),
            max,
            by_user: Mutex::default(),
            per_user_max,
            next_peer: AtomicU64::new(1),
        }))
    }

    /// The number of open sockets.
    pub fn len(&self) -> usize {
        self.0.max - self.0.permits.available_permits()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a place, if there is one.
    pub(crate) fn open(&self) -> Option<Slot> {
        let permit = self.0.permits.clone().try_acquire_owned().ok()?;
        metrics::gauge!("codesync_sessions_open").increment(1);
        Some(Slot { sockets: self.clone(), user: None, _permit: permit })
    }

    fn users(&self) -> std::sync::MutexGuard<'_, HashMap<UserId, usize>> {
        // Nothing panics while the lock is held; if it did, the counts would still be consistent.
        self.0.by_user.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Counts the socket as one of `user`; `false` if that would be too many.
    pub(crate) fn belongs_to(&mut self, user: UserId) -> bool {
        let mut users = self.sockets.users();
        let count = users.entry(user).or_default();
        if *count >= self.sockets.0.per_user_max {
            return false;
        }
        *count += 1;
        drop(users);
        self.user = Some(user);
        true
    }

    /// A peer id that this process has never used.
    pub(crate) fn peer_id(&self) -> PeerId {
        PeerId(self.sockets.0.next_peer.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::gauge!("codesync_sessions_open").decrement(1);
        if let Some(user) = self.user {
            let mut users = self.sockets.users();
            if let Some(count) = users.get_mut(&user) {
                *count -= 1;
                if *count == 0 {
                    users.remove(&user);
                }
            }
        }
    }
}
