//! Typists, each in a document of its own at the first node, with one reader there and one at the other node.

use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::load::{Author, Client, Meter, Updates, join_all, stay, until};
use crate::target::Room;

const DEADLINE: Duration = Duration::from_secs(60);
/// Clients per document in `clients`: the typist, the reader at the same node, the reader at the other node.
const CLIENTS: usize = 3;
/// Above the client ids of the edits.
const PRESENCE_IDS: u64 = 1 << 40;

pub(super) struct Typists {
    authors: Vec<Rc<Author>>,
    clients: Vec<Rc<Client>>,
    edits_per_second: f64,
    same_node: Rc<Meter>,
    other_node: Rc<Meter>,
    presence: JoinHandle<Result<()>>,
}

impl Typists {
    pub(super) async fn join([here, there]: [&[Room]; 2], edits_per_second: f64) -> Result<Self> {
        let same_node = Meter::new();
        let other_node = same_node.beside();
        let authors: Vec<_> = (0..here.len()).map(Author::new).collect();
        let mut joins = Vec::new();
        for (author, (here, there)) in authors.iter().zip(here.iter().zip(there)) {
            let places = [(here, Some(author.id), &same_node), (here, None, &same_node), (there, None, &other_node)];
            joins.extend(places.map(|(room, own, meter)| {
                let (room, author, meter) = (room.clone(), Rc::clone(author), Rc::clone(meter));
                async move { Client::join(&room, &[author], own, &meter, Updates::Count).await }
            }));
        }
        let clients = join_all(joins.into_iter(), DEADLINE).await?;
        let all = clients.clone();
        Ok(Self {
            authors,
            clients,
            edits_per_second,
            same_node,
            other_node,
            presence: tokio::task::spawn_local(async move { stay(&all, PRESENCE_IDS).await }),
        })
    }

    /// Begins to type, in all documents at the same rate, spread over time.
    pub(super) fn type_until(&self, end: Instant) -> Vec<JoinHandle<Result<()>>> {
        let (start, rate) = (Instant::now(), self.edits_per_second);
        let count = self.authors.len() as f64;
        let typists = self.authors.iter().zip(self.clients.chunks(CLIENTS));
        let task = |(index, (author, clients)): (usize, (&Rc<Author>, &[Rc<Client>]))| {
            let from = start + Duration::from_secs_f64(index as f64 / count / rate);
            let (author, client) = (Rc::clone(author), Rc::clone(&clients[0]));
            tokio::task::spawn_local(async move { client.type_at(&author, rate, from, end).await })
        };
        typists.enumerate().map(task).collect()
    }

    pub(super) fn edits(&self) -> usize {
        self.authors.iter().map(|author| author.edits()).sum()
    }

    pub(super) fn set_open(&self, open: bool) {
        self.same_node.set_open(open);
        self.other_node.set_open(open);
    }

    /// Waits until every edit has arrived at every reader.
    pub(super) async fn all_arrived(&self) -> Result<()> {
        let missing = || self.clients.iter().map(|client| client.missing());
        let arrived = || missing().sum::<u64>() == 0;
        until("all edits to be everywhere", DEADLINE, &self.clients, arrived).await
    }

    /// The median and the 99th percentile of the latency of an edit to the reader at the same node.
    pub(super) fn to_same_node(&self) -> [Option<f64>; 2] {
        quantiles(&self.same_node)
    }

    /// The same, at the other node.
    pub(super) fn to_other_node(&self) -> [Option<f64>; 2] {
        quantiles(&self.other_node)
    }

    pub(super) fn to_durable_p99(&self) -> Option<f64> {
        self.same_node.to_durable.borrow().quantile_ms(0.99)
    }
}

impl Drop for Typists {
    fn drop(&mut self) {
        self.presence.abort();
        self.clients.iter().for_each(|client| client.leave());
    }
}

fn quantiles(meter: &Meter) -> [Option<f64>; 2] {
    let latencies = meter.to_peer.borrow();
    [0.5, 0.99].map(|quantile| latencies.quantile_ms(quantile))
}
