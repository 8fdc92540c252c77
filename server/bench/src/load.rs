//! Clients of a document, and their common measurements.
//!
//! A keystroke is one character, so an author's clock identifies one edit, in any frame that the server merged it into:
//! its send time is looked up by it, and an edit that arrives twice counts once.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinHandle;
use tokio::time::{Instant as TokioInstant, interval, interval_at, sleep, sleep_until};

use crate::histogram::Histogram;
use crate::socket::{self, Incoming, Socket};
use crate::target::Room;
use crate::wire;

/// Above the ids that a server could choose, and as wide as the random ids of real clients.
const FIRST_AUTHOR: u64 = 0x9000_0000;
/// The resolution of the generator's timer: an edit that is late by this was not delayed by the server.
const TIMER_SLACK: Duration = Duration::from_millis(2);

const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The interval at which stock clients repeat their presence: half the time after which the others remove them.
const RENEWAL: Duration = Duration::from_secs(15);

/// Counts only while it is open.
pub struct Meter {
    origin: Instant,
    open: Cell<bool>,
    pub deliveries: Cell<u64>,
    pub frames: Cell<u64>,
    pub acknowledged: Cell<u64>,
    pub to_peer: RefCell<Histogram>,
    pub to_durable: RefCell<Histogram>,
}

impl Meter {
    pub fn new() -> Rc<Self> {
        Self::since(Instant::now())
    }

    /// A separate meter for the same authors.
    pub fn beside(&self) -> Rc<Self> {
        Self::since(self.origin)
    }

    fn since(origin: Instant) -> Rc<Self> {
        Rc::new(Self {
            origin,
            open: Cell::new(false),
            deliveries: Cell::default(),
            frames: Cell::default(),
            acknowledged: Cell::default(),
            to_peer: RefCell::default(),
            to_durable: RefCell::default(),
        })
    }

    pub fn set_open(&self, open: bool) {
        self.open.set(open);
    }

    fn micros(&self, at: Instant) -> u32 {
        at.saturating_duration_since(self.origin).as_micros() as u32
    }
}

/// A typing client: its id, and the send time of each of its edits.
pub struct Author {
    pub id: u64,
    sent: RefCell<Vec<u32>>,
}

impl Author {
    pub fn new(index: usize) -> Rc<Self> {
        Self::with_id(FIRST_AUTHOR + index as u64)
    }

    pub fn with_id(id: u64) -> Rc<Self> {
        Rc::new(Self { id, sent: RefCell::default() })
    }

    pub fn edits(&self) -> usize {
        self.sent.borrow().len()
    }
}

/// One client of a document: a socket, and the clocks that it has received of each author.
pub struct Client {
    room: Room,
    socket: Rc<Socket>,
    authors: Vec<Rc<Author>>,
    own: Option<u64>,
    meter: Rc<Meter>,
    seen: Vec<Cell<u64>>,
    synced: Cell<Option<Instant>>,
    keep: Option<RefCell<Vec<Vec<u8>>>>,
    failure: RefCell<Option<String>>,
    reader: RefCell<Option<JoinHandle<()>>>,
}

/// The handling of updates that arrive, besides counting them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    Count,
    Keep,
}

impl Client {
    /// Connects and syncs; `own` is the author whose edits return as acknowledgements.
    pub async fn join(
        room: &Room,
        authors: &[Rc<Author>],
        own: Option<u64>,
        meter: &Rc<Meter>,
        updates: Updates,
    ) -> Result<Rc<Self>> {
        let (socket, incoming) = socket::open(room.addr, room.path()).await?;
        for message in room.greeting() {
            socket.queue(&message);
        }
        socket.flush().await?;
        let client = Rc::new(Self {
            room: room.clone(),
            socket,
            authors: authors.to_vec(),
            own,
            meter: Rc::clone(meter),
            seen: authors.iter().map(|_| Cell::new(0)).collect(),
            synced: Cell::new((!room.kind.syncs()).then(Instant::now)),
            keep: (updates == Updates::Keep).then(RefCell::default),
            failure: RefCell::default(),
            reader: RefCell::default(),
        });
        let reader = tokio::task::spawn_local(Rc::clone(&client).read(incoming));
        client.reader.replace(Some(reader));
        Ok(client)
    }

