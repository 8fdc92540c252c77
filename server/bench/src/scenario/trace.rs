//! A recorded paper from one client to another, as fast as the server accepts it; the final text must be exact.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, Transact, Update};

use super::{PEERS, Run, progress};
use crate::load::{Author, Client, Meter, Updates, join_all, until};
use crate::report::{Bar, Table, number};
use crate::target::{Room, Target};
use crate::wire;

const TRACE: &str = "automerge-paper.json.gz";
const DEADLINE: Duration = Duration::from_secs(300);

/// A recorded document as Yjs updates.
pub(super) struct Recorded {
    updates: Vec<u8>,
    pub(super) state: Vec<u8>,
    pub(super) text: String,
    client: u64,
    clocks: u64,
}

impl Recorded {
    pub(super) fn make(run: &Run) -> Result<Self> {
        progress(format_args!("turning {TRACE} into updates"));
        let folder = tempfile::tempdir()?;
        let status = Command::new("node")
            .arg(run.programs.peers.join("trace.mjs"))
            .args([run.traces.join(TRACE).as_path(), folder.path()])
            .status()?;
        ensure!(status.success(), "trace.mjs failed; are the traces in {}?", run.traces.display());
        let read = |name: &str| fs::read(folder.path().join(name));
        let (updates, state) = (read("updates")?, read("state")?);
        let text = fs::read_to_string(folder.path().join("text"))?;
        let (mut client, mut clocks) = (0, 0);
        wire::structs(&state, |id, clock, length| (client, clocks) = (id, clock + length))?;
        Ok(Self { updates, state, text, client, clocks })
    }

    pub(super) fn updates(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.updates[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (update, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some(update)
        })
    }

    /// Writes the whole trace into a room, and waits until a second client has it and the first knows that it is
    /// durable.
    pub(super) async fn play(&self, room: &Room) -> Result<(Rc<Client>, Duration)> {
        let author = Author::with_id(self.client);
        let meter = Meter::new();
        let join = |own, updates| {
            let (room, authors, meter) = (room.clone(), [Rc::clone(&author)], Rc::clone(&meter));
            async move { Client::join(&room, &authors, own, &meter, updates).await }
        };
        let writer = join_all([join(Some(author.id), Updates::Count)].into_iter(), DEADLINE).await?.remove(0);
        let reader = join_all([join(None, Updates::Keep)].into_iter(), DEADLINE).await?.remove(0);
        let started = Instant::now();
        writer.pour(self.updates()).await?;
        let both = [Rc::clone(&writer), Rc::clone(&reader)];
        let acknowledges = room.kind.syncs();
        until("the end of the trace", DEADLINE, &both, || {
            reader.seen(0) == self.clocks && (!acknowledges || writer.seen(0) == self.clocks)
        })
        .await?;
        let took = started.elapsed();
        writer.leave();
        reader.leave();
        Ok((reader, took))
    }
}

pub(super) async fn run(run: &Run) -> Result<Table> {
    let recorded = Recorded::make(run)?;
    let count = recorded.updates().count();
    let mut table = Table::new(
        format!("A recorded paper of {} updates from one client to another, at full speed", number(count as f64)),
        &["seconds", "updates/s", "server CPU-seconds", "updates per CPU-second", "updates a frame", "end"],
    );
    let measured = run
        .each(
            &mut table,
            |_| true,
            async |kind| {
                let (target, _folder) = run.fresh(kind)?;
                let (took, cpu, frames) = play(&target, &recorded).await?;
                let cells = vec![
                    number(took.as_secs_f64()),
                    number(count as f64 / took.as_secs_f64()),
                    number(cpu),
                    number(count as f64 / cpu),
                    number(count as f64 / frames as f64),
                    "exact".into(),
                ];
                Ok((count as f64 / cpu, cells))
            },
        )
        .await;
    for peer in PEERS {
        let rate = |kind| measured.of(kind).copied();
        table.ratio("updates per CPU-second", rate, peer, Bar::AtLeast(8.0));
    }
    Ok(table)
}

async fn play(target: &Target, recorded: &Recorded) -> Result<(Duration, f64, usize)> {
    let rooms = target.new_rooms(1)?;
    let before = target.process().cpu_seconds()?;
    let (reader, took) = recorded.play(&rooms[0]).await?;
    let cpu = target.process().cpu_seconds()? - before;
    let updates = reader.kept();
    let text = text_of(updates.iter().map(Vec::as_slice))?;
    ensure!(text == recorded.text, "the second client does not end in the recorded text");
    Ok((took, cpu, updates.len()))
}

/// The text of a client after these updates.
pub(super) fn text_of<'a>(updates: impl Iterator<Item = &'a [u8]>) -> Result<String> {
    let doc = Doc::new();
    let text = doc.get_or_insert_text("content");
    for update in updates {
        doc.transact_mut().apply_update(Update::decode_v1(update)?)?;
    }
    let text = text.get_string(&doc.transact());
    Ok(text)
}

/// Puts the recorded state where a peer that is started with `folder` reads it.
pub(super) fn store(folder: &Path, name: &str, recorded: &Recorded) -> Result<()> {
    fs::create_dir_all(folder.join("store"))?;
    Ok(fs::write(folder.join("store").join(name), &recorded.state)?)
}
