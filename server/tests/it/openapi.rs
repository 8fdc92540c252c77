//! The OpenAPI document, compared with the routes. Every call of the other tests compares its answer with the document.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{harness::TestApp, spec};

#[tokio::test]
async fn the_document_is_served_and_can_be_browsed() {
    let app = TestApp::embedded().await;
    let served = app.nobody().get("/api/openapi.json").await.expect(200);
    assert_eq!(&served.body, spec::document());
    assert!(served.text("openapi").starts_with("3.1"));
    let page = app.nobody().get("/api/docs/").await.expect(200);
    let html = page.body.as_str().unwrap();
    assert!(html.contains("swagger-ui"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(!html.contains("<script>"), "the policy forbids inline scripts");
    let script = app.nobody().get("/api/docs/swagger-initializer.js").await.expect(200);
    assert!(script.body.as_str().unwrap().contains("/api/openapi.json"));
    app.stop().await;
}

#[tokio::test]
async fn every_operation_is_a_route_and_every_method_of_a_route_is_told_of() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    let mut count = 0;
    for (template, item) in spec::document()["paths"].as_object().unwrap() {
        let path = template
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in [Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            let told = item.get(method.as_str().to_lowercase());
            let answer = nobody.send(nobody.request(method.clone(), &path), method.clone(), &path).await;
            let code = answer["error"]["code"].as_str().unwrap_or_default();
            assert_eq!(told.is_none(), code == "method_not_allowed", "{method} {template}: {}", answer.body);
            assert_ne!(code, "route_not_found", "{method} {template}");
            count += usize::from(told.is_some());
        }
    }
    assert_eq!(count, spec::operations().count());
    assert_eq!(count, 43);
    app.stop().await;
}

#[tokio::test]
async fn calls_without_a_token_are_answered_401() {
    let app = TestApp::embedded().await;
    let nobody = app.nobody();
    for (template, method, operation) in spec::operations() {
        let path = template
            .split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let method: Method = method.to_uppercase().parse().unwrap();
        let answer = nobody.send(nobody.request(method.clone(), &path), method.clone(), &path).await;
        let open = operation.get("security") == Some(&json!([{}]));
        assert_eq!(open, answer.status != 401, "{method} {template}");
    }
    app.stop().await;
}

#[test]
fn ids_of_operations_are_unique_and_every_reference_leads_somewhere() {
    let mut ids: Vec<&str> =
        spec::operations().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    references(spec::document());
}

#[test]
fn every_answer_of_the_document_is_described() {
    for (path, method, operation) in spec::operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let described = response["description"].as_str().is_some_and(|description| !description.is_empty());
            assert!(described, "{method} {path} {status}");
        }
    }
}

fn references(value: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                assert!(spec::document().pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            fields.values().for_each(references);
        }
        Value::Array(items) => items.iter().for_each(references),
        _ => {}
    }
}

/// The editor's types are generated from this file: `codesync openapi > frontend/openapi.json` brings it up to date.
#[test]
fn the_copy_for_the_editor_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/openapi.json");
    let copy: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(&copy == spec::document(), "{path} is not what `codesync openapi` prints");
}
