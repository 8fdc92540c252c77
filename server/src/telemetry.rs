//! Logs and metrics. Never document text, tokens or addresses.

pub mod emf;
mod known;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    config::{LogFormat, TelemetryConfig},
    tasks::Tasks,
};

/// Starts logging to standard error.
///
/// # Errors
/// When the directives are invalid, or logging was already started.
pub fn init(config: &TelemetryConfig) -> anyhow::Result<()> {
    let is_blank = config.log.split(',').all(|directive| directive.trim().is_empty());
    anyhow::ensure!(!is_blank, "CODESYNC_LOG names nothing to log: {:?}; `off` logs nothing", config.log);
    let filter = EnvFilter::try_new(&config.log).context("CODESYNC_LOG")?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
    .map_err(|error| anyhow::anyhow!(error))
}

/// Bounds of the histograms of time: a tenth of a millisecond to 30 seconds.
const SECONDS: [f64; 17] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Folds recorded values into their buckets at intervals; otherwise they would accumulate until the next scrape.
pub fn keep_up(tasks: &Tasks) {
    let (recorder, stop) = (recorder(), tasks.stop().clone());
    tasks.spawn(async move {
        let mut every = tokio::time::interval(std::time::Duration::from_secs(5));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = every.tick() => recorder.run_upkeep(),
            }
        }
    });
}

/// Seconds from the socket of an edit's author to that of a peer; looked up once, because it is recorded for every frame.
pub fn edit_to_peer() -> &'static metrics::Histogram {
    static HISTOGRAM: std::sync::LazyLock<metrics::Histogram> = std::sync::LazyLock::new(|| {
        recorder();
        metrics::histogram!("codesync_edit_to_peer_seconds")
    });
    &HISTOGRAM
}

/// The process's metrics recorder. Later calls return the handle of the first one, because tests build several Apps.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let (commands, bounds) = known::COMMANDS;
            let recorder = PrometheusBuilder::new()
                .set_buckets(&SECONDS)
                .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full(commands.to_owned()), &bounds))
                .expect("there are buckets")
                .build_recorder();
            let handle = recorder.handle();
            // Another recorder may be installed; ours then renders nothing.
            let _ = metrics::set_global_recorder(recorder);
            known::announce();
            handle
        })
        .clone()
}
