//! Who may open a socket, and with what.

use std::{sync::Arc, time::Duration};

use codesync_server::{
    auth::{SocketGrant, SocketRefusal},
    ids::DocId,
    role::Role,
};
use serde_json::json;

use crate::{harness::TestApp, rest::Caller};

fn id(path: &str) -> DocId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

async fn ticket(caller: &Caller, path: &str) -> String {
    caller.post(&format!("{path}/ticket"), json!(null)).await.expect(200).text("ticket")
}

async fn open(app: &TestApp, token: &str, path: &str) -> Result<Arc<SocketGrant>, SocketRefusal> {
    app.services.auth.open_socket(token, id(path)).await
}

#[tokio::test]
async fn tokens_and_tickets_open_sockets() {
    let app = TestApp::embedded().await;
    let [ada, eve] = [app.register("ada").await, app.register("eve").await];
    let path = ada.document("Shared").await;
    for token in [ada.token.clone().unwrap(), ticket(&ada, &path).await] {
        let grant = open(&app, &token, &path).await.unwrap();
        assert_eq!((grant.user.to_string().as_str(), grant.role), (ada.id(), Role::Owner));
        assert_eq!((json!(grant.name), json!(grant.color)), (ada.user["name"].clone(), ada.user["color"].clone()));
    }
    let stranger = eve.token.clone().unwrap();
    assert!(matches!(open(&app, &stranger, &path).await, Err(SocketRefusal::Forbidden)));
    let absent = app.services.auth.open_socket(&stranger, DocId::new()).await;
    assert!(matches!(absent, Err(SocketRefusal::NotFound)), "{absent:?}");
    assert!(matches!(open(&app, "", &path).await, Err(SocketRefusal::Unauthenticated)));
    ada.share(&path, &eve, "viewer").await;
    let user = eve.id().parse().unwrap();
    assert_eq!(app.services.auth.role(user, id(&path)).await.unwrap(), Some(Role::Viewer));
    assert_eq!(app.services.auth.role(user, DocId::new()).await.unwrap(), None);
    app.stop().await;
}

#[tokio::test]
async fn a_ticket_opens_one_document_and_nothing_else() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let [one, other] = [ada.document("One").await, ada.document("Other").await];
    let ticket = ticket(&ada, &one).await;
    assert!(matches!(open(&app, &ticket, &other).await, Err(SocketRefusal::Forbidden)));
    ada.with(ticket, ada.user.clone()).get("/api/users/me").await.expect_error(401, "unauthenticated");
    app.stop().await;
}

#[tokio::test]
async fn a_ticket_ends_with_its_session() {
    let app = TestApp::embedded().await;
    let ada = app.register("ada").await;
    let path = ada.document("One").await;
    let ticket = ticket(&ada, &path).await;
    ada.post("/api/auth/logout", json!(null)).await.expect(204);
    assert!(matches!(open(&app, &ticket, &path).await, Err(SocketRefusal::Unauthenticated)));
    app.stop().await;
}

#[tokio::test]
async fn a_ticket_ends_by_itself() {
    let app = TestApp::with(|config| config.auth.ticket = Duration::ZERO).await;
    let ada = app.register("ada").await;
    let path = ada.document("One").await;
    let ticket = ticket(&ada, &path).await;
    // Tickets are truncated to whole seconds, so this one lasts one second at most.
    while open(&app, &ticket, &path).await.is_ok() {}
    assert!(matches!(open(&app, &ticket, &path).await, Err(SocketRefusal::Unauthenticated)));
    open(&app, ada.token.as_deref().unwrap(), &path).await.unwrap();
    app.stop().await;
}
