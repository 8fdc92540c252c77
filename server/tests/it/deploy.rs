//! The agreement of deployment and program: Terraform makes tasks, alarms and the rules of the load balancer from
//! `deploy/terraform/services.json`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::{CommandFactory, Parser, ValueEnum};
use codesync_server::{
    config::{Cli, Command, NodeRole, Switch},
    limits::Limits,
    telemetry::emf::{METRICS, NAMESPACE},
};
use serde_json::Value;

use crate::{harness::TestApp, rest};

/// Settings whose defaults are right on AWS too.
const LEFT_ALONE: &[&str] = &[
    // The role of the task has no keys, and the default address is AWS.
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_SECRET_ACCESS_KEY",
    "CODESYNC_ARGON2_KIB",
    "CODESYNC_AUDIT_DAYS",
    "CODESYNC_BODY_BYTES_MAX",
    "CODESYNC_CONNECTIONS_MAX",
    "CODESYNC_DAMAGED_AFTER_S",
    "CODESYNC_DOCUMENT_BYTES_MAX",
    "CODESYNC_DOCUMENTS_MEMORY_MIB",
    "CODESYNC_FAN_OUT_MS",
    "CODESYNC_KEEP_ALIVE_S",
    "CODESYNC_LOG",
    "CODESYNC_MESSAGES_PER_S",
    "CODESYNC_MESSAGE_BYTES_MAX",
    // Metrics leave by the log.
    "CODESYNC_METRICS_LISTEN",
    "CODESYNC_METRICS_S",
    "CODESYNC_OUTBOX_BYTES_MAX",
    "CODESYNC_OUTBOX_FRAMES_MAX",
    "CODESYNC_PING_S",
    "CODESYNC_RATE_LIMITS",
    "CODESYNC_ROOM_IDLE_MS",
    "CODESYNC_SESSION_S",
    "CODESYNC_SINGLE_NODE",
    // Only while a secret is replaced.
    "JWT_SECRET_PREVIOUS",
    "CODESYNC_SNAPSHOT_MS",
    "CODESYNC_SNAPSHOT_RETRY_MS_MAX",
    "CODESYNC_SNAPSHOT_UPDATES_MAX",
    "CODESYNC_SOCKETS_PER_USER_MAX",
    "CODESYNC_STALL_S",
    "CODESYNC_SWEEP_S",
    "CODESYNC_TICKET_S",
    "CODESYNC_VERSIONS",
    // The cache is one primary with replicas; it and the database are configured by their parts.
    "DATABASE_URL",
    "REDIS_CLUSTER",
    "REDIS_URL",
    // Only CodeSync uses the bucket.
    "S3_PREFIX",
];
fn agreed() -> Value {
    serde_json::from_str(include_str!("../../../deploy/terraform/services.json")).unwrap()
}

fn strings(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().unwrap().iter();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn services() -> BTreeMap<String, Value> {
    agreed()["services"].as_object().unwrap().clone().into_iter().collect()
}

/// The environment of a task of the service, including secrets.
fn environment(service: &Value) -> BTreeMap<String, String> {
    let agreed = agreed();
    let parts = [&agreed["environment"], &agreed["secrets"], &service["environment"]];
    let all: Vec<_> = parts.into_iter().flat_map(strings).collect();
    let names: BTreeMap<_, _> = all.iter().cloned().collect();
    assert_eq!(names.len(), all.len(), "a variable is set twice");
    names
}

/// The variables that the named commands read, with their flags.
pub(crate) fn read(commands: &[&str]) -> BTreeMap<String, String> {
    let cli = Cli::command();
    let commands = commands.iter().map(|name| cli.find_subcommand(name).unwrap());
    let arguments = commands.flat_map(clap::Command::get_arguments);
    arguments
        .filter_map(|argument| {
            let name = argument.get_env()?.to_str().unwrap().to_owned();
            Some((name, format!("--{}", argument.get_long().unwrap())))
        })
        .collect()
}

#[test]
fn tasks_set_what_the_server_reads_and_nothing_else() {
    let read: BTreeSet<String> = read(&["serve", "healthcheck"]).into_keys().collect();
    let left_alone: BTreeSet<String> = LEFT_ALONE.iter().map(|name| (*name).to_owned()).collect();
    for (role, service) in services() {
        let set: BTreeSet<String> = environment(&service).into_keys().collect();
        let ignored: Vec<_> = set.difference(&read).collect();
        assert!(ignored.is_empty(), "tasks of {role} set what nobody reads: {ignored:?}");
        let forgotten: Vec<_> = read.difference(&set).filter(|name| !left_alone.contains(*name)).collect();
        assert!(forgotten.is_empty(), "neither set for tasks of {role} nor left alone on purpose: {forgotten:?}");
        let both: Vec<_> = left_alone.intersection(&set).collect();
        assert!(both.is_empty(), "set, and yet left alone: {both:?}");
    }
    let gone: Vec<_> = left_alone.difference(&read).collect();
    assert!(gone.is_empty(), "left alone, but not there any more: {gone:?}");
}

/// The values, with something in the places that Terraform fills.
fn filled(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let sample = |name: &str| match name {
        "region" => "us-east-1",
        "sockets_max" => "5000",
        "acknowledge" => "replicated:1",
        "db_connections" => "5",
        "db_port" => "5432",
        "redis_port" => "6379",
        "drain_delay_s" => "15",
        "public_url" => "https://codesync.example.com",
        name if name.ends_with("_arn") => "a-secret-that-is-as-long-as-32-bytes-or-longer",
        _ => "sample",
    };
    let fill = |text: &str| {
        let mut pieces = text.split("${");
        let mut filled = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').unwrap();
            filled = filled + sample(name) + rest;
        }
        filled
    };
    environment.iter().map(|(name, value)| (name.clone(), fill(value))).collect()
}

