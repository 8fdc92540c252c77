//! What administrators see and do, and the audit trail of it.

use std::time::Duration;

use codesync_server::directory::{By, Standing};
use serde_json::{Value, json};

use crate::{
    harness::TestApp,
    raw::Raw,
    rest::{Caller, PASSWORD},
};

impl TestApp {
    /// Registers `<name>@example.org` as an administrator.
    pub(crate) async fn administrator(&self, name: &str) -> Caller {
        let caller = self.register(name).await;
        let standing = Standing { is_admin: Some(true), ..Standing::default() };
        let user = caller.id().parse().unwrap();
        self.services.auth.change_standing(user, standing, By::command_line()).await.unwrap();
        caller
    }
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn trail(root: &Caller) -> Vec<[Value; 4]> {
    let told = root.get("/api/admin/audit").await.expect(200);
    let entries = told["items"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            ["/action", "/actor/name", "/user/name", "/detail"].map(|at| entry.pointer(at).cloned().unwrap_or_default())
        })
        .collect()
}

#[tokio::test]
async fn non_administrators_are_refused() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let path = ada.document("Mine").await;
    let (doc, user) = (id(&path), ada.id());
    let rooms = format!("/api/admin/rooms/{doc}");
    for call in ["users", "documents", "rooms", "stats", "audit"] {
        ada.get(&format!("/api/admin/{call}")).await.expect_error(403, "forbidden");
        app.nobody().get(&format!("/api/admin/{call}")).await.expect_error(401, "unauthenticated");
    }
    ada.patch(&format!("/api/admin/users/{user}"), json!({ "is_admin": true })).await.expect_error(403, "forbidden");
    ada.delete(&format!("/api/admin/documents/{doc}")).await.expect_error(403, "forbidden");
    let transfer = json!({ "email": ada.email() });
    ada.post(&format!("/api/admin/documents/{doc}/transfer"), transfer).await.expect_error(403, "forbidden");
    ada.post(&format!("{rooms}/kick"), json!(null)).await.expect_error(403, "forbidden");
    ada.post(&format!("{rooms}/compact"), json!(null)).await.expect_error(403, "forbidden");
    app.stop().await;
}

#[tokio::test]
async fn accounts_are_found_disabled_and_enabled() {
    let app = TestApp::embedded().await;
    let root = app.administrator("root").await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Open").await;
    ada.share(&path, &bob, "editor").await;
    let all = root.get("/api/admin/users").await.expect(200);
    assert_eq!(all.items("/name"), ["bob", "ada", "root"]);
    let first = root.get("/api/admin/users?limit=2").await.expect(200);
    let rest = format!("/api/admin/users?limit=2&cursor={}", first.text("next_cursor"));
    assert_eq!(root.get(&rest).await.expect(200).items("/name"), ["root"]);
    assert_eq!(root.get("/api/admin/users?query=ADA%40").await.expect(200).items("/id"), [ada.id()]);
    root.get("/api/admin/users?query=%00").await.expect(200);
    root.get("/api/admin/users?limit=0").await.expect_fields(&["limit"]);

    let mut stays = Raw::connect(&app.socket(), id(&path), ada.token()).await;
    let mut goes = Raw::connect(&app.socket(), id(&path), bob.token()).await;
    stays.sync().await;
    goes.sync().await;
    let bobs = format!("/api/admin/users/{}", bob.id());
    let told = root.patch(&bobs, json!({ "is_disabled": true })).await.expect(200);
    assert_eq!((&told["is_disabled"], &told["is_admin"]), (&json!(true), &json!(false)));
    assert_eq!(goes.closed().await, 4401);
    bob.get("/api/users/me").await.expect_error(401, "unauthenticated");
    let login = json!({ "email": bob.email(), "password": PASSWORD });
    app.nobody().post("/api/auth/login", login).await.expect_error(403, "account_disabled");
    stays.append(1, "others go on").await;
    root.patch(&bobs, json!({ "is_disabled": false })).await.expect(200);
    bob.get("/api/users/me").await.expect_error(401, "unauthenticated");
    app.log_in(bob.email(), PASSWORD).await.get(&path).await.expect(200);
    root.patch(&bobs, json!({})).await.expect(200);
    root.patch(&bobs, json!({ "is_admin": "yes" })).await.expect_fields(&["is_admin"]);
    for nobody in ["none", "0197b1c5-0000-7000-8000-000000000000"] {
        let change = root.patch(&format!("/api/admin/users/{nobody}"), json!({ "is_admin": true })).await;
        change.expect_error(404, "user_not_found");
    }
    assert_eq!(
        trail(&root).await[..2],
        [["user.enabled", "root", "bob", ""], ["user.disabled", "root", "bob", ""]]
            .map(|told| told.map(|text| if text.is_empty() { Value::Null } else { json!(text) }))
    );
    app.stop().await;
}

