//! Where snapshots are, if not in the data folder.

use clap::Args;

use super::Secret;

/// Snapshots on S3. Without keys here, credentials are those of the environment or of the task's role.
#[derive(Clone, Debug, Args)]
pub struct S3Config {
    /// The bucket that holds the snapshots; by default they are in the data folder.
    #[arg(long = "s3-bucket", env = "S3_BUCKET")]
    pub bucket: Option<String>,
    /// What the keys of all objects begin with, for a bucket that others share.
    #[arg(long = "s3-prefix", env = "S3_PREFIX", default_value = "")]
    pub prefix: String,
    /// The bucket's region.
    #[arg(long = "s3-region", env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// The address of an S3-compatible server, `http` or `https`, whose buckets are named in the path; AWS by default.
    #[arg(long = "s3-endpoint", env = "AWS_ENDPOINT_URL")]
    pub endpoint: Option<String>,
    /// The access key's id.
    #[arg(long = "s3-access-key-id", env = "AWS_ACCESS_KEY_ID", requires = "secret_access_key")]
    pub access_key_id: Option<String>,
    /// The access key's secret.
    #[arg(long = "s3-secret-access-key", env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_access_key: Option<Secret>,
}
