//! The server as a separate process, for faults of processes.

use std::{
    net::TcpListener,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use crate::{rest, rig::disk::Disk};

const CODESYNC: &str = env!("CARGO_BIN_EXE_codesync");

/// A running `codesync serve`; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

/// A free port.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Process {
    /// Starts the server and waits until it is ready.
    pub(crate) async fn start(data_dir: &Path, port: u16, settings: &[(&str, &str)]) -> Self {
        Self::start_writing(data_dir, port, settings, Stdio::inherit()).await
    }

    /// Starts the server with a given standard output, and waits until it is ready.
    pub(crate) async fn start_writing(data_dir: &Path, port: u16, settings: &[(&str, &str)], stdout: Stdio) -> Self {
        Self::start_as(Command::new(CODESYNC), data_dir, port, settings, stdout).await
    }

    /// Starts the server with its data on a disk of its own, and waits until it is ready.
    pub(crate) async fn start_on(disk: &Disk, port: u16, settings: &[(&str, &str)]) -> Self {
        Self::start_as(disk.command(CODESYNC), disk.folder(), port, settings, Stdio::inherit()).await
    }

    /// Starts another program, as of another release, and waits until it is ready.
    pub(crate) async fn start_program(program: &str, data_dir: &Path, port: u16, settings: &[(&str, &str)]) -> Self {
        Self::start_as(Command::new(program), data_dir, port, settings, Stdio::inherit()).await
    }

    async fn start_as(
        mut command: Command,
        data_dir: &Path,
        port: u16,
        settings: &[(&str, &str)],
        stdout: Stdio,
    ) -> Self {
        let child = command
            .arg("serve")
            .env("CODESYNC_LISTEN", format!("127.0.0.1:{port}"))
            .env("CODESYNC_DATA_DIR", data_dir)
            .env("CODESYNC_RATE_LIMITS", "off")
            // Most tests start one node, and only the stores that they need.
            .env("CODESYNC_SINGLE_NODE", "on")
            .env("CODESYNC_ARGON2_KIB", "64")
            .env("CODESYNC_LOG", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(stdout)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let process = Self { child, port };
        let started = Instant::now();
        let health = process.url("/api/health");
        while !rest::get(&health).await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(started.elapsed() < Duration::from_secs(30), "the server is not ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    /// The content of `/metrics`.
    pub(crate) async fn metrics(&self) -> String {
        rest::get(self.url("/metrics")).await.unwrap().text().await.unwrap()
    }

    /// The address of `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The address of the sockets.
    pub(crate) fn socket(&self) -> String {
        format!("ws://127.0.0.1:{}/socket", self.port)
    }

    /// Ends it like a power cut.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to stop, and waits; returns whether it exited successfully.
    pub(crate) async fn terminate(self) -> bool {
        self.ask_to_stop();
        self.ended().await
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits until it has stopped; returns whether it exited successfully.
    pub(crate) async fn ended(mut self) -> bool {
        self.child.wait().await.unwrap().success()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
