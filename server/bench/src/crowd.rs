//! Idle connections, in a process of their own: one process may not be allowed enough files for all of them, and the
//! measured work must not wait for them.

use std::io::{BufRead, BufReader, Write, stdin};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::slice;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::load::{Client, Meter, Updates, join_all, stay, until};
use crate::process::cpu_seconds_of;
use crate::target::Room;

const DEADLINE: Duration = Duration::from_secs(120);
/// The pause before a client reconnects.
const PAUSE: Duration = Duration::from_secs(1);
const READY: &str = "ready";

/// A process that holds a connection to each of its rooms, one client in each.
pub struct Crowd(Child);

impl Crowd {
    /// Begins to connect to rooms of one node.
    pub fn gather(rooms: &[Room]) -> Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .arg("--crowd")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start a crowd")?;
        let mut to = child.stdin.as_ref().context("its standard input")?;
        let lines = rooms.iter().map(|room| format!("{} {}\n", room.addr, room.path()));
        to.write_all(lines.collect::<String>().as_bytes())?;
        to.write_all(b"\n")?;
        Ok(Self(child))
    }

    /// Waits until all are connected.
    pub fn wait(&mut self) -> Result<()> {
        let mut line = String::new();
        let from = self.0.stdout.as_mut().context("its standard output")?;
        BufReader::new(from).read_line(&mut line)?;
        ensure!(line.trim() == READY, "a crowd could not connect");
        Ok(())
    }

    pub fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds_of(&self.0)
    }

    /// Disconnects them.
    ///
    /// # Errors
    /// When one had lost its socket.
    pub fn leave(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        ensure!(self.0.wait()?.success(), "a crowd lost sockets");
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process itself: connects to the rooms that standard input names up to an empty line, and stays until that ends.
pub async fn hold() -> Result<()> {
    let mut rooms = Vec::new();
    for line in stdin().lines() {
        let line = line?;
        let Some((addr, path)) = line.split_once(' ') else {
            break;
        };
        rooms.push(Room::at(addr.parse()?, path));
    }
    let meter = Meter::new();
    let joins = rooms.iter().map(|room| come_in(room.clone(), Rc::clone(&meter)));
    let clients = join_all(joins, DEADLINE).await?;
    println!("{READY}");
    // With equal ids on both nodes they would count as the same clients.
    let first_id = u64::from(std::process::id()) << 20;
    tokio::select! {
        stayed = stay(&clients, first_id) => stayed?,
        ended = end_of_input() => ended?,
    }
    clients.iter().try_for_each(|client| client.check())
}

/// Connects and waits for the document, so that not all are opened at once; reconnects, as stock clients do, if the
/// node is too busy.
async fn come_in(room: Room, meter: Rc<Meter>) -> Result<Rc<Client>> {
    let started = Instant::now();
    loop {
        let client = Client::join(&room, &[], None, &meter, Updates::Count).await?;
        let synced = || client.synced_at().is_some();
        match until("a document", DEADLINE, slice::from_ref(&client), synced).await {
            Ok(()) => return Ok(client),
            Err(error) if started.elapsed() > DEADLINE => return Err(error),
            Err(_) => client.leave(),
        }
        sleep(PAUSE).await;
    }
}

/// Standard input cannot be waited for without a thread; the crowd needs no core to itself.
async fn end_of_input() -> Result<()> {
    let (sender, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let read = stdin().lines().find_map(|line| line.err());
        let _ = sender.send(read);
    });
    match ended.await? {
        None => Ok(()),
        Some(error) => Err(error.into()),
    }
}
