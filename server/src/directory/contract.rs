//! The contract of a directory on any database; the tests of each adapter run it on an empty one.

use std::net::IpAddr;

use time::{Duration, OffsetDateTime, macros::datetime};

use super::{
    Access, Action, Archived, By, Change, Directory, DirectoryError, DocumentChange, Grant, Indentation, LineEnd,
    NewDocument, NewLink, NewUser, Replaced, Right, Standing, User, UserChange, db::sql, from_millis, millis,
};
use crate::{
    ids::{DocId, LoginId, UserId},
    offset::Offset,
    role::Role,
};

const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05.678 UTC);
const WORKS: &str = "the directory does what it was asked";

/// Checks an empty directory against the contract.
///
/// # Panics
/// Where it behaves differently.
pub async fn conforms(directory: &Directory) {
    directory.ping().await.expect(WORKS);
    users(directory).await;
    sessions(directory).await;
    documents(directory).await;
    pages(directory).await;
    grants(directory).await;
    links(directory).await;
    transfers(directory).await;
    administrators(directory).await;
    everything(directory).await;
    trail(directory).await;
    archives(directory).await;
    rights(directory).await;
    holds(directory).await;
    broken(directory).await;
}

/// A new login of the user.
async fn by(directory: &Directory, user: &User, at: OffsetDateTime) -> By {
    let now = OffsetDateTime::now_utc();
    let id = directory.create_login(user.id, "hash", now, now + Duration::HOUR).await.expect(WORKS);
    by_login(directory, id).await.at(at)
}

async fn by_login(directory: &Directory, id: LoginId) -> By {
    let login = directory.login(id, OffsetDateTime::now_utc()).await.expect(WORKS).expect("it is in force");
    By::log_in(&login, Some(IpAddr::from([192, 0, 2, 7])))
}

fn command_line() -> By {
    By::command_line().at(NOW)
}

const ADMIN: Standing = Standing { is_admin: Some(true), is_disabled: None };
const NO_ADMIN: Standing = Standing { is_admin: Some(false), is_disabled: None };
const DISABLED: Standing = Standing { is_admin: None, is_disabled: Some(true) };
const ENABLED: Standing = Standing { is_admin: None, is_disabled: Some(false) };

async fn user(directory: &Directory, email: &str) -> User {
    let new = NewUser {
        email: email.to_owned(),
        name: "Somebody".to_owned(),
        color: "#0b6b60".to_owned(),
        password_hash: "hash".to_owned(),
        is_admin: false,
    };
    directory.create_user(new, NOW).await.expect(WORKS)
}

async fn document(directory: &Directory, owner: &User, title: &str, at: OffsetDateTime) -> DocId {
    let new = NewDocument {
        title: title.to_owned(),
        language: "rust".to_owned(),
        line_end: LineEnd::Crlf,
        indentation: Indentation::Auto,
    };
    directory.create_document(new, by(directory, owner, at).await).await.expect(WORKS).id
}

async fn users(directory: &Directory) {
    let ada = user(directory, "Ada@Example.org").await;
    assert_eq!((ada.email.as_str(), ada.created_at, ada.is_admin), ("Ada@Example.org", NOW, false));
    let again = NewUser {
        email: " ÄDA@example.ORG".to_owned(),
        name: "Äda".to_owned(),
        color: "#000000".to_owned(),
        password_hash: "hash".to_owned(),
        is_admin: true,
    };
    let other = directory.create_user(again.clone(), NOW).await.expect(WORKS);
    assert!(other.is_admin && other.id != ada.id);
    let taken = directory.create_user(again, NOW).await;
    assert!(matches!(taken, Err(DirectoryError::EmailTaken)), "{taken:?}");
    let found = directory.user_by_email("äda@EXAMPLE.org ").await.expect(WORKS).map(|user| user.id);
    assert_eq!(found, Some(other.id), "addresses are compared without regard to case, beyond ASCII too");
    let change = UserChange { name: Some("Countess".to_owned()), color: None };
    let changed = directory.update_user(change, by(directory, &ada, NOW).await).await.expect(WORKS);
    assert_eq!((changed.name.as_str(), changed.color.as_str()), ("Countess", "#0b6b60"));
    directory.change_standing(ada.id, ADMIN, command_line()).await.expect(WORKS);
    assert!(directory.user_by_email("ada@example.org").await.expect(WORKS).is_some_and(|user| user.is_admin));
    assert!(directory.user_by_email("ada\0@example.org").await.expect("NUL is no error").is_none());
    assert_eq!(directory.users("\0", None, 100).await.expect("NUL is no error").items.len(), 0);
}

