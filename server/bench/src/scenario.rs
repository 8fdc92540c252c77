//! The scenarios. Each runs every target in one run and returns one table.

use std::path::PathBuf;

use anyhow::Result;

use crate::report::Table;
use crate::target::{Kind, Programs, Target};

mod fanout;
mod idle;
mod nodes;
mod observers;
mod open;
mod trace;

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Scenario {
    /// 20 documents of 10 clients, 2 of them writing, at the highest rate that keeps p99 below 100 ms.
    Fanout,
    /// One document, one writer at 50 edits a second, 200 observers.
    Observers,
    /// A recorded paper of 259,778 edits from one client to another, at full speed.
    Trace,
    /// 2,000 idle connections over 200 documents.
    Idle,
    /// Opening that paper on a newly started server, for one client and for 50 at once.
    Open,
    /// Two nodes of CodeSync on Redis and PostgreSQL: an edit from one to the other, with 1,000 and 10,000 open documents.
    Nodes,
}

const PEERS: [Kind; 2] = [Kind::Hocuspocus, Kind::YWebsocketServer];

/// The duration of each measurement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Quick,
    Full,
}

pub struct Run {
    pub programs: Programs,
    pub kinds: Vec<Kind>,
    pub length: Length,
    pub traces: PathBuf,
}

impl Run {
    pub async fn measure(&self, scenario: Scenario) -> Result<Table> {
        match scenario {
            Scenario::Fanout => fanout::run(self).await,
            Scenario::Observers => observers::run(self).await,
            Scenario::Trace => trace::run(self).await,
            Scenario::Idle => idle::run(self).await,
            Scenario::Open => open::run(self).await,
            Scenario::Nodes => nodes::run(self).await,
        }
    }

    fn pick<T>(&self, quick: T, full: T) -> T {
        match self.length {
            Length::Quick => quick,
            Length::Full => full,
        }
    }

    /// A server with an empty folder, which is removed with the returned guard.
    fn fresh(&self, kind: Kind) -> Result<(Target, tempfile::TempDir)> {
        let folder = tempfile::tempdir()?;
        Ok((Target::start(kind, &self.programs, folder.path())?, folder))
    }

    /// Measures target after target, one row each; a failure does not end the others.
    async fn each<T>(
        &self,
        table: &mut Table,
        wanted: fn(Kind) -> bool,
        measure: impl AsyncFn(Kind) -> Result<(T, Vec<String>)>,
    ) -> Measured<T> {
        let mut measured = Vec::new();
        for kind in self.kinds.iter().copied().filter(|kind| wanted(*kind)) {
            match measure(kind).await {
                Ok((value, cells)) => {
                    progress(format_args!("{}: {}", kind.label(), cells.join(" | ")));
                    table.row(kind.label(), cells);
                    measured.push((kind, value));
                }
                Err(error) => {
                    progress(format_args!("{}: {error:#}", kind.label()));
                    table.failed(kind.label(), &error);
                }
            }
        }
        Measured(measured)
    }
}

struct Measured<T>(Vec<(Kind, T)>);

impl<T> Measured<T> {
    fn of(&self, wanted: Kind) -> Option<&T> {
        let found = self.0.iter().find(|(kind, _)| *kind == wanted);
        found.map(|(_, value)| value)
    }
}

/// Progress goes to standard error; the table goes to standard output.
fn progress(message: std::fmt::Arguments<'_>) {
    eprintln!("  {message}");
}
