//! The log in Redis Streams, one per document, with notifications: one script appends and publishes. A returned append
//! survives the end of this process and of every other node. It survives the loss of Redis itself as far as Redis is
//! configured to (`appendonly`), and with the level `replicated` the loss of one server. A lost or rolled-back stream
//! is detected, and every node that has the document appends its whole state again.

mod ends;

use std::{collections::HashMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures_util::{StreamExt, stream};
use rand::RngExt;
use redis::{AsyncCommands, FromRedisValue, RedisError, RedisResult, Script};
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, interval_at},
};
use tracing::error;

use self::ends::Ends;
use super::{After, Appended, Contents, DELETED_FOR, Dirty, Entry, LogError, Offset, Tail, TailEvent, UpdateLog};
use crate::{
    config::Acknowledge,
    ids::{DocId, NodeId},
    redis::{Commands, INSTALLATION, Redis, Subscription, SubscriptionEvent},
    tasks::Tasks,
};

/// The largest size of updates inside a notification, in bytes. Larger ones are read from the stream, because one large
/// paste would fill the buffers that Redis keeps for slow subscribers.
const INLINE_BYTES: usize = 64 << 10;
/// Entries per read; Redis does nothing else during a read.
const PAGE: usize = 1_000;
/// The approximate interval at which a room compares its position with the stream: a notification may be lost.
const COMPARE_INTERVAL: Duration = Duration::from_secs(8);
/// The number of documents whose last mark is remembered.
const MARKS_MAX: usize = 100_000;
/// Documents whose log grew since the sweeper last marked them clean, by the milliseconds of the newest mark.
const DIRTY: &str = "codesync:dirty";

const APPEND: &str = include_str!("redis/append.lua");
const READ: &str = include_str!("redis/read.lua");
const TRIM: &str = include_str!("redis/trim.lua");
const RELEASE: &str = include_str!("redis/release.lua");
const CLEAN: &str = include_str!("redis/clean.lua");
const DELETE: &str = include_str!("redis/delete.lua");
const MARK: &str = include_str!("redis/mark.lua");
const DIRTY_SINCE: &str = include_str!("redis/dirty.lua");

/// The update log of several nodes.
pub struct RedisLog {
    redis: Redis,
    node: NodeId,
    acknowledge: Acknowledge,
    scripts: Scripts,
    ends: Ends,
    /// How long the mark of a document stays as it is while it is written to: less than the sweeper waits.
    mark_interval: Duration,
    marked: Mutex<HashMap<DocId, Instant>>,
}

struct Scripts {
    append: Script,
    read: Script,
    trim: Script,
    release: Script,
    clean: Script,
    delete: Script,
    mark: Script,
    dirty: Script,
}

/// The keys of a document, all in one slot of a cluster.
enum Key {
    /// The stream: one entry per update. The first entry of each append has the id `p` of the entry before it, and that
    /// of an exact append its node `n`.
    Log,
    /// A hash: `last`, the id of the newest entry, `trimmed`, the watermark, and `i`, the installation; `deleted` once the
    /// document is.
    Meta,
    /// The channel of notifications.
    Bell,
    /// The node that compacts.
    Lease,
}

impl Key {
    fn of(&self, doc: DocId) -> String {
        let name = match self {
            Self::Log => "log",
            Self::Meta => "meta",
            Self::Bell => "bell",
            Self::Lease => "lease",
        };
        format!("codesync:{{{doc}}}:{name}")
    }
}

impl RedisLog {
    /// The log of `node` with the given acknowledgement level; dirty documents are swept at the interval `sweep`.
    pub fn new(redis: Redis, node: NodeId, acknowledge: Acknowledge, sweep: Duration, tasks: &Tasks) -> Self {
        let scripts = Scripts {
            append: Script::new(APPEND),
            read: Script::new(READ),
            trim: Script::new(TRIM),
            release: Script::new(RELEASE),
            clean: Script::new(CLEAN),
            delete: Script::new(DELETE),
            mark: Script::new(MARK),
            dirty: Script::new(DIRTY_SINCE),
        };
        let ends = Ends::new(redis.commands.clone(), tasks);
        Self { redis, node, acknowledge, scripts, ends, mark_interval: sweep / 3, marked: Mutex::default() }
    }

