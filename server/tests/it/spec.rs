//! Compares answers with the OpenAPI document, by the part of JSON Schema that it uses.

use std::sync::OnceLock;

use serde_json::Value;

/// The document that the server returns.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(codesync_server::http::openapi()).unwrap())
}

/// Every path and method of the document.
pub(crate) fn operations() -> impl Iterator<Item = (&'static String, &'static String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    })
}

/// The operation of a call.
pub(crate) fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap();
    let is = |template: &str| {
        let (mut left, mut right) = (template.split('/'), path.split('/'));
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a == b || a.starts_with('{') && !b.is_empty() => {}
                _ => return false,
            }
        }
    };
    // Literal segments take precedence over parameters.
    let mut found: Vec<_> =
        operations().filter(|(path, name, _)| is(path) && name.eq_ignore_ascii_case(method)).collect();
    found.sort_by_key(|(path, ..)| path.matches('{').count());
    found.first().map(|(.., operation)| *operation)
}

/// Panics if the document does not describe such an answer.
pub(crate) fn check(method: &str, path: &str, status: u16, media_type: &str, body: &Value) {
    let Some(operation) = operation(method, path) else { return };
    let at = format!("{method} {path} {status}");
    let responses = &operation["responses"];
    let told = responses.get(status.to_string()).or_else(|| (status >= 400).then(|| &responses["default"]));
    let told = told.unwrap_or_else(|| panic!("{at}: the document knows no such answer"));
    match told.get("content").and_then(Value::as_object) {
        None => assert!(body.is_null(), "{at}: a body that the document does not tell of: {body}"),
        Some(content) => {
            let content = content.get(media_type).unwrap_or_else(|| panic!("{at}: {media_type} is not told of"));
            hold(&content["schema"], body, &at);
        }
    }
}

fn hold(schema: &Value, value: &Value, at: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        let target = document().pointer(target.trim_start_matches('#'));
        return hold(target.unwrap_or_else(|| panic!("{at}: {schema} leads nowhere")), value, at);
    }
    // The only form of it here: a schema, or null.
    if let Some(choices) = schema["oneOf"].as_array() {
        let present = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return hold(present.unwrap_or_else(|| panic!("{at}: {value} is none of {choices:?}")), value, at);
    }
    if let Some(choices) = schema["enum"].as_array() {
        assert!(choices.contains(value), "{at}: {value} is none of {choices:?}");
    }
    let is_one_of = match &schema["type"] {
        Value::String(name) => is(value, name),
        Value::Array(names) => names.iter().any(|name| is(value, name.as_str().unwrap())),
        _ => panic!("{at}: a schema without type: {schema}"),
    };
    assert!(is_one_of, "{at}: {value} is no {}", schema["type"]);
    match schema["format"].as_str().filter(|_| value.is_string()) {
        Some("uuid") => assert!(value.as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{at}: {value}"),
        Some("date-time") => {
            let format = &time::format_description::well_known::Rfc3339;
            assert!(time::OffsetDateTime::parse(value.as_str().unwrap(), format).is_ok(), "{at}: {value}");
        }
        _ => {}
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
        }
        for (name, field) in object {
            let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
            hold(known.unwrap_or_else(|| panic!("{at}: {name} is not told of")), field, &format!("{at}.{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        hold(&schema["items"], item, &format!("{at}[]"));
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}
