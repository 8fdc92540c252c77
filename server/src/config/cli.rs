//! The words of the command line, and what each works on.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{AuthConfig, Config, Secret, StorageConfig};

/// The command line of `codesync`.
#[derive(Debug, Parser)]
#[command(name = "codesync", version, about = "A collaborative code editor that anyone can run")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The words of the command line.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the editor, the REST API and the sync sockets until SIGTERM or SIGINT.
    Serve(Box<Config>),
    /// Brings the databases up to date and exits.
    Migrate(StorageConfig),
    /// Manages accounts from the command line.
    Admin(AdminArgs),
    /// Writes all documents to a file: text, history, titles, people and named versions. The server may run meanwhile.
    Export(Box<ExportArgs>),
    /// Takes an export in; what is here already stays, and importing again changes nothing.
    Import(Box<ImportArgs>),
    /// Asks a running server whether it is ready; exits with 0 or 1.
    Healthcheck(HealthcheckArgs),
    /// Prints the OpenAPI document of the REST API.
    Openapi,
}

/// What `export` works on.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The installation.
    #[command(flatten)]
    pub config: Config,
    /// The file to write, or a folder to write one into.
    pub path: PathBuf,
}

/// What `import` works on.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The installation.
    #[command(flatten)]
    pub config: Config,
    /// The file to read.
    pub path: PathBuf,
    /// The e-mail address of the account that gets documents whose owners have no account here.
    #[arg(long)]
    pub owner: Option<String>,
}

/// What `admin` works on.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// Where the data is.
    #[command(flatten)]
    pub storage: StorageConfig,
    /// How passwords are kept.
    #[command(flatten)]
    pub auth: AuthConfig,
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// The words of `admin`.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Creates an administrator; the password is read from standard input when it is not given.
    CreateUser {
        /// The e-mail address to log in with.
        #[arg(long)]
        email: String,
        /// The name that others see.
        #[arg(long)]
        name: String,
        /// The password; better given on standard input.
        #[arg(long, env = "CODESYNC_ADMIN_PASSWORD", hide_env_values = true)]
        password: Option<Secret>,
    },
}

/// What `healthcheck` asks.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// The readiness address.
    #[arg(long, env = "CODESYNC_HEALTHCHECK_URL", default_value = "http://127.0.0.1:3000/api/health")]
    pub url: String,
}
