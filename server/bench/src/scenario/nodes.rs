//! Two nodes of CodeSync that share Redis and PostgreSQL: the latency of an edit from one to the other, and its cost
//! for Redis, for several numbers of open documents.

mod parts;
mod typists;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use self::parts::Parts;
use self::typists::Typists;
use super::{Run, progress};
use crate::process::raise_open_files;
use crate::report::{Bar, Table, milliseconds, number};
use crate::target::Kind;
use crate::window::ELSEWHERE_CORES;

/// Documents with one typist each; the number of other open documents must not matter.
const TYPED: usize = 200;
const EDITS_PER_SECOND: f64 = 2.0;
const GROWTH_MAX: f64 = 1.5;
/// Files of a process besides one connection per document: second clients, databases, files.
const OTHER_FILES: usize = 3 * TYPED + 200;

struct Measured {
    redis_us: f64,
    cells: Vec<String>,
}

pub(super) async fn run(run: &Run) -> Result<Table> {
    let rate = TYPED as f64 * EDITS_PER_SECOND;
    let mut table = Table::new(
        format!("Two nodes on Redis and PostgreSQL, {} edits/s over {TYPED} of the open documents", number(rate)),
        &[
            "edit to peer, same node, p50",
            "p99",
            "other node, p50",
            "p99",
            "edit to durable p99",
            "Redis CPU an edit",
            "Redis cores typing",
            "idle",
            "cores of both nodes typing",
            "idle",
            "note",
        ],
    );
    if !run.kinds.contains(&Kind::Codesync) {
        return Ok(table);
    }
    let mut costs = Vec::new();
    for documents in run.pick([250, 1_000], [1_000, 10_000]) {
        let label = format!("{} open documents a node", number(documents as f64));
        match measure(run, documents).await {
            Ok(measured) => {
                progress(format_args!("{label}: {}", measured.cells.join(" | ")));
                table.row(&label, measured.cells);
                costs.push((label, measured.redis_us));
            }
            Err(error) => {
                progress(format_args!("{label}: {error:#}"));
                table.failed(&label, &error);
            }
        }
    }
    if let [(few, with_few), (many, with_many)] = &costs[..] {
        let sides = ((&**many, *with_many), (&**few, *with_few));
        table.compare("Redis CPU an edit, µs", sides.0, sides.1, Bar::AtMost(GROWTH_MAX));
    }
    Ok(table)
}

async fn measure(run: &Run, documents: usize) -> Result<Measured> {
    let (wanted, allowed) = (documents + OTHER_FILES, raise_open_files()?);
    ensure!(wanted as u64 <= allowed, "a process would need {wanted} open files and may have {allowed} (`ulimit -Hn`)");
    let parts = Parts::start(run, documents, TYPED)?;
    let typists = Typists::join(parts.typed(), EDITS_PER_SECOND).await?;
    let settle = Duration::from_secs(run.pick(3, 10));

    sleep(settle).await;
    let before = parts.cpu()?;
    sleep(Duration::from_secs(run.pick(5, 30))).await;
    let idle = parts.cpu()?.since(&before);

    let measured = Duration::from_secs(run.pick(8, 45));
    let typing = typists.type_until(Instant::now() + settle + measured);
    sleep(settle).await;
    let (before, first) = (parts.cpu()?, typists.edits());
    typists.set_open(true);
    sleep(measured).await;
    typists.set_open(false);
    let (busy, edits) = (parts.cpu()?.since(&before), typists.edits() - first);
    for task in typing {
        task.await??;
    }
    typists.all_arrived().await?;
    parts.stop()?;

    let redis_us = busy.redis * busy.seconds / edits as f64 * 1e6;
    let disturbed = busy.elsewhere > ELSEWHERE_CORES;
    let note = disturbed.then(|| format!("disturbed: {} cores elsewhere", number(busy.elsewhere)));
    let [same_p50, same_p99] = typists.to_same_node();
    let [other_p50, other_p99] = typists.to_other_node();
    let cells = vec![
        milliseconds(same_p50),
        milliseconds(same_p99),
        milliseconds(other_p50),
        milliseconds(other_p99),
        milliseconds(typists.to_durable_p99()),
        format!("{} µs", number(redis_us)),
        number(busy.redis),
        number(idle.redis),
        number(busy.nodes),
        number(idle.nodes),
        note.unwrap_or_default(),
    ];
    Ok(Measured { redis_us, cells })
}
