//! The directory's contract, on every adapter.

use codesync_server::directory::{Directory, contract};

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::sqlite(folder.path()).await.unwrap();
    contract::conforms(&directory).await;
}

#[tokio::test]
async fn sqlite_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    contract::conforms(&Directory::sqlite(folder.path()).await.unwrap()).await;
    let reopened = Directory::sqlite(folder.path()).await.unwrap();
    assert!(reopened.user_by_email("ada@example.org").await.unwrap().is_some_and(|ada| ada.name == "Countess"));
}
