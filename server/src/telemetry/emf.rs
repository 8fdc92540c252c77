//! The server's metrics in CloudWatch's embedded metric format: one line of JSON per period on standard output, which
//! the log service turns into metrics. The values are read back from the text of `/metrics`. The dimensions are service
//! and environment, never task or document, because each value of a dimension is a metric that costs money.

use std::{
    collections::HashMap,
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};
use tokio::time::{Instant, interval_at};

use super::recorder;
use crate::{
    config::{Switch, TelemetryConfig},
    tasks::Tasks,
};

/// The CloudWatch namespace of the metrics.
pub const NAMESPACE: &str = "CodeSync";

/// All reported metrics, with their units.
pub const METRICS: [(&str, &str); 13] = [
    ("ActiveConnections", "Count"),
    ("ActiveDocuments", "Count"),
    ("EditorsPerDocument", "Count"),
    ("EditsPerSecond", "Count/Second"),
    ("ConnectionsUsedPercent", "Percent"),
    ("OldestUnarchivedEditSeconds", "Seconds"),
    ("CompactionFailures", "Count"),
    ("SnapshotsDamaged", "Count"),
    ("LogsLost", "Count"),
    ("EditToPeerP95Milliseconds", "Milliseconds"),
    ("LogLagBytes", "Bytes"),
    ("DocumentsToSweep", "Count"),
    ("StoresUnavailable", "Count"),
];

/// Reports until the tasks stop, if enabled. `refresh` updates the gauges that nothing else updates.
pub fn report(config: TelemetryConfig, sockets_max: usize, tasks: &Tasks, refresh: impl Fn() + Send + 'static) {
    if config.metrics_emf == Switch::Off {
        return;
    }
    let stop = tasks.stop().clone();
    let figures = move || {
        refresh();
        Figures::read(&recorder().render())
    };
    tasks.spawn(async move {
        let mut every = interval_at(Instant::now() + config.metrics_interval, config.metrics_interval);
        let (mut before, mut since) = (figures(), Instant::now());
        loop {
            let stopped = tokio::select! {
                () = stop.cancelled() => true,
                _ = every.tick() => false,
            };
            let now = figures();
            let values = now.since(&before, since.elapsed(), sockets_max);
            let line = line(&config.metrics_service, &config.metrics_environment, SystemTime::now(), &values);
            // Standard output is closed: no reason to stop serving.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
            if stopped {
                return;
            }
            (before, since) = (now, Instant::now());
        }
    });
}

/// The recorded values at some time.
#[derive(Default)]
struct Figures {
    /// Sums over all labels.
    sums: HashMap<String, f64>,
    /// Upper bounds in seconds, and how many edits took no longer.
    edit_to_peer: Vec<(f64, f64)>,
}

impl Figures {
    fn read(text: &str) -> Self {
        let mut figures = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            *figures.sums.entry(name.to_owned()).or_default() += value;
            if name == "codesync_edit_to_peer_seconds_bucket"
                && let Some(bound) = labels.split('"').nth(1).and_then(|bound| bound.parse().ok())
            {
                figures.edit_to_peer.push((bound, value));
            }
        }
        figures
    }

    fn get(&self, name: &str) -> f64 {
        self.sums.get(name).copied().unwrap_or_default()
    }

    /// The metrics of a period; those without events are left out.
    fn since(&self, before: &Self, elapsed: Duration, sockets_max: usize) -> Vec<(&'static str, f64)> {
        let grown = |name| self.get(name) - before.get(name);
        let (sockets, rooms) = (self.get("codesync_sessions_open"), self.get("codesync_rooms_live"));
        let values = [
            Some(sockets),
            Some(rooms),
            (rooms > 0.0).then(|| sockets / rooms),
            Some(grown("codesync_edits_total") / elapsed.as_secs_f64().max(f64::EPSILON)),
            Some(100.0 * sockets / sockets_max as f64),
            Some(self.get("codesync_oldest_unarchived_edit_seconds")),
            Some(grown("codesync_compaction_failures_total")),
            Some(grown("codesync_snapshots_damaged_total")),
            Some(grown("codesync_log_lost_total")),
            self.edit_to_peer_p95(before).map(|seconds| 1000.0 * seconds),
            Some(self.get("codesync_log_bytes_behind_snapshot")),
            Some(self.get("codesync_sweeper_documents")),
            Some(self.get("codesync_stores_unavailable")),
        ];
        METRICS.iter().zip(values).filter_map(|((name, _), value)| Some((*name, value?))).collect()
    }

    /// The bound that 95 of 100 edits since `before` met; the last bound if some edits met none.
    fn edit_to_peer_p95(&self, before: &Self) -> Option<f64> {
        let mut buckets: Vec<(f64, f64)> = self.edit_to_peer.clone();
        for (bucket, earlier) in buckets.iter_mut().zip(&before.edit_to_peer) {
            bucket.1 -= earlier.1;
        }
        let (_, all) = *buckets.last().filter(|(_, all)| *all > 0.0)?;
        let last = buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).fold(0.0, f64::max);
        let (bound, _) = buckets.iter().find(|(_, within)| *within >= 0.95 * all)?;
        Some(bound.min(last))
    }
}

