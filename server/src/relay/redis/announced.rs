//! Who has which document open at which node. A node writes it once, and again when it changes. One key per node says
//! that all of it is still valid.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{Cmd, RedisResult};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    ids::{DocId, NodeId},
    redis::Pool,
    relay::Present,
    tasks::Tasks,
};

/// How long a node counts as alive after its last sign: afterwards its presence is ignored.
const ALIVE_FOR: Duration = Duration::from_secs(15);
const SIGN_INTERVAL: Duration = Duration::from_secs(5);
/// How long an unchanged announcement is not repeated. Redis may have lost the last announcements without losing the
/// sign of life.
const ANNOUNCED_FOR: Duration = Duration::from_secs(120);
/// How long Redis keeps an announcement that is not repeated.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// The announcements of this node, and access to those of others.
pub(super) struct Announced {
    pool: Pool,
    node: NodeId,
    announcements: Mutex<HashMap<DocId, (Vec<Present>, Instant)>>,
}

impl Announced {
    pub(super) fn new(pool: Pool, node: NodeId, tasks: &Tasks) -> Arc<Self> {
        let announced = Arc::new(Self { pool, node, announcements: Mutex::default() });
        tasks.spawn(announced.clone().live(tasks.stop().clone()));
        announced
    }

    /// The commands that announce these people; none if that is announced already.
    pub(super) fn commands_for(&self, doc: DocId, people: Vec<Present>) -> Vec<Cmd> {
        let (key, node) = (presence(doc), self.node.0.as_bytes());
        if people.is_empty() {
            self.invalidate(doc);
            let mut delete = redis::cmd("HDEL");
            delete.arg(&key).arg(node);
            return vec![delete];
        }
        let mut announced = self.announced();
        if announced.get(&doc).is_some_and(|(known, at)| *known == people && at.elapsed() < ANNOUNCED_FOR) {
            return Vec::new();
        }
        let (mut set, mut expire) = (redis::cmd("HSET"), redis::cmd("EXPIRE"));
        set.arg(&key).arg(node).arg(serde_json::to_vec(&people).expect("ids, names and times are JSON"));
        expire.arg(&key).arg(KEPT_FOR.as_secs());
        announced.insert(doc, (people, Instant::now()));
        vec![set, expire]
    }

    /// The announcement of a document must be repeated.
    pub(super) fn invalidate(&self, doc: DocId) {
        self.announced().remove(&doc);
    }

    /// All announcements must be repeated.
    pub(super) fn invalidate_all(&self) {
        self.announced().clear();
    }

    /// Who has a document open at other nodes that are alive.
    pub(super) async fn elsewhere(&self, doc: DocId) -> RedisResult<Vec<Present>> {
        let mut pool = self.pool.clone();
        let all: HashMap<Vec<u8>, Vec<u8>> = redis::cmd("HGETALL").arg(presence(doc)).query_async(&mut pool).await?;
        let mut present = Vec::new();
        for (node, people) in all {
            let Ok(node) = Uuid::from_slice(&node).map(NodeId) else { continue };
            if node == self.node || !redis::cmd("EXISTS").arg(sign(node)).query_async(&mut pool).await? {
                continue;
            }
            present.extend(serde_json::from_slice::<Vec<Present>>(&people).unwrap_or_default());
        }
        Ok(present)
    }

    /// Writes signs of life.
    async fn live(self: Arc<Self>, stop: CancellationToken) {
        let mut again = interval(SIGN_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = again.tick() => {}
            }
            let mut set = redis::cmd("SET");
            set.arg(sign(self.node)).arg("").arg("PX").arg(ALIVE_FOR.as_millis()).arg("GET");
            let before: RedisResult<Option<String>> = set.query_async(&mut self.pool.clone()).await;
            if !matches!(before, Ok(Some(_))) {
                // Redis was unavailable or emptied: the announcements may be lost too.
                self.invalidate_all();
            }
        }
    }

    fn announced(&self) -> MutexGuard<'_, HashMap<DocId, (Vec<Present>, Instant)>> {
        // Nothing panics while the lock is held; if it did, the map would still be consistent.
        self.announcements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sign(node: NodeId) -> String {
    format!("codesync:node:{}", node.0)
}

fn presence(doc: DocId) -> String {
    format!("codesync:{{{doc}}}:presence")
}
