//! One document, one room: while loads fail, stall, panic and lose their callers.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use codesync_server::{
    auth::{
        SocketGrant,
        events::{AccessEvent, AccessEvents},
    },
    close::CloseReason,
    config::RoomConfig,
    ids::{DocId, LoginId, NodeId, UserId},
    log::{After, Appended, Contents, Dirty, LogError, Tail, UpdateLog},
    offset::Offset,
    relay::local::LocalRelay,
    role::Role,
    room::{Dialect, NewPeer, PeerId, RoomHandle, Rooms, outbox::Outbox},
    services::Services,
    snapshot::SnapshotStore,
    storage::Storage,
    tasks::Tasks,
};
use futures_util::{
    future::join_all,
    stream::{self, BoxStream, StreamExt},
};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, path::Path,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};

use crate::harness::{TestApp, seed};

const ROUNDS: usize = 150;
/// More rounds are played while few callers have entered: how many do depends on chance and on the machine's load.
const ROUNDS_MAX: usize = 4 * ROUNDS;
const CALLERS: usize = 6;

/// The result of one call of a store.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answers,
    Fails,
    Panics,
}

/// The results and durations of the next calls of both stores.
#[derive(Clone)]
struct Plan(Arc<Mutex<StdRng>>);

impl Plan {
    async fn next(&self, may_panic: bool) -> Fate {
        let (pause, fate) = {
            let mut random = self.0.lock().unwrap();
            let fate = match random.random_range(0..10) {
                0 | 1 => Fate::Fails,
                2 if may_panic => Fate::Panics,
                _ => Fate::Answers,
            };
            (random.random_range(0..4), fate)
        };
        // The delay of the store is part of the fault.
        match pause {
            0 => {}
            1 => tokio::task::yield_now().await,
            ms => sleep(Duration::from_millis(ms - 1)).await,
        }
        fate
    }
}

/// A real log whose calls may fail before they reach it.
struct FlakyLog(Arc<dyn UpdateLog>, Plan);

impl FlakyLog {
    async fn pass(&self) -> Result<(), LogError> {
        match self.1.next(true).await {
            Fate::Answers => Ok(()),
            Fate::Fails => Err(LogError::Unavailable(anyhow::anyhow!("refused by the test"))),
            Fate::Panics => panic!("a store that panics, by the test"),
        }
    }
}

#[async_trait]
impl UpdateLog for FlakyLog {
    async fn append(&self, doc: DocId, updates: Vec<Bytes>, after: After) -> Result<Appended, LogError> {
        self.0.append(doc, updates, after).await
    }
    async fn restore(&self, doc: DocId, state: Bytes, after: Offset) -> Result<Appended, LogError> {
        self.0.restore(doc, state, after).await
    }
    async fn read(&self, doc: DocId, after: Offset) -> Result<Contents, LogError> {
        self.pass().await?;
        self.0.read(doc, after).await
    }
    async fn tail(&self, doc: DocId) -> Result<Tail, LogError> {
        self.pass().await?;
        self.0.tail(doc).await
    }
    async fn trim(&self, doc: DocId, through: Offset) -> Result<(), LogError> {
        self.0.trim(doc, through).await
    }
    async fn delete(&self, doc: DocId) -> Result<(), LogError> {
        self.0.delete(doc).await
    }

    async fn clear(&self, doc: DocId) -> Result<(), LogError> {
        self.0.clear(doc).await
    }
    async fn lease(&self, doc: DocId, lasts: Duration) -> Result<bool, LogError> {
        self.0.lease(doc, lasts).await
    }
    async fn release(&self, doc: DocId) -> Result<(), LogError> {
        self.0.release(doc).await
    }
    async fn dirty(&self, quiet: Duration, limit: usize) -> Result<Vec<Dirty>, LogError> {
        self.0.dirty(quiet, limit).await
    }
    async fn clean(&self, dirty: Dirty) -> Result<(), LogError> {
        self.0.clean(dirty).await
    }
    async fn ready(&self) -> Result<(), LogError> {
        self.0.ready().await
    }
}

/// A real folder of snapshots whose lists may fail before they reach it.
#[derive(Clone)]
struct FlakyObjects(Arc<dyn ObjectStore>, Plan);

impl fmt::Debug for FlakyObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FlakyObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flaky {}", self.0)
    }
}

#[async_trait]
impl ObjectStore for FlakyObjects {
    async fn put_opts(&self, at: &Path, what: PutPayload, how: PutOptions) -> object_store::Result<PutResult> {
        self.0.put_opts(at, what, how).await
    }
    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(at, how).await
    }
    async fn get_opts(&self, at: &Path, how: GetOptions) -> object_store::Result<GetResult> {
        self.0.get_opts(at, how).await
    }
    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        self.0.get_ranges(at, ranges).await
    }
    fn delete_stream(
        &self,
        which: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.delete_stream(which)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let (flaky, prefix) = (self.clone(), prefix.cloned());
        let refused = || object_store::Error::Generic { store: "flaky", source: "refused by the test".into() };
        let listed = async move {
            match flaky.1.next(false).await {
                Fate::Answers => flaky.0.list(prefix.as_ref()),
                Fate::Fails | Fate::Panics => stream::iter([Err(refused())]).boxed(),
            }
        };
        stream::once(listed).flatten().boxed()
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> object_store::Result<()> {
        self.0.copy_opts(from, to, how).await
    }
}

