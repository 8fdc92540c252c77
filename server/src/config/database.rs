//! The database of the directory.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{Secret, given, host::host, port};

/// The parameters after the `?` of an address; an unknown one would be a setting without an effect.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// The database of accounts, documents and grants; a SQLite file in the data folder without URL and host.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "PostgreSQL")]
pub struct DatabaseConfig {
    /// The PostgreSQL database, `postgres://user:password@host:port/name?sslmode=…`. By default accounts and documents are
    /// in SQLite in the data folder. It excludes the variables `DB_*`. A pooler in front must use session pooling, or
    /// support prepared statements (PgBouncer 1.21 or newer).
    #[arg(long = "database-url", env = "DATABASE_URL", hide_env_values = true)]
    pub url: Option<Secret>,
    /// The host of the PostgreSQL database: a name, an IP address, or the folder of its Unix socket.
    #[arg(long = "db-host", env = "DB_HOST")]
    pub host: Option<String>,
    /// The port of the PostgreSQL database; by default 5432.
    #[arg(long = "db-port", env = "DB_PORT", value_parser = port())]
    pub port: Option<u16>,
    /// The name of the database; by default `codesync`.
    #[arg(long = "db-name", env = "DB_NAME")]
    pub name: Option<String>,
    /// The user of the database; by default `codesync`.
    #[arg(long = "db-username", env = "DB_USERNAME")]
    pub username: Option<String>,
    /// The password of that user.
    #[arg(long = "db-password", env = "DB_PASSWORD", hide_env_values = true)]
    pub password: Option<Secret>,
    /// TLS: `disable`, `prefer` (the default), `require` (any certificate), `verify-ca` or `verify-full`.
    #[arg(long = "db-sslmode", env = "DB_SSLMODE")]
    pub sslmode: Option<PgSslMode>,
    /// A PEM file of the certificate authorities that are trusted for the database, instead of the public ones.
    #[arg(long = "db-sslrootcert", env = "DB_SSLROOTCERT")]
    pub sslrootcert: Option<PathBuf>,
    /// The largest number of connections of this node. The sum over all nodes must fit into `max_connections`.
    #[arg(long = "db-connections", env = "CODESYNC_DB_CONNECTIONS", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
}

impl DatabaseConfig {
    /// The connection options of PostgreSQL; `None` is the embedded default.
    ///
    /// # Errors
    /// When a setting would have no effect, or names no PostgreSQL database.
    pub fn options(&self) -> anyhow::Result<Option<PgConnectOptions>> {
        let url = self.url.as_ref().map(Secret::expose).filter(|url| !url.is_empty());
        let part = self.part();
        match (url, given(&self.host)) {
            (Some(url), host) => {
                let unused = host.map(|_| "DB_HOST").or(part);
                ensure!(
                    unused.is_none(),
                    "DATABASE_URL and {} are both set: one address is enough",
                    unused.unwrap_or("")
                );
                from_url(url).map(Some)
            }
            (None, Some(host)) => self.joined(host).map(Some),
            (None, None) => {
                ensure!(part.is_none(), "{} is set, and neither DB_HOST nor DATABASE_URL is", part.unwrap_or(""));
                Ok(None)
            }
        }
    }

    /// One of the settings that belong to a host, if any is set.
    fn part(&self) -> Option<&'static str> {
        let parts = [
            ("DB_PORT", self.port.is_some()),
            ("DB_NAME", given(&self.name).is_some()),
            ("DB_USERNAME", given(&self.username).is_some()),
            ("DB_PASSWORD", self.password.as_ref().is_some_and(|password| !password.expose().is_empty())),
            ("DB_SSLMODE", self.sslmode.is_some()),
            ("DB_SSLROOTCERT", self.sslrootcert.is_some()),
        ];
        parts.into_iter().find_map(|(variable, is_set)| is_set.then_some(variable))
    }

    fn joined(&self, text: &str) -> anyhow::Result<PgConnectOptions> {
        let mut options = PgConnectOptions::new_without_pgpass();
        options = match text.starts_with('/') {
            true => options.socket(text),
            false => options.host(&host("DB_HOST", text)?),
        };
        options = options
            .port(self.port.unwrap_or(5432))
            .database(given(&self.name).unwrap_or("codesync"))
            .username(given(&self.username).unwrap_or("codesync"))
            .ssl_mode(self.sslmode.unwrap_or_default());
        if let Some(password) = &self.password {
            options = options.password(password.expose());
        }
        if let Some(file) = &self.sslrootcert {
            options = options.ssl_root_cert(file);
        }
        Ok(options)
    }
}