    fn commands(&self) -> Commands {
        self.redis.commands.clone()
    }

    /// Marked before it is written to, so that every log is compacted, even if its node dies.
    async fn mark(&self, doc: DocId) -> Result<(), LogError> {
        let now = Instant::now();
        let fresh = |marked: &Instant| now.duration_since(*marked) < self.mark_interval;
        if self.marks().get(&doc).is_some_and(fresh) {
            return Ok(());
        }
        let mut invocation = self.scripts.mark.prepare_invoke();
        let () = invocation
            .key(DIRTY)
            .key(INSTALLATION)
            .arg(doc.to_string())
            .arg(self.owner())
            .invoke_async(&mut self.commands())
            .await?;
        let mut marks = self.marks();
        if marks.len() >= MARKS_MAX {
            marks.retain(|_, marked| fresh(marked));
        }
        marks.insert(doc, now);
        Ok(())
    }

    fn marks(&self) -> std::sync::MutexGuard<'_, HashMap<DocId, Instant>> {
        self.marked.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn write(&self, mode: &str, doc: DocId, updates: Vec<Bytes>, after: Offset) -> Result<Appended, LogError> {
        if !updates.is_empty() {
            self.mark(doc).await?;
        }
        let keys = [Key::Log, Key::Meta, Key::Bell].map(|key| key.of(doc));
        let (after, inline) = (id(after), INLINE_BYTES.to_string());
        let owner = self.owner();
        let mut arguments: Vec<&[u8]> =
            vec![mode.as_bytes(), after.as_bytes(), self.node.0.as_bytes(), inline.as_bytes(), owner.as_bytes(), b""];
        let checked = arguments.len() - 1;
        arguments.extend(updates.iter().map(Bytes::as_ref));
        let mut answer = self.run_append(&keys, &arguments).await?;
        if answer.0 == "unchecked" {
            self.redis.commands.ready().await?;
            arguments[checked] = b"checked";
            answer = self.run_append(&keys, &arguments).await?;
        }
        let (word, previous, last) = answer;
        match word.as_str() {
            "deleted" => return Err(LogError::Deleted),
            "foreign" => {
                let error = "the document's log in Redis belongs to another installation";
                error!(doc.id = %doc, "nothing is appended: {error}");
                return Err(LogError::Unavailable(anyhow::anyhow!(error)));
            }
            "lost" => {
                metrics::counter!("codesync_log_lost_total").increment(1);
                return Err(LogError::Lost);
            }
            "moved" => return Err(LogError::Moved),
            _ => {}
        }
        Ok(Appended { previous: offset(&previous)?, last: offset(&last)? })
    }

    async fn remove(&self, doc: DocId, deleted_for: Duration) -> Result<(), LogError> {
        self.marks().remove(&doc);
        let mut invocation = self.scripts.delete.prepare_invoke();
        invocation.key(Key::Log.of(doc)).key(Key::Meta.of(doc)).key(Key::Lease.of(doc));
        invocation.arg(millis(deleted_for)).arg(self.owner());
        let mut pool = self.redis.pool.clone();
        let () = invocation.invoke_async(&mut pool).await?;
        Ok(pool.zrem(DIRTY, doc.to_string()).await?)
    }

    async fn run_append(&self, keys: &[String], arguments: &[&[u8]]) -> RedisResult<(String, String, String)> {
        let (mut commands, append) = (self.commands(), &self.scripts.append);
        match self.acknowledge {
            Acknowledge::Appended => append.key(keys).arg(arguments).invoke_async(&mut commands).await,
            Acknowledge::Replicated(replicas) => commands.replicated(append, keys, arguments, replicas).await,
        }
    }

    /// The installation in the form that scripts receive; empty if the log was opened without one.
    fn owner(&self) -> String {
        self.redis.owner().map(|id| id.to_string()).unwrap_or_default()
    }

