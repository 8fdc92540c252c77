//! The OpenAPI document, and a page to browse it.

use std::sync::Arc;

use axum::{
    Router,
    http::{StatusCode, header},
    routing::get,
};
use utoipa::{
    Modify, OpenApi as _,
    openapi::{
        ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
        path::{Operation, PathItem},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{http::error::ErrorBody, services::Services};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "CodeSync", description = "Accounts, documents and sharing. Live editing goes over `/socket/{document_id}`."),
    components(schemas(ErrorBody)),
    tags(
        (name = "auth", description = "Sessions"),
        (name = "users", description = "The caller's account"),
        (name = "documents", description = "Documents and their text"),
        (name = "versions", description = "Earlier states of documents"),
        (name = "sharing", description = "People and links"),
        (name = "admin", description = "For administrators"),
    ),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Base;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// Separates the routes from their description, and completes the description.
pub(super) fn assemble(api: OpenApiRouter<Services>) -> (Router<Services>, OpenApi) {
    let (router, paths) = api.split_for_parts();
    let mut document = Base::openapi();
    document.merge(paths);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let schema = RefOr::Ref(Ref::from_schema_name("ErrorBody"));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let refusal = ResponseBuilder::new().description("A refusal").content("application/json", content).build();
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && response.description.is_empty()
            {
                response.description = reason(status).to_owned();
            }
        }
        operation.responses.responses.insert("default".to_owned(), refusal.into());
    }
    (router, document)
}

fn reason(status: &str) -> &'static str {
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    status.and_then(|status| status.canonical_reason()).unwrap_or("An answer")
}

/// The OpenAPI document.
pub fn document() -> OpenApi {
    assemble(super::api()).1
}

/// The document, and a page to browse it.
pub(super) fn pages(document: OpenApi) -> Router<Services> {
    let json: Arc<str> = document.to_json().expect("the document is made of JSON types").into();
    let serve = async move || ([(header::CONTENT_TYPE, "application/json")], json.to_string());
    let browse = SwaggerUi::new("/api/docs").config(Config::from("/api/openapi.json"));
    Router::from(browse).route("/api/openapi.json", get(serve))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}
