//! PgBouncer in front of a PostgreSQL server.

use std::{
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::postgres::{Postgres, unprivileged};
use crate::process::free_port;

/// A running pooler; killed when dropped.
pub(crate) struct PgBouncer {
    port: u16,
    server: Child,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts in front of the database `codesync`, with `mode` as in its settings.
    pub(crate) async fn start(postgres: &Postgres, mode: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let settings = format!(
            "[databases]\ncodesync = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 5\n\
             ignore_startup_parameters = extra_float_digits\n",
            postgres.port()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let server = unprivileged(Path::new("/usr/sbin/pgbouncer"))
            .arg("-q")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "PgBouncer does not start: `make setup` installs it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { port, server, _folder: folder }
    }

    /// The address of the database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/codesync?sslmode=disable", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
