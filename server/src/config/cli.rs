//! The commands of the command line, and their arguments.

use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use super::{Config, RedisConfig, Secret, StorageConfig, stores};

/// The command line of `codesync`.
#[derive(Debug, Parser)]
#[command(name = "codesync", version, about = "A collaborative code editor that anyone can run")]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line and the environment. An empty variable counts as not set, because compose files leave
    /// such. Invalid input ends the process with a message.
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
    // Messages about a value name the variable. They need it for the lifetime of the process.
    let argument = argument.value_name(&*variable.leak());
    if is_empty { argument.env(Resettable::Reset) } else { argument }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves the editor, the REST API and the sync sockets until SIGTERM or SIGINT.
    Serve(Box<Config>),
    /// Updates the schemas of the databases and exits.
    Migrate(Box<MigrateArgs>),
    /// Manages accounts and recovers documents from the command line.
    Admin(Box<AdminArgs>),
    /// Writes all documents to a file: text, history, titles, people and named versions. The server may be running.
    Export(Box<ExportArgs>),
    /// Reads an export. Existing documents stay, and importing again changes nothing.
    Import(Box<ImportArgs>),
    /// Asks a running server whether it is ready; exits with 0 or 1.
    Healthcheck(HealthcheckArgs),
    /// Prints the OpenAPI document of the REST API.
    Openapi,
    /// Prints the page of all settings, in Markdown.
    Configuration,
}

/// The arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The installation.
    #[command(flatten)]
    pub config: Config,
    /// The file to write, or a folder to write it into.
    pub path: PathBuf,
}

/// The arguments of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The installation.
    #[command(flatten)]
    pub config: Config,
    /// The file to read.
    pub path: PathBuf,
    /// The e-mail address of the owner of documents whose owners have no account here.
    #[arg(long)]
    pub owner: Option<String>,
}

/// The arguments of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Where the data is.
    #[command(flatten)]
    pub storage: StorageConfig,
    /// Redis is not used; its settings show whether this is one of several nodes.
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

/// The arguments of `admin`.
#[derive(Debug, Args)]
pub struct AdminArgs {
    /// The installation.
    #[command(flatten)]
    pub config: Box<Config>,
    /// The command.
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

/// The commands of `admin`.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Creates an administrator; without a password the password is read from standard input.
    CreateUser {
        /// The e-mail address to log in with.
        #[arg(long)]
        email: String,
        /// The name that others see.
        #[arg(long)]
        name: String,
        /// The password; standard input is safer.
        #[arg(long, env = "CODESYNC_ADMIN_PASSWORD", hide_env_values = true)]
        password: Option<Secret>,
    },
    /// Sets a forgotten password, and ends the logins of the account. Without a password the password is read from
    /// standard input.
    ResetPassword {
        /// The e-mail address of the account.
        #[arg(long)]
        email: String,
        /// The password; standard input is safer.
        #[arg(long, env = "CODESYNC_ADMIN_PASSWORD", hide_env_values = true)]
        password: Option<Secret>,
    },
    /// Lists accounts whose addresses name one mailbox, which earlier releases allowed: one group per line.
    ConflictingAccounts,
    /// Lists stored documents that the directory does not know, as after a restore of an older database.
    UnknownDocuments,
    /// Gives these documents to an account, with all of their text.
    AdoptDocuments {
        /// The e-mail address of the account.
        #[arg(long)]
        owner: String,
    },
}

/// The arguments of `healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// The readiness address.
    #[arg(long, env = "CODESYNC_HEALTHCHECK_URL", default_value = "http://127.0.0.1:3000/api/health")]
    pub url: String,
}