#[tokio::test]
async fn an_administrator_stays() {
    let app = TestApp::embedded().await;
    let root = app.administrator("root").await;
    let ada = app.register("ada").await;
    let [roots, adas] = [&root, &ada].map(|caller| format!("/api/admin/users/{}", caller.id()));
    for change in [json!({ "is_admin": false }), json!({ "is_disabled": true })] {
        root.patch(&roots, change).await.expect_error(409, "last_admin");
    }
    root.patch(&adas, json!({ "is_admin": true })).await.expect(200);
    ada.get("/api/admin/stats").await.expect(200);
    root.patch(&adas, json!({ "is_disabled": true })).await.expect(200);
    root.patch(&roots, json!({ "is_admin": false })).await.expect_error(409, "last_admin");
    root.patch(&adas, json!({ "is_disabled": false })).await.expect(200);
    root.patch(&roots, json!({ "is_admin": false })).await.expect(200);
    root.get("/api/admin/stats").await.expect_error(403, "forbidden");
    app.stop().await;
}

#[tokio::test]
async fn documents_change_hands_and_go() {
    let app = TestApp::embedded().await;
    let root = app.administrator("root").await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Left behind").await;
    bob.document("Another").await;
    let all = root.get("/api/admin/documents").await.expect(200);
    assert_eq!(all.items("/title"), ["Another", "Left behind"]);
    assert_eq!(all.items("/owner/name"), ["bob", "ada"]);
    let found = root.get("/api/admin/documents?query=LEFT").await.expect(200);
    assert_eq!(found.items("/id"), [id(&path)]);
    root.get(&path).await.expect_error(404, "document_not_found");

    let mut socket = Raw::codesync(&app.socket(), id(&path), ada.token()).await;
    socket.sync().await;
    let transfer = format!("/api/admin/documents/{}/transfer", id(&path));
    let told = root.post(&transfer, json!({ "email": bob.email() })).await.expect(200);
    assert_eq!(told["owner"]["id"], bob.id());
    socket.until_role("editor").await;
    assert_eq!(ada.get(&path).await.expect(200)["role"], "editor");
    assert_eq!(bob.get(&path).await.expect(200)["role"], "owner");
    root.post(&transfer, json!({ "email": "nobody@example.org" })).await.expect_error(404, "user_not_found");
    for nothing in ["none", "0197b1c5-0000-7000-8000-000000000000"] {
        let nothing = format!("/api/admin/documents/{nothing}");
        let transfer = root.post(&format!("{nothing}/transfer"), json!({ "email": bob.email() })).await;
        transfer.expect_error(404, "document_not_found");
        root.delete(&nothing).await.expect_error(404, "document_not_found");
    }
    root.delete(&format!("/api/admin/documents/{}", id(&path))).await.expect(204);
    assert_eq!(socket.closed().await, 4404);
    bob.get(&path).await.expect_error(404, "document_not_found");
    app.stop().await;
}