    async fn read(self: Rc<Self>, mut incoming: Incoming) {
        let mut keep_alive = interval_at(TokioInstant::now() + KEEP_ALIVE, KEEP_ALIVE);
        loop {
            let read = tokio::select! {
                read = incoming.read(|frame| self.frame(frame)) => read,
                _ = keep_alive.tick() => self.keep_alive(),
            };
            if let Err(error) = read {
                self.failure.replace(Some(format!("{error:#}")));
                return;
            }
        }
    }

    fn keep_alive(&self) -> Result<()> {
        if let Some(message) = self.room.keep_alive() {
            self.socket.queue(&message);
        }
        self.socket.try_flush().map(drop)
    }

    fn frame(&self, frame: &[u8]) -> Result<()> {
        let mut reader = self.room.unwrap(frame)?;
        if reader.uint()? != wire::SYNC {
            return Ok(());
        }
        match reader.uint()? {
            // Nothing to send: our edits were sent already, in order.
            wire::STEP_1 => {
                self.send(wire::STEP_2, wire::EMPTY_UPDATE);
                self.socket.try_flush()?;
            }
            step => {
                self.update(reader.bytes()?)?;
                if step == wire::STEP_2 && self.synced.get().is_none() {
                    self.synced.set(Some(Instant::now()));
                }
            }
        }
        Ok(())
    }

    fn update(&self, update: &[u8]) -> Result<()> {
        if let Some(keep) = &self.keep {
            keep.borrow_mut().push(update.to_vec());
        }
        let open = self.meter.open.get();
        let now = self.meter.micros(Instant::now());
        if open {
            self.meter.frames.set(self.meter.frames.get() + 1);
        }
        wire::structs(update, |id, clock, length| {
            let Some(index) = self.authors.iter().position(|author| author.id == id) else {
                return;
            };
            let first = self.seen[index].get().max(clock);
            let end = clock + length;
            // A gap is a loss; it shows as an author whose end is never reached.
            if first >= end || clock > self.seen[index].get() {
                return;
            }
            self.seen[index].set(end);
            if open {
                self.count(&self.authors[index], first as usize..end as usize, now);
            }
        })
    }

    fn count(&self, author: &Author, edits: std::ops::Range<usize>, now: u32) {
        let own = self.own == Some(author.id);
        let (counter, histogram) = match own {
            true => (&self.meter.acknowledged, &self.meter.to_durable),
            false => (&self.meter.deliveries, &self.meter.to_peer),
        };
        counter.set(counter.get() + edits.len() as u64);
        let mut histogram = histogram.borrow_mut();
        if let Some(sent) = author.sent.borrow().get(edits) {
            sent.iter().for_each(|&sent| histogram.record(now.saturating_sub(sent)));
        }
    }

    fn send(&self, step: u64, payload: &[u8]) {
        self.socket.queue(&self.room.message(|out| wire::sync_message(out, step, payload)));
    }

    pub fn announce(&self, client: u64, clock: u64) {
        self.socket.queue(&self.room.message(|out| wire::awareness_message(out, client, clock)));
    }

    pub async fn flush(&self) -> Result<()> {
        self.socket.flush().await
    }

    /// Types at a steady rate until the deadline; a slow server does not slow the schedule.
    pub async fn type_at(&self, author: &Author, per_second: f64, start: Instant, until: Instant) -> Result<()> {
        let mut keystroke = Vec::with_capacity(32);
        let first = author.edits();
        loop {
            let next = start + Duration::from_secs_f64((author.edits() - first) as f64 / per_second);
            if next >= until {
                return Ok(());
            }
            sleep_until(TokioInstant::from_std(next)).await;
            let now = Instant::now();
            let mut due = next;
            while due <= now && due < until {
                let stamp = if now - due < TIMER_SLACK { now } else { due };
                self.keystroke(author, stamp, &mut keystroke);
                due = start + Duration::from_secs_f64((author.edits() - first) as f64 / per_second);
            }
            self.flush().await?;
        }
    }

