//! Accounts, addresses, passwords and names in the many forms that people type.

use std::process::Stdio;

use argon2::{Argon2, PasswordHasher};
use codesync_server::directory::{By, Directory, Standing};
use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    clients::Clients,
    harness::TestApp,
    process::{Process, free_port},
    rest::{Answer, Caller, PASSWORD},
};

async fn register(nobody: &Caller, email: &str, password: &str, name: &str) -> Answer {
    nobody.post("/api/auth/register", json!({ "email": email, "password": password, "name": name })).await
}

async fn log_in(nobody: &Caller, email: &str, password: &str) -> Answer {
    nobody.post("/api/auth/login", json!({ "email": email, "password": password })).await
}

#[tokio::test]
async fn one_mailbox_is_one_account() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    let owner = app.register("owner").await;
    let document = owner.document("shared").await;
    for forms in [
        ["zo\u{eb}@example.org", "zoe\u{308}@example.org", "ZO\u{cb}@EXAMPLE.org."],
        ["a@b\u{fc}cher.example", "a@xn--bcher-kva.example", "A@bu\u{308}cher.example"],
        ["\u{3c3}@example.org", "\u{3c2}@example.org", "\u{3a3}@example.org"],
    ] {
        let account = register(&nobody, forms[0], PASSWORD, "x").await.expect(201);
        for form in forms {
            register(&nobody, form, PASSWORD, "x").await.expect_error(409, "email_taken");
            let session = log_in(&nobody, form, PASSWORD).await.expect(200);
            assert_eq!(session["user"]["id"], account["user"]["id"], "{form}");
            let grant = json!({ "email": form, "role": "viewer" });
            let shared = owner.put(&format!("{document}/collaborators"), grant).await.expect(200);
            assert!(
                shared.body.to_string().contains(account["user"]["id"].as_str().unwrap()),
                "{form}: {}",
                shared.body
            );
        }
    }
    for hidden in ["a\u{200b}b@example.org", "\u{202e}ab@example.org", "ab@exam\u{ad}ple.org", "ab@example.org\u{2060}"]
    {
        register(&nobody, hidden, PASSWORD, "x").await.expect_fields(&["email"]);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_password_does_not_depend_on_how_its_letters_are_composed() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    let (composed, decomposed) = ("p\u{e1}ssw\u{f6}rter!", "pa\u{301}sswo\u{308}rter!");
    register(&nobody, "ann@example.org", composed, "Ann").await.expect(201);
    register(&nobody, "bob@example.org", decomposed, "Bob").await.expect(201);
    for email in ["ann@example.org", "bob@example.org"] {
        for password in [composed, decomposed] {
            log_in(&nobody, email, password).await.expect(200);
        }
    }
    let full_width = "\u{ff11}\u{ff12}\u{ff13}\u{ff14}567890";
    register(&nobody, "eve@example.org", full_width, "Eve").await.expect(201);
    log_in(&nobody, "eve@example.org", full_width).await.expect(200);
    log_in(&nobody, "eve@example.org", "1234567890").await.expect_error(401, "wrong_password");
    for blank in
        [" ".repeat(10), "\u{200b}".repeat(10), "\u{3000}".repeat(12), "\u{a0}".repeat(10), "\u{2060}".repeat(11)]
    {
        register(&nobody, "x@example.org", &blank, "x").await.expect_fields(&["password"]);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_hash_of_the_bytes_as_typed_is_replaced() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    let decomposed = "pa\u{301}sswo\u{308}rter!";
    let ann = app.register("ann").await;
    // As an earlier release hashed it.
    let former = Argon2::default().hash_password(decomposed.as_bytes()).unwrap().to_string();
    let directory = &app.services.directory;
    let user = directory.user_by_email(ann.email()).await.unwrap().unwrap();
    assert!(directory.rehash_password(user.id, &user.password_hash, &former).await.unwrap());
    log_in(&nobody, ann.email(), "p\u{e1}ssw\u{f6}rter!").await.expect_error(401, "wrong_password");
    log_in(&nobody, ann.email(), decomposed).await.expect(200);
    log_in(&nobody, ann.email(), "p\u{e1}ssw\u{f6}rter!").await.expect(200);
    log_in(&nobody, ann.email(), decomposed).await.expect(200);
    app.stop().await;
}

#[tokio::test]
async fn names_and_titles_show_what_they_hold() {
    let app = TestApp::embedded().await;
    let ann = app.register("ann").await;
    for odd in [
        "\u{200b}",
        "\u{2800}",
        "\u{3164}",
        "user A\u{200d}",
        "us\u{2060}er A",
        "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    ] {
        register(&app.nobody(), "x@example.org", PASSWORD, odd).await.expect_fields(&["name"]);
        ann.patch("/api/users/me", json!({ "name": odd })).await.expect_fields(&["name"]);
        ann.post("/api/documents", json!({ "title": odd })).await.expect_fields(&["title"]);
    }
    for kept in ["می\u{200c}خواهم", "👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}", "क्\u{200d}ष"] {
        assert_eq!(ann.patch("/api/users/me", json!({ "name": kept })).await.expect(200).text("name"), kept);
        assert_eq!(ann.post("/api/documents", json!({ "title": kept })).await.expect(201).text("title"), kept);
    }
    app.stop().await;
}

async fn admin(data: &std::path::Path, words: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_codesync"))
        .arg("admin")
        .args(words)
        .env("CODESYNC_DATA_DIR", data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_reset_at_the_command_line() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[]).await;
    let nobody = Caller::at(&server.url(""));
    let ann = nobody.register("ann").await;
    let (done, said) =
        admin(data.path(), &["reset-password", "--email", "ANN@example.org."], "another good one\n").await;
    assert!(done && said.contains("1 logins were ended"), "{said}");
    ann.get("/api/users/me").await.expect(401);
    log_in(&nobody, ann.email(), PASSWORD).await.expect(401);
    log_in(&nobody, ann.email(), "another good one").await.expect(200);
    let (done, said) = admin(data.path(), &["reset-password", "--email", ann.email()], "          \n").await;
    assert!(!done && said.contains("password"), "{said}");
    let (done, _) =
        admin(data.path(), &["reset-password", "--email", "nobody@example.org"], "another good one\n").await;
    assert!(!done);
    let (done, said) =
        admin(data.path(), &["create-user", "--email", ann.email(), "--name", "Ann"], "a third one, ignored\n").await;
    assert!(done && said.contains("password stayed"), "{said}");
    log_in(&nobody, ann.email(), "another good one").await.expect(200);
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_one_mailbox_that_a_former_release_made_are_listed_and_kept_apart() {
    let data = tempfile::tempdir().unwrap();
    let server = Process::start(data.path(), free_port(), &[]).await;
    let nobody = Caller::at(&server.url(""));
    for name in ["ann", "bob", "eve"] {
        nobody.register(name).await;
    }
    assert!(server.terminate().await);
    // As an earlier release wrote them: compared by lower case alone, without the mailbox.
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(data.path().join("directory.sqlite"));
    let pool = sqlx::SqlitePool::connect_with(file).await.unwrap();
    for (name, email) in
        [("ann", "zo\u{eb}@example.org"), ("bob", "zoe\u{308}@example.org"), ("eve", "eve@example.org")]
    {
        sqlx::query("update users set email = $2, email_key = $2, mailbox = null where email = $1")
            .bind(format!("{name}@example.org"))
            .bind(email)
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;
    let (done, said) = admin(data.path(), &["conflicting-accounts"], "").await;
    let lines: Vec<&str> = said.lines().filter(|line| line.contains('@')).collect();
    assert!(done && lines.len() == 1 && lines[0].matches("@example.org").count() == 2, "{said}");
    let server = Process::start(data.path(), free_port(), &[]).await;
    let nobody = Caller::at(&server.url(""));
    let [first, second] = ["zo\u{eb}@example.org", "zoe\u{308}@example.org"];
    let ids = [log_in(&nobody, first, PASSWORD).await.expect(200), log_in(&nobody, second, PASSWORD).await.expect(200)];
    assert_ne!(ids[0]["user"]["id"], ids[1]["user"]["id"]);
    log_in(&nobody, "EVE@example.org.", PASSWORD).await.expect(200);
    register(&nobody, "ZO\u{cb}@example.org", PASSWORD, "x").await.expect_error(409, "email_taken");
    assert!(server.terminate().await);
    drop(Directory::sqlite(data.path()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_reaches_open_sockets() {
    let app = TestApp::embedded().await;
    let [ann, bob] = [app.register("ann").await, app.register("bob").await];
    let document = ann.document("a").await;
    ann.share(&document, &bob, "editor").await;
    let doc = document.rsplit('/').next().unwrap();
    let clients = Clients::start();
    for (client, caller) in [("a", &ann), ("b", &bob)] {
        clients.join(client, &app.socket(), doc, caller.token()).await;
        clients.ask("awareness", json!({ "client": client, "state": { "cursor": client } })).await;
    }
    clients.wait("b", json!({ "peers": 2 })).await;
    ann.patch("/api/users/me", json!({ "name": "Ada Renamed", "color": "#123456" })).await.expect(200);
    for client in ["a", "b"] {
        clients.wait(client, json!({ "awareness": "Ada Renamed" })).await;
        clients.wait(client, json!({ "awareness": "#123456" })).await;
    }
    let presence = bob.get(&format!("{document}/presence")).await.expect(200);
    assert!(presence.body.to_string().contains("Ada Renamed"), "{}", presence.body);
    // The next presence of the client is received under the new name.
    clients.ask("awareness", json!({ "client": "a", "state": { "cursor": "moved" } })).await;
    clients.wait("b", json!({ "awareness": "moved" })).await;
    let states = clients.ask("states", json!({ "client": "b" })).await.to_string();
    assert!(states.contains("Ada Renamed") && states.contains("\"moved\""), "{states}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_link_sets_a_forgotten_password_once() {
    let app = TestApp::embedded().await;
    let (nobody, ann, bob) = (app.nobody(), app.register("ann").await, app.register("bob").await);
    let path = format!("/api/admin/users/{}/password-reset", ann.id());
    bob.post(&path, json!({})).await.expect_error(403, "forbidden");
    let standing = Standing { is_admin: Some(true), is_disabled: None };
    app.services.auth.change_standing(bob.id().parse().unwrap(), standing, By::command_line()).await.unwrap();
    bob.patch(&format!("/api/admin/users/{}", ann.id()), json!({ "password": "x" })).await.expect_fields(&["password"]);
    bob.post("/api/admin/users/0197b1c5-0000-7000-8000-000000000000/password-reset", json!({})).await.expect(404);
    let former = bob.post(&path, json!({})).await.expect(201);
    let offered = bob.post(&path, json!({})).await.expect(201);
    assert!(offered.text("url").ends_with(&format!("/reset/{}", offered.text("secret"))));
    let reset = async |secret: &str, password: &str| {
        nobody.post("/api/auth/reset-password", json!({ "secret": secret, "password": password })).await
    };
    // Only the newest counts.
    reset(&former.text("secret"), "a good new one").await.expect_error(404, "link_not_found");
    reset(&offered.text("secret"), "short").await.expect_fields(&["password"]);
    reset("nothing", "a good new one").await.expect_error(404, "link_not_found");
    reset(&offered.text("secret"), "a good new one").await.expect(204);
    reset(&offered.text("secret"), "another new one").await.expect_error(404, "link_not_found");
    ann.get("/api/users/me").await.expect(401);
    log_in(&nobody, ann.email(), PASSWORD).await.expect(401);
    log_in(&nobody, ann.email(), "a good new one").await.expect(200);
    let trail = bob.get("/api/admin/audit").await.expect(200).body.to_string();
    assert!(trail.contains("password_reset.created") && trail.contains("password.reset"), "{trail}");
    app.stop().await;
}

#[tokio::test]
async fn the_first_administrator_is_made_once_by_the_setup_link() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    let links = [(); 2].map(|()| app.services.auth.offer_setup());
    let [one, other] = futures_util::future::join_all(links).await.try_into().unwrap();
    let (one, other): (String, String) = (one.unwrap().unwrap(), other.unwrap().unwrap());
    let by =
        |secret: &str, email: &str| json!({ "secret": secret, "email": email, "name": "Root", "password": PASSWORD });
    nobody.post("/api/auth/setup", by("guessed", "root@example.org")).await.expect_error(404, "link_not_found");
    let mut short = by(&one, "root@example.org");
    short["password"] = json!("short");
    let refused = nobody.post("/api/auth/setup", short).await.expect_error(422, "invalid");
    assert!(refused.body["error"]["fields"]["password"].is_string());
    // An account that another user registers ends no link, and takes its address.
    app.register("ada").await;
    assert_eq!(app.services.auth.offer_setup().await.unwrap(), None, "there is an account");
    nobody.post("/api/auth/setup", by(&one, "ada@example.org")).await.expect_error(409, "email_taken");
    // Two at the same time, each with its own link.
    let (first, second) = tokio::join!(
        nobody.post("/api/auth/setup", by(&one, "one@example.org")),
        nobody.post("/api/auth/setup", by(&other, "two@example.org")),
    );
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404]);
    let made = if first.status == 201 { first } else { second };
    assert_eq!(made.body["user"]["is_admin"], json!(true));
    for secret in [&one, &other] {
        nobody.post("/api/auth/setup", by(secret, "late@example.org")).await.expect_error(404, "link_not_found");
    }
    app.stop().await;
}
