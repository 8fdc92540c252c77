//! The cost of an idle connection.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::{PEERS, Run};
use crate::load::{Client, Meter, Updates, join_all};
use crate::report::{Bar, Table, number};
use crate::target::Kind;

const DOCUMENTS: usize = 200;
const CLIENTS: usize = 10;
const KIB_MAX: f64 = 7.0;
/// The time until the presence of ten people per document is distributed, before memory is read.
const SETTLE: Duration = Duration::from_secs(3);

pub(super) async fn run(run: &Run) -> Result<Table> {
    let connections = DOCUMENTS * CLIENTS;
    let mut table = Table::new(
        format!("{} idle connections over {DOCUMENTS} documents, each with its presence", number(connections as f64)),
        &["resident before", "resident after", "KiB a connection"],
    );
    let measured = run
        .each(
            &mut table,
            |_| true,
            async |kind| {
                let (before, after) = resident(run, kind).await?;
                let each = after.saturating_sub(before) as f64 / connections as f64;
                let mib = |kib: u64| format!("{} MiB", number(kib as f64 / 1024.0));
                Ok((each, vec![mib(before), mib(after), number(each)]))
            },
        )
        .await;
    let each = |kind| measured.of(kind).copied();
    table.limit("KiB a connection", each(Kind::Codesync), KIB_MAX);
    for peer in PEERS {
        table.ratio("KiB a connection", each, peer, Bar::AtMost(1.0 / 3.0));
    }
    Ok(table)
}

async fn resident(run: &Run, kind: Kind) -> Result<(u64, u64)> {
    let (target, _folder) = run.fresh(kind)?;
    let rooms = target.new_rooms(DOCUMENTS)?;
    let meter = Meter::new();
    sleep(SETTLE).await;
    let before = target.process().resident_kib()?;
    let joins = rooms.iter().cycle().take(DOCUMENTS * CLIENTS).enumerate().map(|(index, room)| {
        let (room, meter) = (room.clone(), Rc::clone(&meter));
        async move {
            let client = Client::join(&room, &[], None, &meter, Updates::Count).await?;
            client.announce(1 << 31 | index as u64, 1);
            client.flush().await?;
            Ok(client)
        }
    });
    let clients = join_all(joins, Duration::from_secs(120)).await?;
    sleep(SETTLE).await;
    let after = target.process().resident_kib()?;
    for client in &clients {
        client.check()?;
        client.leave();
    }
    Ok((before, after))
}
