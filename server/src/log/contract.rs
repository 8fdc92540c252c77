//! What every update log promises, as checks that run on each adapter. Panics where a promise is broken.

use bytes::Bytes;

use super::{Contents, Offset, UpdateLog};
use crate::ids::DocId;

/// Runs every check.
pub async fn check(log: &dyn UpdateLog) {
    reads_back_in_order(log).await;
    keeps_offsets_above_the_floor(log).await;
    trims_and_goes_on_above(log).await;
    keeps_documents_apart(log).await;
    forgets_what_is_deleted(log).await;
    takes_appends_of_many_at_once(log).await;
}

fn update(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn append(log: &dyn UpdateLog, doc: DocId, updates: &[&str]) -> Offset {
    log.append(doc, updates.iter().map(|text| update(text)).collect(), Offset::ZERO).await.expect("append")
}

async fn texts(log: &dyn UpdateLog, doc: DocId) -> Vec<Bytes> {
    log.read(doc).await.expect("read").entries.into_iter().map(|entry| entry.update).collect()
}

async fn reads_back_in_order(log: &dyn UpdateLog) {
    let doc = DocId::new();
    assert_eq!(log.read(doc).await.expect("read"), Contents::default(), "an unknown document has an empty log");
    let first = append(log, doc, &["a", "b"]).await;
    let second = append(log, doc, &["c"]).await;
    assert!(second > first, "offsets grow");
    let contents = log.read(doc).await.expect("read");
    assert_eq!(texts(log, doc).await, ["a", "b", "c"].map(update));
    assert!(contents.entries.is_sorted_by(|a, b| a.offset < b.offset), "entries stand in the order of their offsets");
    assert_eq!(contents.last(), second);
}

async fn keeps_offsets_above_the_floor(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let floor = Offset(1_000);
    let offset = log.append(doc, vec![update("a")], floor).await.expect("append");
    assert!(offset > floor, "an emptied log goes on above the newest snapshot");
    assert!(append(log, doc, &["b"]).await > offset);
}

async fn trims_and_goes_on_above(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let first = append(log, doc, &["a"]).await;
    let second = append(log, doc, &["b"]).await;
    log.trim(doc, first).await.expect("trim");
    assert_eq!(texts(log, doc).await, ["b"].map(update));
    assert_eq!(log.read(doc).await.expect("read").trimmed, first);
    log.trim(doc, second).await.expect("trim");
    log.trim(doc, first).await.expect("an older trim is ignored");
    assert_eq!(log.read(doc).await.expect("read"), Contents { trimmed: second, entries: Vec::new() });
    assert!(append(log, doc, &["c"]).await > second, "an emptied log does not start again");
}

async fn keeps_documents_apart(log: &dyn UpdateLog) {
    let (one, other) = (DocId::new(), DocId::new());
    append(log, one, &["a"]).await;
    let offset = append(log, other, &["b"]).await;
    log.trim(other, offset).await.expect("trim");
    assert_eq!(texts(log, one).await, ["a"].map(update));
}

async fn forgets_what_is_deleted(log: &dyn UpdateLog) {
    let doc = DocId::new();
    let offset = append(log, doc, &["a"]).await;
    log.trim(doc, offset).await.expect("trim");
    append(log, doc, &["b"]).await;
    log.delete(doc).await.expect("delete");
    assert_eq!(log.read(doc).await.expect("read"), Contents::default());
}

async fn takes_appends_of_many_at_once(log: &dyn UpdateLog) {
    let docs: Vec<DocId> = (0..100).map(|_| DocId::new()).collect();
    let large = "x".repeat(100_000);
    let updates = ["a", &large, "b"];
    let appends = docs.iter().map(|doc| append(log, *doc, &updates));
    futures_util::future::join_all(appends).await;
    for doc in docs {
        assert_eq!(texts(log, doc).await, [update("a"), update(&large), update("b")]);
    }
}
