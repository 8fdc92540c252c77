//! Where Redis is, and when an edit counts as durable there.

use std::str::FromStr;

use clap::Args;

use super::{Secret, Switch};

/// Redis, which makes a node one of several.
#[derive(Clone, Debug, Args)]
pub struct RedisConfig {
    /// Where Redis is, `redis://` or with TLS `rediss://`; of a cluster some nodes, separated by commas.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<Secret>,
    /// The host of Redis, where no address is given.
    #[arg(long, env = "REDIS_HOST")]
    pub redis_host: Option<String>,
    /// The port at that host.
    #[arg(long, env = "REDIS_PORT", default_value_t = 6379)]
    pub redis_port: u16,
    /// The user at that host.
    #[arg(long, env = "REDIS_USERNAME")]
    pub redis_username: Option<String>,
    /// The password at that host.
    #[arg(long, env = "REDIS_PASSWORD", hide_env_values = true)]
    pub redis_password: Option<Secret>,
    /// Whether that host is spoken to over TLS.
    #[arg(long, env = "REDIS_TLS", default_value = "off")]
    pub redis_tls: Switch,
    /// Whether the address is that of a Redis Cluster; several addresses always are.
    #[arg(long, env = "REDIS_CLUSTER", default_value = "off")]
    pub redis_cluster: Switch,
    /// When an edit counts as durable in Redis: `appended`, or `replicated:N` once N replicas have it too.
    #[arg(long, env = "CODESYNC_ACKNOWLEDGE", default_value = "appended")]
    pub acknowledge: Acknowledge,
}

impl RedisConfig {
    /// The address, with user and password; none where Redis is not used.
    pub fn address(&self) -> Option<Secret> {
        if self.redis_url.is_some() {
            return self.redis_url.clone();
        }
        let scheme = if self.redis_tls == Switch::On { "rediss" } else { "redis" };
        let mut url = url::Url::parse(&format!("{scheme}://{}:{}", self.redis_host.as_ref()?, self.redis_port)).ok()?;
        url.set_username(self.redis_username.as_deref().unwrap_or_default()).ok()?;
        url.set_password(self.redis_password.as_ref().map(Secret::expose)).ok()?;
        Some(Secret(url.into()))
    }

    /// Whether the address is that of a cluster.
    pub fn is_cluster(&self) -> bool {
        let several = |url: &Secret| url.expose().contains(',');
        self.redis_cluster == Switch::On || self.redis_url.as_ref().is_some_and(several)
    }
}

/// When an edit counts as durable in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// Once it stands in the stream.
    Appended,
    /// Once so many replicas have it too.
    Replicated(u32),
}

impl FromStr for Acknowledge {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "appended" => Ok(Self::Appended),
            None if text == "replicated" => Ok(Self::Replicated(1)),
            Some(("replicated", count)) => match count.parse() {
                Ok(count) if count > 0 => Ok(Self::Replicated(count)),
                _ => Err("the number of replicas is a whole number above zero"),
            },
            _ => Err("expected appended, replicated or replicated:N"),
        }
    }
}
