//! A server under test: started, measured through /proc, ended.

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const START_DEADLINE: Duration = Duration::from_secs(30);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// Linux counts user CPU time in hundredths of a second, independent of its timer frequency.
const TICKS_PER_SECOND: f64 = 100.0;

pub struct Process {
    child: Child,
    name: String,
    pub addr: SocketAddr,
}

impl Process {
    /// Starts a server with its listening address in the command, and waits until it listens.
    pub fn start(name: &str, addr: SocketAddr, command: &mut Command, log: &Path) -> Result<Self> {
        let log_file = fs::File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("start {name}: {:?}", command.get_program()))?;
        let mut process = Self { child, name: name.into(), addr };
        let started = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("{name} ended with {status}: {}", fs::read_to_string(log)?.trim());
            }
            ensure!(started.elapsed() < START_DEADLINE, "{name} does not listen on {addr}");
            sleep(Duration::from_millis(20));
        }
        Ok(process)
    }

    /// User and system time so far, of all threads.
    pub fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds_of(&self.child)
    }

    /// The same, including the processes that it started, running or ended.
    pub fn family_cpu_seconds(&self) -> Result<f64> {
        let id = self.child.id();
        let mut sum = cpu_seconds(&id.to_string(), Ended::Count)?;
        for child in fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?.split(' ') {
            // A process that ends during the sum is counted the next time.
            sum += cpu_seconds(child, Ended::Count).unwrap_or(0.0);
        }
        Ok(sum)
    }

    pub fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Asks the server to end, so that it writes what it must.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(asked.elapsed() < STOP_DEADLINE, "{} does not end", self.name);
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time so far, of all threads.
pub fn cpu_seconds_of(child: &Child) -> Result<f64> {
    cpu_seconds(&child.id().to_string(), Ended::Leave)
}

/// The generator's own share, to detect that it was the limit.
pub fn own_cpu_seconds() -> Result<f64> {
    cpu_seconds("self", Ended::Leave)
}

/// The share of all processes, and the time that the host took away.
pub fn machine_cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let mut ticks = 0.0;
    for (index, field) in stat.split_whitespace().skip(1).take(8).enumerate() {
        // The fourth and fifth are idle time.
        if !(3..=4).contains(&index) {
            ticks += field.parse::<f64>()?;
        }
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// Whether to count the time of children that have ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Leave,
    Count,
}

fn cpu_seconds(pid: &str, ended: Ended) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command's name, in parentheses, may contain spaces: the fields are counted after it.
    let (_, fields) = stat.rsplit_once(") ").context("/proc stat")?;
    let ticks = |index: usize| -> Result<f64> { Ok(fields.split(' ').nth(index).context("/proc stat")?.parse()?) };
    let mut sum = ticks(11)? + ticks(12)?;
    if ended == Ended::Count {
        sum += ticks(13)? + ticks(14)?;
    }
    Ok(sum / TICKS_PER_SECOND)
}

/// Raises the limit of open files for this process and its children; returns the limit.
pub fn raise_open_files() -> Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let current = maximum;
        setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    }
    Ok(maximum.unwrap_or(u64::MAX))
}

pub fn free_addr() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The first line that a command prints.
pub fn first_line(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}
