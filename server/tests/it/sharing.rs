//! Roles and share links.

use codesync_server::{auth::events::AccessEvent, role::Role};
use serde_json::json;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::harness::TestApp;

#[tokio::test]
async fn roles_allow_what_they_say() {
    let app = TestApp::embedded().await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Shared").await;
    let mut events = app.services.access_events.subscribe();
    ada.share(&path, &bob, "viewer").await;
    assert!(matches!(events.try_recv(), Ok(AccessEvent::Grant { role: Some(Role::Viewer), .. })));
    let seen = bob.get(&path).await.expect(200);
    assert_eq!((&seen["role"], &seen["owner"]["id"]), (&json!("viewer"), &json!(ada.id())));
    assert_eq!(bob.get("/api/documents").await.expect(200).items("/title"), ["Shared"]);
    assert_eq!(bob.post(&format!("{path}/ticket"), json!(null)).await.expect(200)["role"], "viewer");
    bob.patch(&path, json!({ "title": "Mine" })).await.expect_error(403, "forbidden");
    let text =
        bob.request(reqwest::Method::PUT, &format!("{path}/text")).header("content-type", "text/plain").body("x");
    bob.send(text, reqwest::Method::PUT, &format!("{path}/text")).await.expect_error(403, "forbidden");
    ada.share(&path, &bob, "editor").await;
    bob.patch(&path, json!({ "title": "Ours" })).await.expect(200);
    for role in [json!(null), json!("Editor"), json!(1)] {
        let grant = json!({ "email": bob.email(), "role": role });
        ada.put(&format!("{path}/collaborators"), grant).await.expect_fields(&["role"]);
    }
    let grant = json!({ "email": bob.email(), "role": "owner" });
    bob.put(&format!("{path}/collaborators"), grant).await.expect_error(403, "forbidden");
    bob.get(&format!("{path}/collaborators")).await.expect_error(403, "forbidden");
    bob.get(&format!("{path}/links")).await.expect_error(403, "forbidden");
    bob.post(&format!("{path}/links"), json!({ "role": "viewer" })).await.expect_error(403, "forbidden");
    bob.delete(&format!("{path}/collaborators/{}", ada.id())).await.expect_error(403, "forbidden");
    bob.delete(&path).await.expect_error(403, "forbidden");
    ada.share(&path, &bob, "owner").await;
    let people = bob.get(&format!("{path}/collaborators")).await.expect(200);
    assert_eq!(people.items("/user/email"), [ada.email(), bob.email()]);
    bob.delete(&path).await.expect(204);
    app.stop().await;
}

#[tokio::test]
async fn access_is_removed_and_given_up() {
    let app = TestApp::embedded().await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Shared").await;
    let bobs = format!("{path}/collaborators/{}", bob.id());
    ada.share(&path, &bob, "editor").await;
    let mut events = app.services.access_events.subscribe();
    ada.delete(&bobs).await.expect(204);
    let user = bob.id().parse().unwrap();
    assert!(matches!(events.try_recv(), Ok(AccessEvent::Grant { role: None, user: of, .. }) if of == user));
    bob.get(&path).await.expect_error(404, "document_not_found");
    ada.delete(&bobs).await.expect_error(404, "user_not_found");
    ada.delete(&format!("{path}/collaborators/none")).await.expect_error(404, "user_not_found");
    ada.share(&path, &bob, "viewer").await;
    bob.delete(&bobs).await.expect(204);
    bob.get(&path).await.expect_error(404, "document_not_found");
    app.stop().await;
}