fn from_url(url: &str) -> anyhow::Result<PgConnectOptions> {
    let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
    ensure!(known, "DATABASE_URL does not begin with postgres://");
    let parsed = url::Url::parse(url).context("read DATABASE_URL")?;
    for (key, _) in parsed.query_pairs() {
        let known = PARAMETERS.contains(&&*key) || key == "options" || key.starts_with("options[");
        ensure!(known, "DATABASE_URL has a parameter that is not known: {key}");
    }
    url.parse().context("read DATABASE_URL")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        database: DatabaseConfig,
    }

    fn parse(arguments: &[&str]) -> DatabaseConfig {
        Line::try_parse_from([&["test"], arguments].concat()).unwrap().database
    }

    #[test]
    fn nothing_given_is_the_embedded_default() {
        for arguments in [&[][..], &["--database-url="], &["--db-host="]] {
            assert!(parse(arguments).options().unwrap().is_none(), "{arguments:?}");
        }
    }

    #[test]
    fn a_url_or_its_parts_name_the_database() {
        let url = parse(&["--database-url=postgres://me:pass%2Fword@db.example:6000/notes?sslmode=require"]);
        let parts = parse(&[
            "--db-host=db.example",
            "--db-port=6000",
            "--db-name=notes",
            "--db-username=me",
            "--db-password=pass/word",
            "--db-sslmode=require",
        ]);
        for config in [&url, &parts] {
            let options = config.options().unwrap().unwrap();
            assert_eq!((options.get_host(), options.get_port()), ("db.example", 6000));
            assert_eq!((options.get_username(), options.get_database()), ("me", Some("notes")));
            assert!(matches!(options.get_ssl_mode(), PgSslMode::Require));
        }
        let shown = format!("{url:?} {parts:?}");
        assert!(!shown.contains("pass/word") && !shown.contains("pass%2Fword"), "{shown}");
    }

    #[test]
    fn a_host_may_be_an_address_or_the_folder_of_a_socket() {
        for (host, shown) in [("::1", "[::1]"), ("10.0.0.5", "10.0.0.5")] {
            let options = parse(&[&format!("--db-host={host}")]).options().unwrap().unwrap();
            assert_eq!((options.get_host(), options.get_port()), (shown, 5432));
            assert_eq!((options.get_username(), options.get_database()), ("codesync", Some("codesync")));
        }
        let socket = parse(&["--db-host=/var/run/postgresql"]).options().unwrap().unwrap();
        assert_eq!(socket.get_socket().unwrap().to_str(), Some("/var/run/postgresql"));
    }

    #[test]
    fn a_setting_that_would_not_be_used_is_refused_by_name() {
        for (arguments, named) in [
            (&["--database-url=mysql://me:secret@host/name"][..], "DATABASE_URL"),
            (&["--database-url=postgres://me:secret@host:port/name"], "DATABASE_URL"),
            (&["--database-url= postgres://me:secret@host/name"], "DATABASE_URL"),
            (&["--database-url=postgres://me:secret@host/name?sslmod=require"], "sslmod"),
            (&["--database-url=postgres://me:secret@host/name?sslmode=always"], "DATABASE_URL"),
            (&["--database-url=postgres://me:secret@host/name", "--db-host=other"], "DB_HOST"),
            (&["--database-url=postgres://me:secret@host/name", "--db-sslmode=verify-full"], "DB_SSLMODE"),
            (&["--db-host=db:5432"], "DB_HOST"),
            (&["--db-host=postgres://db"], "DB_HOST"),
            (&["--db-host=db "], "DB_HOST"),
            (&["--db-name=notes"], "DB_NAME"),
            (&["--db-password=secret"], "DB_PASSWORD"),
        ] {
            let error = format!("{:#}", parse(arguments).options().unwrap_err());
            assert!(error.contains(named) && !error.contains("secret"), "{arguments:?}: {error}");
        }
    }
}