    fn keystroke(&self, author: &Author, stamp: Instant, buffer: &mut Vec<u8>) {
        buffer.clear();
        wire::keystroke(buffer, author.id, author.edits() as u64);
        author.sent.borrow_mut().push(self.meter.micros(stamp));
        self.send(wire::UPDATE, buffer);
    }

    /// Sends prepared updates as fast as the server accepts them.
    pub async fn pour<'a>(&self, updates: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        const BUFFER_BYTES: usize = 64 * 1024;
        for update in updates {
            self.send(wire::UPDATE, update);
            if self.socket.queued_bytes() > BUFFER_BYTES {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    pub fn synced_at(&self) -> Option<Instant> {
        self.synced.get()
    }

    pub fn seen(&self, author: usize) -> u64 {
        self.seen[author].get()
    }

    /// Edits that were sent and never arrived here.
    pub fn missing(&self) -> u64 {
        let edits = self.authors.iter().map(|author| author.edits() as u64);
        edits.zip(&self.seen).map(|(sent, seen)| sent - seen.get()).sum()
    }

    /// As `missing`, without what this client itself typed.
    pub fn missing_of_others(&self) -> u64 {
        let own = self.authors.iter().position(|author| Some(author.id) == self.own);
        self.missing() - own.map_or(0, |own| self.authors[own].edits() as u64 - self.seen[own].get())
    }

    pub fn kept(&self) -> Vec<Vec<u8>> {
        self.keep.as_ref().map(RefCell::take).unwrap_or_default()
    }

    pub fn check(&self) -> Result<()> {
        match &*self.failure.borrow() {
            Some(failure) => bail!("{} {}: {failure}", self.room.kind.label(), self.room.name),
            None => Ok(()),
        }
    }

    pub fn leave(&self) {
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
    }
}

/// Connects clients, a few at a time, and waits until all have the whole document.
pub async fn join_all<F>(joins: impl Iterator<Item = F>, deadline: Duration) -> Result<Vec<Rc<Client>>>
where
    F: Future<Output = Result<Rc<Client>>> + 'static,
{
    const AT_ONCE: usize = 64;
    let mut clients = Vec::new();
    let mut joins = joins.peekable();
    while joins.peek().is_some() {
        let batch: Vec<_> = joins.by_ref().take(AT_ONCE).map(tokio::task::spawn_local).collect();
        for join in batch {
            clients.push(join.await??);
        }
    }
    let synced = || clients.iter().all(|client| client.synced_at().is_some());
    until("all clients to be synced", deadline, &clients, synced).await?;
    Ok(clients)
}

/// Announces presence and repeats it, as stock clients do, for as long as it is polled. Spread over time, as with real
/// users.
pub async fn stay(clients: &[Rc<Client>], first_id: u64) -> Result<()> {
    const TURNS: usize = 1_000;
    let mut turn = interval(RENEWAL / TURNS as u32);
    let ids: Vec<_> = (first_id..).zip(clients).collect();
    for clock in 1.. {
        for index in 0..TURNS {
            turn.tick().await;
            let share = index * ids.len() / TURNS..(index + 1) * ids.len() / TURNS;
            for (id, client) in &ids[share] {
                client.announce(*id, clock);
                client.flush().await?;
            }
        }
    }
    Ok(())
}

/// Waits for a condition, and fails early if a client has lost its socket.
pub async fn until(what: &str, deadline: Duration, clients: &[Rc<Client>], holds: impl Fn() -> bool) -> Result<()> {
    let started = Instant::now();
    while !holds() {
        for client in clients {
            client.check().with_context(|| format!("waiting for {what}"))?;
        }
        ensure!(started.elapsed() < deadline, "waited {deadline:?} in vain for {what}");
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
