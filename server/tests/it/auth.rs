//! Registering, logging in and out, changing a password.

use std::time::Duration;

use codesync_server::{
    auth::events::AccessEvent,
    directory::{By, Standing},
};
use serde_json::json;

use crate::{harness::TestApp, rest::PASSWORD};

#[tokio::test]
async fn somebody_registers_and_logs_in() {
    let app = TestApp::embedded().await;
    let new = json!({ "email": "Ada@Example.org", "password": PASSWORD, "name": " Ada " });
    let made = app.nobody().post("/api/auth/register", new.clone()).await.expect(201);
    assert_eq!((&made["user"]["name"], &made["user"]["is_admin"]), (&json!("Ada"), &json!(false)));
    assert_eq!(made["user"]["color"].as_str().unwrap().len(), 7);
    let login = json!({ "email": "ada@example.ORG", "password": PASSWORD });
    let session = app.nobody().post("/api/auth/login", login).await.expect(200);
    assert_eq!((&session["token_type"], &session["user"]), (&json!("Bearer"), &made["user"]));
    assert_eq!(session.header("cache-control"), "no-store");
    let ada = app.nobody().with(session.text("token"), session["user"].clone());
    assert_eq!(ada.get("/api/users/me").await.expect(200).body, made["user"]);
    let mut again = new;
    again["email"] = json!("aDA@example.org ");
    app.nobody().post("/api/auth/register", again).await.expect_error(409, "email_taken");
    app.stop().await;
}

#[tokio::test]
async fn all_invalid_fields_are_reported() {
    let app = TestApp::embedded().await;
    let register = |body| {
        let nobody = app.nobody();
        async move { nobody.post("/api/auth/register", body).await }
    };
    register(json!({ "email": "nobody", "password": "short", "name": " " }))
        .await
        .expect_fields(&["email", "name", "password"]);
    register(json!({ "email": "a@b", "password": PASSWORD })).await.expect_fields(&["name"]);
    register(json!({ "email": "a@b", "password": PASSWORD, "name": 7 })).await.expect_fields(&["name"]);
    register(json!({ "email": "a b@c", "password": PASSWORD, "name": "x\u{7}" }))
        .await
        .expect_fields(&["email", "name"]);
    register(json!({ "email": "a@b", "password": PASSWORD, "name": "\u{202e}adA" })).await.expect_fields(&["name"]);
    let long = "x".repeat(1025);
    register(json!({ "email": format!("{long}@b"), "password": long, "name": long }))
        .await
        .expect_fields(&["email", "name", "password"]);
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let app = TestApp::embedded().await;
    app.register("ada").await;
    let mut answers = Vec::new();
    for email in ["ada@example.org", "nobody@example.org"] {
        let login = json!({ "email": email, "password": "not the password" });
        answers.push(app.nobody().post("/api/auth/login", login).await.expect_error(401, "wrong_password").body);
    }
    assert_eq!(answers[0], answers[1]);
    app.stop().await;
}

