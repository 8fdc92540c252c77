//! One measured period of steady typing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use crate::load::{Author, Client, Meter, Updates, join_all, until};
use crate::process::{machine_cpu_seconds, own_cpu_seconds};
use crate::report::number;
use crate::target::{Room, Target};

const JOIN_DEADLINE: Duration = Duration::from_secs(60);
/// More than the kernel's own work for the sockets.
pub const ELSEWHERE_CORES: f64 = 0.25;
const DRAIN_DEADLINE: Duration = Duration::from_secs(15);

/// The clients of each document, and how fast they type.
pub struct Shape {
    pub clients: usize,
    pub writers: usize,
    pub edits_per_second: f64,
    pub warm_up: Duration,
    pub measured: Duration,
}

pub struct Window {
    pub seconds: f64,
    /// Edits that reached a client other than their author.
    pub deliveries: u64,
    pub expected: f64,
    pub frames: u64,
    pub acknowledged: u64,
    pub server_cpu: f64,
    pub generator_cpu: f64,
    /// The processor time of other processes on this machine.
    pub elsewhere_cpu: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub durable_p99_ms: Option<f64>,
    /// Deliveries that never arrived.
    pub lost: u64,
    /// How the first client that lost its socket lost it.
    pub failure: Option<String>,
}

#[derive(Clone, Copy)]
struct Cpu {
    server: f64,
    generator: f64,
    elsewhere: f64,
}

impl Cpu {
    fn now(target: &Target) -> Result<Self> {
        let (server, generator) = (target.process().cpu_seconds()?, own_cpu_seconds()?);
        let elsewhere = machine_cpu_seconds()? - server - generator;
        Ok(Self { server, generator, elsewhere })
    }
}

impl Window {
    /// Whether other processes kept the machine busy, so that latencies mean little.
    pub fn disturbed(&self) -> Option<String> {
        let cores = self.elsewhere_cpu / self.seconds;
        (cores > ELSEWHERE_CORES).then(|| format!("disturbed: {} cores elsewhere", number(cores)))
    }

    pub fn per_cpu_second(&self) -> f64 {
        self.deliveries as f64 / self.server_cpu
    }

    pub fn per_second(&self) -> f64 {
        self.deliveries as f64 / self.seconds
    }
}

/// Opens every room for all its clients, types, and measures between warm-up and end.
pub async fn measure(target: &Target, rooms: &[Room], shape: &Shape) -> Result<Window> {
    let meter = Meter::new();
    let sessions = join_rooms(rooms, shape, &meter).await?;
    let clients: Vec<_> = sessions.iter().map(|(client, _)| Rc::clone(client)).collect();

    let start = Instant::now();
    let end = start + shape.warm_up + shape.measured;
    let writers: Vec<_> =
        sessions.iter().filter_map(|(client, own)| own.clone().map(|own| (Rc::clone(client), own))).collect();
    let period = 1.0 / shape.edits_per_second;
    let count = writers.len() as f64;
    let typing: Vec<_> = writers
        .into_iter()
        .enumerate()
        .map(|(index, (client, author))| {
            // Spread over time, as with real users.
            let from = start + Duration::from_secs_f64(period * index as f64 / count);
            let rate = shape.edits_per_second;
            tokio::task::spawn_local(async move { client.type_at(&author, rate, from, end).await })
        })
        .collect();

    sleep(shape.warm_up).await;
    let before = Cpu::now(target)?;
    let opened = Instant::now();
    meter.set_open(true);
    sleep(shape.measured).await;
    meter.set_open(false);
    let seconds = opened.elapsed().as_secs_f64();
    let after = Cpu::now(target)?;

    for task in typing {
        // A writer that cannot send its edits in time shows as a loss.
        if let Ok(done) = tokio::time::timeout(DRAIN_DEADLINE, task).await {
            done??;
        }
    }
    let missing = || clients.iter().map(|client| client.missing_of_others()).sum::<u64>();
    // Edits that have not arrived by then are counted below.
    let _ = until("the last edits", DRAIN_DEADLINE, &clients, || missing() == 0).await;
    let lost = missing();
    let failure = clients.iter().find_map(|client| client.check().err());
    clients.iter().for_each(|client| client.leave());
    let per_edit = (rooms.len() * shape.writers * (shape.clients - 1)) as f64;
    Ok(Window {
        seconds,
        deliveries: meter.deliveries.get(),
        expected: per_edit * shape.edits_per_second * seconds,
        frames: meter.frames.get(),
        acknowledged: meter.acknowledged.get(),
        server_cpu: after.server - before.server,
        generator_cpu: after.generator - before.generator,
        elsewhere_cpu: (after.elsewhere - before.elsewhere).max(0.0),
        p50_ms: meter.to_peer.borrow().quantile_ms(0.5),
        p99_ms: meter.to_peer.borrow().quantile_ms(0.99),
        durable_p99_ms: meter.to_durable.borrow().quantile_ms(0.99),
        lost,
        failure: failure.map(|error| format!("{error:#}")),
    })
}

type Session = (Rc<Client>, Option<Rc<Author>>);

async fn join_rooms(rooms: &[Room], shape: &Shape, meter: &Rc<Meter>) -> Result<Vec<Session>> {
    let mut owns = Vec::new();
    let mut joins = Vec::new();
    for (index, room) in rooms.iter().enumerate() {
        let authors: Rc<[_]> = (0..shape.writers).map(|writer| Author::new(index * shape.writers + writer)).collect();
        for client in 0..shape.clients {
            let own = authors.get(client).cloned();
            owns.push(own.clone());
            let (room, authors, meter) = (room.clone(), Rc::clone(&authors), Rc::clone(meter));
            joins.push(
                async move { Client::join(&room, &authors, own.map(|own| own.id), &meter, Updates::Count).await },
            );
        }
    }
    let clients = join_all(joins.into_iter(), JOIN_DEADLINE).await?;
    Ok(clients.into_iter().zip(owns).collect())
}
