//! The compared servers: how each is started, how it names a document, how it frames a message.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{Process, first_line, free_addr};
use crate::rest;
use crate::wire::{self, Reader};

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Kind {
    Codesync,
    Hocuspocus,
    YWebsocketServer,
    BareRelay,
}

/// The locations of the programs.
#[derive(clap::Args)]
pub struct Programs {
    /// The release binary of CodeSync's server.
    #[arg(long, value_name = "FILE")]
    pub codesync: Option<PathBuf>,
    /// The folder of the peers, after `npm ci`.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/peers"))]
    pub peers: PathBuf,
}

pub struct Target {
    pub kind: Kind,
    process: Process,
    account: Option<rest::Account>,
    rooms: Cell<usize>,
}

/// One document of a target, as its clients address it.
#[derive(Clone)]
pub struct Room {
    pub kind: Kind,
    pub addr: SocketAddr,
    pub name: String,
    path: String,
}

impl Kind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Codesync => "CodeSync",
            Self::Hocuspocus => "Hocuspocus",
            Self::YWebsocketServer => "y-websocket-server",
            Self::BareRelay => "bare relay",
        }
    }

    pub fn version(self, programs: &Programs) -> String {
        let package = |name: &str| {
            let path = programs.peers.join("node_modules").join(name).join("package.json");
            let text = std::fs::read_to_string(path).ok()?;
            let json: serde_json::Value = serde_json::from_str(&text).ok()?;
            json["version"].as_str().map(str::to_owned)
        };
        let version = match self {
            Self::Codesync => programs.codesync.as_ref().and_then(|p| first_line(p, &["--version"])),
            Self::Hocuspocus => package("@hocuspocus/server"),
            Self::YWebsocketServer => package("@y/websocket-server"),
            Self::BareRelay => Some("axum 0.8, tokio".into()),
        };
        version.unwrap_or_else(|| "unknown".into())
    }

    /// Whether the server stores documents and answers a sync step 1.
    pub fn syncs(self) -> bool {
        self != Self::BareRelay
    }
}

impl Target {
    /// Starts the server with `folder`, which may hold data of an earlier run.
    pub fn start(kind: Kind, programs: &Programs, folder: &Path) -> Result<Self> {
        let addr = free_addr()?;
        let mut command = match kind {
            Kind::Codesync => codesync(programs, addr, folder)?,
            Kind::Hocuspocus | Kind::YWebsocketServer => {
                let script = if kind == Kind::Hocuspocus { "hocuspocus.mjs" } else { "y-websocket-server.mjs" };
                let script = programs.peers.join(script);
                ensure!(programs.peers.join("node_modules").exists(), "run `npm ci` in {}", programs.peers.display());
                let mut command = Command::new("node");
                command.arg(script).env("NODE_ENV", "production").env("PORT", addr.port().to_string());
                if folder.join("store").exists() {
                    command.env("STORE", folder.join("store"));
                }
                command
            }
            Kind::BareRelay => {
                let mut command = Command::new(std::env::current_exe()?.with_file_name("bare-relay"));
                command.arg(addr.to_string());
                command
            }
        };
        let process = Process::start(kind.label(), addr, &mut command, &folder.join("server.log"))?;
        Self::started(kind, process)
    }

    /// Starts one of several nodes of CodeSync, with the settings of the shared services.
    pub fn node(name: &str, programs: &Programs, folder: &Path, shared: &[(&str, String)]) -> Result<Self> {
        let addr = free_addr()?;
        let mut command = codesync(programs, addr, folder)?;
        command.envs(shared.iter().map(|(name, value)| (name, value)));
        let log = folder.join(format!("{name}.log"));
        Self::started(Kind::Codesync, Process::start(name, addr, &mut command, &log)?)
    }

    fn started(kind: Kind, process: Process) -> Result<Self> {
        let account = match kind {
            Kind::Codesync => Some(rest::Account::open(process.addr)?),
            _ => None,
        };
        Ok(Self { kind, process, account, rooms: Cell::new(0) })
    }

    /// Documents that nobody has opened yet.
    pub fn new_rooms(&self, count: usize) -> Result<Vec<Room>> {
        (0..count).map(|_| self.new_room()).collect()
    }

    fn new_room(&self) -> Result<Room> {
        self.rooms.set(self.rooms.get() + 1);
        let name = format!("bench-{}", self.rooms.get());
        match &self.account {
            Some(account) => self.room(&account.create_document(&name)?),
            None => self.room(&name),
        }
    }

    /// A document by its name (at CodeSync: its id).
    pub fn room(&self, name: &str) -> Result<Room> {
        let path = match &self.account {
            Some(account) => format!("/socket/{name}?token={}", account.token),
            None if self.kind == Kind::Hocuspocus => "/".into(),
            None => format!("/{name}"),
        };
        Ok(Room { kind: self.kind, addr: self.process.addr, name: name.into(), path })
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    pub fn stop(self) -> Result<()> {
        self.process.stop()
    }
}

fn codesync(programs: &Programs, addr: SocketAddr, folder: &Path) -> Result<Command> {
    let binary = programs.codesync.as_ref().context("--codesync names its binary")?;
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .env("CODESYNC_LISTEN", addr.to_string())
        .env("CODESYNC_DATA_DIR", folder.join("data"))
        .env("CODESYNC_RATE_LIMITS", "off");
    Ok(command)
}

impl Room {
    /// A document of CodeSync, by the path of its socket.
    pub fn at(addr: SocketAddr, path: &str) -> Self {
        Self {
            kind: Kind::Codesync,
            addr,
            // A token follows.
            name: path.split('?').next().unwrap_or_default().into(),
            path: path.into(),
        }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first messages of a client.
    pub fn greeting(&self) -> Vec<Vec<u8>> {
        let mut greeting = Vec::new();
        if self.kind == Kind::Hocuspocus {
            const AUTH: u64 = 2;
            const TOKEN: u64 = 0;
            greeting.push(self.message(|out| {
                wire::put_uint(out, AUTH);
                wire::put_uint(out, TOKEN);
                wire::put_bytes(out, b"bench");
            }));
        }
        if self.kind.syncs() {
            greeting.push(self.message(|out| wire::sync_message(out, wire::STEP_1, wire::EMPTY_VECTOR)));
        }
        greeting
    }

    /// Hocuspocus closes connections that are silent for a minute.
    pub fn keep_alive(&self) -> Option<Vec<u8>> {
        let ask = |out: &mut Vec<u8>| wire::put_uint(out, wire::QUERY_AWARENESS);
        (self.kind == Kind::Hocuspocus).then(|| self.message(ask))
    }

    /// One frame: Hocuspocus puts the document's name before every message.
    pub fn message(&self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        if self.kind == Kind::Hocuspocus {
            wire::put_bytes(&mut out, self.name.as_bytes());
        }
        write(&mut out);
        out
    }

    /// The message in a frame.
    pub fn unwrap<'a>(&self, frame: &'a [u8]) -> Result<Reader<'a>> {
        let mut reader = Reader(frame);
        if self.kind == Kind::Hocuspocus {
            reader.bytes()?;
        }
        Ok(reader)
    }
}
