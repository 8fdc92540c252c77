//! Which database the directory is on.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Secret;

/// The database of accounts, documents and grants; a SQLite file in the data folder when neither URL nor host is given.
#[derive(Clone, Debug, Args)]
pub struct DatabaseConfig {
    /// A PostgreSQL database, `postgres://user:password@host:port/name?sslmode=…`; the settings below are not read then.
    #[arg(long = "database-url", env = "DATABASE_URL", hide_env_values = true)]
    pub url: Option<Secret>,
    /// The host of the PostgreSQL database.
    #[arg(long = "db-host", env = "DB_HOST")]
    pub host: Option<String>,
    /// Its port.
    #[arg(long = "db-port", env = "DB_PORT", default_value_t = 5432)]
    pub port: u16,
    /// The name of the database.
    #[arg(long = "db-name", env = "DB_NAME", default_value = "codesync")]
    pub name: String,
    /// Who logs in there.
    #[arg(long = "db-username", env = "DB_USERNAME", default_value = "codesync")]
    pub username: String,
    /// The password that goes with it.
    #[arg(long = "db-password", env = "DB_PASSWORD", hide_env_values = true)]
    pub password: Option<Secret>,
    /// TLS: `disable`, `prefer`, `require` (whoever answers), `verify-ca` or `verify-full`.
    #[arg(long = "db-sslmode", env = "DB_SSLMODE", default_value = "prefer")]
    pub sslmode: PgSslMode,
    /// A file with the certificates that the database's one is checked against, instead of the public ones.
    #[arg(long = "db-sslrootcert", env = "DB_SSLROOTCERT")]
    pub sslrootcert: Option<PathBuf>,
    /// Connections that one node holds at most; all nodes together need so many of the database's `max_connections`.
    #[arg(long = "db-connections", env = "CODESYNC_DB_CONNECTIONS", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
}

impl DatabaseConfig {
    /// How to connect to PostgreSQL; `None` is the embedded default.
    ///
    /// # Errors
    /// When the URL is none of PostgreSQL.
    pub fn options(&self) -> anyhow::Result<Option<PgConnectOptions>> {
        let given = |text: &&str| !text.is_empty();
        if let Some(url) = self.url.as_ref().map(Secret::expose).filter(given) {
            let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
            ensure!(known, "DATABASE_URL does not begin with postgres://");
            return Ok(Some(url.parse().context("read DATABASE_URL")?));
        }
        let Some(host) = self.host.as_deref().filter(given) else { return Ok(None) };
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(self.port)
            .database(&self.name)
            .username(&self.username)
            .ssl_mode(self.sslmode);
        if let Some(password) = &self.password {
            options = options.password(password.expose());
        }
        if let Some(file) = &self.sslrootcert {
            options = options.ssl_root_cert(file);
        }
        Ok(Some(options))
    }
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
    fn a_url_of_something_else_is_refused_without_showing_it() {
        for url in ["mysql://me:secret@host/name", "postgres://me:secret@host:port/name"] {
            let error = format!("{:#}", parse(&[&format!("--database-url={url}")]).options().unwrap_err());
            assert!(error.contains("DATABASE_URL") && !error.contains("secret"), "{error}");
        }
    }
}