fn line(service: &str, environment: &str, at: SystemTime, values: &[(&str, f64)]) -> Value {
    let units: HashMap<&str, &str> = METRICS.into_iter().collect();
    let metrics: Vec<Value> = values.iter().map(|(name, _)| json!({ "Name": name, "Unit": units[name] })).collect();
    let directive = json!({
        "Namespace": NAMESPACE, "Dimensions": [["Service", "Environment"]], "Metrics": metrics,
    });
    let at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({ "Timestamp": at, "CloudWatchMetrics": [directive] }));
    line.insert("Service".to_owned(), json!(service));
    line.insert("Environment".to_owned(), json!(environment));
    line.extend(values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# TYPE codesync_edits_total counter\n\
        codesync_edits_total 10\n\
        codesync_edit_to_peer_seconds_bucket{le=\"0.005\"} 10\n\
        codesync_edit_to_peer_seconds_bucket{le=\"0.25\"} 10\n\
        codesync_edit_to_peer_seconds_bucket{le=\"+Inf\"} 10\n";
    const AFTER: &str = "codesync_edits_total 70\n\
        codesync_sessions_open 6\n\
        codesync_rooms_live 4\n\
        codesync_compaction_failures_total{cause=\"log\"} 1\n\
        codesync_compaction_failures_total{cause=\"snapshot\"} 2\n\
        codesync_snapshots_damaged_total 1\n\
        codesync_log_lost_total 4\n\
        codesync_edit_to_peer_seconds_bucket{le=\"0.005\"} 104\n\
        codesync_edit_to_peer_seconds_bucket{le=\"0.25\"} 110\n\
        codesync_edit_to_peer_seconds_bucket{le=\"+Inf\"} 110\n";

    fn values(before: &str, after: &str) -> HashMap<&'static str, f64> {
        Figures::read(after).since(&Figures::read(before), Duration::from_secs(30), 24).into_iter().collect()
    }

    #[test]
    fn growth_is_reported() {
        let values = values(BEFORE, AFTER);
        assert_eq!(values["ActiveConnections"], 6.0);
        assert_eq!(values["EditorsPerDocument"], 1.5);
        assert_eq!(values["ConnectionsUsedPercent"], 25.0);
        assert_eq!(values["EditsPerSecond"], 2.0);
        assert_eq!(values["CompactionFailures"], 3.0);
        assert_eq!((values["SnapshotsDamaged"], values["LogsLost"]), (1.0, 4.0));
    }

    #[test]
    fn the_95th_percentile_is_of_the_edits_since() {
        // 94 of 100 within 5 ms, so the 95th took longer.
        assert_eq!(values(BEFORE, AFTER)["EditToPeerP95Milliseconds"], 250.0);
        assert!(!values(AFTER, AFTER).contains_key("EditToPeerP95Milliseconds"));
        let beyond = AFTER.replace("\"} 110\n", "\"} 99\n").replace("+Inf\"} 99", "+Inf\"} 9999");
        assert_eq!(values(BEFORE, &beyond)["EditToPeerP95Milliseconds"], 250.0);
    }

    #[test]
    fn every_value_of_a_line_is_declared_with_its_unit() {
        let values = Figures::read(AFTER).since(&Figures::read(BEFORE), Duration::from_secs(1), 1);
        assert_eq!(values.len(), METRICS.len());
        let line = line("sync", "prod", UNIX_EPOCH + Duration::from_millis(1_700_000_000_123), &values);
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["Service", "Environment"]]));
        assert_eq!((&line["Service"], &line["Environment"]), (&json!("sync"), &json!("prod")));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_f64(), "{metric}");
        }
    }
}
