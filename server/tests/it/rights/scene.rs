//! A row of the table of rights: an actor, the call that it makes, and the ways in which its right is removed.

use codesync_server::{
    directory::{By, Standing},
    ids::DocId,
    offset::Offset,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    harness::TestApp,
    rest::{Answer, Caller, PASSWORD},
};

/// How a right is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The login ends.
    LogOut,
    /// The account is disabled.
    Disable,
    /// The account is no longer an administrator.
    Demote,
    /// The account loses its access to the document.
    Remove,
    /// The account becomes a viewer of the document.
    Lower,
    /// The document is deleted.
    Delete,
    /// The share link is deleted.
    EndLink,
}

const ACCOUNT: &[Way] = &[Way::LogOut, Way::Disable];
const LOG_IN: &[Way] = &[Way::Disable];
const LINK: &[Way] = &[Way::LogOut, Way::Disable, Way::Delete, Way::EndLink];
const ADMINISTRATOR: &[Way] = &[Way::LogOut, Way::Disable, Way::Demote];
const DOCUMENT: &[Way] = &[Way::LogOut, Way::Disable, Way::Remove, Way::Lower, Way::Delete];

/// The ways in which the right to a call can be removed; `None` for a call without a row.
pub(super) fn ways(id: &str) -> Option<&'static [Way]> {
    Some(match id {
        // The first needs no right. A ticket is checked again when it opens a socket.
        "register" | "create_ticket" | "reset_password" | "set_up" => &[],
        "log_in" | "log_out" => LOG_IN,
        "refresh" | "update_me" | "change_password" | "create_document" => ACCOUNT,
        "accept_link" => LINK,
        "update_document" | "delete_document" | "put_text" | "create_version" | "restore_version"
        | "update_version" | "delete_version" => DOCUMENT,
        "put_collaborator" | "remove_collaborator" | "create_link" | "delete_link" => DOCUMENT,
        "update_user"
        | "create_password_reset"
        | "delete_any_document"
        | "transfer_document"
        | "kick_room"
        | "compact_room" => ADMINISTRATOR,
        _ => return None,
    })
}

/// A call of the actor.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// Its media type and content.
    pub(super) body: Option<(&'static str, String)>,
}

pub(super) struct Scene<'a> {
    app: &'a TestApp,
    /// Part of the names of all accounts of the scene.
    name: String,
    /// Owns the document, and keeps it.
    owner: Caller,
    pub(super) actor: Caller,
    document: String,
    link: String,
    pub(super) call: Call,
}

impl<'a> Scene<'a> {
    /// Creates an actor with the right to the call.
    pub(super) async fn set(app: &'a TestApp, id: &str) -> Self {
        let name = DocId::new().to_string();
        let owner = app.register(&format!("owner-{name}")).await;
        let actor = app.register(&format!("actor-{name}")).await;
        let other = app.register(&format!("other-{name}")).await;
        let document = owner.document("Shared").await;
        let link = owner.post(&format!("{document}/links"), json!({ "role": "editor" })).await.expect(201);
        let secret = link.text("secret");
        let link = format!("{document}/links/{}", link.text("id"));
        owner.share(&document, &other, "viewer").await;
        if id != "accept_link" {
            owner.share(&document, &actor, "owner").await;
        }
        let ways = ways(id).unwrap();
        // The owner stays an administrator, so that the actor is never the last one.
        for (caller, wanted) in [(&owner, true), (&actor, ways.contains(&Way::Demote))] {
            if wanted {
                set_standing(app, caller, Standing { is_admin: Some(true), is_disabled: None }).await;
            }
        }
        let mut scene =
            Self { app, name, owner, actor, document, link, call: call(Method::GET, "/api/users/me", None) };
        let on_version = id.ends_with("_version") && id != "create_version";
        if on_version {
            scene.write("old").await;
        }
        let mut version = String::new();
        if on_version {
            let named = json!({ "name": "Old" });
            let named = scene.owner.post(&format!("{}/versions", scene.document), named).await.expect(201);
            version = named.text("id");
        }
        if on_version || id.ends_with("_room") {
            scene.write("present").await;
        }
        scene.call = scene.call(id, &secret, &version, &other);
        scene
    }

    async fn write(&self, text: &'static str) {
        let path = format!("{}/text", self.document);
        let request = self.owner.request(Method::PUT, &path).header("content-type", "text/plain").body(text);
        self.owner.send(request, Method::PUT, &path).await.expect(204);
    }

