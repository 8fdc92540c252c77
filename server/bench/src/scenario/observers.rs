//! One writer and many readers: frames are copied often, and merging helps little.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{PEERS, Run};
use crate::report::{Bar, Table, milliseconds, number};
use crate::target::Kind;
use crate::window::{self, Shape, Window};

const OBSERVERS: usize = 200;
const EDITS_PER_SECOND: f64 = 50.0;

pub(super) async fn run(run: &Run) -> Result<Table> {
    let mut table = Table::new(
        format!("One document, one writer at {EDITS_PER_SECOND} edits/s, {OBSERVERS} observers"),
        &[
            "deliveries/s",
            "edit to peer p50",
            "p99",
            "edit to durable p99",
            "server cores",
            "deliveries per CPU-second",
            "note",
        ],
    );
    let measured = run
        .each(
            &mut table,
            |_| true,
            async |kind| {
                let window = observe(run, kind).await?;
                let cells = vec![
                    number(window.per_second()),
                    milliseconds(window.p50_ms),
                    milliseconds(window.p99_ms),
                    milliseconds(window.durable_p99_ms.filter(|_| kind == Kind::Codesync)),
                    number(window.server_cpu / window.seconds),
                    number(window.per_cpu_second()),
                    window.disturbed().unwrap_or_default(),
                ];
                Ok((window, cells))
            },
        )
        .await;
    let rate = |kind| measured.of(kind).map(Window::per_cpu_second);
    let p99 = |kind| measured.of(kind).and_then(|window| window.p99_ms);
    table.ratio("deliveries per CPU-second", rate, Kind::BareRelay, Bar::AtLeast(0.8));
    for peer in PEERS {
        table.ratio("p99 in ms", p99, peer, Bar::AtMost(1.0));
    }
    Ok(table)
}

async fn observe(run: &Run, kind: Kind) -> Result<Window> {
    let (target, _folder) = run.fresh(kind)?;
    let rooms = target.new_rooms(1)?;
    let shape = Shape {
        clients: OBSERVERS + 1,
        writers: 1,
        edits_per_second: EDITS_PER_SECOND,
        warm_up: Duration::from_secs(2),
        measured: Duration::from_secs(run.pick(6, 30)),
    };
    let window = window::measure(&target, &rooms, &shape).await?;
    ensure!(window.lost == 0, "lost {} deliveries", window.lost);
    Ok(window)
}
