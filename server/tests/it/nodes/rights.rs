//! A right that one node removes while another node relies on it.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

use super::Nodes;
use crate::{
    harness::seed,
    rest::{Caller, PASSWORD},
    rig::redis::Redis,
};

/// Rounds for each way, or as many as `CODESYNC_RIGHTS_ROUNDS` was when the tests were built.
fn rounds() -> usize {
    std::option_env!("CODESYNC_RIGHTS_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap())
}

async fn put(caller: &Caller, path: &str, text: String) -> u16 {
    let request = caller.request(Method::PUT, path).header("content-type", "text/plain").body(text);
    caller.send(request, Method::PUT, path).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_not_replaced_after_another_node_has_removed_the_right() {
    let nodes = Nodes::start(2, Redis::start().await).await;
    let mut random = StdRng::seed_from_u64(seed());
    let (ann, doc) = nodes.account_and_document().await;
    let [here, there] = [0, 1].map(|index| ann.elsewhere(&nodes.node(index).url("")));
    let document = format!("/api/documents/{doc}");
    let path = format!("{document}/text");
    let bob = here.register("bob").await;
    let grant = |role: &str| json!({ "email": bob.email(), "role": role });
    let collaborators = format!("{document}/collaborators");
    for round in 0..rounds() * 3 {
        let bob = here.log_in(bob.email(), PASSWORD).await;
        ann.share(&document, &bob, "editor").await;
        let late = format!("round {round}\n").repeat(20_000);
        let waits = random.random_range(0..200);
        let removal = async {
            for _ in 0..waits {
                tokio::task::yield_now().await;
            }
            match round % 3 {
                0 => there.delete(&format!("{collaborators}/{}", bob.id())).await.expect(204),
                1 => there.put(&collaborators, grant("viewer")).await.expect(200),
                _ => bob.elsewhere(&nodes.node(1).url("")).post("/api/auth/logout", Value::Null).await.expect(204),
            };
            // The node that replaces the text has applied it before the right ends.
            here.get(&path).await.expect(200).body
        };
        let (status, then) = tokio::join!(put(&bob, &path, late), removal);
        assert!([204, 401, 403, 404].contains(&status), "{status}");
        assert!(here.get(&path).await.expect(200).body == then, "round {round}: answered with {status}");
        assert!([401, 403, 404].contains(&put(&bob, &path, "later".to_owned()).await));
    }
    nodes.end().await;
}
