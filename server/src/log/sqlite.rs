//! The log in one SQLite file. A returned append survives the end of the process and, as far as the disk honours fsync,
//! of the machine: the write-ahead log is synced at each commit. One task writes, so that concurrent appends of all
//! rooms share one commit.

use std::{collections::HashMap, path::Path, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sqlx::{
    ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{After, Appended, Contents, DELETED_FOR, Dirty, Entry, LogError, Offset, Tail, UpdateLog, unix_ms};
use crate::{ids::DocId, private, sqlite, tasks::Tasks};

/// The number of requests that wait for the writer; when the queue is full, rooms wait and batch.
const QUEUE_MAX: usize = 1024;
/// Rows per commit: enough to share an fsync among all busy rooms, and few enough for one cached statement.
const ROWS_MAX: usize = 64;
/// The number of documents whose newest offset the writer remembers.
const HEADS_MAX: usize = 16_384;

const SCHEMA: &str = "
create table if not exists updates (
    doc blob not null, at integer not null, data blob not null, primary key (doc, at)
) without rowid;
create table if not exists trims (doc blob primary key, through integer not null) without rowid;
create table if not exists dirty (doc blob primary key, marked integer not null) without rowid;
create table if not exists deleted (doc blob primary key, at integer not null) without rowid;
";

/// Truncates the write-ahead log, unless a reader needs it longer than appends can wait: the sweeper deletes again
/// later.
const TRUNCATE_WAL: &str = "pragma busy_timeout = 50; pragma wal_checkpoint(truncate); pragma busy_timeout = 5000;";

/// The embedded update log.
pub struct SqliteLog {
    writer: mpsc::Sender<Request>,
    readers: SqlitePool,
}

enum Request {
    Append(Append),
    Other { what: Other, reply: oneshot::Sender<Result<(), LogError>> },
}

/// Requests that are not batched, in their order among the appends.
enum Other {
    Trim { doc: DocId, through: Offset },
    Delete(DocId),
    Clear(DocId),
    Clean(Dirty),
    Ready,
}

impl SqliteLog {
    /// Opens or creates the file and starts the writer, which ends with `tasks`; dirty documents are swept at the
    /// interval `sweep`.
    ///
    /// # Errors
    /// When the file cannot be opened or is not a log.
    pub async fn open(file: &Path, sweep: Duration, tasks: &Tasks) -> anyhow::Result<Self> {
        private::database(file)?;
        let options = sqlite::options(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Deleted text is overwritten, so that it cannot be read from free pages.
            .pragma("secure_delete", "on");
        let mut connection = options.connect().await.with_context(|| format!("open {}", file.display()))?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await.context("create the log's tables")?;
        let read_only = options.clone().read_only(true);
        let readers = SqlitePoolOptions::new().max_connections(4).connect_with(read_only).await?;
        let (writer, requests) = mpsc::channel(QUEUE_MAX);
        let mark_interval_ms = i64::try_from(sweep.as_millis())? / 3;
        let writer_task = Writer { connection, options, heads: HashMap::new(), mark_interval_ms, failing: false };
        tasks.spawn(writer_task.run(requests, tasks.stop().clone()));
        tasks.spawn(sqlite::keep_wal_short(file.to_owned(), tasks.stop().clone()));
        Ok(Self { writer, readers })
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<Result<T, LogError>>) -> Result<T, LogError> {
        let gone = || LogError::Failed(anyhow::anyhow!("the log's writer has ended"));
        self.writer.send(request).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    async fn other(&self, what: Other) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Other { what, reply }, answer).await
    }
}

#[async_trait]
impl UpdateLog for SqliteLog {
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, after: After) -> Result<Appended, LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Append(Append { doc, updates, mode: Mode::Append(after), reply }), answer).await
    }

    async fn restore(&self, doc: DocId, state: Bytes, after: Offset) -> Result<Appended, LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Append(Append { doc, updates: vec![state], mode: Mode::Restore(after), reply }), answer).await
    }

    async fn read(&self, doc: DocId, after: Offset) -> Result<Contents, LogError> {
        let mut read = self.readers.begin().await.map_err(failed)?;
        let trimmed = sqlx::query("select through from trims where doc = $1")
            .bind(key(doc))
            .fetch_optional(&mut *read)
            .await
            .map_err(failed)?
            .map_or(Offset::ZERO, |row| offset(row.get(0)));
        let rows = sqlx::query("select at, data from updates where doc = $1 and at > $2 order by at")
            .bind(key(doc))
            .bind(i64::try_from(after.0).map_err(failed)?)
            .fetch_all(&mut *read)
            .await
            .map_err(failed)?;
        let last: i64 = sqlx::query_scalar("select coalesce(max(at), 0) from updates where doc = $1")
            .bind(key(doc))
            .fetch_one(&mut *read)
            .await
            .map_err(failed)?;
        // Only the very first entry of a log has this number.
        let first = rows.first().is_some_and(|row| row.get::<i64, _>(0) == 1);
        let entries = rows
            .into_iter()
            .map(|row| Entry { offset: offset(row.get(0)), update: row.get::<Vec<u8>, _>(1).into() })
            .collect();
        Ok(Contents { trimmed, last: offset(last).max(trimmed), behind: first.then_some(Offset::ZERO), entries })
    }

    /// One process holds the file, and one room the document: nobody else appends.
    async fn tail(&self, _doc: DocId) -> Result<Tail, LogError> {
        Ok(stream::pending().boxed())
    }

    async fn lease(&self, _doc: DocId, _lasts: Duration) -> Result<bool, LogError> {
        Ok(true)
    }

    async fn release(&self, _doc: DocId) -> Result<(), LogError> {
        Ok(())
    }

    async fn dirty(&self, quiet: Duration, limit: usize) -> Result<Vec<Dirty>, LogError> {
        let until = unix_ms().cast_signed() - i64::try_from(quiet.as_millis()).map_err(failed)?;
        let rows = sqlx::query("select doc, marked from dirty where marked <= $1 order by marked limit $2")
            .bind(until)
            .bind(i64::try_from(limit).map_err(failed)?)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        let known = |row: SqliteRow| {
            let doc = DocId(uuid::Uuid::from_slice(row.get(0)).ok()?);
            Some(Dirty { doc, mark: row.get::<i64, _>(1).cast_unsigned() })
        };
        Ok(rows.into_iter().filter_map(known).collect())
    }

    async fn clean(&self, dirty: Dirty) -> Result<(), LogError> {
        self.other(Other::Clean(dirty)).await
    }

    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError> {
        self.other(Other::Trim { doc, through }).await
    }

    async fn delete(&self, doc: DocId) -> Result<(), LogError> {
        self.other(Other::Delete(doc)).await
    }

    async fn clear(&self, doc: DocId) -> Result<(), LogError> {
        self.other(Other::Clear(doc)).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        self.other(Other::Ready).await
    }
}

