//! S3-compatible servers: one for each test (`moto`), or the one that `make test-s3` has started.

use std::{
    fs::File,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use codesync_server::config::{Config, S3Config};
use object_store::{
    ObjectStore,
    aws::{AmazonS3Builder, AwsAuthorizer, AwsCredential},
    client::{HttpRequest, HttpRequestBody},
};
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::proxy::{Proxy, Traffic};
use crate::{process::free_port, rest};

/// The bucket has other users.
const PREFIX: &str = "shared/with others";
const REGION: &str = "us-east-1";
/// Accepted with any keys by moto; created in radosgw at its set-up.
const KEY_ID: &str = "codesync-test";
const SECRET: &str = "codesync-test-secret";

/// A separate bucket on a server, behind a proxy.
pub(crate) struct S3 {
    server: Option<Child>,
    /// The request log of moto.
    log: NamedTempFile,
    endpoint: String,
    bucket: String,
    proxy: Proxy,
}

impl S3 {
    /// Starts a server, or uses the one in `CODESYNC_TEST_S3` (`127.0.0.1:port`).
    pub(crate) async fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "which server the tests run on is no setting of the product")]
        let given = std::env::var("CODESYNC_TEST_S3").ok();
        let log = NamedTempFile::new().unwrap();
        let (server, addr) = match given {
            Some(addr) => (None, addr.parse().unwrap()),
            None => {
                let port = free_port();
                (Some(start_moto(port, log.reopen().unwrap())), SocketAddr::from(([127, 0, 0, 1], port)))
            }
        };
        let s3 = Self {
            server,
            log,
            endpoint: format!("http://{addr}"),
            bucket: format!("test-{}", Uuid::now_v7()),
            proxy: Proxy::start(addr).await,
        };
        s3.create_bucket().await;
        s3
    }

    /// Configures a server to keep its snapshots here, through the proxy.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.storage.s3 = S3Config {
            bucket: Some(self.bucket.clone()),
            prefix: PREFIX.to_owned(),
            region: REGION.to_owned(),
            endpoint: Some(format!("http://{}", self.proxy.addr)),
            access_key_id: Some(KEY_ID.to_owned()),
            secret_access_key: Some(SECRET.to_owned().into()),
        };
    }

    /// The same as variables, for a server process.
    pub(crate) fn settings(&self) -> [(&'static str, String); 6] {
        [
            ("S3_BUCKET", self.bucket.clone()),
            ("S3_PREFIX", PREFIX.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.proxy.addr)),
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// Sets the treatment of requests from servers.
    pub(crate) fn traffic(&self, traffic: Traffic) {
        self.proxy.set(traffic);
    }

    /// Makes the open connections of servers silent.
    pub(crate) fn silence(&self) {
        self.proxy.silence();
    }

    /// The number of requests with that method for objects; none if the server does not log them.
    pub(crate) fn requests(&self, method: &str) -> Option<usize> {
        self.server.as_ref()?;
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        Some(log.lines().filter(|line| line.contains(&format!("\"{method} /{}", self.bucket))).count())
    }

    /// The objects of the servers configured for this bucket, without the proxy.
    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        let store = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(REGION)
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_access_key_id(KEY_ID)
            .with_secret_access_key(SECRET)
            .with_disable_bulk_delete(true)
            .build()
            .unwrap();
        Arc::new(object_store::prefix::PrefixStore::new(store, PREFIX))
    }

    async fn create_bucket(&self) {
        let started = Instant::now();
        let url = format!("{}/{}", self.endpoint, self.bucket);
        let credential = AwsCredential { key_id: KEY_ID.to_owned(), secret_key: SECRET.to_owned(), token: None };
        loop {
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.method_mut() = reqwest::Method::PUT;
            *request.uri_mut() = url.parse().unwrap();
            AwsAuthorizer::new(&credential, "s3", REGION).try_authorize(&mut request, None).unwrap();
            let signed = rest::client().put(&url).headers(request.headers().clone());
            match signed.send().await {
                Ok(answer) if answer.status().is_success() => return,
                answer => assert!(started.elapsed() < Duration::from_secs(60), "no bucket could be made: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn start_moto(port: u16, log: File) -> Child {
    let cache = std::env::home_dir().unwrap().join(".cache/codesync");
    let moto: PathBuf = cache.join("moto/bin/moto_server");
    assert!(moto.is_file(), "{} is missing: run `make setup`", moto.display());
    Command::new(moto)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}