    async fn page(&self, doc: DocId, after: Offset) -> Result<Page, LogError> {
        let mut invocation = self.scripts.read.prepare_invoke();
        invocation.key(Key::Log.of(doc)).key(Key::Meta.of(doc)).arg(id(after)).arg(PAGE);
        let (trimmed, last, raw): (String, String, Vec<RawEntry>) =
            invocation.invoke_async(&mut self.commands()).await?;
        let mut entries = Vec::with_capacity(raw.len());
        let mut behind = None;
        for RawEntry(id, fields) in raw {
            let offset = offset(&id)?;
            for pair in fields.chunks_exact(2) {
                match pair[0].as_ref() {
                    b"p" if entries.is_empty() => behind = Some(self::offset(&String::from_utf8_lossy(&pair[1]))?),
                    b"u" => entries.push(Entry { offset, update: pair[1].clone() }),
                    _ => {}
                }
            }
        }
        Ok(Page { trimmed: offset(&trimmed)?, last: offset(&last)?, behind, entries })
    }
}

struct Page {
    trimmed: Offset,
    last: Offset,
    behind: Option<Offset>,
    entries: Vec<Entry>,
}

struct RawEntry(String, Vec<Bytes>);

impl FromRedisValue for RawEntry {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        let (id, fields): (String, Vec<Vec<u8>>) = redis::from_redis_value(value)?;
        Ok(Self(id, fields.into_iter().map(Bytes::from).collect()))
    }
}

#[async_trait]
impl UpdateLog for RedisLog {
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, after: After) -> Result<Appended, LogError> {
        let mode = match after {
            After::Known(_) => "append",
            After::Exactly(_) => "exact",
        };
        self.write(mode, doc, updates, after.offset()).await
    }

    async fn restore(&self, doc: DocId, state: Bytes, after: Offset) -> Result<Appended, LogError> {
        metrics::counter!("codesync_log_restored_total").increment(1);
        self.write("restore", doc, vec![state], after).await
    }

    async fn read(&self, doc: DocId, after: Offset) -> Result<Contents, LogError> {
        'anew: loop {
            let first = self.page(doc, after).await?;
            let mut contents =
                Contents { trimmed: first.trimmed, last: first.last, behind: first.behind, entries: first.entries };
            while let Some(position) = contents.entries.last().map(|entry| entry.offset)
                && position < contents.last
            {
                let page = self.page(doc, position).await?;
                // Entries between the pages were trimmed or lost.
                if page.trimmed > position || page.last < position || page.entries.is_empty() {
                    continue 'anew;
                }
                contents.last = page.last;
                contents.entries.extend(page.entries);
            }
            return Ok(contents);
        }
    }

    async fn tail(&self, doc: DocId) -> Result<Tail, LogError> {
        let notifications = self.redis.subscriptions.subscribe(Key::Bell.of(doc)).await?;
        // Spread, so that not all documents ask at once.
        let first = COMPARE_INTERVAL.mul_f64(rand::rng().random_range(0.5..1.5));
        let compare = interval_at(Instant::now() + first, COMPARE_INTERVAL);
        let (answer, answers) = mpsc::channel(1);
        let following = Following { doc, notifications, compare, ends: self.ends.clone(), answer, answers };
        Ok(stream::unfold(following, |mut following| async move {
            let event = following.next().await;
            Some((event, following))
        })
        .boxed())
    }

    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError> {
        let mut invocation = self.scripts.trim.prepare_invoke();
        invocation.key(Key::Log.of(doc)).key(Key::Meta.of(doc)).arg(id(through)).arg(self.owner());
        Ok(invocation.invoke_async(&mut self.commands()).await?)
    }

    async fn delete(&self, doc: DocId) -> Result<(), LogError> {
        self.remove(doc, DELETED_FOR).await
    }

    async fn clear(&self, doc: DocId) -> Result<(), LogError> {
        self.remove(doc, Duration::ZERO).await
    }

    async fn lease(&self, doc: DocId, lasts: Duration) -> Result<bool, LogError> {
        let mut set = redis::cmd("SET");
        set.arg(Key::Lease.of(doc)).arg(self.node.0.as_bytes()).arg("NX").arg("PX").arg(millis(lasts));
        let taken: Option<String> = set.query_async(&mut self.redis.pool.clone()).await?;
        Ok(taken.is_some())
    }

    async fn release(&self, doc: DocId) -> Result<(), LogError> {
        let mut invocation = self.scripts.release.prepare_invoke();
        invocation.key(Key::Lease.of(doc)).arg(self.node.0.as_bytes());
        Ok(invocation.invoke_async(&mut self.redis.pool.clone()).await?)
    }

    async fn dirty(&self, quiet: Duration, limit: usize) -> Result<Vec<Dirty>, LogError> {
        let mut invocation = self.scripts.dirty.prepare_invoke();
        invocation.key(DIRTY).arg(millis(quiet)).arg(limit);
        let marks: Vec<(String, u64)> = invocation.invoke_async(&mut self.redis.pool.clone()).await?;
        let known = |(doc, mark): (String, u64)| Some(Dirty { doc: doc.parse().ok()?, mark });
        Ok(marks.into_iter().filter_map(known).collect())
    }

    async fn clean(&self, dirty: Dirty) -> Result<(), LogError> {
        // The next append marks it again.
        self.marks().remove(&dirty.doc);
        let mut invocation = self.scripts.clean.prepare_invoke();
        invocation.key(DIRTY).arg(dirty.doc.to_string()).arg(dirty.mark);
        Ok(invocation.invoke_async(&mut self.redis.pool.clone()).await?)
    }

    async fn ready(&self) -> Result<(), LogError> {
        let (appends, others) = tokio::join!(self.redis.commands.ready(), self.redis.pool.ready());
        Ok(appends.and(others)?)
    }
}

