//! Locks on accounts and documents within one process, for a database that only this process changes. Waiters are
//! served in order: a stream of shared locks does not starve an exclusive one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use uuid::Uuid;

use super::{Result, rights::Lock};

/// Entries in the map beyond which unused ones are removed.
const KEPT_MAX: usize = 256;

#[derive(Clone, Debug, Default)]
pub(super) struct Locks(Arc<Mutex<HashMap<Uuid, Weak<RwLock<()>>>>>);

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(super) enum Held {
    Shared { _guard: OwnedRwLockReadGuard<()> },
    Exclusive { _guard: OwnedRwLockWriteGuard<()> },
}

impl Locks {
    pub(super) async fn hold(&self, locks: Vec<Lock>) -> Result<Vec<Held>> {
        let mut held = Vec::with_capacity(locks.len());
        for lock in locks {
            let of_id = self.get(lock.id());
            held.push(match lock {
                Lock::Shared(_) => Held::Shared { _guard: of_id.read_owned().await },
                Lock::Exclusive(_) => Held::Exclusive { _guard: of_id.write_owned().await },
            });
        }
        Ok(held)
    }

    fn get(&self, id: Uuid) -> Arc<RwLock<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if locks.len() > KEPT_MAX {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let present = locks.get(&id).and_then(Weak::upgrade);
        present.unwrap_or_else(|| {
            let lock = Arc::default();
            locks.insert(id, Arc::downgrade(&lock));
            lock
        })
    }
}
