//! Stock y-websocket clients in a Node process, controlled line by line (`tests/node/README.md`).

use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::oneshot,
};

/// A process full of clients; ends when dropped.
pub(crate) struct Clients {
    _child: Child,
    stdin: tokio::sync::Mutex<ChildStdin>,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>,
    next: std::sync::atomic::AtomicU64,
}

impl Clients {
    /// Starts the process.
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
        assert!(folder.join("node_modules").is_dir(), "run `npm ci` in {}", folder.display());
        let mut child = Command::new("node")
            .arg("client.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>> = Arc::default();
        let answers = waiting.clone();
        #[expect(clippy::disallowed_methods, reason = "ends with the process that it reads")]
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let answer: Value = serde_json::from_str(&line).unwrap();
                if let Some(id) = answer["id"].as_u64()
                    && let Some(reply) = answers.lock().unwrap().remove(&id)
                {
                    let _ = reply.send(answer);
                }
            }
        });
        Self { _child: child, stdin: stdin.into(), waiting, next: 1.into() }
    }

    /// Sends a command and returns the answer; panics if it failed.
    pub(crate) async fn ask(&self, verb: &str, mut arguments: Value) -> Value {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        arguments["id"] = id.into();
        arguments["do"] = verb.into();
        let (reply, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, reply);
        let line = format!("{arguments}\n");
        self.stdin.lock().await.write_all(line.as_bytes()).await.unwrap();
        let answer = answer.await.expect("the clients' process lives");
        assert!(answer["error"].is_null(), "{verb} {arguments}: {}", answer["error"]);
        answer["ok"].clone()
    }

    /// Opens a client of the document and waits until it has synced.
    pub(crate) async fn join(&self, client: &str, url: &str, doc: &str, token: &str) {
        self.open(client, url, doc, token).await;
        self.wait(client, json!({ "synced": true })).await;
    }

    /// Opens a client of the document.
    pub(crate) async fn open(&self, client: &str, url: &str, doc: &str, token: &str) {
        let arguments = json!({ "client": client, "url": url, "doc": doc, "token": token, "maxBackoffMs": 200 });
        self.ask("open", arguments).await;
    }

    /// Waits until the status contains all of `wanted`.
    pub(crate) async fn wait(&self, client: &str, wanted: Value) {
        self.ask("wait", json!({ "client": client, "for": wanted, "timeoutMs": 30_000 })).await;
    }

    /// Waits until all have the same text and state vector.
    pub(crate) async fn converge(&self, clients: &[&str]) {
        self.ask("converge", json!({ "clients": clients, "timeoutMs": 60_000 })).await;
    }

    /// Inserts at the end.
    pub(crate) async fn append(&self, client: &str, text: &str) {
        self.ask("insert", json!({ "client": client, "text": text })).await;
    }

    /// Waits until `reader` has everything that `writer` has written so far: others may have deleted its words by then.
    pub(crate) async fn wait_for_edits_of(&self, writer: &str, reader: &str) {
        let clock = self.ask("clock", json!({ "client": writer })).await;
        self.wait(reader, json!({ "reached": clock })).await;
    }

    /// The text of a client.
    pub(crate) async fn text(&self, client: &str) -> String {
        self.ask("text", json!({ "client": client })).await.as_str().unwrap().to_owned()
    }

    /// The value of one field of a client's status.
    pub(crate) async fn status(&self, client: &str, field: &str) -> Value {
        self.ask("status", json!({ "client": client })).await[field].clone()
    }
}
