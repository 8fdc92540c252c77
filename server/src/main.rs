//! The start and the stop of the process.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use codesync_server::{
    app::App,
    commands,
    config::{Cli, Command, Config},
    telemetry,
};
use tracing::info;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::read().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed.
            let _ = writeln!(std::io::stderr(), "error: {}", in_a_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes; libraries tend to repeat the last cause.
fn in_a_line(error: &anyhow::Error) -> String {
    let mut causes: Vec<String> = error.chain().map(|cause| cause.to_string().replace('\n', " ")).collect();
    causes.dedup_by(|cause, before| before.ends_with(cause.as_str()));
    causes.join(": ")
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(config) => serve(*config).await,
        Command::Migrate(args) => commands::migrate(&args).await,
        Command::Admin(args) => commands::admin(*args).await,
        Command::Export(args) => commands::export(&args).await,
        Command::Import(args) => commands::import(&args).await,
        Command::Healthcheck(args) => commands::healthcheck(&args),
        Command::Openapi => commands::openapi(),
        Command::Configuration => commands::configuration(),
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config.telemetry).context("start logging")?;
    let public_url = config.http.public_url.clone();
    let app = App::build(config).await?;
    let listener = app.bind().await?;
    let addr = listener.local_addr()?;
    info!(%addr, "CodeSync is ready: open http://{addr}");
    if let Some(secret) = app.setup_secret().await? {
        let site = public_url.unwrap_or_else(|| format!("http://{addr}"));
        info!("nobody has an account yet: create the first administrator at {site}/setup/{secret} within an hour");
    }
    app.serve(listener, shutdown_signal()).await
}

async fn shutdown_signal() {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a process may always watch SIGTERM");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}