async fn sessions(directory: &Directory) {
    let bob = user(directory, "bob@example.org").await;
    // Whether a login is valid depends on the clock. The tables store milliseconds.
    let now = from_millis(millis(OffsetDateTime::now_utc()));
    let hour = now + Duration::HOUR;
    let first = directory.create_login(bob.id, "hash", now, hour).await.expect(WORKS);
    let login = directory.login(first, now).await.expect(WORKS).expect("it has begun");
    assert_eq!((login.user.id, login.expires_at), (bob.id, hour));
    assert!(directory.login(first, hour).await.expect(WORKS).is_none(), "it ends by itself");
    let by_first = by_login(directory, first).await;
    let Replaced { old, new: second } = directory.replace_login(by_first, now, hour).await.expect(WORKS);
    assert_eq!(old, first);
    assert!(directory.login(first, now).await.expect(WORKS).is_none());
    let twice = directory.replace_login(by_first, now, hour).await;
    assert!(matches!(twice, Err(DirectoryError::Unauthenticated)), "only once: {twice:?}");
    let third = directory.create_login(bob.id, "hash", now, hour).await.expect(WORKS);
    let by_third = by_login(directory, third).await;
    let wrong = directory.set_password("a hash that was replaced", "other hash", by_third).await;
    assert!(matches!(wrong, Err(DirectoryError::PasswordChanged)), "{wrong:?}");
    let ended = directory.set_password("hash", "other hash", by_third).await.expect(WORKS);
    assert_eq!(ended, [second]);
    let late = directory.create_login(bob.id, "hash", now, hour).await;
    assert!(matches!(late, Err(DirectoryError::PasswordChanged)), "{late:?}");
    let kept = directory.login(third, now).await.expect(WORKS).expect("it was kept");
    assert_eq!(kept.user.password_hash, "other hash");
    assert_eq!(directory.end_login(by_third).await.expect(WORKS), third);
    let twice = directory.end_login(by_third).await;
    assert!(matches!(twice, Err(DirectoryError::Unauthenticated)), "its successor may be in force: {twice:?}");
    assert!(directory.login(third, now).await.expect(WORKS).is_none());
    let fourth = directory.create_login(bob.id, "other hash", now, hour).await.expect(WORKS);
    directory.change_standing(bob.id, DISABLED, command_line()).await.expect(WORKS);
    assert!(directory.login(fourth, now).await.expect(WORKS).is_none(), "the account is shut out");
    let fifth = directory.create_login(bob.id, "other hash", now, hour).await;
    assert!(matches!(fifth, Err(DirectoryError::Disabled)), "{fifth:?}");
}