#[tokio::test]
async fn sockets_need_a_valid_token() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let token = ada.token.clone().unwrap();
    let (body, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{body}.{flipped}{}", &signature[1..]);
    // {"alg":"none"} and the same claims.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", body.split_once('.').unwrap().1);
    for bad in [String::new(), "x".to_owned(), forged, unsigned] {
        let answer = ada.with(bad, ada.user.clone()).get("/api/users/me").await.expect_error(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    app.nobody().get("/api/users/me").await.expect_error(401, "unauthenticated");
    app.stop().await;
}

#[tokio::test]
async fn refreshing_ends_the_old_token_and_logging_out_the_new_one() {
    let app = TestApp::embedded().await;
    let mut events = app.services.access_events.subscribe();
    let old = app.register("ada").await;
    let answer = old.post("/api/auth/refresh", json!(null)).await.expect(200);
    let new = old.with(answer.text("token"), answer["user"].clone());
    old.get("/api/users/me").await.expect_error(401, "unauthenticated");
    old.post("/api/auth/refresh", json!(null)).await.expect_error(401, "unauthenticated");
    assert!(matches!(events.try_recv(), Ok(AccessEvent::LoginEnded(_))));
    new.get("/api/users/me").await.expect(200);
    new.post("/api/auth/logout", json!(null)).await.expect(204);
    new.get("/api/users/me").await.expect_error(401, "unauthenticated");
    assert!(matches!(events.try_recv(), Ok(AccessEvent::LoginEnded(_))));
    app.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let app = TestApp::embedded().await;
    let here = app.register("ada").await;
    let there = app.log_in(here.email(), PASSWORD).await;
    let mut events = app.services.access_events.subscribe();
    let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    let path = "/api/users/me/password";
    here.post(path, change("wrong password", "another one for me")).await.expect_fields(&["current_password"]);
    here.post(path, change(PASSWORD, "short")).await.expect_fields(&["new_password"]);
    there.get("/api/users/me").await.expect(200);
    here.post(path, change(PASSWORD, "another one for me")).await.expect(204);
    here.get("/api/users/me").await.expect(200);
    there.get("/api/users/me").await.expect_error(401, "unauthenticated");
    assert!(matches!(events.try_recv(), Ok(AccessEvent::LoginEnded(_))));
    assert!(events.try_recv().is_err(), "the session at hand goes on");
    let login = json!({ "email": here.email(), "password": PASSWORD });
    app.nobody().post("/api/auth/login", login).await.expect_error(401, "wrong_password");
    app.log_in(here.email(), "another one for me").await;
    app.stop().await;
}

#[tokio::test]
async fn disabling_an_account_ends_its_logins_at_once() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let mut events = app.services.access_events.subscribe();
    let user = ada.id().parse().unwrap();
    let shut_out = Standing { is_disabled: Some(true), ..Standing::default() };
    app.services.auth.change_standing(user, shut_out, By::command_line()).await.unwrap();
    assert!(matches!(events.try_recv(), Ok(AccessEvent::UserEnded(of)) if of == user));
    ada.get("/api/users/me").await.expect_error(401, "unauthenticated");
    let login = |password: &str| json!({ "email": ada.email(), "password": password });
    app.nobody().post("/api/auth/login", login(PASSWORD)).await.expect_error(403, "account_disabled");
    // Only a caller with the right password learns it.
    app.nobody().post("/api/auth/login", login("not the password")).await.expect_error(401, "wrong_password");
    app.stop().await;
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let app = TestApp::with(|config| config.auth.session = Duration::from_millis(400)).await;
    let ada = app.register("ada").await;
    while ada.get("/api/users/me").await.status == 200 {}
    ada.get("/api/users/me").await.expect_error(401, "unauthenticated");
    app.stop().await;
}

#[tokio::test]
async fn sessions_outlive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = || TestApp::with(|config| config.storage.data_dir = folder.path().to_owned());
    let app = start().await;
    let ada = app.register("ada").await;
    app.stop().await;
    let again = start().await;
    again.nobody().with(ada.token.clone().unwrap(), ada.user.clone()).get("/api/users/me").await.expect(200);
    again.stop().await;
}

#[tokio::test]
async fn people_change_how_others_see_them() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let answer = ada.patch("/api/users/me", json!({ "name": "Countess", "color": "#A1B2C3" })).await.expect(200);
    assert_eq!((&answer["name"], &answer["color"]), (&json!("Countess"), &json!("#a1b2c3")));
    let answer = ada.patch("/api/users/me", json!({})).await.expect(200);
    assert_eq!((&answer["name"], &answer["color"]), (&json!("Countess"), &json!("#a1b2c3")));
    ada.patch("/api/users/me", json!({ "name": "", "color": "red" })).await.expect_fields(&["color", "name"]);
    app.stop().await;
}
