//! The contract of every update log, as checks that run on each adapter. Panics where the contract is broken.

use std::time::Duration;

use bytes::Bytes;

use super::{Contents, Offset, UpdateLog};
use crate::{
    ids::DocId,
    log::{After, Appended, LogError},
};

/// Runs every check.
pub async fn check(log: &dyn UpdateLog) {
    reads_back_in_order(log).await;
    reads_behind_an_offset(log).await;
    refuses_an_append_after_unknown_entries(log).await;
    refuses_an_exact_append_to_a_log_that_goes_on(log).await;
    takes_one_of_several_exact_appends(log).await;
    checks_its_end_without_writing(log).await;
    trims_and_goes_on_above(log).await;
    keeps_documents_apart(log).await;
    forgets_what_is_deleted(log).await;
    refuses_appends_to_a_deleted_document(log).await;
    takes_appends_of_many_at_once(log).await;
    remembers_what_has_grown(log).await;
    gives_a_lease_back(log).await;
}

fn update(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn updates(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| update(text)).collect()
}

async fn append(log: &dyn UpdateLog, doc: DocId, texts: &[&str]) -> Appended {
    log.append(doc, updates(texts), After::Known(Offset::ZERO)).await.expect("append")
}

async fn read(log: &dyn UpdateLog, doc: DocId) -> Contents {
    log.read(doc, Offset::ZERO).await.expect("read")
}

async fn texts(log: &dyn UpdateLog, doc: DocId) -> Vec<Bytes> {
    read(log, doc).await.entries.into_iter().map(|entry| entry.update).collect()
}

async fn reads_back_in_order(log: &dyn UpdateLog) {
    let doc = DocId::new();
    assert_eq!(read(log, doc).await, Contents::default(), "an unknown document has an empty log");
    let first = append(log, doc, &["a", "b"]).await;
    let second = append(log, doc, &["c"]).await;
    assert_eq!((first.previous, second.previous), (Offset::ZERO, first.last), "an append names the entry before it");
    assert!(second.last > first.last, "offsets grow");
    assert_eq!(texts(log, doc).await, updates(&["a", "b", "c"]));
    let contents = read(log, doc).await;
    assert!(contents.entries.is_sorted_by(|a, b| a.offset < b.offset), "entries stand in the order of their offsets");
    assert_eq!((contents.last, contents.trimmed), (second.last, Offset::ZERO));
    assert_eq!(contents.behind, Some(Offset::ZERO), "nothing ever stood before the first");
}

async fn reads_behind_an_offset(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let first = append(log, doc, &["a"]).await.last;
    let second = append(log, doc, &["b", "c"]).await.last;
    let contents = log.read(doc, first).await.expect("read");
    assert_eq!(contents.entries.iter().map(|entry| entry.update.clone()).collect::<Vec<_>>(), updates(&["b", "c"]));
    assert!(contents.behind.is_none_or(|behind| behind == first));
    let contents = log.read(doc, second).await.expect("read");
    assert_eq!(contents, Contents { last: second, ..Contents::default() }, "there is nothing behind the end");
}

async fn refuses_an_append_after_unknown_entries(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let last = append(log, doc, &["a"]).await.last;
    let ahead = Offset(last.0 + 1_000);
    let refused = log.append(doc, updates(&["b"]), After::Known(ahead)).await;
    assert!(matches!(refused, Err(LogError::Lost)), "{refused:?}");
    let refused = log.append(doc, updates(&["b"]), After::Exactly(ahead)).await;
    assert!(matches!(refused, Err(LogError::Lost)), "{refused:?}");
    assert_eq!(texts(log, doc).await, updates(&["a"]), "a refused append leaves nothing");
    let restored = log.restore(doc, update("whole"), ahead).await.expect("restore");
    assert_eq!(restored.previous, last);
    assert!(restored.last > ahead, "a restored log continues above the known offset");
    assert_eq!(texts(log, doc).await, updates(&["a", "whole"]));
    assert!(append(log, doc, &["c"]).await.last > restored.last);
}

async fn refuses_an_exact_append_to_a_log_that_goes_on(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let exactly = async |texts: &[&str], after| log.append(doc, updates(texts), After::Exactly(after)).await;
    let first = exactly(&["a", "b"], Offset::ZERO).await.expect("an empty log ends nowhere");
    assert_eq!(first.previous, Offset::ZERO);
    let second = exactly(&["c"], first.last).await.expect("it ends there");
    assert_eq!(second.previous, first.last);
    for after in [Offset::ZERO, first.last] {
        for texts in [&["d"][..], &["d", "e", "f"], &["c", "d"], &[]] {
            let refused = exactly(texts, after).await;
            assert!(matches!(refused, Err(LogError::Moved)), "{texts:?} after {after}: {refused:?}");
        }
    }
    assert_eq!(texts(log, doc).await, updates(&["a", "b", "c"]), "a refused append leaves nothing");
    log.trim(doc, second.last).await.expect("trim");
    exactly(&["d"], second.last).await.expect("a trimmed log ends where it did");
}

async fn takes_one_of_several_exact_appends(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let mut last = append(log, doc, &["begin"]).await.last;
    for round in 0..20 {
        let texts: Vec<String> = (0..5).map(|appender| format!("{round} {appender}")).collect();
        let appends = texts.iter().map(|text| log.append(doc, updates(&[text]), After::Exactly(last)));
        let answers = futures_util::future::join_all(appends).await;
        let winners: Vec<_> = answers.iter().zip(&texts).filter(|(answer, _)| answer.is_ok()).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        let contents = log.read(doc, last).await.expect("read");
        assert_eq!(contents.entries.iter().map(|entry| &entry.update).collect::<Vec<_>>(), [winners[0].1.as_str()]);
        last = contents.last;
    }
}

