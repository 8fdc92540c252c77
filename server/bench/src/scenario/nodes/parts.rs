//! All processes: the shared services, the nodes, and a client at each node for every document that is only open.

use std::time::Instant;

use anyhow::Result;

use super::super::{Run, progress};
use crate::crowd::Crowd;
use crate::process::{machine_cpu_seconds, own_cpu_seconds};
use crate::services::Services;
use crate::target::{Room, Target};

pub(super) struct Parts {
    crowds: [Crowd; 2],
    nodes: [Target; 2],
    services: Services,
    /// Documents reserved for typing, at both nodes.
    typed: [Vec<Room>; 2],
    _folder: tempfile::TempDir,
}

/// Seconds of CPU, and when they were read.
pub(super) struct Cpu {
    at: Instant,
    redis: f64,
    nodes: f64,
    elsewhere: f64,
}

/// The processor time used between two readings.
pub(super) struct Cores {
    pub(super) seconds: f64,
    pub(super) redis: f64,
    pub(super) nodes: f64,
    pub(super) elsewhere: f64,
}

impl Parts {
    /// Starts everything and opens all documents except those for typing.
    pub(super) fn start(run: &Run, documents: usize, typed: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let services = Services::start(folder.path())?;
        let settings = services.settings();
        let node = |name| Target::node(name, &run.programs, folder.path(), &settings);
        let nodes = [node("node-a")?, node("node-b")?];
        progress(format_args!("opening {documents} documents on both nodes"));
        let mut here = nodes[0].new_rooms(documents)?;
        let there = here.iter().map(|room| nodes[1].room(&room.name));
        let mut there: Vec<_> = there.collect::<Result<_>>()?;
        let open = [here.split_off(typed), there.split_off(typed)];
        let mut crowds = [Crowd::gather(&open[0])?, Crowd::gather(&open[1])?];
        crowds.iter_mut().try_for_each(Crowd::wait)?;
        Ok(Self { crowds, nodes, services, typed: [here, there], _folder: folder })
    }

    pub(super) fn typed(&self) -> [&[Room]; 2] {
        [&self.typed[0], &self.typed[1]]
    }

    pub(super) fn cpu(&self) -> Result<Cpu> {
        let redis = self.services.redis.family_cpu_seconds()?;
        let postgres = self.services.postgres.family_cpu_seconds()?;
        let nodes = self.nodes.iter().map(|node| node.process().cpu_seconds());
        let nodes = nodes.sum::<Result<f64>>()?;
        let crowds = self.crowds.iter().map(Crowd::cpu_seconds);
        let load = crowds.sum::<Result<f64>>()? + own_cpu_seconds()?;
        Ok(Cpu {
            at: Instant::now(),
            redis,
            nodes,
            elsewhere: machine_cpu_seconds()? - redis - postgres - nodes - load,
        })
    }

    /// Stops everything.
    ///
    /// # Errors
    /// When a client had lost its socket, too.
    pub(super) fn stop(self) -> Result<()> {
        self.crowds.into_iter().try_for_each(Crowd::leave)?;
        // The nodes are not measured any more.
        drop(self.nodes);
        self.services.stop()
    }
}

impl Cpu {
    pub(super) fn since(&self, before: &Self) -> Cores {
        let seconds = (self.at - before.at).as_secs_f64();
        Cores {
            seconds,
            redis: (self.redis - before.redis) / seconds,
            nodes: (self.nodes - before.nodes) / seconds,
            elsewhere: ((self.elsewhere - before.elsewhere) / seconds).max(0.0),
        }
    }
}