#[tokio::test]
async fn rooms_are_listed_emptied_and_compacted() {
    // No automatic snapshot is due.
    let app = TestApp::with(|config| config.room.snapshot_delay = Duration::from_secs(600)).await;
    let root = app.administrator("root").await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Open").await;
    ada.share(&path, &bob, "viewer").await;
    let (open, closed) = (id(&path), ada.document("Closed").await);
    let mut sockets = Vec::new();
    for caller in [&ada, &ada, &bob] {
        let mut socket = Raw::connect(&app.socket(), open, caller.token()).await;
        socket.sync().await;
        sockets.push(socket);
    }
    sockets[0].append(1, "twelve bytes").await;
    sockets[1].until_text("twelve bytes").await;
    let rooms = root.get("/api/admin/rooms").await.expect(200);
    let room = json!({ "document_id": open, "title": "Open", "users": 2, "sockets": 3 });
    assert_eq!(rooms["items"], json!([room]));
    let doc = open.parse().unwrap();
    let compact = format!("/api/admin/rooms/{open}/compact");
    // The typed text may not have been appended at the first attempt.
    while app.services.storage.snapshots.list(doc).await.unwrap().is_empty() {
        root.post(&compact, json!(null)).await.expect(204);
    }
    root.post(&format!("/api/admin/rooms/{open}/kick"), json!(null)).await.expect(204);
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, 4503);
    }
    let mut back = Raw::connect(&app.socket(), open, ada.token()).await;
    back.sync().await;
    back.until_text("twelve bytes").await;
    for nothing in [id(&closed), "none"] {
        let status = |answer: crate::rest::Answer| answer.expect(404);
        status(root.post(&format!("/api/admin/rooms/{nothing}/kick"), json!(null)).await);
        status(root.post(&format!("/api/admin/rooms/{nothing}/compact"), json!(null)).await);
    }
    app.stop().await;
}

