//! Opening a document with a long history on a newly started server.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::trace::{Recorded, store, text_of};
use super::{PEERS, Run, progress};
use crate::load::{Client, Meter, Updates, join_all};
use crate::report::{Bar, Table, milliseconds, number};
use crate::target::{Kind, Target};

const AT_ONCE: usize = 50;
const DEADLINE: Duration = Duration::from_secs(60);

struct Opened {
    first_ms: f64,
    last_ms: f64,
    cpu: f64,
}

pub(super) async fn run(run: &Run) -> Result<Table> {
    let recorded = Recorded::make(run)?;
    let mut table = Table::new(
        "Opening a document of 259,778 edits on a server just started (median)".to_string(),
        &["one client", "its CPU", "50 at once: first", "last", "their CPU"],
    );
    let measured = run
        .each(&mut table, Kind::syncs, async |kind| {
            let (one, many) = cold(run, kind, &recorded).await?;
            let ms = |value| milliseconds(Some(value));
            let cpu = |seconds: f64| format!("{} s", number(seconds));
            let (alone, together) = (ms(one.last_ms), ms(many.last_ms));
            let cells = vec![alone, cpu(one.cpu), ms(many.first_ms), together, cpu(many.cpu)];
            Ok(((one, many), cells))
        })
        .await;
    for peer in PEERS {
        let one = |kind| measured.of(kind).map(|(one, _)| one.last_ms);
        let many = |kind| measured.of(kind).map(|(_, many)| many.last_ms);
        table.ratio("one client, ms", one, peer, Bar::AtMost(0.25));
        table.ratio("the last of 50 clients, ms", many, peer, Bar::AtMost(0.25));
    }
    Ok(table)
}

async fn cold(run: &Run, kind: Kind, recorded: &Recorded) -> Result<(Opened, Opened)> {
    let folder = tempfile::tempdir()?;
    let name = if kind == Kind::Codesync {
        progress(format_args!("writing the document into CodeSync"));
        let target = Target::start(kind, &run.programs, folder.path())?;
        let room = target.new_rooms(1)?.remove(0);
        recorded.play(&room).await?;
        target.stop()?;
        room.name
    } else {
        store(folder.path(), "open", recorded)?;
        "open".into()
    };
    let rounds = run.pick(3, 9);
    let mut measured = Vec::new();
    for clients in [1, AT_ONCE] {
        let mut opened = Vec::new();
        for _ in 0..rounds {
            let target = Target::start(kind, &run.programs, folder.path())?;
            opened.push(open(&target, &name, clients, recorded).await?);
            target.stop()?;
        }
        measured.push(median(opened));
    }
    let many = measured.pop().context("two measurements")?;
    let one = measured.pop().context("two measurements")?;
    Ok((one, many))
}

async fn open(target: &Target, name: &str, count: usize, recorded: &Recorded) -> Result<Opened> {
    let room = target.room(name)?;
    let meter = Meter::new();
    let before = target.process().cpu_seconds()?;
    let started = Instant::now();
    let joins = (0..count).map(|_| {
        let (room, meter) = (room.clone(), Rc::clone(&meter));
        async move { Client::join(&room, &[], None, &meter, Updates::Keep).await }
    });
    let clients = join_all(joins, DEADLINE).await?;
    let times = clients.iter().filter_map(|client| client.synced_at());
    let times: Vec<_> = times.map(|at| (at - started).as_secs_f64() * 1000.0).collect();
    let cpu = target.process().cpu_seconds()? - before;
    for client in &clients {
        client.leave();
        let updates = client.kept();
        ensure!(text_of(updates.iter().map(Vec::as_slice))? == recorded.text, "a client opened another text");
    }
    Ok(Opened {
        first_ms: times.iter().copied().fold(f64::INFINITY, f64::min),
        last_ms: times.iter().copied().fold(0.0, f64::max),
        cpu,
    })
}

fn median(mut opened: Vec<Opened>) -> Opened {
    let mut middle = |pick: fn(&Opened) -> f64| {
        opened.sort_by(|a, b| pick(a).total_cmp(&pick(b)));
        pick(&opened[opened.len() / 2])
    };
    Opened { first_ms: middle(|o| o.first_ms), last_ms: middle(|o| o.last_ms), cpu: middle(|o| o.cpu) }
}
