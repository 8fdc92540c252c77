//! Commands of the command line that do one thing and exit.

use std::{
    fs::File,
    io::{BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use time::OffsetDateTime;

use crate::{
    adoption,
    app::{occupy, open_storage},
    auth::{hash_password, random_color},
    config::{
        self, AdminArgs, AdminCommand, AuthConfig, Config, ExportArgs, HealthcheckArgs, ImportArgs, MigrateArgs, Secret,
    },
    directory::{By, Directory, NewUser, Standing},
    http,
    ids::{NodeId, UserId},
    redis::Redis,
    storage::Storage,
    tasks::Tasks,
    transfer::{export, import::Import},
};

/// How long the server may take to answer.
const HEALTHCHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Updates the schemas of the databases.
///
/// # Errors
/// When one cannot be opened or migrated.
pub async fn migrate(args: &MigrateArgs) -> anyhow::Result<()> {
    args.validate()?;
    Directory::open(&args.storage).await.map(drop)
}

/// Runs a command of `admin`.
///
/// # Errors
/// When it fails.
pub async fn admin(args: AdminArgs) -> anyhow::Result<()> {
    args.validate()?;
    let config = args.config;
    match args.command {
        AdminCommand::CreateUser { email, name, password } => {
            let directory = Directory::open(&config.storage).await?;
            create_admin(&directory, &config.auth, &email, &name, password).await
        }
        AdminCommand::ResetPassword { email, password } => {
            let directory = Directory::open(&config.storage).await?;
            reset_password(&directory, &config.auth, &email, password).await
        }
        AdminCommand::ConflictingAccounts => list_conflicts(&Directory::open(&config.storage).await?).await,
        AdminCommand::UnknownDocuments => {
            let (directory, storage, adapters) = open(&config).await?;
            let unknown = adoption::unknown(&directory, &storage).await;
            adapters.end().await;
            unknown?.into_iter().try_for_each(|doc| print(&format!("{doc}\n")))
        }
        AdminCommand::AdoptDocuments { owner } => {
            let (directory, storage, adapters) = open(&config).await?;
            let adopted = adopt(&directory, &storage, &owner).await;
            adapters.end().await;
            adopted
        }
    }
}

/// Gives every unknown document to the account with this address.
async fn adopt(directory: &Directory, storage: &Storage, owner: &str) -> anyhow::Result<()> {
    let owner = account(directory, owner).await?;
    let mut failed = 0;
    for doc in adoption::unknown(directory, storage).await? {
        match adoption::adopt(directory, storage, doc, owner).await {
            Ok(listed) => print(&format!("{doc} {} ({} bytes)\n", listed.title, listed.size_bytes))?,
            Err(error) => {
                failed += 1;
                let _ = writeln!(std::io::stderr(), "{doc} could not be adopted: {error:#}");
            }
        }
    }
    ensure!(failed == 0, "{failed} documents could not be adopted; they are kept as they are");
    Ok(())
}

async fn account(directory: &Directory, email: &str) -> anyhow::Result<UserId> {
    let user = directory.user_by_email(email).await?;
    Ok(user.with_context(|| format!("{email} has no account here"))?.id)
}

/// Creates an administrator. An existing account with this address becomes one; its name and password stay.
async fn create_admin(
    directory: &Directory,
    auth: &AuthConfig,
    email: &str,
    name: &str,
    password: Option<Secret>,
) -> anyhow::Result<()> {
    if let Some(user) = directory.user_by_email(email).await? {
        let standing = Standing { is_admin: Some(true), ..Standing::default() };
        directory.change_standing(user.id, standing, By::command_line()).await?;
        return print(&format!("{} is an administrator now. Its name and password stayed as they were.\n", user.email));
    }
    let password = read_password(password)?;
    if let Err(fields) = http::check_account(email, name, &password) {
        let problems: Vec<String> = fields.iter().map(|(field, problem)| format!("{field} {problem}")).collect();
        bail!(problems.join("; "));
    }
    let user = NewUser {
        password_hash: hash_password(auth, password).await?,
        email: email.to_owned(),
        name: name.trim().to_owned(),
        color: random_color().to_owned(),
        is_admin: true,
    };
    let user = directory.create_user(user, OffsetDateTime::now_utc()).await?;
    print(&format!("{} was created as an administrator.\n", user.email))
}

fn read_password(given: Option<Secret>) -> anyhow::Result<String> {
    match given {
        Some(password) => Ok(password.expose().to_owned()),
        None => first_line().context("read the password from standard input"),
    }
}

async fn reset_password(
    directory: &Directory,
    auth: &AuthConfig,
    email: &str,
    password: Option<Secret>,
) -> anyhow::Result<()> {
    let user = directory.user_by_email(email).await?.with_context(|| format!("{email} has no account here"))?;
    let password = read_password(password)?;
    if let Err(problem) = http::check_password(&password) {
        bail!("the password {problem}");
    }
    let hash = hash_password(auth, password).await?;
    let ended = directory.reset_password(user.id, &hash, By::command_line()).await?;
    print(&format!("{} has another password; {} logins were ended.\n", user.email, ended.len()))
}

async fn list_conflicts(directory: &Directory) -> anyhow::Result<()> {
    for users in directory.conflicting_users().await? {
        let told: Vec<String> = users.iter().map(|user| format!("{:?} {}", user.email, user.id.0)).collect();
        print(&(told.join("  ") + "\n"))?;
    }
    Ok(())
}

/// Writes an export.
///
/// # Errors
/// When it is incomplete.
pub async fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let (directory, storage, adapters) = open(&args.config).await?;
    let written = export::run(&directory, &storage, &args.path).await;
    adapters.end().await;
    print(&format!("{}\n", written?.display()))
}

/// Reads an export.
///
/// # Errors
/// When some of it could not be imported.
pub async fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let file = File::open(&args.path).with_context(|| format!("open {}", args.path.display()))?;
    let _occupied = match args.config.redis.address()? {
        Some(_) => None,
        // The log in the folder has one writer; an import beside it would invalidate what a server keeps in memory.
        None => Some(alone(&args.config.storage.data_dir).await?),
    };
    let (directory, storage, adapters) = open(&args.config).await?;
    let fallback_owner = match &args.owner {
        None => None,
        Some(email) => Some(account(&directory, email).await?),
    };
    let import = Import { directory: &directory, storage: &storage, fallback_owner };
    let imported = import.run(&mut BufReader::new(file)).await;
    adapters.end().await;
    let refused = imported?.refused;
    ensure!(refused == 0, "{refused} documents were left out");
    Ok(())
}

