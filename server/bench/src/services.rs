//! The shared services of several nodes: Redis and PostgreSQL, configured as in production.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{Process, first_line, free_addr};

/// The postgres program refuses to run as this user.
const ROOT: &str = "0";
const START_DEADLINE: Duration = Duration::from_secs(30);

pub struct Services {
    pub redis: Process,
    pub postgres: Process,
    url: String,
    _data: tempfile::TempDir,
}

impl Services {
    /// Starts both, empty.
    ///
    /// # Errors
    /// When one is not installed; names its Debian package.
    pub fn start(folder: &Path) -> Result<Self> {
        ensure!(
            first_line("redis-server", &["--version"]).is_some(),
            "redis-server is not installed (Debian: redis-server)"
        );
        let (initdb, postgres) = (program("initdb"), program("postgres"));
        ensure!(first_line(&postgres, &["--version"]).is_some(), "PostgreSQL is not installed (Debian: postgresql)");
        // A separate folder: the user of PostgreSQL may not enter that of root.
        let data = tempfile::tempdir()?;
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(data.path()))?;
        }
        run(unprivileged(&initdb)
            .arg("-D")
            .arg(data.path().join("data"))
            .args(["-U", "codesync", "-A", "trust", "-E", "UTF8", "--locale=C"])
            .stdout(Stdio::null()))?;
        let (postgres, url) = start_postgres(&postgres, &data.path().join("data"), folder)?;
        Ok(Self { redis: start_redis(folder)?, postgres, url, _data: data })
    }

    /// The settings by which a node finds them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.url.clone()),
            ("REDIS_URL", format!("redis://{}", self.redis.addr)),
            // Snapshots are not measured: each node keeps its own.
            ("CODESYNC_SINGLE_NODE", "on".into()),
            ("JWT_SECRET", "a secret that all nodes of the benchmark share".into()),
        ]
    }

    /// Stops both, after the nodes have ended.
    pub fn stop(self) -> Result<()> {
        self.redis.stop()?;
        self.postgres.stop()
    }
}

fn start_redis(folder: &Path) -> Result<Process> {
    let data = folder.join("redis");
    fs::create_dir(&data)?;
    let addr = free_addr()?;
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--dir"])
        .arg(data);
    Process::start("Redis", addr, &mut command, &folder.join("redis.log"))
}

fn start_postgres(program: &Path, data: &Path, folder: &Path) -> Result<(Process, String)> {
    let addr = free_addr()?;
    let port = addr.port().to_string();
    let mut command = unprivileged(program);
    command
        .arg("-D")
        .arg(data)
        .args(["-p", &port, "-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories="]);
    let log = folder.join("postgres.log");
    let process = Process::start("PostgreSQL", addr, &mut command, &log)?;
    let asked = Instant::now();
    let ready = || {
        let mut command = Command::new(self::program("pg_isready"));
        command.args(["-q", "-h", "127.0.0.1", "-p", &port]);
        command.status().map(|status| status.success())
    };
    // It listens before it accepts connections.
    while !ready()? {
        ensure!(asked.elapsed() < START_DEADLINE, "PostgreSQL is not ready: {}", fs::read_to_string(&log)?.trim());
        sleep(Duration::from_millis(20));
    }
    let url = format!("postgres://codesync@{addr}/postgres?sslmode=disable");
    Ok((process, url))
}

/// A command that root runs as the user `postgres`.
fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    first_line("id", &["-u"]).as_deref() == Some(ROOT)
}

/// The newest of the installed versions in Debian's folder, otherwise the one in PATH.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let version = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(|entry| version(entry.ok()?))
        .max()
        .map(|version| format!("/usr/lib/postgresql/{version}/bin/{name}"));
    newest.map_or_else(|| name.into(), PathBuf::from)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
