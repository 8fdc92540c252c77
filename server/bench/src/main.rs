//! Measures CodeSync's server beside Hocuspocus, y-websocket-server and a bare relay, in one run on one machine.

mod crowd;
mod histogram;
mod load;
mod process;
mod report;
mod rest;
mod scenario;
mod services;
mod socket;
mod target;
mod window;
mod wire;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::task::LocalSet;

use crate::process::first_line;
use crate::scenario::{Length, Run, Scenario};
use crate::target::{Kind, Programs};

#[derive(Parser)]
#[command(version, about)]
struct Options {
    #[command(flatten)]
    programs: Programs,
    /// Only these scenarios.
    #[arg(long, value_enum, value_delimiter = ',')]
    scenarios: Vec<Scenario>,
    /// Only these targets; without --codesync, all but CodeSync.
    #[arg(long, value_enum, value_delimiter = ',')]
    targets: Vec<Kind>,
    /// Short measurements, to check that everything works.
    #[arg(long)]
    quick: bool,
    /// The folder with the recorded traces.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/traces"))]
    traces: PathBuf,
    /// Writes the report into this file too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only holds the connections that standard input names, for the scenario `nodes`.
    #[arg(long, hide = true)]
    crowd: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    // One thread: the other core belongs to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match options.crowd {
        true => LocalSet::new().block_on(&runtime, crowd::hold()),
        false => LocalSet::new().block_on(&runtime, measure(options)),
    }
}

async fn measure(options: Options) -> Result<()> {
    let kinds = match options.targets.is_empty() {
        true => Kind::value_variants()
            .iter()
            .copied()
            .filter(|kind| *kind != Kind::Codesync || options.programs.codesync.is_some())
            .collect(),
        false => options.targets,
    };
    let scenarios = match options.scenarios.is_empty() {
        true => Scenario::value_variants().to_vec(),
        false => options.scenarios,
    };
    let length = if options.quick { Length::Quick } else { Length::Full };
    let run = Run { programs: options.programs, kinds, length, traces: options.traces };
    let mut report = heading(&run)?;
    println!("{report}");
    let mut failures = 0;
    for scenario in scenarios {
        eprintln!("{scenario:?}");
        let table = run.measure(scenario).await.with_context(|| format!("{scenario:?}"))?;
        failures += table.failures;
        let table = table.markdown();
        println!("{table}");
        report.push('\n');
        report.push_str(&table);
    }
    if let Some(out) = options.out {
        fs::write(&out, report).with_context(|| format!("write {}", out.display()))?;
    }
    ensure!(failures == 0, "{failures} measurements failed");
    Ok(())
}

fn heading(run: &Run) -> Result<String> {
    let date = OffsetDateTime::now_utc().format(format_description!("[year]-[month]-[day]"))?;
    let versions: Vec<_> =
        run.kinds.iter().map(|kind| format!("{} ({})", kind.label(), kind.version(&run.programs))).collect();
    let node = first_line("node", &["--version"]).unwrap_or_default();
    Ok(format!("{date}, on {}, Node.js {node}: {}.\n", machine()?, versions.join(", ")))
}

fn machine() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let field = |name: &'static str| {
        let pairs = cpus.lines().filter_map(|line| line.split_once(':'));
        pairs.filter(move |(key, _)| key.trim() == name)
    };
    let model = field("model name").next().map_or("unknown CPU", |(_, model)| model.trim());
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: f64 = memory.split_whitespace().nth(1).context("/proc/meminfo")?.parse()?;
    let cores = field("processor").count();
    Ok(format!("{cores} cores ({model}), {:.0} GiB", kib / 1024.0 / 1024.0))
}
