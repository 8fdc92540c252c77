//! Snapshots on S3, or on a compatible server. A returned put survives what the bucket survives.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use async_trait::async_trait;
use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::AmazonS3Builder,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
    },
    prefix::PrefixStore,
};

use super::SnapshotStore;
use crate::config::S3Config;

/// A server that does not accept a connection, or is silent, for this long counts as unavailable. All attempts of one
/// request end some seconds later, long before a REST call does.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SILENCE_TIMEOUT: Duration = Duration::from_secs(3);
/// For one request that carries a whole object.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// How long an idle connection is kept: much shorter than the idle timeout of firewalls. The kernel probes it too.
const IDLE_MAX: Duration = Duration::from_secs(10);
const RETRIES_MAX: usize = 2;
const RETRY_WITHIN: Duration = Duration::from_secs(4);

/// Snapshots in `bucket`.
///
/// # Errors
/// When the settings contradict each other. The bucket itself is not accessed.
pub fn open(config: &S3Config, bucket: &str) -> anyhow::Result<SnapshotStore> {
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(SILENCE_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
        .with_pool_idle_timeout(IDLE_MAX)
        .with_allow_http(config.endpoint.as_ref().is_some_and(|endpoint| !endpoint.is_empty()));
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(1), base: 2.0 };
    // Credentials from outside of our settings: a role's, a web identity's, a session token.
    let environment = S3Config::environment().into_iter();
    let mut builder = environment
        .fold(AmazonS3Builder::new(), |builder, (key, value)| builder.with_config(key, value))
        .with_bucket_name(bucket)
        .with_region(&config.region)
        .with_client_options(client)
        .with_http_connector(Fresh)
        .with_retry(RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: RETRY_WITHIN })
        // The request that deletes many objects needs checksums that not every S3-compatible server supports.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = config.endpoint.as_ref().filter(|endpoint| !endpoint.is_empty()) {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_virtual_hosted_style_request(false);
    }
    if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
    }
    let objects = Arc::new(PrefixStore::new(builder.build().context("settings for S3")?, config.prefix.as_str()));
    Ok(SnapshotStore { store: objects.clone(), signer: Some(objects), owner: None })
}

/// Makes clients that close all their connections once one of them has fallen silent: the others may be cut too, and a
/// retry must not use the next of them.
#[derive(Debug)]
struct Fresh;

#[derive(Debug)]
struct FreshClient {
    options: ClientOptions,
    client: Mutex<Arc<HttpClient>>,
}

impl HttpConnector for Fresh {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = Mutex::new(Arc::new(ReqwestConnector::default().connect(options)?));
        Ok(HttpClient::new(FreshClient { options: options.clone(), client }))
    }
}

impl FreshClient {
    fn replace(&self, silent: &Arc<HttpClient>) {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&client, silent)
            && let Ok(fresh) = ReqwestConnector::default().connect(&self.options)
        {
            *client = Arc::new(fresh);
        }
    }
}

#[async_trait]
impl HttpService for FreshClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = client.execute(request).await;
        if answer.as_ref().is_err_and(|error| error.kind() == HttpErrorKind::Timeout) {
            self.replace(&client);
        }
        answer
    }
}