async fn checks_its_end_without_writing(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let end = async |after| log.append(doc, Vec::new(), After::Exactly(after)).await;
    let (zero, ahead) = (Offset::ZERO, Offset(1_000));
    assert_eq!(end(zero).await.expect("it is empty"), Appended { previous: zero, last: zero });
    assert!(matches!(end(ahead).await, Err(LogError::Lost)));
    assert_eq!(read(log, doc).await, Contents::default());
    let dirty = log.dirty(Duration::ZERO, 10_000).await.expect("dirty");
    assert!(dirty.iter().all(|dirty| dirty.doc != doc), "nothing has grown");
    let last = append(log, doc, &["a"]).await.last;
    assert_eq!(end(last).await.expect("it ends there"), Appended { previous: last, last });
    assert!(matches!(end(zero).await, Err(LogError::Moved)));
    assert_eq!(texts(log, doc).await, updates(&["a"]));
}

async fn trims_and_goes_on_above(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let first = append(log, doc, &["a"]).await.last;
    let second = append(log, doc, &["b"]).await.last;
    log.trim(doc, first).await.expect("trim");
    assert_eq!(texts(log, doc).await, updates(&["b"]));
    assert_eq!(read(log, doc).await.trimmed, first);
    assert_ne!(read(log, doc).await.behind, Some(Offset::ZERO), "something stood before");
    log.trim(doc, second).await.expect("trim");
    log.trim(doc, first).await.expect("an older trim is ignored");
    let emptied = read(log, doc).await;
    assert_eq!(emptied, Contents { trimmed: second, last: second, ..Contents::default() });
    let third = append(log, doc, &["c"]).await;
    assert!(third.last > second && third.previous == second, "an emptied log does not start again");
}

async fn keeps_documents_apart(log: &dyn UpdateLog) {
    let (one, other) = (DocId::new(), DocId::new());
    append(log, one, &["a"]).await;
    let offset = append(log, other, &["b"]).await.last;
    log.trim(other, offset).await.expect("trim");
    assert_eq!(texts(log, one).await, updates(&["a"]));
}

async fn forgets_what_is_deleted(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let offset = append(log, doc, &["a"]).await.last;
    log.trim(doc, offset).await.expect("trim");
    append(log, doc, &["b"]).await;
    log.delete(doc).await.expect("delete");
    assert_eq!(read(log, doc).await, Contents::default());
}

async fn refuses_appends_to_a_deleted_document(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let last = append(log, doc, &["a"]).await.last;
    log.delete(doc).await.expect("delete");
    let refused = [
        log.append(doc, updates(&["b"]), After::Known(last)).await,
        log.append(doc, updates(&["b"]), After::Known(Offset::ZERO)).await,
        log.append(doc, updates(&["b"]), After::Exactly(Offset::ZERO)).await,
        log.restore(doc, update("whole"), last).await,
    ];
    assert!(refused.iter().all(|refused| matches!(refused, Err(LogError::Deleted))), "{refused:?}");
    log.trim(doc, last).await.expect("a trim that comes late");
    assert_eq!(read(log, doc).await, Contents::default());
    log.delete(doc).await.expect("delete again");
    log.clear(doc).await.expect("clear");
    append(log, doc, &["imported"]).await;
    assert_eq!(texts(log, doc).await, updates(&["imported"]));
    log.clear(doc).await.expect("clear");
    assert_eq!(read(log, doc).await, Contents::default());
}

async fn takes_appends_of_many_at_once(log: &dyn UpdateLog) {
    let docs: Vec<DocId> = (0..100).map(|_| DocId::new()).collect();
    let large = "x".repeat(100_000);
    let texts_of_each = ["a", &large, "b"];
    let appends = docs.iter().map(|doc| append(log, *doc, &texts_of_each));
    futures_util::future::join_all(appends).await;
    for doc in docs {
        assert_eq!(texts(log, doc).await, updates(&texts_of_each));
    }
}

async fn remembers_what_has_grown(log: &dyn UpdateLog) {
    let doc = DocId::new();
    append(log, doc, &["a"]).await;
    let dirty = async || {
        let all = log.dirty(Duration::ZERO, 10_000).await.expect("dirty");
        all.into_iter().find(|dirty| dirty.doc == doc)
    };
    let first = dirty().await.expect("a log that grew is dirty");
    let quiet = log.dirty(Duration::from_secs(3_600), 10_000).await.expect("dirty");
    assert!(quiet.is_empty(), "what grew just now is left alone");
    log.clean(first).await.expect("clean");
    assert_eq!(dirty().await, None);
    append(log, doc, &["b"]).await;
    let again = dirty().await.expect("it grew again");
    log.delete(doc).await.expect("delete");
    assert_eq!(dirty().await, None, "{again:?} went with its document");
}

async fn gives_a_lease_back(log: &dyn UpdateLog) {
    let doc = DocId::new();
    assert!(log.lease(doc, Duration::from_secs(60)).await.expect("lease"));
    log.release(doc).await.expect("release");
    assert!(log.lease(doc, Duration::from_secs(60)).await.expect("lease"), "what was given back can be taken");
    log.release(doc).await.expect("release");
}
