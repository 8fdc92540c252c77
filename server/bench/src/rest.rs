//! The calls of CodeSync's REST API that a load run needs, over plain HTTP/1.1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const EMAIL: &str = "bench@example.org";
const PASSWORD: &str = "a long enough bench password";
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Account {
    addr: SocketAddr,
    pub token: String,
}

impl Account {
    /// Logs in; registers first if the data folder is new.
    pub fn open(addr: SocketAddr) -> Result<Self> {
        let user = json!({ "email": EMAIL, "password": PASSWORD, "name": "Bench" });
        match call(addr, "/api/auth/register", None, &user)? {
            (201 | 409, _) => {}
            (status, body) => bail!("register answered {status}: {body}"),
        }
        match call(addr, "/api/auth/login", None, &json!({ "email": EMAIL, "password": PASSWORD }))? {
            (200, body) => Ok(Self { addr, token: text(&body, "token")? }),
            (status, body) => bail!("login answered {status}: {body}"),
        }
    }

    pub fn create_document(&self, title: &str) -> Result<String> {
        match call(self.addr, "/api/documents", Some(&self.token), &json!({ "title": title }))? {
            (201, body) => text(&body, "id"),
            (status, body) => bail!("creating a document answered {status}: {body}"),
        }
    }
}

fn text(body: &Value, key: &str) -> Result<String> {
    Ok(body[key].as_str().with_context(|| format!("no {key} in {body}"))?.to_owned())
}

fn call(addr: SocketAddr, path: &str, token: Option<&str>, body: &Value) -> Result<(u16, Value)> {
    let body = body.to_string();
    let authorization = token.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {authorization}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("POST {path}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    let status = head.split(' ').nth(1).context("no HTTP status")?.parse()?;
    Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
}
