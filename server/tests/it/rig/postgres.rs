//! A PostgreSQL server for one test, with a data folder copied from one that is made once.

use std::{
    fs::File,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use codesync_server::config::Config;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use crate::process::free_port;

/// What the postgres program refuses to run as.
const ROOT: &str = "0";

/// A running server; stopped and removed when dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Starts a server with an empty database `codesync`.
    pub(crate) async fn start() -> Self {
        Self::set_up(|_| String::new()).await
    }

    /// Starts one that accepts only TLS connections; returns the certificate of its authority.
    pub(crate) async fn with_tls() -> (Self, PathBuf) {
        let postgres = Self::set_up(|data| {
            let subject = ["-subj", "/CN=postgres", "-addext", "subjectAltName=IP:127.0.0.1"];
            run(Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
                .args(subject)
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"])
                .current_dir(data)
                .stderr(Stdio::null()));
            std::fs::write(data.join("pg_hba.conf"), "hostssl all all all trust\n").unwrap();
            "ssl = on\nssl_cert_file = 'cert.pem'\nssl_key_file = 'key.pem'\n".to_owned()
        })
        .await;
        let certificate = postgres.folder.path().join("data/cert.pem");
        (postgres, certificate)
    }

    /// Starts one whose data folder `change` has changed; it returns more settings.
    async fn set_up(change: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        run(Command::new("cp").args(["-a", "--reflink=auto"]).arg(prepared()).arg(&data));
        let settings = change(&data);
        std::fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
        let mut postgres = Self { folder, port: free_port(), server: None };
        postgres.give_away();
        postgres.begin().await;
        postgres.database("codesync").await;
        postgres
    }

    /// The address of its database `codesync`.
    pub(crate) fn url(&self) -> String {
        url(self.port, "codesync")
    }

    /// The address of that database through a proxy.
    pub(crate) fn url_by(&self, proxy: SocketAddr) -> String {
        url(proxy.port(), "codesync")
    }

    /// Its address.
    pub(crate) fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Configures a server to keep its directory here.
    pub(crate) fn configure(&self, config: &mut Config) {
        configure(config, self.url());
    }

    /// Makes a database and gives its address.
    pub(crate) async fn database(&self, name: &str) -> String {
        create_database(&self.server_url(), name).await
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of the server, for [`create_database`].
    pub(crate) fn server_url(&self) -> String {
        url(self.port, "postgres")
    }

    /// Starts it again at its old address.
    pub(crate) async fn begin(&mut self) {
        let server = unprivileged(&program("postgres"))
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "max_connections=50", "-c", "shared_buffers=16MB"])
            // Commits stay synchronous: answered changes must survive a crash of the server, though not of the machine.
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        self.server = Some(server);
        let started = Instant::now();
        let url = url(self.port, "postgres");
        while let Err(error) = PgConnection::connect(&url).await {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(started.elapsed() < Duration::from_secs(30), "PostgreSQL does not start: {error}\n{}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it at once, like a crash; its connections are refused from then on.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            run(Command::new("kill").args(["-QUIT", &server.id().to_string()]));
            server.wait().unwrap();
        }
    }

    /// Makes it silent, as if the network were cut.
    pub(crate) fn freeze(&self) {
        // The parent first, so that it starts no child in between.
        self.signal("-STOP", "");
        self.signal("-STOP", &self.children());
    }

    /// Ends the silence.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT", &self.children());
    }

    fn children(&self) -> String {
        let id = self.server.as_ref().expect("it runs").id();
        std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap()
    }

    fn signal(&self, signal: &str, children: &str) {
        let id = self.server.as_ref().expect("it runs").id();
        // A child may have ended in between.
        let _ = Command::new("kill").arg(signal).arg(id.to_string()).args(children.split_whitespace()).status();
    }

    /// Gives the user of the server the rights on its folder.
    fn give_away(&self) {
        if user_id() == ROOT {
            run(Command::new("chown").args(["-R", "postgres:"]).arg(self.folder.path()));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.thaw();
        }
        self.stop();
    }
}

/// Puts a server's directory at `url`.
pub(crate) fn configure(config: &mut Config, url: String) {
    config.storage.database.url = Some(url.into());
    config.auth.jwt_secret = Some("a secret that all nodes of a test share".to_owned().into());
}

/// Makes a database on that server, unless it is there, and gives its address.
pub(crate) async fn create_database(server: &str, name: &str) -> String {
    let mut connection = PgConnection::connect(server).await.unwrap();
    let create = AssertSqlSafe(format!("create database \"{name}\""));
    if let Err(error) = sqlx::raw_sql(create).execute(&mut connection).await {
        let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42P04"), "{error}");
    }
    connection.close().await.unwrap();
    server.replacen("/postgres?", &format!("/{name}?"), 1)
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=prefer")
}

/// A data folder that is initialised once for all tests.
fn prepared() -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let data = cache.join("postgres-data-1");
    std::fs::create_dir_all(cache).unwrap();
    let lock = File::create(cache.join("postgres-data.lock")).unwrap();
    // Tests are processes: the first one initialises it, the others wait.
    lock.lock().unwrap();
    if !data.exists() {
        let draft = tempfile::tempdir().unwrap();
        std::fs::set_permissions(draft.path(), PermissionsExt::from_mode(0o777)).unwrap();
        run(unprivileged(&program("initdb"))
            .arg("-D")
            .arg(draft.path().join("data"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-N", "--wal-segsize=1"])
            .stdout(Stdio::null()));
        let copy = data.with_extension("copy");
        let _ = std::fs::remove_dir_all(&copy);
        run(Command::new("cp").arg("-a").arg(draft.path().join("data")).arg(&copy));
        std::fs::rename(&copy, &data).unwrap();
    }
    data
}

/// A command that root runs as the user `postgres`, and that ends with the test in any case.
pub(super) fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if user_id() == ROOT {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    }
    command.args(["--pdeathsig=QUIT", "--"]).arg(program).current_dir("/");
    command
}

fn user_id() -> String {
    let id = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

/// The newest of the installed versions in Debian's folder, otherwise the one in PATH.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name)))
        })
        .collect();
    versions.sort_unstable();
    versions.pop().map_or_else(|| name.into(), |(_, path)| path)
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error} (make setup installs it)"));
    assert!(status.success(), "{command:?}");
}