struct Append {
    doc: DocId,
    updates: Vec<Bytes>,
    mode: Mode,
    reply: oneshot::Sender<Result<Appended, LogError>>,
}

#[derive(Clone, Copy)]
enum Mode {
    Append(After),
    Restore(Offset),
}

impl Mode {
    /// The entry that the append depends on; an error if a log that ends at `last` refuses it.
    fn check(self, last: u64) -> anyhow::Result<Result<u64, LogError>> {
        let (Self::Restore(after) | Self::Append(After::Known(after) | After::Exactly(after))) = self;
        let after = u64::try_from(after.0)?;
        Ok(match self {
            Self::Append(_) if last < after => Err(LogError::Lost),
            Self::Append(After::Exactly(_)) if last > after => Err(LogError::Moved),
            _ => Ok(after),
        })
    }
}

/// What the writer knows of a document without a query.
#[derive(Clone, Copy)]
struct Head {
    last: u64,
    marked_ms: i64,
}

struct Writer {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    heads: HashMap<DocId, Head>,
    /// How long the mark of a document stays as it is while it is written to: less than the sweeper waits.
    mark_interval_ms: i64,
    /// Whether a write has failed, and neither an append nor a check has succeeded since.
    failing: bool,
}

impl Writer {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>, stop: CancellationToken) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                // Requests before the stop are handled before it.
                biased;
                count = requests.recv_many(&mut waiting, ROWS_MAX) => if count == 0 { break },
                () = stop.cancelled() => break,
            }
            let mut group: Vec<Append> = Vec::new();
            for request in waiting.drain(..) {
                match request {
                    Request::Append(append) => group.push(append),
                    Request::Other { what, reply } => {
                        self.append(std::mem::take(&mut group)).await;
                        let _ = reply.send(self.other(what).await.map_err(failed));
                    }
                }
            }
            self.append(group).await;
        }
        let _ = self.connection.close().await;
    }

    async fn other(&mut self, what: Other) -> anyhow::Result<()> {
        self.renew_connection().await?;
        let done = match what {
            Other::Trim { doc, through } => self.trim(doc, through).await,
            Other::Delete(doc) => self.delete(doc).await,
            Other::Clear(doc) => self.clear(doc).await,
            Other::Clean(dirty) => self.clean(dirty).await,
            Other::Ready => self.ready().await,
        };
        self.failing |= done.is_err();
        done
    }

    /// Replaces a connection on which a write has failed. SQLite may have rolled back by itself, which sqlx does not notice: it
    /// then makes savepoints where it should begin transactions, and a savepoint that fails leaves a transaction open. What is
    /// written in that is confirmed, and never committed.
    async fn renew_connection(&mut self) -> anyhow::Result<()> {
        if self.failing {
            self.heads.clear();
            self.connection = self.options.connect().await?;
        }
        Ok(())
    }

    async fn append(&mut self, group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        let inserted = self.insert(&group).await;
        self.failing = inserted.is_err();
        match inserted {
            Ok(results) => {
                for (append, result) in group.into_iter().zip(results) {
                    let _ = append.reply.send(result);
                }
            }
            Err(error) => {
                self.heads.clear();
                let error = format!("{error:#}");
                for append in group {
                    let _ = append.reply.send(Err(failed(anyhow::anyhow!(error.clone()))));
                }
            }
        }
    }

    /// Returns the position of each append, or why it was refused.
    async fn insert(&mut self, group: &[Append]) -> anyhow::Result<Vec<Result<Appended, LogError>>> {
        self.renew_connection().await?;
        let mut rows = Vec::new();
        let mut results = Vec::with_capacity(group.len());
        let mut marks = Vec::new();
        let now = unix_ms().cast_signed();
        for Append { doc, updates, mode, .. } in group {
            let Some(mut head) = self.head(*doc).await? else {
                results.push(Err(LogError::Deleted));
                continue;
            };
            let previous = Offset(head.last.into());
            let after = match mode.check(head.last)? {
                Ok(after) => after,
                Err(refused) => {
                    results.push(Err(refused));
                    continue;
                }
            };
            if updates.is_empty() {
                results.push(Ok(Appended { previous, last: previous }));
                continue;
            }
            head.last = head.last.max(after);
            for update in updates {
                head.last += 1;
                rows.push((*doc, i64::try_from(head.last)?, update));
            }
            if now - head.marked_ms > self.mark_interval_ms {
                head.marked_ms = now;
                marks.push(*doc);
            }
            self.heads.insert(*doc, head);
            results.push(Ok(Appended { previous, last: Offset(head.last.into()) }));
        }
        if rows.len() <= ROWS_MAX && marks.is_empty() {
            // One statement is a transaction of its own, and each call to the connection's thread costs as much as it
            // does.
            insert_rows(&mut self.connection, &rows).await?;
            return Ok(results);
        }
        let mut transaction = self.connection.begin().await?;
        for chunk in rows.chunks(ROWS_MAX) {
            insert_rows(&mut transaction, chunk).await?;
        }
        for doc in marks {
            sqlx::query("insert or replace into dirty (doc, marked) values ($1, $2)")
                .bind(key(doc))
                .bind(now)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(results)
    }

    /// The end of the log of a document; `None` if it is deleted.
    async fn head(&mut self, doc: DocId) -> anyhow::Result<Option<Head>> {
        if let Some(head) = self.heads.get(&doc) {
            return Ok(Some(*head));
        }
        if self.is_deleted(doc).await? {
            return Ok(None);
        }
        if self.heads.len() >= HEADS_MAX {
            self.heads.clear();
        }
        let last: i64 = sqlx::query_scalar(
            "select max(coalesce((select max(at) from updates where doc = $1), 0),
                        coalesce((select through from trims where doc = $1), 0))",
        )
        .bind(key(doc))
        .fetch_one(&mut self.connection)
        .await?;
        Ok(Some(Head { last: u64::try_from(last)?, marked_ms: 0 }))
    }

    async fn is_deleted(&mut self, doc: DocId) -> anyhow::Result<bool> {
        let deleted: i64 = sqlx::query_scalar("select count(*) from deleted where doc = $1")
            .bind(key(doc))
            .fetch_one(&mut self.connection)
            .await?;
        Ok(deleted > 0)
    }

    /// Writes only if a write has failed: a full disk can still be read.
    async fn ready(&mut self) -> anyhow::Result<()> {
        let round_trip = if self.failing { "pragma user_version = 1" } else { "select 1" };
        sqlx::query(round_trip).execute(&mut self.connection).await?;
        self.failing = false;
        Ok(())
    }

    async fn clean(&mut self, dirty: Dirty) -> anyhow::Result<()> {
        // The next append marks it again.
        self.heads.remove(&dirty.doc);
        sqlx::query("delete from dirty where doc = $1 and marked = $2")
            .bind(key(dirty.doc))
            .bind(dirty.mark.cast_signed())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn trim(&mut self, doc: DocId, through: Offset) -> anyhow::Result<()> {
        if self.is_deleted(doc).await? {
            return Ok(());
        }
        let through = i64::try_from(through.0)?;
        let mut transaction = self.connection.begin().await?;
        sqlx::query(
            "insert into trims (doc, through) values ($1, $2)
             on conflict (doc) do update set through = max(through, excluded.through)",
        )
        .bind(key(doc))
        .bind(through)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("delete from updates where doc = $1 and at <= $2")
            .bind(key(doc))
            .bind(through)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn delete(&mut self, doc: DocId) -> anyhow::Result<()> {
        let now = unix_ms().cast_signed();
        let old = now - i64::try_from(DELETED_FOR.as_millis())?;
        sqlx::query("delete from deleted where at < $1").bind(old).execute(&mut self.connection).await?;
        self.remove(doc, Some(now)).await?;
        // Deleted text is still in the file of the write-ahead log.
        sqlx::raw_sql(TRUNCATE_WAL).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn clear(&mut self, doc: DocId) -> anyhow::Result<()> {
        self.remove(doc, None).await
    }

    async fn remove(&mut self, doc: DocId, deleted_at: Option<i64>) -> anyhow::Result<()> {
        self.heads.remove(&doc);
        let mut transaction = self.connection.begin().await?;
        sqlx::query("delete from deleted where doc = $1").bind(key(doc)).execute(&mut *transaction).await?;
        if let Some(at) = deleted_at {
            sqlx::query("insert into deleted (doc, at) values ($1, $2)")
                .bind(key(doc))
                .bind(at)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("delete from updates where doc = $1").bind(key(doc)).execute(&mut *transaction).await?;
        sqlx::query("delete from trims where doc = $1").bind(key(doc)).execute(&mut *transaction).await?;
        sqlx::query("delete from dirty where doc = $1").bind(key(doc)).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}

async fn insert_rows(connection: &mut SqliteConnection, rows: &[(DocId, i64, &Bytes)]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    QueryBuilder::<Sqlite>::new("insert into updates (doc, at, data) ")
        .push_values(rows, |mut values, (doc, at, update)| {
            values.push_bind(key(*doc)).push_bind(*at).push_bind(update.as_ref());
        })
        .build()
        .execute(connection)
        .await?;
    Ok(())
}

fn key(doc: DocId) -> Vec<u8> {
    doc.0.as_bytes().to_vec()
}

fn offset(at: i64) -> Offset {
    Offset(u128::try_from(at).expect("offsets are written as unsigned numbers"))
}

fn failed(error: impl Into<anyhow::Error>) -> LogError {
    LogError::Failed(error.into())
}
