//! A disk that can become full: a small file system in a mount namespace, which needs no special rights.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use tempfile::TempDir;
use tokio::process::Command;

/// The disk; its content is removed when it is dropped.
pub(crate) struct Disk {
    /// Keeps the namespace alive.
    holder: Child,
    folder: TempDir,
}

impl Disk {
    /// Makes a disk of that many MiB.
    pub(crate) fn of(mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mount = format!("mount -t tmpfs -o size={mebibytes}m tmpfs \"$0\" && echo there && exec sleep infinity");
        let mut holder = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "there\n", "users may make namespaces (kernel.apparmor_restrict_unprivileged_userns=0)");
        Self { holder, folder }
    }

    /// Its path for programs in the namespace.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A program in the namespace.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["--user", "--mount", "--preserve-credentials", "--target", &holder, program]);
        command
    }

    /// Fills the disk.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        for piece in [64 << 10, 1] {
            let full = loop {
                if let Err(error) = ballast.write_all(&vec![0; piece]) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
        }
    }

    /// Frees space again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        let inside = self.folder().strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside).join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