#[tokio::test]
async fn many_rooms_come_in_pages() {
    let app = TestApp::embedded().await;
    let root = app.administrator("root").await;
    let mut made = Vec::new();
    for number in 0..5 {
        let path = root.document(&format!("Number {number}")).await;
        root.get(&format!("{path}/text")).await.expect(200);
        made.push(id(&path).to_owned());
    }
    let mut seen = Vec::new();
    let mut next = "/api/admin/rooms?limit=2".to_owned();
    loop {
        let page = root.get(&next).await.expect(200);
        assert!(page.items("/title").len() <= 2);
        seen.extend(page.items("/document_id").into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("/api/admin/rooms?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    made.sort_unstable();
    assert_eq!(seen, made);
    app.stop().await;
}

#[tokio::test]
async fn everything_is_counted() {
    let app = TestApp::embedded().await;
    let root = app.administrator("root").await;
    let path = app.register("ada").await.document("Counted").await;
    let ada = app.log_in("ada@example.org", PASSWORD).await;
    let mut socket = Raw::connect(&app.socket(), id(&path), ada.token()).await;
    socket.sync().await;
    let stats = root.get("/api/admin/stats").await.expect(200).body;
    let counted =
        ["users", "admins", "disabled_users", "sessions", "documents", "document_bytes"].map(|name| &stats[name]);
    assert_eq!(counted, [2, 1, 0, 3, 1, 0].map(|count| json!(count)).each_ref());
    assert_eq!((&stats["node"]["rooms"], &stats["node"]["sockets"]), (&json!(1), &json!(1)));
    assert_eq!(stats["node"]["version"], env!("CARGO_PKG_VERSION"));
    app.stop().await;
}

#[tokio::test]
async fn sharing_leaves_a_trail() {
    let app = TestApp::with(|config| config.http.trusted_proxies = 1).await;
    let root = app.administrator("root").await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Shared").await;
    ada.share(&path, &bob, "viewer").await;
    ada.share(&path, &bob, "viewer").await;
    let link = ada.post(&format!("{path}/links"), json!({ "role": "editor" })).await.expect(201);
    bob.post(&format!("/api/links/{}/accept", link.text("secret")), json!(null)).await.expect(200);
    ada.delete(&format!("{path}/links/{}", link.text("id"))).await.expect(204);
    ada.delete(&format!("{path}/collaborators/{}", bob.id())).await.expect(204);
    let delete = ada.request(reqwest::Method::DELETE, &path).header("x-forwarded-for", "198.51.100.1, 192.0.2.44");
    ada.send(delete, reqwest::Method::DELETE, &path).await.expect(204);
    let told = [
        ["document.deleted", "ada", "", "Shared"],
        ["access.removed", "ada", "bob", ""],
        ["link.deleted", "ada", "", "editor"],
        ["link.accepted", "bob", "bob", "editor"],
        ["link.created", "ada", "", "editor"],
        ["access.granted", "ada", "bob", "viewer"],
        ["admin.granted", "", "root", ""],
    ];
    let told = told.map(|entry| entry.map(|text| if text.is_empty() { Value::Null } else { json!(text) }));
    assert_eq!(trail(&root).await, told);
    let newest = root.get("/api/admin/audit?limit=1").await.expect(200);
    assert_eq!((newest.items("/address"), newest.items("/document_id")), (vec!["192.0.2.44"], vec![id(&path)]));
    let next = format!("/api/admin/audit?limit=1&cursor={}", newest.text("next_cursor"));
    assert_eq!(root.get(&next).await.expect(200).items("/action"), ["access.removed"]);
    app.stop().await;
}

#[tokio::test]
async fn presence_lists_users_and_loads_nothing() {
    let app = TestApp::embedded().await;
    let [ada, bob, eve] = [app.register("ada").await, app.register("bob").await, app.register("eve").await];
    let path = ada.document("Open").await;
    ada.share(&path, &bob, "viewer").await;
    let presence = format!("{path}/presence");
    assert_eq!(bob.get(&presence).await.expect(200).body, json!({ "items": [], "next_cursor": null }));
    assert_eq!(app.services.rooms.len(), 0, "nothing was loaded");
    let mut sockets = Vec::new();
    for caller in [&bob, &ada, &bob] {
        let mut socket = Raw::connect(&app.socket(), id(&path), caller.token()).await;
        socket.sync().await;
        sockets.push(socket);
    }
    let here = bob.get(&presence).await.expect(200);
    assert_eq!((here.items("/user/name"), here.items("/role")), (vec!["bob", "ada"], vec!["viewer", "owner"]));
    assert_eq!((&here["items"][0]["sockets"], &here["items"][0]["user"]["color"]), (&json!(2), &bob.user["color"]));
    ada.share(&path, &bob, "editor").await;
    while bob.get(&presence).await.expect(200).items("/role") != ["editor", "owner"] {}
    for mut socket in sockets {
        socket.socket.close(None).await.unwrap();
    }
    while !bob.get(&presence).await.expect(200).items("/role").is_empty() {}
    eve.get(&presence).await.expect_error(404, "document_not_found");
    app.stop().await;
}

#[tokio::test]
async fn missed_changes_of_access_are_checked_and_close_only_affected_sockets() {
    let app = TestApp::embedded().await;
    let [ada, bob, eve] = [app.register("ada").await, app.register("bob").await, app.register("eve").await];
    let path = ada.document("Open").await;
    let mut sockets = Vec::new();
    for caller in [&ada, &bob, &eve] {
        ada.share(&path, caller, if caller.id() == ada.id() { "owner" } else { "editor" }).await;
        let mut socket = Raw::codesync(&app.socket(), id(&path), caller.token()).await;
        socket.sync().await;
        sockets.push(socket);
    }
    let (doc, directory) = (id(&path).parse().unwrap(), &app.services.directory);
    // As another node would do it: nobody here is notified.
    directory.remove_grant(doc, bob.id().parse().unwrap(), By::command_line()).await.unwrap();
    let shut_out = Standing { is_disabled: Some(true), ..Standing::default() };
    directory.change_standing(eve.id().parse().unwrap(), shut_out, By::command_line()).await.unwrap();
    app.services.rooms.recheck();
    assert_eq!((sockets[1].closed().await, sockets[2].closed().await), (4403, 4401));
    sockets[0].append(1, "goes on").await;
    while ada.get(&format!("{path}/text")).await.expect(200).body != "goes on" {}
    app.stop().await;
}