#[test]
fn the_server_takes_what_the_tasks_set() {
    let flags = read(&["serve"]);
    for (role, service) in services() {
        let environment = filled(&environment(&service));
        let set = environment.iter().filter_map(|(name, value)| Some(format!("{}={value}", flags.get(name)?)));
        let arguments = ["codesync".to_owned(), "serve".to_owned()].into_iter().chain(set);
        let cli = Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("tasks of {role}: {error}"));
        let Command::Serve(config) = cli.command else { panic!("not serve") };
        assert_eq!(Value::from(config.http.listen.port()), service["port"], "the port of {role}");
        assert!(config.http.listen.ip().is_unspecified(), "the balancer reaches {role}");
        let (delay, drain) = (config.http.drain_delay.as_secs(), config.http.drain.as_secs());
        let stop_timeout = agreed()["stop_timeout_s"].as_u64().unwrap();
        assert!(drain >= 60 && delay >= 10, "{role} waits {delay} s for the balancer and drains for {drain} s");
        assert!(delay + drain < stop_timeout, "ECS waits {stop_timeout} s, and {role} takes {delay} s and {drain} s");
        assert!(config.http.drain_spread < config.http.drain, "sockets are gone before the drain ends");
        let health = format!("http://127.0.0.1:{}/health", service["port"]);
        assert_eq!(environment["CODESYNC_HEALTHCHECK_URL"], health);
        assert_eq!((&environment["CODESYNC_ROLES"], &environment["CODESYNC_METRICS_SERVICE"]), (&role, &role));
    }
}

#[test]
fn the_edge_blocks_nobody_whom_the_server_accepts() {
    let accepted = Limits::new(Switch::On, None).accepted_within(Duration::from_secs(300));
    for (name, accepted) in ["all", "auth", "socket"].into_iter().zip(accepted) {
        let allowed = agreed()["edge_limits_5m"][name].as_u64().unwrap();
        assert!(u128::from(allowed) > accepted, "{name}: {allowed} at the edge, {accepted} at the server");
    }
}

#[test]
fn alarms_and_scaling_follow_what_the_server_reports() {
    let mut agreed = strings(&agreed()["metrics"]);
    assert_eq!(agreed.remove("namespace").as_deref(), Some(NAMESPACE));
    let known: BTreeSet<&str> = agreed.values().map(String::as_str).collect();
    assert_eq!(known, METRICS.iter().map(|(name, _)| *name).collect());
}

#[tokio::test]
async fn health_paths_and_routes_are_the_servers() {
    for (role, service) in services() {
        let roles = vec![NodeRole::from_str(&role, false).unwrap()];
        let app = TestApp::with(|config| config.roles = roles).await;
        let health = service["health"].as_str().unwrap();
        let answer = rest::get(app.url(health)).await.unwrap();
        assert!(answer.status().is_success(), "{role} is ready at {health}: {}", answer.status());
        let paths: Vec<_> = service["paths"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
        let leads = paths.iter().any(|path| path.strip_suffix('*').is_some_and(|start| health.starts_with(start)));
        assert!(leads || paths.is_empty(), "the balancer leads {health} to {role}");
        for path in paths {
            let answer = rest::get(app.url(&path.replace('*', "health"))).await.unwrap();
            let site = answer.headers().get("content-type").is_some_and(|kind| kind.to_str().unwrap().contains("html"));
            assert!(!site, "{path} leads to {role}, which has only the site there");
        }
        assert!(rest::get(app.url("/health")).await.unwrap().status().is_success(), "{role} is alive");
        app.stop().await;
    }
}

#[tokio::test]
async fn the_edge_and_the_server_set_the_same_headers_for_the_site() {
    let app = TestApp::embedded().await;
    let site = rest::get(app.url("/")).await.unwrap();
    assert_eq!(Value::from(site.headers()["content-security-policy"].to_str().unwrap()), agreed()["site_policy"]);
    app.stop().await;
}
