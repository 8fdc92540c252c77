//! Rooms start and end: nothing of them remains.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    process::{Process, free_port},
    raw::Raw,
    rest::{self, Caller},
};

const DOCUMENTS: usize = 10_000;

/// Creates a document, opens it, types into it and leaves.
async fn visit(server: &Process, caller: &Caller, number: usize) {
    let path = caller.document(&format!("visited {number}")).await;
    let doc = path.rsplit('/').next().unwrap();
    let mut socket = Raw::connect(&server.socket(), doc, caller.token()).await;
    socket.sync().await;
    socket.append(1, "was here").await;
    socket.socket.close(None).await.unwrap();
}

/// The value of a metric in the content of `/metrics`; 0 before it was first set.
pub(crate) fn metric(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

async fn gauge(server: &Process, name: &str) -> f64 {
    metric(&server.metrics().await, name)
}

/// However long it takes: what matters is that it continues.
async fn until_empty(server: &Process) {
    for name in ["codesync_sessions_open", "codesync_rooms_live", "codesync_log_bytes_behind_snapshot"] {
        let (mut least, mut since) = (f64::INFINITY, Instant::now());
        while least != 0.0 {
            let now = gauge(server, name).await;
            if now < least {
                (least, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{name} stays at {now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_documents_opened_and_closed_leave_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_ROOM_IDLE_MS", "0")]).await;
    let caller = Caller::at(&server.url("")).register("ann").await;
    let visits = async |numbers: std::ops::Range<usize>| {
        stream::iter(numbers).for_each_concurrent(8, |number| visit(&server, &caller, number)).await;
        until_empty(&server).await;
        server.resident_kib()
    };
    let half = visits(0..DOCUMENTS / 2).await;
    let whole = visits(DOCUMENTS / 2..DOCUMENTS).await;
    println!("{half} KiB after {} documents, {whole} KiB after {DOCUMENTS}", DOCUMENTS / 2);
    assert!(whole < half + half / 4, "memory is flat: {half} KiB, then {whole} KiB");
    assert!(server.terminate().await, "no task is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_call_does_not_delay_a_drain() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[("CODESYNC_DRAIN_S", "4")]).await;
    let mut callers = Vec::new();
    for asked in
        ["", "GET /health HTTP/1.1\r\nHos", "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"]
    {
        let mut caller = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        caller.write_all(asked.as_bytes()).await.unwrap();
        callers.push(caller);
    }
    // Once a later call is answered, all of them were accepted.
    rest::get(server.url("/health")).await.unwrap();
    assert!(server.terminate().await, "the drain keeps its deadline");
}
