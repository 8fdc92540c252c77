//! Metrics in CloudWatch's embedded format, written by a real server during typing.

use std::{
    fs::{self, File},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use codesync_server::telemetry::emf::{METRICS, NAMESPACE};
use serde_json::{Value, json};

use crate::{
    process::{Process, free_port},
    raw::Raw,
    rest::Caller,
};

const SETTINGS: [(&str, &str); 6] = [
    ("CODESYNC_METRICS_EMF", "on"),
    ("CODESYNC_METRICS_S", "1"),
    ("CODESYNC_METRICS_SERVICE", "sync"),
    ("CODESYNC_METRICS_ENVIRONMENT", "test"),
    ("CODESYNC_SOCKETS_MAX", "8"),
    // Edits wait for a snapshot until the server stops.
    ("CODESYNC_SNAPSHOT_MS", "600000"),
];

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    // The last line may be incomplete.
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Types until a line has the wanted content.
async fn until(path: &Path, ann: &mut Raw, bob: &mut Raw, wanted: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        if let Some(line) = lines(path).into_iter().rfind(&wanted) {
            return line;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "no such line: {:?}", lines(path).last());
        ann.append(1, "x").await;
        bob.until_length(ann.replica.text_len("content")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metric_lines_reflect_edits_and_sockets() {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());
    let path = data.path().join("stdout");
    let stdout = Stdio::from(File::create(&path).unwrap());
    let server = Process::start_writing(data.path(), port, &SETTINGS, stdout).await;
    let caller = Caller::at(&server.url("")).register("ann").await;
    let document = caller.document("measured").await;
    let doc = document.rsplit('/').next().unwrap();
    let mut ann = Raw::connect(&server.socket(), doc, caller.token()).await;
    let mut bob = Raw::connect(&server.socket(), doc, caller.token()).await;
    ann.sync().await;
    bob.sync().await;

    let line = until(&path, &mut ann, &mut bob, |line| {
        line["OldestUnarchivedEditSeconds"].as_f64() > Some(1.0) && line["EditsPerSecond"].as_f64() > Some(0.0)
    })
    .await;
    assert_eq!(line["ActiveConnections"], json!(2.0));
    assert_eq!(line["ActiveDocuments"], json!(1.0));
    assert_eq!(line["EditorsPerDocument"], json!(2.0));
    assert_eq!(line["ConnectionsUsedPercent"], json!(25.0));
    assert_eq!(line["CompactionFailures"], json!(0.0));
    assert!(line["EditToPeerP95Milliseconds"].as_f64() > Some(0.0), "{line}");
    assert!(line["LogLagBytes"].as_f64() > Some(0.0), "{line}");
    assert_eq!((&line["Service"], &line["Environment"]), (&json!("sync"), &json!("test")));
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], json!(NAMESPACE));
    assert_eq!(directive["Dimensions"], json!([["Service", "Environment"]]), "a dimension more is a bill more");
    assert_eq!(directive["Metrics"].as_array().unwrap().len(), METRICS.len(), "{line}");

    drop((ann, bob));
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_takes_the_age_of_the_oldest_edit_back() {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port());
    let server = Process::start(data.path(), port, &[("CODESYNC_SNAPSHOT_MS", "1500")]).await;
    let caller = Caller::at(&server.url("")).register("ann").await;
    let document = caller.document("archived").await;
    let mut ann = Raw::connect(&server.socket(), document.rsplit('/').next().unwrap(), caller.token()).await;
    ann.sync().await;
    ann.append(1, "hello").await;
    let started = Instant::now();
    let mut waited = false;
    loop {
        let text = server.metrics().await;
        let age = text.lines().find_map(|line| line.strip_prefix("codesync_oldest_unarchived_edit_seconds ")).unwrap();
        let age: f64 = age.parse().unwrap();
        waited |= age > 0.0;
        if waited && age == 0.0 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "seen waiting: {waited}, age {age}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(server.terminate().await);
}