async fn documents(directory: &Directory) {
    let eve = user(directory, "eve@example.org").await;
    let doc = document(directory, &eve, "Notes", NOW).await;
    let seen = directory.document(eve.id, doc).await.expect(WORKS).expect("it was made");
    assert_eq!((seen.title.as_str(), seen.language.as_str(), seen.role), ("Notes", "rust", Role::Owner));
    assert_eq!(seen.line_end, LineEnd::Crlf);
    assert_eq!((seen.owner.id, seen.created_at, seen.updated_at, seen.size_bytes), (eve.id, NOW, NOW, 0));
    let later = NOW + Duration::SECOND;
    let by_eve = by(directory, &eve, NOW).await;
    let change = DocumentChange { title: Some("Plans".to_owned()), ..DocumentChange::default() };
    directory.update_document(doc, change, by_eve.at(later)).await.expect(WORKS);
    directory.record_edit(doc, 42, OffsetDateTime::now_utc()).await.expect(WORKS);
    let seen = directory.document(eve.id, doc).await.expect(WORKS).expect("it is there");
    assert_eq!((seen.title.as_str(), seen.language.as_str(), seen.size_bytes), ("Plans", "rust", 42));
    assert_eq!(seen.line_end, LineEnd::Crlf, "what is left out stays");
    assert_eq!(seen.indentation, Indentation::Auto);
    let change = DocumentChange {
        line_end: Some(LineEnd::Lf),
        indentation: Some(Indentation::Space8),
        ..DocumentChange::default()
    };
    directory.update_document(doc, change, by_eve.at(later)).await.expect(WORKS);
    let seen = directory.document(eve.id, doc).await.expect(WORKS).expect("it is there");
    assert_eq!((seen.title.as_str(), seen.language.as_str(), seen.line_end), ("Plans", "rust", LineEnd::Lf));
    assert_eq!(seen.indentation, Indentation::Space8);
    directory.record_edit(doc, 42, OffsetDateTime::now_utc()).await.expect(WORKS);
    let seen = directory.document(eve.id, doc).await.expect(WORKS).expect("it is there");
    assert!(seen.updated_at > later, "the text was edited after that");
    let edited = seen.updated_at;
    directory.record_edit(doc, 41, later).await.expect(WORKS);
    let seen = directory.document(eve.id, doc).await.expect(WORKS).expect("it is there");
    assert_eq!((seen.updated_at, seen.size_bytes), (edited, 41), "a later edit is noted already");
    assert!(directory.delete_document(doc, by_eve).await.expect(WORKS));
    assert!(!directory.delete_document(doc, command_line()).await.expect(WORKS));
    let gone = directory.delete_document(doc, by_eve).await;
    assert!(matches!(gone, Err(DirectoryError::NoDocument)), "{gone:?}");
    assert_eq!(directory.access(eve.id, doc).await.expect(WORKS), Access::NoDocument);
    directory.record_edit(doc, 43, OffsetDateTime::now_utc()).await.expect("what is gone is left alone");
    let missing = directory.update_document(doc, DocumentChange::default(), command_line().at(later)).await;
    assert!(matches!(missing, Err(DirectoryError::NotFound)), "{missing:?}");
}