/// Rooms over the stores of a server, which fail as planned.
fn rooms(services: &Services, folder: &std::path::Path, plan: &Plan, events: &AccessEvents, tasks: &Tasks) -> Rooms {
    std::fs::create_dir_all(folder).unwrap();
    let folder = object_store::local::LocalFileSystem::new_with_prefix(folder).unwrap();
    let storage = Storage {
        log: Arc::new(FlakyLog(services.storage.log.clone(), plan.clone())),
        snapshots: SnapshotStore::new(Arc::new(FlakyObjects(Arc::new(folder), plan.clone()))),
    };
    let config = RoomConfig { idle: Duration::ZERO, ..services.config.room.clone() };
    let (directory, relay) = (services.directory.clone(), Arc::new(LocalRelay));
    Rooms::new(storage, directory, relay, NodeId::new(), config, events, tasks.clone())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}: not in time");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Opens a document and joins its room; a room that ended in between is opened again.
async fn enter(rooms: &Rooms, doc: DocId, user: UserId, id: &AtomicU64) -> Option<(RoomHandle, Outbox)> {
    loop {
        let room = rooms.open(doc).await.ok()?;
        let outbox = Outbox::new(64, 1 << 16);
        let grant = Arc::new(SocketGrant {
            user,
            name: "ann".into(),
            color: "#123456".into(),
            login: LoginId::new(),
            expires_at: OffsetDateTime::now_utc() + Duration::from_secs(60),
            role: Role::Editor,
        });
        let (id, since) = (PeerId(id.fetch_add(1, Relaxed)), OffsetDateTime::now_utc());
        let peer = NewPeer { id, grant, dialect: Dialect::Stock, outbox: outbox.clone(), since };
        if room.join(peer).await.is_ok() {
            return Some((room, outbox));
        }
    }
}

async fn closed(outbox: &Outbox) -> CloseReason {
    loop {
        if let Some(reason) = outbox.take().await.close {
            return reason;
        }
    }
}

/// Callers of one document at once, some of which give up, while its stores fail and panic.
#[tokio::test(flavor = "multi_thread")]
async fn loads_that_fail_panic_or_lose_their_callers_leave_one_room_or_none() {
    let mut random = StdRng::seed_from_u64(seed());
    let app = TestApp::embedded().await;
    let (tasks, plan) = (Tasks::default(), Plan(Arc::new(Mutex::new(StdRng::seed_from_u64(random.random())))));
    let events = AccessEvents::new(None, &tasks);
    let rooms = rooms(&app.services, &app.data_dir.path().join("flaky"), &plan, &events, &tasks);
    let (doc, ids) = (DocId::new(), AtomicU64::new(0));
    let mut entered = 0;
    for round in 0..ROUNDS_MAX {
        if round >= ROUNDS && entered >= ROUNDS {
            break;
        }
        let patience: Vec<Option<u64>> =
            (0..CALLERS).map(|_| random.random_bool(0.4).then(|| random.random_range(0..4))).collect();
        let callers = patience.into_iter().map(async |gives_up| {
            let user = UserId::new();
            let peer = match gives_up {
                None => enter(&rooms, doc, user, &ids).await,
                Some(ms) => timeout(Duration::from_millis(ms), enter(&rooms, doc, user, &ids)).await.ok().flatten(),
            };
            peer.map(|(room, outbox)| (user, room, outbox))
        });
        let peers: Vec<_> = join_all(callers).await.into_iter().flatten().collect();
        assert!(rooms.len() <= 1, "round {round}: a slot for each attempt");
        entered += peers.len();
        for (_, room, _) in &peers {
            let members = room.members().await.unwrap();
            let is_here = |user: &UserId| members.iter().any(|member| member.grant.user == *user);
            assert!(peers.iter().all(|(user, ..)| is_here(user)), "round {round}: two rooms of one document");
        }
        for (user, ..) in &peers {
            events.publish(AccessEvent::Grant { doc, user: *user, role: None });
        }
        for (.., outbox) in &peers {
            let reason = timeout(Duration::from_secs(10), closed(outbox)).await;
            assert_eq!(reason, Ok(CloseReason::Forbidden), "round {round}: a user without access stays");
        }
        drop(peers);
        until("the room ends", async || {
            // A caller that gave up may have joined nevertheless.
            let _ = rooms.kick(doc).await;
            rooms.is_empty()
        })
        .await;
    }
    assert!(entered >= ROUNDS, "{entered} callers entered");
    tasks.stop().cancel();
    until("every load and room ends", async || tasks.is_empty()).await;
    app.stop().await;
}
