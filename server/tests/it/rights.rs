//! Rights count at the moment of the change: no effect of a call appears after the call that removed its right was
//! answered. A table of all changing calls, each with its body held back while the right is removed, and each as a race.

mod scene;

use std::time::Duration;

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use self::scene::{Call, Scene, Way};
use crate::{
    harness::{TestApp, seed},
    raw::Raw,
    rest::PASSWORD,
    spec,
};

/// Rounds of each race, or as many as `CODESYNC_RIGHTS_ROUNDS` was when the tests were built.
fn rounds() -> usize {
    std::option_env!("CODESYNC_RIGHTS_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

/// Every changing call, with the ways in which its right is removed.
fn table() -> Vec<(&'static str, &'static [Way])> {
    let changing = spec::operations().filter(|(_, method, _)| *method != "get");
    let ids = changing.map(|(.., operation)| operation["operationId"].as_str().unwrap());
    ids.map(|id| (id, scene::ways(id).unwrap_or_else(|| panic!("{id} has no row in the table of rights")))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_body_arrives_after_its_right_was_removed_changes_nothing() {
    let app = TestApp::embedded().await;
    let mut held = 0;
    for (id, ways) in table() {
        for way in ways {
            let scene = Scene::set(&app, id).await;
            let Call { body: Some(_), .. } = &scene.call else { continue };
            let at = format!("{id}, {way:?}");
            let (mut connection, body) = hold_back(&app, &scene).await;
            scene.take_away(*way).await.expect(&at);
            let before = scene.state().await;
            let live = app.services.rooms.len();
            connection.write_all(body.as_bytes()).await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            let status = answer.split(' ').nth(1).unwrap();
            let expected = match way {
                Way::Disable if id == "log_in" => "403",
                Way::LogOut | Way::Disable => "401",
                Way::Demote | Way::Lower => "403",
                Way::Remove | Way::Delete | Way::EndLink => "404",
            };
            assert_eq!(status, expected, "{at}: {answer}");
            assert_eq!(scene.state().await, before, "{at}");
            assert!(app.services.rooms.len() <= live, "{at}: a room was opened");
            held += 1;
        }
    }
    assert!(held > 30, "{held}");
    app.stop().await;
}

/// Sends the head of the call and waits until the server asks for the body. By then the server has checked the caller.
async fn hold_back(app: &TestApp, scene: &Scene<'_>) -> (TcpStream, String) {
    let Call { method, path, body } = &scene.call;
    let (media_type, body) = body.as_ref().unwrap();
    let mut connection = TcpStream::connect(app.addr).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: {media_type}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        app.addr,
        scene.actor.token(),
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(connection.read_u8().await.unwrap());
    }
    assert!(asked.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&asked));
    (connection, body.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_effect_of_a_call_appears_after_its_right_was_removed() {
    let mut random = StdRng::seed_from_u64(seed());
    let app = TestApp::embedded().await;
    for _ in 0..rounds() {
        for (id, ways) in table() {
            for way in ways {
                race(&app, id, *way, &mut random).await;
            }
        }
    }
    app.stop().await;
}

async fn race(app: &TestApp, id: &str, way: Way, random: &mut StdRng) {
    let scene = Scene::set(app, id).await;
    let (call_waits, removal_waits) = (random.random_range(0..40), random.random_range(0..40));
    let call = async {
        yield_often(call_waits).await;
        scene.send().await
    };
    let removal = async {
        yield_often(removal_waits).await;
        let taken = scene.take_away(way).await;
        (taken, scene.state().await)
    };
    let (status, (taken, then)) = tokio::join!(call, removal);
    // The room of a document that is being deleted may have ended.
    assert!(status < 500 || way == Way::Delete, "{id}, {way:?}: {status}");
    let now = scene.state().await;
    for (then, now) in then.into_iter().zip(now).filter(|_| taken.is_ok()) {
        assert_eq!(now, then, "{id}, {way:?}: answered with {status}");
    }
}

async fn yield_often(times: u32) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_whose_caller_disconnects_still_closes_the_sockets() {
    let mut random = StdRng::seed_from_u64(seed());
    let app = TestApp::embedded().await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    for _ in 0..10 * rounds() {
        let document = ada.document("Shared").await;
        ada.share(&document, &bob, "editor").await;
        let doc = document.rsplit('/').next().unwrap();
        let mut socket = Raw::codesync(&app.socket(), doc, bob.token()).await;
        socket.sync().await;
        let request = format!(
            "DELETE {document}/collaborators/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            bob.id(),
            app.addr,
            ada.token()
        );
        let role = async || app.services.auth.role(bob.id().parse().unwrap(), doc.parse().unwrap()).await.unwrap();
        while role().await.is_some() {
            let mut connection = TcpStream::connect(app.addr).await.unwrap();
            connection.write_all(request.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_micros(random.random_range(0..8_000))).await;
        }
        assert_eq!(socket.closed().await, 4403);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_login_with_the_old_password_outlives_its_change() {
    let app = TestApp::embedded().await;
    for round in 0..3 * rounds() {
        let ada = app.register(&format!("ada{round}")).await;
        let login = json!({ "email": ada.email(), "password": PASSWORD });
        let change = json!({ "current_password": PASSWORD, "new_password": "another one for me" });
        let log_ins = join_all((0..8).map(|_| {
            let (nobody, login) = (app.nobody(), login.clone());
            async move { nobody.post("/api/auth/login", login).await }
        }));
        let other = app.log_in(ada.email(), PASSWORD).await;
        let (mut answers, refreshed, changed) = tokio::join!(
            log_ins,
            other.post("/api/auth/refresh", json!(null)),
            ada.post("/api/users/me/password", change)
        );
        changed.expect(204);
        answers.push(refreshed);
        for answer in answers {
            if answer.status == 200 {
                let late = ada.with(answer.text("token"), ada.user.clone());
                late.get("/api/users/me").await.expect_error(401, "unauthenticated");
            } else {
                answer.expect(401);
            }
        }
        ada.get("/api/users/me").await.expect(200);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_password_changes_that_know_the_same_password_one_wins() {
    let app = TestApp::embedded().await;
    for round in 0..3 * rounds() {
        let here = app.register(&format!("ada{round}")).await;
        let there = app.log_in(here.email(), PASSWORD).await;
        let change = |new: &str| json!({ "current_password": PASSWORD, "new_password": new });
        let path = "/api/users/me/password";
        let (one, two) =
            tokio::join!(here.post(path, change("the first new one")), there.post(path, change("the other one")));
        let won: Vec<bool> = [&one, &two].iter().map(|answer| answer.status == 204).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{} {}", one.body, two.body);
        for (caller, won) in [&here, &there].into_iter().zip(won) {
            caller.get("/api/users/me").await.expect(if won { 200 } else { 401 });
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepting_a_link_never_lowers_a_role() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    for round in 0..10 * rounds() {
        let bob = app.register(&format!("bob{round}")).await;
        let document = ada.document("Shared").await;
        let link = ada.post(&format!("{document}/links"), json!({ "role": "viewer" })).await.expect(201);
        let accept = format!("/api/links/{}/accept", link.text("secret"));
        let role = if round % 2 == 0 { "owner" } else { "editor" };
        let ((), accepted) = tokio::join!(ada.share(&document, &bob, role), bob.post(&accept, json!(null)));
        accepted.expect(200);
        assert_eq!(bob.get(&document).await.expect(200)["role"], role);
    }
    app.stop().await;
}

/// A logout that is answered with 204 leaves no successor; one that loses against a refresh is answered with 401.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_was_logged_out_has_no_successor() {
    let app = TestApp::embedded().await;
    for round in 0..10 * rounds() {
        let ada = app.register(&format!("ada{round}")).await;
        let (refreshed, out) =
            tokio::join!(ada.post("/api/auth/refresh", json!(null)), ada.post("/api/auth/logout", json!(null)));
        match (refreshed.status, out.status) {
            (401, 204) => {}
            (200, 401) => {
                let new = ada.with(refreshed.text("token"), ada.user.clone());
                new.get("/api/users/me").await.expect(200);
            }
            both => panic!("{both:?}"),
        }
        ada.get("/api/users/me").await.expect_error(401, "unauthenticated");
    }
    app.stop().await;
}