/// A tail: notifications, and at intervals a request for the end of the log.
struct Following {
    doc: DocId,
    notifications: Subscription,
    compare: Interval,
    ends: Ends,
    answer: mpsc::Sender<Offset>,
    answers: mpsc::Receiver<Offset>,
}

impl Following {
    async fn next(&mut self) -> TailEvent {
        loop {
            tokio::select! {
                event = self.notifications.next() => return match event {
                    SubscriptionEvent::Message(message) => decode_notification(message).unwrap_or(TailEvent::Missed),
                    SubscriptionEvent::Missed => TailEvent::Missed,
                },
                Some(end) = self.answers.recv() => return TailEvent::End(end),
                _ = self.compare.tick() => if self.ends.ask(self.doc, &self.answer).is_err() {
                    return TailEvent::Missed;
                },
            }
        }
    }
}

/// Decodes a notification: origin (16 bytes), the ids before and at the end, as strings with a length byte, a flag, and
/// the updates, each after its length (4 bytes). Flag 0 means that the updates must be read from the stream. Example:
/// an append of one update of 5 bytes by node N after `7-0` is N, `03 37 2d 30`, `03 38 2d 30`, `01`, `00 00 00 05` and
/// the update.
fn decode_notification(mut message: Bytes) -> Option<TailEvent> {
    let origin = NodeId(uuid::Uuid::from_slice(&message.try_get_u128().ok()?.to_be_bytes()).ok()?);
    let previous = short(&mut message)?;
    let last = short(&mut message)?;
    if message.try_get_u8().ok()? == 0 {
        return Some(TailEvent::Missed);
    }
    let mut updates = Vec::new();
    while message.has_remaining() {
        let length = usize::try_from(message.try_get_u32().ok()?).ok()?;
        if message.len() < length {
            return None;
        }
        updates.push(message.split_to(length));
    }
    Some(TailEvent::Entries { origin, appended: Appended { previous, last }, updates })
}

fn short(message: &mut Bytes) -> Option<Offset> {
    let length = usize::from(message.try_get_u8().ok()?);
    let text = (message.len() >= length).then(|| message.split_to(length))?;
    offset(std::str::from_utf8(&text).ok()?).ok()
}

/// The id of a stream entry: milliseconds in the upper half, number in the lower half.
fn id(offset: Offset) -> String {
    format!("{}-{}", offset.0 >> 64, offset.0 & u128::from(u64::MAX))
}

fn offset(id: &str) -> Result<Offset, LogError> {
    let parsed = id.split_once('-').and_then(|(ms, seq)| Some((ms.parse::<u64>().ok()?, seq.parse::<u64>().ok()?)));
    let (ms, seq) = parsed.ok_or_else(|| LogError::Unavailable(anyhow::anyhow!("stream id {id:?}")))?;
    Ok(Offset(u128::from(ms) << 64 | u128::from(seq)))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<RedisError> for LogError {
    fn from(error: RedisError) -> Self {
        Self::Unavailable(error.into())
    }
}