async fn pages(directory: &Directory) {
    let flo = user(directory, "flo@example.org").await;
    let titles = ["100% Über", "100 über", "a_b", "axb", r"c:\temp"];
    for (at, title) in (0..).zip(titles) {
        // Pairs have the same time: the order must still be total.
        document(directory, &flo, title, NOW + Duration::seconds(at / 2)).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = directory.documents(flo.id, "", after, 2).await.expect(WORKS);
        seen.extend(page.items.iter().map(|document| document.title.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut newest_first = titles;
    newest_first.reverse();
    assert_eq!(seen, newest_first);
    for (query, found) in [("über", 2), ("100% Ü", 1), ("A_B", 1), ("%", 1), (r"\T", 1), ("", 5), ("nothing", 0)] {
        let page = directory.documents(flo.id, query, None, 100).await.expect(WORKS);
        assert_eq!(page.items.len(), found, "{query}");
    }
}

async fn grants(directory: &Directory) {
    let gil = user(directory, "gil@example.org").await;
    let hal = user(directory, "hal@example.org").await;
    let doc = document(directory, &gil, "Shared", NOW).await;
    assert_eq!(directory.access(hal.id, doc).await.expect(WORKS), Access::None);
    let now = by(directory, &gil, NOW).await;
    let by_hal = by(directory, &hal, NOW).await;
    let last = directory.set_role(doc, gil.id, Role::Editor, now).await;
    assert!(matches!(last, Err(DirectoryError::LastOwner)), "{last:?}");
    let last = directory.remove_grant(doc, gil.id, now).await;
    assert!(matches!(last, Err(DirectoryError::LastOwner)), "{last:?}");
    let later = now.at(NOW + Duration::SECOND);
    assert_eq!(directory.set_role(doc, hal.id, Role::Editor, later).await.expect(WORKS), Change::Made);
    assert_eq!(directory.set_role(doc, hal.id, Role::Editor, later).await.expect(WORKS), Change::Unneeded);
    for (secret, role) in [("as viewer", Role::Viewer), ("as owner", Role::Owner)] {
        directory.create_link(doc, NewLink { role, expires_at: None }, secret, later).await.expect(WORKS);
    }
    assert_eq!(directory.accept_link("as viewer", by_hal).await.expect(WORKS).1, Change::Unneeded);
    assert_eq!(directory.access(hal.id, doc).await.expect(WORKS), Access::Role(Role::Editor));
    assert_eq!(directory.accept_link("as owner", by_hal.at(later.at)).await.expect(WORKS).1, Change::Made);
    let people = directory.collaborators(doc).await.expect(WORKS);
    assert_eq!(people.iter().map(|person| person.id).collect::<Vec<_>>(), [gil.id, hal.id]);
    directory.remove_grant(doc, gil.id, later).await.expect("there are two owners");
    let seen = directory.document(hal.id, doc).await.expect(WORKS).expect("it is shared");
    assert_eq!(seen.owner.id, hal.id, "the owner that is left");
    let gone = directory.remove_grant(doc, gil.id, by_hal).await;
    assert!(matches!(gone, Err(DirectoryError::NotFound)), "{gone:?}");
    assert!(directory.document(gil.id, doc).await.expect(WORKS).is_none());
}

async fn links(directory: &Directory) {
    let ivy = user(directory, "ivy@example.org").await;
    let doc = document(directory, &ivy, "Linked", NOW).await;
    let hour = NOW + Duration::HOUR;
    let by_ivy = by(directory, &ivy, NOW).await;
    let new = NewLink { role: Role::Editor, expires_at: Some(hour) };
    let link = directory.create_link(doc, new, "a secret", by_ivy).await.expect(WORKS);
    assert_eq!((link.doc, link.role, link.expires_at), (doc, Role::Editor, Some(hour)));
    let found = directory.link_by_secret("a secret", NOW).await.expect(WORKS).map(|found| found.id);
    assert_eq!(found, Some(link.id));
    assert!(directory.link_by_secret("a Secret", NOW).await.expect(WORKS).is_none());
    assert!(directory.link_by_secret("a secret", hour).await.expect(WORKS).is_none(), "it has expired");
    let new = NewLink { role: Role::Viewer, expires_at: None };
    let lasting = directory.create_link(doc, new, "another", by_ivy.at(hour)).await.expect(WORKS);
    let ids: Vec<_> = directory.links(doc).await.expect(WORKS).iter().map(|link| link.id).collect();
    assert_eq!(ids, [link.id, lasting.id]);
    let elsewhere = directory.delete_link(DocId::new(), link.id, command_line()).await;
    assert!(matches!(elsewhere, Err(DirectoryError::NotFound)), "{elsewhere:?}");
    directory.delete_link(doc, link.id, by_ivy).await.expect(WORKS);
    assert!(directory.link_by_secret("a secret", NOW).await.expect(WORKS).is_none());
    directory.delete_document(doc, by_ivy).await.expect(WORKS);
    assert!(directory.link_by_secret("another", NOW).await.expect(WORKS).is_none(), "links go with the document");
}

async fn transfers(directory: &Directory) {
    let [jon, kim] = [user(directory, "jon@example.org").await, user(directory, "kim@example.org").await];
    user(directory, "leo@example.org").await;
    let doc = document(directory, &jon, "Handed over", NOW).await;
    let later = command_line().at(NOW + Duration::SECOND);
    let changed = directory.transfer(doc, kim.id, later).await.expect(WORKS);
    assert_eq!(changed, [(jon.id, Role::Editor), (kim.id, Role::Owner)].map(|(user, role)| Grant { user, role }));
    assert_eq!(directory.access(jon.id, doc).await.expect(WORKS), Access::Role(Role::Editor));
    assert_eq!(directory.any_document(doc).await.expect(WORKS).owner.id, kim.id);
    assert_eq!(directory.transfer(doc, kim.id, later).await.expect(WORKS), [], "nothing is left to change");
    let missing = directory.transfer(DocId::new(), kim.id, later).await;
    assert!(matches!(missing, Err(DirectoryError::NotFound)), "{missing:?}");
    let missing = directory.any_document(DocId::new()).await.map(|document| document.id);
    assert!(matches!(missing, Err(DirectoryError::NotFound)), "{missing:?}");
}

/// There are two administrators: Ada, and the one who was created as such.
async fn administrators(directory: &Directory) {
    let ada = directory.user_by_email("ada@example.org").await.expect(WORKS).expect("she is there");
    let other = directory.user_by_email("äda@example.org").await.expect(WORKS).expect("he is there");
    let now = command_line();
    for (change, undo) in [(NO_ADMIN, ADMIN), (DISABLED, ENABLED)] {
        let (one, two) = tokio::join!(
            directory.change_standing(ada.id, change, now),
            directory.change_standing(other.id, change, now)
        );
        let last = [&one, &two].map(|result| matches!(result, Err(DirectoryError::LastAdmin)));
        assert_eq!(last.iter().filter(|last| **last).count(), 1, "one of two stays: {one:?} {two:?}");
        assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
        for user in [&ada, &other] {
            let user = directory.change_standing(user.id, undo, now).await.expect(WORKS);
            assert!(user.is_admin && !user.is_disabled);
        }
    }
    let missing = directory.change_standing(UserId::new(), ADMIN, now).await;
    assert!(matches!(missing, Err(DirectoryError::NotFound)), "{missing:?}");
}

async fn everything(directory: &Directory) {
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = directory.users("", after, 3).await.expect(WORKS);
        assert!(page.items.len() <= 3);
        names.extend(page.items.iter().map(|user| user.email.clone()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let counts = directory.counts(NOW).await.expect(WORKS);
    assert_eq!(counts.users, i64::try_from(names.len()).expect("a few"));
    names.sort_unstable();
    names.dedup();
    assert_eq!(counts.users, i64::try_from(names.len()).expect("a few"), "nobody is listed twice");
    assert_eq!((counts.admins, counts.disabled), (2, 1));
    let found = directory.users("COUNTESS", None, 100).await.expect(WORKS).items;
    assert_eq!(found.iter().map(|user| user.email.as_str()).collect::<Vec<_>>(), ["Ada@Example.org"]);
    assert_eq!(directory.users("äda@", None, 100).await.expect(WORKS).items.len(), 1);
    let all = directory.all_documents("", None, 100).await.expect(WORKS).items;
    assert_eq!(counts.documents, i64::try_from(all.len()).expect("a few"));
    assert_eq!(counts.document_bytes, all.iter().map(|document| document.size_bytes).sum::<i64>());
    let found = directory.all_documents("handed", None, 100).await.expect(WORKS).items;
    assert_eq!(found.iter().map(|document| document.title.as_str()).collect::<Vec<_>>(), ["Handed over"]);
}

async fn trail(directory: &Directory) {
    let kim = directory.user_by_email("kim@example.org").await.expect(WORKS).expect("she is there");
    let doc = document(directory, &kim, "Watched", NOW).await;
    let before = trail_of(directory, doc).await;
    assert_eq!(before, [], "to make a document is to share it with nobody");
    directory.change_standing(kim.id, ADMIN, command_line()).await.expect(WORKS);
    let by_kim = by(directory, &kim, NOW).await;
    let at = |seconds| by_kim.at(NOW + Duration::hours(1) + Duration::seconds(seconds));
    let leo = directory.user_by_email("leo@example.org").await.expect(WORKS).expect("he is there");
    directory.set_role(doc, leo.id, Role::Viewer, at(0)).await.expect(WORKS);
    directory.set_role(doc, leo.id, Role::Viewer, at(1)).await.expect("and nothing is noted");
    let new = NewLink { role: Role::Editor, expires_at: None };
    directory.create_link(doc, new, "a way in", at(1)).await.expect(WORKS);
    directory.accept_link("a way in", by(directory, &leo, at(2).at).await).await.expect(WORKS);
    directory.remove_grant(doc, kim.id, at(3)).await.expect_err("and nothing is noted");
    let link = directory.create_link(doc, NewLink { role: Role::Viewer, expires_at: None }, "third", at(4)).await;
    directory.delete_link(doc, link.expect(WORKS).id, at(5)).await.expect(WORKS);
    directory.remove_grant(doc, leo.id, at(6)).await.expect(WORKS);
    directory.note(Action::RoomKicked, doc, at(7)).await.expect(WORKS);
    directory.transfer(doc, leo.id, at(8)).await.expect(WORKS);
    directory.delete_any_document(doc, at(9)).await.expect(WORKS);
    let told = [
        ("document.deleted", None, Some("Watched")),
        ("document.transferred", Some(leo.id), None),
        ("room.kicked", None, None),
        ("access.removed", Some(leo.id), None),
        ("link.deleted", None, Some("viewer")),
        ("link.created", None, Some("viewer")),
        ("link.accepted", Some(leo.id), Some("editor")),
        ("link.created", None, Some("editor")),
        ("access.granted", Some(leo.id), Some("viewer")),
    ];
    let told = told.map(|(action, user, detail)| (action.to_owned(), user, detail.map(str::to_owned)));
    assert_eq!(trail_of(directory, doc).await, told);
    let newest = directory.audit(None, 1).await.expect(WORKS).items.remove(0);
    assert_eq!(
        (newest.address.as_deref(), newest.actor.map(|actor| actor.email)),
        (Some("192.0.2.7"), Some(kim.email.clone()))
    );
    assert_eq!(newest.at, at(9).at);
    assert_eq!(directory.delete_old_audit(at(2).at, 1).await.expect(WORKS), 1, "no more than was asked for");
    while directory.delete_old_audit(at(2).at, 100).await.expect(WORKS) > 0 {}
    let left: Vec<_> = trail_of(directory, doc).await.into_iter().map(|(action, ..)| action).collect();
    assert_eq!(left, told.map(|(action, ..)| action)[..7], "what is not older stays");
}

async fn archives(directory: &Directory) {
    let mia = user(directory, "mia@example.org").await;
    let doc = document(directory, &mia, "Archived", NOW).await;
    let archived = async || directory.archived(doc).await.expect(WORKS);
    assert_eq!(archived().await, Some(Archived::Never));
    directory.begin_archive(doc).await.expect(WORKS);
    assert_eq!(archived().await, Some(Archived::Begun));
    directory.add_version(doc, Offset(7), 1, NOW).await.expect(WORKS);
    assert_eq!(archived().await, Some(Archived::Noted));
    assert_eq!(directory.archived(DocId::new()).await.expect(WORKS), None);
}

/// Each right is checked when the change is made.
async fn rights(directory: &Directory) {
    let [nia, oli, pam] = [
        user(directory, "nia@example.org").await,
        user(directory, "oli@example.org").await,
        user(directory, "pam@example.org").await,
    ];
    let doc = document(directory, &nia, "Guarded", NOW).await;
    let [by_nia, by_oli, by_pam] =
        [by(directory, &nia, NOW).await, by(directory, &oli, NOW).await, by(directory, &pam, NOW).await];
    directory.set_role(doc, oli.id, Role::Editor, by_nia).await.expect(WORKS);
    let title = || DocumentChange { title: Some("Renamed".to_owned()), ..DocumentChange::default() };
    directory.update_document(doc, title(), by_oli).await.expect(WORKS);
    let forbidden = directory.set_role(doc, pam.id, Role::Viewer, by_oli).await;
    assert!(matches!(forbidden, Err(DirectoryError::Forbidden)), "{forbidden:?}");
    let foreign = directory.update_document(doc, title(), by_pam).await;
    assert!(matches!(foreign, Err(DirectoryError::NoDocument)), "{foreign:?}");
    let forbidden = directory.transfer(doc, pam.id, by_nia).await;
    assert!(matches!(forbidden, Err(DirectoryError::Forbidden)), "for administrators: {forbidden:?}");
    directory.remove_grant(doc, oli.id, by_oli).await.expect("everyone may leave");
    let late = directory.update_document(doc, title(), by_oli).await;
    assert!(matches!(late, Err(DirectoryError::NoDocument)), "{late:?}");
    directory.change_standing(nia.id, DISABLED, command_line()).await.expect(WORKS);
    let late = directory.set_role(doc, pam.id, Role::Owner, by_nia).await;
    assert!(matches!(late, Err(DirectoryError::Unauthenticated)), "{late:?}");
    directory.end_login(by_pam).await.expect(WORKS);
    let late = directory.update_user(UserChange::default(), by_pam).await.map(|user| user.id);
    assert!(matches!(late, Err(DirectoryError::Unauthenticated)), "{late:?}");
}

/// Removing a right waits until the work that relies on it is done.
async fn holds(directory: &Directory) {
    let [quin, rae] = [user(directory, "quin@example.org").await, user(directory, "rae@example.org").await];
    let doc = document(directory, &quin, "Held", NOW).await;
    let [by_quin, by_rae] = [by(directory, &quin, NOW).await, by(directory, &rae, NOW).await];
    directory.set_role(doc, rae.id, Role::Editor, by_quin).await.expect(WORKS);
    let right = Right::Document(doc, Role::Editor);
    let hold = directory.hold(by_rae, right).await.expect(WORKS);
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let mut removal = std::pin::pin!(directory.remove_grant(doc, rae.id, by_quin));
    let work = hold.during(async { released.await.expect("it is released") });
    let mut work = std::pin::pin!(work);
    // The removal has begun and waits; an unrelated change that began later is done first.
    tokio::select! {
        biased;
        _ = &mut work => panic!("nothing has ended it"),
        _ = &mut removal => panic!("the right is in use"),
        other = document(directory, &rae, "Unrelated", NOW) => assert_ne!(other, doc),
    }
    release.send(()).expect("the work waits for it");
    let (work, removal) = tokio::join!(work, removal);
    work.expect(WORKS);
    removal.expect(WORKS);
    let late = directory.hold(by_rae, right).await.map(drop);
    assert!(matches!(late, Err(DirectoryError::NoDocument)), "{late:?}");
}

/// An error that a retry would cause again is not reported as an unavailable database.
async fn broken(directory: &Directory) {
    let sam = user(directory, "sam@example.org").await;
    let doc = document(directory, &sam, "Twice", NOW).await;
    let listed = directory.listed(None, 100).await.expect(WORKS).into_iter().find(|listed| listed.id == doc);
    let twice = directory.admit(&listed.expect("it was made"), &[], &[]).await;
    assert!(matches!(twice, Err(DirectoryError::Broken(_))), "a rule of the tables: {twice:?}");
    directory.keep_books(sql!("update grants set role = 9 where doc_id = $1", doc)).await.expect(WORKS);
    let unread = directory.access(sam.id, doc).await;
    assert!(matches!(unread, Err(DirectoryError::Broken(_))), "a row that does not read: {unread:?}");
    directory.keep_books(sql!("update grants set role = 3 where doc_id = $1", doc)).await.expect(WORKS);
}

async fn trail_of(directory: &Directory, doc: DocId) -> Vec<(String, Option<UserId>, Option<String>)> {
    let mut entries = Vec::new();
    let mut after = None;
    loop {
        let page = directory.audit(after, 3).await.expect(WORKS);
        entries.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let of_doc = entries.into_iter().filter(|entry| entry.doc == Some(doc));
    of_doc.map(|entry| (entry.action, entry.user.map(|user| user.id), entry.detail)).collect()
}
