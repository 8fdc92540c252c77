//! Callers of the REST API. Every answer is compared with the OpenAPI document.

use std::ops::Index;

use reqwest::{
    Client, ClientBuilder, IntoUrl, Method, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::{Value, json};

use crate::{harness::TestApp, spec};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A caller, with or without a token.
#[derive(Clone)]
pub(crate) struct Caller {
    client: Client,
    base: String,
    answers: Answers,
    pub(crate) token: Option<String>,
    /// The account; null without one.
    pub(crate) user: Value,
}

/// Whether answers are compared with the OpenAPI document: a previous release has a document of its own.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    Checked,
    OfPreviousRelease,
}

/// The answer of the server: JSON, or else text, or null without a body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Makes clients that load no certificates: that takes longer than most calls, and nothing here is encrypted.
pub(crate) fn client_builder() -> ClientBuilder {
    Client::builder().tls_certs_only([])
}

pub(crate) fn client() -> Client {
    client_builder().build().expect("nothing was set that could fail")
}

/// Gets a URL without a token.
pub(crate) async fn get(url: impl IntoUrl) -> reqwest::Result<Response> {
    client().get(url).send().await
}

impl TestApp {
    /// A caller without a token.
    pub(crate) fn nobody(&self) -> Caller {
        Caller::at(&self.url(""))
    }

    /// Registers `<name>@example.org` and logs in.
    pub(crate) async fn register(&self, name: &str) -> Caller {
        self.nobody().register(name).await
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Caller {
        self.nobody().log_in(email, password).await
    }
}

impl Caller {
    /// A caller of that server without a token.
    pub(crate) fn at(base: &str) -> Self {
        let (client, base) = (client(), base.to_owned());
        Self { client, base, answers: Answers::Checked, token: None, user: Value::Null }
    }

    /// The same one at servers that may run the previous release.
    pub(crate) fn at_previous_release(self) -> Self {
        Self { answers: Answers::OfPreviousRelease, ..self }
    }

    /// Registers `<name>@example.org` and logs in.
    pub(crate) async fn register(&self, name: &str) -> Self {
        let email = format!("{name}@example.org");
        let new = json!({ "email": email, "password": PASSWORD, "name": name });
        self.post("/api/auth/register", new).await.expect(201);
        self.log_in(&email, PASSWORD).await
    }

    /// Logs in.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Self {
        let answer = self.post("/api/auth/login", json!({ "email": email, "password": password })).await.expect(200);
        self.with(answer.text("token"), answer["user"].clone())
    }

    /// The same one with another token.
    pub(crate) fn with(&self, token: String, user: Value) -> Self {
        Self { token: Some(token), user, ..self.clone() }
    }

    /// The same one at another server.
    pub(crate) fn elsewhere(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("has logged in")
    }

    pub(crate) fn id(&self) -> &str {
        self.user["id"].as_str().expect("has an account")
    }

    pub(crate) fn email(&self) -> &str {
        self.user["email"].as_str().expect("has an account")
    }

    /// Creates a document and returns its path.
    pub(crate) async fn document(&self, title: &str) -> String {
        let answer = self.post("/api/documents", json!({ "title": title })).await.expect(201);
        format!("/api/documents/{}", answer.text("id"))
    }

    /// Gives `other` a role in the document at that path.
    pub(crate) async fn share(&self, document: &str, other: &Caller, role: &str) {
        let grant = json!({ "email": other.email(), "role": role });
        self.put(&format!("{document}/collaborators"), grant).await.expect(200);
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path), Method::GET, path).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body), Method::POST, path).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body), Method::PUT, path).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body), Method::PATCH, path).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path), Method::DELETE, path).await
    }

    /// A request to extend, for [`Caller::send`].
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder, method: Method, path: &str) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let media_type = headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap());
        let media_type = media_type.split(';').next().unwrap().to_owned();
        let text = response.text().await.unwrap();
        let body = match media_type.as_str() {
            "application/json" => serde_json::from_str(&text).unwrap(),
            "" => Value::Null,
            _ => Value::String(text),
        };
        if self.answers == Answers::Checked {
            spec::check(method.as_str(), path, status, &media_type, &body);
        }
        Answer { status, headers, body }
    }
}

impl Answer {
    /// Panics if the status differs.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Panics if it is another error.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self["error"]["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert!(self["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
        self
    }

    /// Panics if it is no 422, or of other fields.
    #[track_caller]
    pub(crate) fn expect_fields(self, fields: &[&str]) -> Self {
        let answer = self.expect_error(422, "invalid");
        let told: Vec<&String> = answer["error"]["fields"].as_object().unwrap().keys().collect();
        assert_eq!(told, fields);
        answer
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.body)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The strings at `pointer` of every item of a list.
    pub(crate) fn items(&self, pointer: &str) -> Vec<&str> {
        let items = self.body["items"].as_array().unwrap();
        items.iter().map(|item| item.pointer(pointer).and_then(Value::as_str).unwrap()).collect()
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, field: &str) -> &Value {
        &self.body[field]
    }
}
