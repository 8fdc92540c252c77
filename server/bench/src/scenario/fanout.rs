//! 20 documents of 10 clients, 2 of them writing: the highest rate that a server sustains, and the cost of a delivery
//! there.

use std::time::Duration;

use anyhow::{Result, bail};

use super::{Run, progress};
use crate::report::{Bar, Table, milliseconds, number};
use crate::target::{Kind, Target};
use crate::window::{self, Shape, Window};

const DOCUMENTS: usize = 20;
const CLIENTS: usize = 10;
const WRITERS: usize = 2;
const P99_MS_MAX: f64 = 100.0;
/// A server that delivers less than this share of what was typed has fallen behind.
const SHARE_MIN: f64 = 0.97;
const FIRST_RATE: f64 = 40.0;
/// Seconds of one core, above which the generator may be the limit instead of the server.
const GENERATOR_BUSY: f64 = 0.95;

pub(super) async fn run(run: &Run) -> Result<Table> {
    let mut table = Table::new(
        format!(
            "{DOCUMENTS} documents of {CLIENTS} clients, {WRITERS} writing, at the highest rate with p99 below {P99_MS_MAX} ms"
        ),
        &[
            "edits/s a writer",
            "deliveries/s",
            "edit to peer p50",
            "p99",
            "edit to durable p99",
            "server cores",
            "deliveries per CPU-second",
            "edits a frame",
            "generator cores",
            "note",
        ],
    );
    let measured = run
        .each(
            &mut table,
            |_| true,
            async |kind| {
                let (rate, window) = highest(run, kind).await?;
                let generator = window.generator_cpu / window.seconds;
                let busy = (generator > GENERATOR_BUSY).then(|| "the generator's limit".into());
                let notes: Vec<String> = busy.into_iter().chain(window.disturbed()).collect();
                let arrived = (window.deliveries + window.acknowledged) as f64;
                let cells = vec![
                    number(rate),
                    number(window.per_second()),
                    milliseconds(window.p50_ms),
                    milliseconds(window.p99_ms),
                    // Only CodeSync's echo means that an edit is durable.
                    milliseconds(window.durable_p99_ms.filter(|_| kind == Kind::Codesync)),
                    number(window.server_cpu / window.seconds),
                    number(window.per_cpu_second()),
                    number(arrived / window.frames.max(1) as f64),
                    number(generator),
                    notes.join(", "),
                ];
                Ok((window.per_cpu_second(), cells))
            },
        )
        .await;
    for (peer, bar) in [(Kind::Hocuspocus, 4.0), (Kind::YWebsocketServer, 8.0)] {
        let rate = |kind| measured.of(kind).copied();
        table.ratio("deliveries per CPU-second", rate, peer, Bar::AtLeast(bar));
    }
    Ok(table)
}

/// Doubles the rate until the server falls behind, narrows the limit down, then measures there for longer.
async fn highest(run: &Run, kind: Kind) -> Result<(f64, Window)> {
    let (target, _folder) = run.fresh(kind)?;
    let (mut passed, mut failed, mut rate) = (0.0, f64::INFINITY, FIRST_RATE);
    let mut refinements = run.pick(1, 3);
    loop {
        match sustain(&target, rate, run.pick(2, 4)).await? {
            Some(_) => passed = rate,
            None => failed = rate,
        }
        rate = if failed.is_infinite() {
            2.0 * passed
        } else if passed == 0.0 {
            rate / 2.0
        } else if refinements > 0 {
            refinements -= 1;
            f64::sqrt(passed * failed)
        } else {
            break;
        };
    }
    for _ in 0..8 {
        if let Some(window) = sustain(&target, passed, run.pick(4, 15)).await? {
            return Ok((passed, window));
        }
        passed *= 0.9;
    }
    bail!("sustains no rate for long")
}

/// A rate is too high when it fails twice: one pause of the machine means nothing.
async fn sustain(target: &Target, rate: f64, seconds: u64) -> Result<Option<Window>> {
    for _ in 0..2 {
        let window = step(target, rate, Duration::from_secs(seconds)).await?;
        let sustained = sustained(&window);
        progress(format_args!(
            "{} at {}/s a writer: {} deliveries/s, p99 {}, lost {}{}{}, {}",
            target.kind.label(),
            number(rate),
            number(window.per_second()),
            milliseconds(window.p99_ms),
            window.lost,
            window.failure.as_ref().map(|failure| format!(" ({failure})")).unwrap_or_default(),
            if sustained { "" } else { ": too much" },
            window.disturbed().as_deref().unwrap_or("undisturbed")
        ));
        if sustained {
            return Ok(Some(window));
        }
    }
    Ok(None)
}

async fn step(target: &Target, edits_per_second: f64, measured: Duration) -> Result<Window> {
    let rooms = target.new_rooms(DOCUMENTS)?;
    let warm_up = Duration::from_secs(1);
    window::measure(target, &rooms, &Shape { clients: CLIENTS, writers: WRITERS, edits_per_second, warm_up, measured })
        .await
}

fn sustained(window: &Window) -> bool {
    window.lost == 0
        && window.failure.is_none()
        && window.p99_ms.is_some_and(|p99| p99 < P99_MS_MAX)
        && window.deliveries as f64 >= SHARE_MIN * window.expected
}
