//! Two authors under one client id: no words are dropped without notice, and nothing else counts as saved.

use std::{cell::RefCell, fs, path::Path};

use codesync_crdt::{
    AwarenessEntry, Message as Protocol, StateVector, Update, encode, encode_awareness,
    protocol::codesync::Message as Extension,
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::{
    clients::Clients,
    harness::{TestApp, seed},
    raw::Raw,
    rest::Caller,
};

/// A server, two editors, and a document.
async fn shared() -> (TestApp, Caller, Caller, String) {
    let app = TestApp::embedded().await;
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let path = ann.document("notes").await;
    ann.share(&path, &bob, "editor").await;
    let doc = path.rsplit('/').next().unwrap().to_owned();
    (app, ann, bob, doc)
}

/// Receives frames until an edit is refused, and returns the reason.
async fn refusal(raw: &mut Raw) -> Value {
    let refused = RefCell::new(Value::Null);
    raw.until(|message| match message {
        Protocol::Codesync(Extension::Rejected { json }) => {
            *refused.borrow_mut() = serde_json::from_str(json).unwrap();
            true
        }
        Protocol::Codesync(Extension::Mark(_)) => panic!("a mark was echoed"),
        _ => false,
    })
    .await;
    refused.into_inner()
}

/// Answers the next step 1 with everything in the replica.
async fn answer_step1(raw: &mut Raw) {
    let asked = RefCell::new(StateVector::default());
    raw.until(|message| match message {
        Protocol::SyncStep1(theirs) => {
            *asked.borrow_mut() = theirs.clone();
            true
        }
        _ => false,
    })
    .await;
    let diff = raw.replica.diff(&asked.into_inner());
    raw.send(encode::sync_step2(&diff)).await;
}

/// Sends an edit and a mark after it.
async fn send_with_mark(raw: &mut Raw, update: &Update) {
    raw.send(encode::update(update.bytes())).await;
    raw.send(encode::codesync(&Extension::Mark(7))).await;
}

/// Opens a stock client, and returns its client id.
async fn open(clients: &Clients, name: &str, app: &TestApp, doc: &str, caller: &Caller) -> u64 {
    let arguments =
        json!({ "client": name, "url": app.socket(), "doc": doc, "token": caller.token(), "maxBackoffMs": 200 });
    let id = clients.ask("open", arguments).await["clientId"].as_u64().unwrap();
    clients.wait(name, json!({ "synced": true })).await;
    id
}

async fn text(caller: &Caller, doc: &str) -> String {
    loop {
        // A document that is being loaded may be unavailable for a short time.
        let answer = caller.get(&format!("/api/documents/{doc}/text")).await;
        if answer.status != 503 {
            return answer.expect(200).body.as_str().unwrap_or_default().to_owned();
        }
    }
}

/// Waits until only these users have the document open.
async fn until_present(caller: &Caller, doc: &str, names: &[&str]) {
    while caller.get(&format!("/api/documents/{doc}/presence")).await.expect(200).items("/user/name") != names {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_authors_under_one_client_id_the_second_is_notified() {
    let (app, ann, bob, doc) = shared().await;
    let mut first = Raw::codesync(&app.socket(), &doc, ann.token()).await;
    let mut second = Raw::codesync(&app.socket(), &doc, bob.token()).await;
    let mut stock = Raw::connect(&app.socket(), &doc, bob.token()).await;
    for raw in [&mut first, &mut second, &mut stock] {
        raw.sync().await;
    }
    let (good, evil, other) = (first.edit(50, "good"), second.edit(50, "evil words"), stock.edit(50, "other"));
    first.send(encode::update(good.bytes())).await;
    first.mark(1).await;
    send_with_mark(&mut second, &evil).await;
    let refused = refusal(&mut second).await;
    assert_eq!(
        (&refused["code"], &refused["client"], &refused["clock"]),
        (&json!("client_conflict"), &json!(50), &json!(0))
    );
    assert_eq!(stock.refused(encode::update(other.bytes())).await, 4409);
    assert_eq!(text(&ann, &doc).await, "good");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_typed_offline_stay_on_the_screen_despite_edits_under_their_id() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    // Kept, or deleted again; and with as many units as the owner typed, or fewer, or more.
    for (round, (forged, deleted)) in
        [("evil", false), ("evilwords", false), ("more evil words", false), ("evil", true), ("evilwords", true)]
            .into_iter()
            .enumerate()
    {
        let name = format!("ann {round}");
        let id = open(&clients, &name, &app, &doc, &ann).await;
        clients.append(&name, "typed ").await;
        clients.wait(&name, json!({ "acknowledged": true })).await;
        clients.ask("disconnect", json!({ "client": name })).await;
        clients.append(&name, "goodwords").await;
        let mut intruder = Raw::codesync(&app.socket(), &doc, bob.token()).await;
        intruder.sync().await;
        until_present(&ann, &doc, &["bob"]).await;
        let before = text(&ann, &doc).await;
        intruder.append(id, forged).await;
        if deleted {
            let back = intruder.turn(4_000 + round as u64, &before);
            intruder.send(encode::update(back.bytes())).await;
        }
        let expected = if deleted { before } else { before + forged };
        intruder.mark(1).await;
        assert_eq!(text(&ann, &doc).await, expected);
        let screen = clients.text(&name).await;
        clients.ask("connect", json!({ "client": name })).await;
        clients.wait(&name, json!({ "closed": 4409 })).await;
        assert_eq!(clients.text(&name).await, screen, "nothing was taken from it");
        assert_eq!(text(&ann, &doc).await, expected, "nor half of it taken in");
        intruder.leave().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_under_the_id_of_a_connected_user_are_refused() {
    let (app, ann, bob, doc) = shared().await;
    let clients = Clients::start();
    let id = open(&clients, "ann", &app, &doc, &ann).await;
    clients.append("ann", "mine ").await;
    clients.wait("ann", json!({ "acknowledged": true })).await;
    for deleted in [false, true] {
        let mut intruder = Raw::codesync(&app.socket(), &doc, bob.token()).await;
        intruder.sync().await;
        let before = intruder.replica.text("content");
        let mut forged = vec![intruder.edit(id, "forged ")];
        if deleted {
            forged.push(intruder.turn(5_000, &before));
        }
        let merged = Update::merge(&forged).remove(0);
        send_with_mark(&mut intruder, &merged).await;
        answer_step1(&mut intruder).await;
        let refused = refusal(&mut intruder).await;
        assert_eq!((&refused["code"], &refused["client"]), (&json!("client_conflict"), &json!(id)));
        clients.append("ann", "more ").await;
        clients.wait("ann", json!({ "acknowledged": true })).await;
    }
    assert_eq!(text(&ann, &doc).await, "mine more more ");
    assert_eq!(clients.status("ann", "connects").await, 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_stays_its_users_while_that_user_reconnects() {
    let (app, ann, bob, doc) = shared().await;
    let carl = app.register("carl").await;
    ann.share(&format!("/api/documents/{doc}"), &carl, "viewer").await;
    let clients = Clients::start();
    let id = open(&clients, "ann", &app, &doc, &ann).await;
    clients.ask("awareness", json!({ "client": "ann", "state": { "cursor": "of ann" } })).await;
    clients.join("bob", &app.socket(), &doc, bob.token()).await;
    clients.wait("bob", json!({ "awareness": "of ann" })).await;
    clients.ask("disconnect", json!({ "client": "ann" })).await;
    clients.wait("bob", json!({ "peers": 1 })).await;
    let mut squatter = Raw::connect(&app.socket(), &doc, carl.token()).await;
    let state = AwarenessEntry { client: id, clock: 1_000, state: Some("{}".into()) };
    squatter.send(encode::awareness(&encode_awareness([&state]))).await;
    // Accepted, and ignored.
    squatter.sync().await;
    clients.ask("connect", json!({ "client": "ann" })).await;
    clients.wait("bob", json!({ "awareness": "of ann" })).await;
    app.stop().await;
}

/// Copies a data folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn start_in(folder: &Path) -> TestApp {
    TestApp::with(|config| config.storage.data_dir = folder.to_owned()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn three_devices_bring_back_what_an_older_copy_of_the_server_lacks() {
    let mut random = StdRng::seed_from_u64(seed());
    let names = ["ann", "bob", "carl"];
    let home = tempfile::tempdir().unwrap();
    let (now, older) = (home.path().join("now"), home.path().join("older"));
    let app = start_in(&now).await;
    let mut callers = Vec::new();
    for name in names {
        callers.push(app.register(name).await);
    }
    let path = callers[0].document("notes").await;
    for caller in &callers[1..] {
        callers[0].share(&path, caller, "editor").await;
    }
    let doc = path.rsplit('/').next().unwrap();
    let clients = Clients::start();
    for (name, caller) in names.into_iter().zip(&callers) {
        clients.join(name, &app.socket(), doc, caller.token()).await;
        clients.append(name, &format!("[{name} before]")).await;
    }
    clients.converge(&names).await;
    for name in names {
        clients.ask("disconnect", json!({ "client": name })).await;
    }
    app.stop().await;
    copy(&now, &older);
    let mut app = start_in(&now).await;
    for name in names {
        clients.ask("connect", json!({ "client": name, "url": app.socket() })).await;
        clients.append(name, &format!("[{name} after]")).await;
    }
    clients.converge(&names).await;
    let text_of_all = clients.text("ann").await;
    // The owners all at once, one after the other in any order, and two of three while the third is offline.
    for round in 0..4 {
        for name in names {
            clients.ask("disconnect", json!({ "client": name })).await;
        }
        app.stop().await;
        fs::remove_dir_all(&now).unwrap();
        copy(&older, &now);
        app = start_in(&now).await;
        let mut order = names;
        order.shuffle(&mut random);
        let present = if round == 3 { &order[..2] } else { &order[..] };
        for name in present {
            clients.ask("connect", json!({ "client": name, "url": app.socket() })).await;
            if round > 0 {
                clients.wait(name, json!({ "synced": true })).await;
            }
        }
        clients.converge(present).await;
        let caller = callers[0].elsewhere(&app.url(""));
        while text(&caller, doc).await != text_of_all {}
        for name in present {
            assert_eq!(clients.text(name).await, text_of_all, "{name} in round {round}");
        }
    }
    app.stop().await;
}
