//! The S3 bucket of snapshots.

use anyhow::ensure;
use clap::Args;
use object_store::aws::AmazonS3ConfigKey;

use super::{Secret, given};

/// Snapshots on S3. Without keys here, credentials are those of the environment or of the task's role.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "S3")]
pub struct S3Config {
    /// The bucket of the snapshots. By default they are in the data folder.
    #[arg(long = "s3-bucket", env = "S3_BUCKET")]
    pub bucket: Option<String>,
    /// A prefix of all keys, for a bucket that has other users.
    #[arg(long = "s3-prefix", env = "S3_PREFIX", default_value = "")]
    pub prefix: String,
    /// The region of the bucket.
    #[arg(long = "s3-region", env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// The address of an S3-compatible server, `http` or `https`, with bucket names in the path. By default AWS.
    #[arg(long = "s3-endpoint", env = "AWS_ENDPOINT_URL")]
    pub endpoint: Option<String>,
    /// The id of the access key. By default credentials come from the role of the task.
    #[arg(long = "s3-access-key-id", env = "AWS_ACCESS_KEY_ID", requires = "secret_access_key")]
    pub access_key_id: Option<String>,
    /// The secret of the access key.
    #[arg(
        long = "s3-secret-access-key",
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        requires = "access_key_id"
    )]
    pub secret_access_key: Option<Secret>,
}

impl S3Config {
    /// The bucket; none if snapshots are in the data folder.
    ///
    /// # Errors
    /// When a setting would have no effect, or is invalid. AWS's own variables may be set for other programs, so
    /// without a bucket they are ignored.
    pub fn bucket(&self) -> anyhow::Result<Option<&str>> {
        let Some(bucket) = given(&self.bucket) else {
            ensure!(self.prefix.is_empty(), "S3_PREFIX is set, and S3_BUCKET is not");
            return Ok(None);
        };
        let only = |text: &str, more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
        ensure!(
            only(bucket, b".-_"),
            "S3_BUCKET must be the name of a bucket, without a scheme and a path: {bucket:?}"
        );
        ensure!(only(&self.region, b"-"), "AWS_REGION must be the name of a region, as us-east-1: {:?}", self.region);
        ensure!(self.prefix.trim() == self.prefix, "S3_PREFIX begins or ends with a blank: {:?}", self.prefix);
        if let Some(endpoint) = given(&self.endpoint) {
            let is_site = super::is_site(endpoint);
            ensure!(
                is_site,
                "AWS_ENDPOINT_URL must be an address as http://host:9000, which begins with http:// or https://"
            );
        }
        Ok(Some(bucket))
    }

    /// Other settings of the environment for S3: a role's credentials, a web identity's, a session token.
    pub fn environment() -> Vec<(AmazonS3ConfigKey, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty())
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        s3: S3Config,
    }

    #[test]
    fn a_setting_that_would_not_be_used_is_refused_by_name() {
        for (arguments, named) in [
            (&["--s3-bucket=two words"][..], "S3_BUCKET"),
            (&["--s3-bucket= "], "S3_BUCKET"),
            (&["--s3-bucket=s3://bucket"], "S3_BUCKET"),
            (&["--s3-bucket=bucket/folder"], "S3_BUCKET"),
            (&["--s3-prefix=folder"], "S3_PREFIX"),
            (&["--s3-bucket=b", "--s3-prefix= folder"], "S3_PREFIX"),
            (&["--s3-bucket=b", "--s3-region=us east"], "AWS_REGION"),
            (&["--s3-bucket=b", "--s3-endpoint=objects:9000"], "AWS_ENDPOINT_URL"),
            (&["--s3-bucket=b", "--s3-endpoint=ftp://objects"], "AWS_ENDPOINT_URL"),
            (&["--s3-bucket=b", "--s3-endpoint=http://objects:port"], "AWS_ENDPOINT_URL"),
            (&["--s3-bucket=b", "--s3-endpoint= http://objects"], "AWS_ENDPOINT_URL"),
        ] {
            let config = Line::try_parse_from([&["test"], arguments].concat()).unwrap().s3;
            let error = config.bucket().unwrap_err().to_string();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
        for arguments in [&[][..], &["--s3-bucket="], &["--s3-bucket=", "--s3-endpoint=nowhere"]] {
            let config = Line::try_parse_from([&["test"], arguments].concat()).unwrap().s3;
            assert_eq!(config.bucket().unwrap(), None, "{arguments:?}");
        }
    }
}
