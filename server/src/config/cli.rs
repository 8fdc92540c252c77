//! The words of the command line, and what each works on.

use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use super::{Config, RedisConfig, Secret, StorageConfig, stores};

/// The command line of `codesync`.
#[derive(Debug, Parser)]
#[command(name = "codesync", version, about = "A collaborative code editor that anyone can run")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line and the environment, in which an empty variable is not set: a compose file leaves such.
    /// What cannot be read ends the process with a message.
    pub fn read() -> Self {
        let matches = prepared(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

fn prepared(command: clap::Command) -> clap::Command {
    command.mut_args(prepared_argument).mut_subcommands(prepared)
}

fn prepared_argument(argument: Arg) -> Arg {
    let Some(variable) = argument.get_env().and_then(|name| name.to_str()).map(str::to_owned) else { return argument };
    let is_empty = std::env::var_os(&variable).is_some_and(|value| value.is_empty());
    // Messages about a value name the variable. They need it for as long as the process lives.
    let argument = argument.value_name(&*variable.leak());
    if is_empty { argument.env(Resettable::Reset) } else { argument }
}

/// The words of the command line.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the editor, the REST API and the sync sockets until SIGTERM or SIGINT.
    Serve(Box<Config>),
    /// Brings the databases up to date and exits.
    Migrate(Box<MigrateArgs>),
    /// Manages accounts and recovers documents from the command line.
    Admin(Box<AdminArgs>),
    /// Writes all documents to a file: text, history, titles, people and named versions. The server may run meanwhile.
    Export(Box<ExportArgs>),
    /// Takes an export in; what is here already stays, and importing again changes nothing.
    Import(Box<ImportArgs>),
    /// Asks a running server whether it is ready; exits with 0 or 1.
    Healthcheck(HealthcheckArgs),
    /// Prints the OpenAPI document of the REST API.
    Openapi,
    /// Prints the page of all settings, in Markdown.
    Configuration,
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

/// What `migrate` works on.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where the data is.
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Redis, which is not used: it shows whether this is one of several nodes.
    #[command(flatten)]
    pub redis: RedisConfig,
}

impl MigrateArgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// When they name no database, or the wrong one.
    pub fn validate(&self) -> anyhow::Result<()> {
        stores::check_database(&self.storage, &self.redis)
    }
}

/// What `admin` works on.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The installation.
    #[command(flatten)]
    pub config: Box<Config>,
    /// What to do.
    #[command(subcommand)]
    pub command: AdminCommand,
}

impl AdminArgs {
    /// Checks the settings.
    ///
    /// # Errors
    /// When they name no database, or the wrong one.
    pub fn validate(&self) -> anyhow::Result<()> {
        stores::check_database(&self.config.storage, &self.config.redis)
    }
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
    /// Sets the password of an account whose person has forgotten it, and ends its log-ins. The password is read from
    /// standard input when it is not given.
    ResetPassword {
        /// The e-mail address of the account.
        #[arg(long)]
        email: String,
        /// The password; better given on standard input.
        #[arg(long, env = "CODESYNC_ADMIN_PASSWORD", hide_env_values = true)]
        password: Option<Secret>,
    },
    /// Lists accounts whose addresses name one mailbox, as former releases let them be made: one group a line.
    ConflictingAccounts,
    /// Lists the documents that are stored and that the directory does not know, as after a restore of an older database.
    UnknownDocuments,
    /// Gives those documents to an account, with all of their text.
    AdoptDocuments {
        /// The e-mail address of the account.
        #[arg(long)]
        owner: String,
    },
}

/// What `healthcheck` asks.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// The readiness address.
    #[arg(long, env = "CODESYNC_HEALTHCHECK_URL", default_value = "http://127.0.0.1:3000/api/health")]
    pub url: String,
}