    fn call(&self, id: &str, secret: &str, version: &str, other: &Caller) -> Call {
        let (document, actor) = (&self.document, &self.actor);
        let at = |rest: &str| format!("{document}{rest}");
        let as_admin = |rest: &str| format!("/api/admin/{}{rest}", document.trim_start_matches("/api/"));
        let room = |rest: &str| format!("/api/admin/rooms/{}{rest}", self.id());
        let new_password = "another one for me";
        let (method, path, body) = match id {
            "log_in" => (
                Method::POST,
                "/api/auth/login".to_owned(),
                Some(json!({ "email": actor.email(), "password": PASSWORD })),
            ),
            "log_out" => (Method::POST, "/api/auth/logout".to_owned(), None),
            "refresh" => (Method::POST, "/api/auth/refresh".to_owned(), None),
            "update_me" => (Method::PATCH, "/api/users/me".to_owned(), Some(json!({ "name": "Late" }))),
            "change_password" => (
                Method::POST,
                "/api/users/me/password".to_owned(),
                Some(json!({ "current_password": PASSWORD, "new_password": new_password })),
            ),
            "create_document" => {
                (Method::POST, "/api/documents".to_owned(), Some(json!({ "title": "Late", "text": "late" })))
            }
            "accept_link" => (Method::POST, format!("/api/links/{secret}/accept"), None),
            "update_document" => (Method::PATCH, at(""), Some(json!({ "title": "Late" }))),
            "delete_document" => (Method::DELETE, at(""), None),
            "put_text" => {
                return Call { method: Method::PUT, path: at("/text"), body: Some(("text/plain", "late".to_owned())) };
            }
            "create_version" => (Method::POST, at("/versions"), Some(json!({ "name": "Late" }))),
            "update_version" => (Method::PATCH, at(&format!("/versions/{version}")), Some(json!({ "name": "Late" }))),
            "delete_version" => (Method::DELETE, at(&format!("/versions/{version}")), None),
            "restore_version" => (Method::POST, at(&format!("/versions/{version}/restore")), None),
            // The actor grants itself the role that it had.
            "put_collaborator" => {
                (Method::PUT, at("/collaborators"), Some(json!({ "email": actor.email(), "role": "owner" })))
            }
            "remove_collaborator" => (Method::DELETE, at(&format!("/collaborators/{}", other.id())), None),
            "create_link" => (Method::POST, at("/links"), Some(json!({ "role": "viewer" }))),
            "delete_link" => (Method::DELETE, self.link.clone(), None),
            "update_user" => (
                Method::PATCH,
                format!("/api/admin/users/{}", actor.id()),
                Some(json!({ "is_admin": true, "is_disabled": false })),
            ),
            "create_password_reset" => (Method::POST, format!("/api/admin/users/{}/password-reset", other.id()), None),
            "delete_any_document" => (Method::DELETE, as_admin(""), None),
            "transfer_document" => (Method::POST, as_admin("/transfer"), Some(json!({ "email": actor.email() }))),
            "kick_room" => (Method::POST, room("/kick"), None),
            "compact_room" => (Method::POST, room("/compact"), None),
            _ => (Method::GET, "/api/users/me".to_owned(), None),
        };
        call(method, &path, body)
    }

    fn id(&self) -> DocId {
        self.document.rsplit('/').next().unwrap().parse().unwrap()
    }

    /// Makes the call and returns the status.
    pub(super) async fn send(&self) -> u16 {
        let Call { method, path, body } = &self.call;
        let mut request = self.actor.request(method.clone(), path);
        if let Some((media_type, body)) = body {
            request = request.header("content-type", *media_type).body(body.clone());
        }
        self.actor.send(request, method.clone(), path).await.status
    }

    /// Removes the actor's right. Fails if the call itself has made that impossible.
    pub(super) async fn take_away(&self, way: Way) -> Result<(), u16> {
        let actor = &self.actor;
        let succeeded = |answer: Answer| if answer.status < 300 { Ok(()) } else { Err(answer.status) };
        match way {
            Way::LogOut => succeeded(actor.post("/api/auth/logout", Value::Null).await),
            Way::Disable => {
                let path = format!("/api/admin/users/{}", actor.id());
                succeeded(self.owner.patch(&path, json!({ "is_disabled": true })).await)
            }
            Way::Demote => {
                let path = format!("/api/admin/users/{}", actor.id());
                succeeded(self.owner.patch(&path, json!({ "is_admin": false })).await)
            }
            Way::Remove => {
                succeeded(self.owner.delete(&format!("{}/collaborators/{}", self.document, actor.id())).await)
            }
            Way::Lower => {
                let grant = json!({ "email": actor.email(), "role": "viewer" });
                succeeded(self.owner.put(&format!("{}/collaborators", self.document), grant).await)
            }
            Way::Delete => succeeded(self.owner.delete(&self.document).await),
            Way::EndLink => succeeded(self.owner.delete(&self.link).await),
        }
    }

    /// All state that a call may change.
    pub(super) async fn state(&self) -> Vec<String> {
        let services = &self.app.services;
        let (directory, doc) = (&services.directory, self.id());
        let document = directory.any_document(doc).await.ok();
        let document = document.map(|document| (document.title, document.language, document.line_end, document.owner));
        let people = directory.collaborators(doc).await.unwrap();
        let links = directory.links(doc).await.unwrap();
        let versions = directory.all_versions(doc).await.unwrap();
        let named: Vec<_> = versions.into_iter().filter_map(|version| version.name).collect();
        let users = directory.users(&self.name, None, 100).await.unwrap().items;
        let counts = directory.counts(time::OffsetDateTime::now_utc()).await.unwrap();
        let trail = directory.audit(None, 200).await.unwrap().items;
        let trail = trail.into_iter().filter_map(|entry| Some((entry.action, entry.doc, entry.actor?.name)));
        // The server deletes a document again that was created and could not be given its text.
        let here = |of: &Option<DocId>| of.is_none_or(|of| of == doc);
        let trail: Vec<_> = trail.filter(|(_, of, name)| here(of) && name.ends_with(&self.name)).collect();
        let text = match &document {
            Some(_) => services.rooms.open(doc).await.unwrap().text().await.unwrap().text,
            None => format!("{:?}", services.storage.log.read(doc, Offset::ZERO).await.unwrap().entries),
        };
        let sessions = counts.sessions;
        vec![
            format!("document {document:?}"),
            format!("people {people:?}"),
            format!("links {links:?}"),
            format!("named versions {named:?}"),
            format!("accounts {users:?}"),
            format!("sessions {sessions}"),
            format!("trail {trail:?}"),
            format!("text {text}"),
        ]
    }
}

fn call(method: Method, path: &str, body: Option<Value>) -> Call {
    Call { method, path: path.to_owned(), body: body.map(|body| ("application/json", body.to_string())) }
}

async fn set_standing(app: &TestApp, caller: &Caller, standing: Standing) {
    app.services.auth.change_standing(caller.id().parse().unwrap(), standing, By::command_line()).await.unwrap();
}