async fn alone(data_dir: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(data_dir).with_context(|| format!("create data folder {}", data_dir.display()))?;
    occupy(data_dir, "stop the server first: an import needs its data folder for itself, and a server runs on").await
}

/// Opens the stores of an installation beside a server that may be running.
async fn open(config: &Config) -> anyhow::Result<(Directory, Storage, Tasks)> {
    config.stores()?;
    let adapters = Tasks::default();
    let directory = Directory::open(&config.storage).await?;
    let redis = Redis::open(&config.redis, &adapters).await?;
    let shared = redis.as_ref().map(|redis| (redis, NodeId::new()));
    let (storage, _) = open_storage(config, &directory, shared, &adapters).await?;
    Ok((directory, storage, adapters))
}

/// Asks a running server whether it is ready.
///
/// # Errors
/// When it is not ready, or does not answer.
pub fn healthcheck(args: &HealthcheckArgs) -> anyhow::Result<()> {
    let rest = args.url.strip_prefix("http://").context("the address must begin with http://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let mut stream = TcpStream::connect(&address).with_context(|| format!("connect to {address}"))?;
    stream.set_read_timeout(Some(HEALTHCHECK_TIMEOUT))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer).context("no answer")?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).context("no HTTP answer")?;
    ensure!(status == "200", "not ready: HTTP status {status}");
    Ok(())
}

/// Prints the OpenAPI document.
///
/// # Errors
/// When standard output cannot be written.
pub fn openapi() -> anyhow::Result<()> {
    print(&(http::openapi().to_pretty_json()? + "\n"))
}

/// Prints the page of all settings.
///
/// # Errors
/// When standard output cannot be written.
pub fn configuration() -> anyhow::Result<()> {
    print(&config::reference())
}

fn first_line() -> std::io::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