#[tokio::test]
async fn a_document_keeps_an_owner() {
    let app = TestApp::embedded().await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Shared").await;
    let adas = format!("{path}/collaborators/{}", ada.id());
    let lower = json!({ "email": ada.email(), "role": "editor" });
    ada.delete(&adas).await.expect_error(409, "last_owner");
    ada.put(&format!("{path}/collaborators"), lower.clone()).await.expect_error(409, "last_owner");
    ada.share(&path, &bob, "owner").await;
    ada.put(&format!("{path}/collaborators"), lower).await.expect(200);
    assert_eq!(ada.get(&path).await.expect(200)["owner"]["id"], bob.id());
    let unknown = json!({ "email": "nobody@example.org", "role": "viewer" });
    bob.put(&format!("{path}/collaborators"), unknown).await.expect_error(404, "user_not_found");
    let odd = json!({ "email": ada.email(), "role": "king" });
    bob.put(&format!("{path}/collaborators"), odd).await.expect_fields(&["role"]);
    app.stop().await;
}

#[tokio::test]
async fn a_link_grants_access_until_it_is_revoked() {
    let app = TestApp::embedded().await;
    let [ada, bob, eve] = [app.register("ada").await, app.register("bob").await, app.register("eve").await];
    let path = ada.document("Shared").await;
    let made = ada.post(&format!("{path}/links"), json!({ "role": "editor" })).await.expect(201);
    let secret = made.text("secret");
    assert!(secret.len() >= 32);
    assert_eq!(made["url"], app.url(&format!("/join/{secret}")));
    let listed = ada.get(&format!("{path}/links")).await.expect(200);
    assert_eq!((listed.items("/id"), listed.items("/role")), (vec![made["id"].as_str().unwrap()], vec!["editor"]));
    assert!(!listed.body.to_string().contains(&secret), "the secret is shown once");
    let accept = format!("/api/links/{secret}/accept");
    app.nobody().post(&accept, json!(null)).await.expect_error(401, "unauthenticated");
    let mut events = app.services.access_events.subscribe();
    assert_eq!(bob.post(&accept, json!(null)).await.expect(200)["role"], "editor");
    assert!(matches!(events.try_recv(), Ok(AccessEvent::Grant { role: Some(Role::Editor), .. })));
    assert_eq!(bob.post(&accept, json!(null)).await.expect(200)["role"], "editor");
    assert_eq!(ada.post(&accept, json!(null)).await.expect(200)["role"], "owner", "a role is never lowered");
    assert!(events.try_recv().is_err(), "nothing changed");
    let link = format!("{path}/links/{}", made.text("id"));
    ada.delete(&link).await.expect(204);
    ada.delete(&link).await.expect_error(404, "link_not_found");
    eve.post(&accept, json!(null)).await.expect_error(404, "link_not_found");
    eve.post("/api/links/guess/accept", json!(null)).await.expect_error(404, "link_not_found");
    bob.get(&path).await.expect(200);
    app.stop().await;
}

#[tokio::test]
async fn a_link_ends_by_itself() {
    let app = TestApp::embedded().await;
    let [ada, bob] = [app.register("ada").await, app.register("bob").await];
    let path = ada.document("Shared").await;
    let at = |offset: Duration| (OffsetDateTime::now_utc() + offset).format(&Rfc3339).unwrap();
    let new = json!({ "role": "viewer", "expires_at": at(Duration::milliseconds(400)) });
    let made = ada.post(&format!("{path}/links"), new).await.expect(201);
    let accept = format!("/api/links/{}/accept", made.text("secret"));
    while bob.post(&accept, json!(null)).await.status == 200 {}
    bob.post(&accept, json!(null)).await.expect_error(404, "link_not_found");
    assert_eq!(ada.get(&format!("{path}/links")).await.expect(200).items("/id").len(), 1, "its end is seen");
    let past = json!({ "role": "viewer", "expires_at": at(Duration::seconds(-1)) });
    ada.post(&format!("{path}/links"), past).await.expect_fields(&["expires_at"]);
    ada.post(&format!("{path}/links"), json!({ "role": "owner" })).await.expect_fields(&["role"]);
    app.stop().await;
}

#[tokio::test]
async fn links_have_a_limit() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let path = format!("{}/links", ada.document("Shared").await);
    for _ in 0..100 {
        ada.post(&path, json!({ "role": "viewer" })).await.expect(201);
    }
    ada.post(&path, json!({ "role": "viewer" })).await.expect_error(409, "limit_reached");
    app.stop().await;
}
