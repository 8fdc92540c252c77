//! The log in one SQLite file. A returned append has survived the end of the process and, as far as the disk keeps its
//! promise to fsync, of the machine: the write-ahead log is synced at each commit. One task writes, so that the
//! appends of all rooms that come together share one commit.

use std::{collections::HashMap, path::Path, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{
    ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Contents, Entry, LogError, Offset, UpdateLog};
use crate::{app::Tasks, ids::DocId};

/// Requests that wait for the writer; when full, rooms wait and batch meanwhile.
const QUEUE_MAX: usize = 1024;
/// Rows of one commit: enough to share an fsync among all busy rooms, few enough to stay one cached statement.
const ROWS_MAX: usize = 64;
/// Documents whose newest offset the writer remembers.
const HEADS_MAX: usize = 16_384;

const SCHEMA: &str = "
create table if not exists updates (
    doc blob not null, at integer not null, data blob not null, primary key (doc, at)
) without rowid;
create table if not exists trims (doc blob primary key, through integer not null) without rowid;
";

/// The embedded update log.
pub struct SqliteLog {
    writer: mpsc::Sender<Request>,
    readers: SqlitePool,
}

enum Request {
    Append { doc: DocId, updates: Vec<Bytes>, floor: Offset, reply: oneshot::Sender<Result<Offset, LogError>> },
    Trim { doc: DocId, through: Offset, reply: oneshot::Sender<Result<(), LogError>> },
    Delete { doc: DocId, reply: oneshot::Sender<Result<(), LogError>> },
}

impl SqliteLog {
    /// Opens or makes the file and starts the writer, which ends with `tasks`.
    ///
    /// # Errors
    /// When the file cannot be opened or is not a log.
    pub async fn open(file: &Path, tasks: &Tasks) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let mut connection = options.connect().await.with_context(|| format!("open {}", file.display()))?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await.context("create the log's tables")?;
        let readers = SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        let (writer, requests) = mpsc::channel(QUEUE_MAX);
        tasks.spawn(Writer { connection, heads: HashMap::new() }.run(requests, tasks.stop().clone()));
        Ok(Self { writer, readers })
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<Result<T, LogError>>) -> Result<T, LogError> {
        let gone = || LogError::Unavailable(anyhow::anyhow!("the log's writer has ended"));
        self.writer.send(request).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl UpdateLog for SqliteLog {
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, floor: Offset) -> Result<Offset, LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Append { doc, updates, floor, reply }, answer).await
    }

    async fn read(&self, doc: DocId) -> Result<Contents, LogError> {
        let mut read = self.readers.begin().await.map_err(unavailable)?;
        let trimmed = sqlx::query("select through from trims where doc = $1")
            .bind(key(doc))
            .fetch_optional(&mut *read)
            .await
            .map_err(unavailable)?
            .map_or(Offset::ZERO, |row| offset(row.get(0)));
        let rows = sqlx::query("select at, data from updates where doc = $1 order by at")
            .bind(key(doc))
            .fetch_all(&mut *read)
            .await
            .map_err(unavailable)?;
        let entries = rows
            .into_iter()
            .map(|row| Entry { offset: offset(row.get(0)), update: row.get::<Vec<u8>, _>(1).into() })
            .collect();
        Ok(Contents { trimmed, entries })
    }

    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Trim { doc, through, reply }, answer).await
    }

    async fn delete(&self, doc: DocId) -> Result<(), LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Delete { doc, reply }, answer).await
    }

    async fn ready(&self) -> Result<(), LogError> {
        sqlx::query("select 1").execute(&self.readers).await.map(|_| ()).map_err(unavailable)
    }
}

struct Writer {
    connection: SqliteConnection,
    heads: HashMap<DocId, u64>,
}

type Append = (DocId, Vec<Bytes>, Offset, oneshot::Sender<Result<Offset, LogError>>);

impl Writer {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>, stop: CancellationToken) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                // What was asked before the stop is done before it.
                biased;
                count = requests.recv_many(&mut waiting, ROWS_MAX) => if count == 0 { break },
                () = stop.cancelled() => break,
            }
            let mut group: Vec<Append> = Vec::new();
            for request in waiting.drain(..) {
                match request {
                    Request::Append { doc, updates, floor, reply } => group.push((doc, updates, floor, reply)),
                    // The order between appends and these must hold.
                    Request::Trim { doc, through, reply } => {
                        self.append(std::mem::take(&mut group)).await;
                        let _ = reply.send(self.trim(doc, through).await.map_err(unavailable));
                    }
                    Request::Delete { doc, reply } => {
                        self.append(std::mem::take(&mut group)).await;
                        let _ = reply.send(self.delete(doc).await.map_err(unavailable));
                    }
                }
            }
            self.append(group).await;
        }
        let _ = self.connection.close().await;
    }

    async fn append(&mut self, group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        match self.insert(&group).await {
            Ok(offsets) => {
                for ((_, _, _, reply), offset) in group.into_iter().zip(offsets) {
                    let _ = reply.send(Ok(offset));
                }
            }
            Err(error) => {
                self.heads.clear();
                let error = format!("{error:#}");
                for (_, _, _, reply) in group {
                    let _ = reply.send(Err(LogError::Unavailable(anyhow::anyhow!(error.clone()))));
                }
            }
        }
    }

    async fn insert(&mut self, group: &[Append]) -> anyhow::Result<Vec<Offset>> {
        let mut rows = Vec::new();
        let mut offsets = Vec::with_capacity(group.len());
        for (doc, updates, floor, _) in group {
            let mut head = self.head(*doc).await?.max(u64::try_from(floor.0)?);
            for update in updates {
                head += 1;
                rows.push((*doc, i64::try_from(head)?, update));
            }
            self.heads.insert(*doc, head);
            offsets.push(Offset(head.into()));
        }
        let mut transaction = self.connection.begin().await?;
        for chunk in rows.chunks(ROWS_MAX) {
            QueryBuilder::<Sqlite>::new("insert into updates (doc, at, data) ")
                .push_values(chunk, |mut values, (doc, at, update)| {
                    values.push_bind(key(*doc)).push_bind(*at).push_bind(update.as_ref());
                })
                .build()
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(offsets)
    }

    async fn head(&mut self, doc: DocId) -> anyhow::Result<u64> {
        if let Some(head) = self.heads.get(&doc) {
            return Ok(*head);
        }
        if self.heads.len() >= HEADS_MAX {
            self.heads.clear();
        }
        let head: i64 = sqlx::query_scalar(
            "select max(coalesce((select max(at) from updates where doc = $1), 0),
                        coalesce((select through from trims where doc = $1), 0))",
        )
        .bind(key(doc))
        .fetch_one(&mut self.connection)
        .await?;
        Ok(u64::try_from(head)?)
    }

    async fn trim(&mut self, doc: DocId, through: Offset) -> anyhow::Result<()> {
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
        self.heads.remove(&doc);
        let mut transaction = self.connection.begin().await?;
        sqlx::query("delete from updates where doc = $1").bind(key(doc)).execute(&mut *transaction).await?;
        sqlx::query("delete from trims where doc = $1").bind(key(doc)).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}

fn key(doc: DocId) -> Vec<u8> {
    doc.0.as_bytes().to_vec()
}

fn offset(at: i64) -> Offset {
    Offset(u128::try_from(at).expect("offsets are written as unsigned numbers"))
}

fn unavailable(error: impl Into<anyhow::Error>) -> LogError {
    LogError::Unavailable(error.into())
}
