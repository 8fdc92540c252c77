//! The address of Redis, and when an edit counts as durable there.

use std::str::FromStr;

use anyhow::{Context, ensure};
use clap::Args;
use redis::IntoConnectionInfo;

use super::{Secret, Switch, given, host::host, port};

/// Redis, which makes a node one of several.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Redis")]
pub struct RedisConfig {
    /// The address of Redis 7 or Valkey, `redis://` or with TLS `rediss://user:password@host:6379`; for a cluster some of its
    /// nodes, separated by commas. By default the update log is in the data folder. It excludes `REDIS_HOST` and its
    /// variables. Redis should write an append-only file and never evict.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<Secret>,
    /// The host of Redis, a name or an IP address, instead of a URL.
    #[arg(long, env = "REDIS_HOST")]
    pub redis_host: Option<String>,
    /// The port of Redis; by default 6379.
    #[arg(long, env = "REDIS_PORT", value_parser = port())]
    pub redis_port: Option<u16>,
    /// The user of Redis.
    #[arg(long, env = "REDIS_USERNAME")]
    pub redis_username: Option<String>,
    /// The password of that user.
    #[arg(long, env = "REDIS_PASSWORD", hide_env_values = true)]
    pub redis_password: Option<Secret>,
    /// TLS to Redis.
    #[arg(long, env = "REDIS_TLS", default_value = "off")]
    pub redis_tls: Switch,
    /// Whether the address is that of a Redis Cluster. Several addresses always are.
    #[arg(long, env = "REDIS_CLUSTER", default_value = "off")]
    pub redis_cluster: Switch,
    /// When an edit counts as saved: `appended` to the stream, or `replicated:N` once N replicas have it too.
    #[arg(long, env = "CODESYNC_ACKNOWLEDGE", default_value = "appended")]
    pub acknowledge: Acknowledge,
}

impl RedisConfig {
    /// The address, with user and password; none without Redis.
    ///
    /// # Errors
    /// When a setting would have no effect, or is not an address.
    pub fn address(&self) -> anyhow::Result<Option<Secret>> {
        let url = self.redis_url.as_ref().filter(|url| !url.expose().is_empty());
        let host = given(&self.redis_host);
        let parts = [
            ("REDIS_PORT", self.redis_port.is_some()),
            ("REDIS_USERNAME", given(&self.redis_username).is_some()),
            ("REDIS_PASSWORD", self.redis_password.as_ref().is_some_and(|password| !password.expose().is_empty())),
            ("REDIS_TLS", self.redis_tls == Switch::On),
        ];
        let part = parts.into_iter().find_map(|(variable, is_set)| is_set.then_some(variable));
        let address = match (url, host) {
            (Some(url), host) => {
                let unused = host.map(|_| "REDIS_HOST").or(part);
                ensure!(unused.is_none(), "REDIS_URL and {} are both set: one address is enough", unused.unwrap_or(""));
                url.clone()
            }
            (None, Some(host)) => self.joined(host)?,
            (None, None) => {
                let unused = part.or((self.redis_cluster == Switch::On).then_some("REDIS_CLUSTER"));
                let unused = unused.or((self.acknowledge != Acknowledge::Appended).then_some("CODESYNC_ACKNOWLEDGE"));
                ensure!(unused.is_none(), "{} is set, and neither REDIS_HOST nor REDIS_URL is", unused.unwrap_or(""));
                return Ok(None);
            }
        };
        let variable = if url.is_some() { "REDIS_URL" } else { "REDIS_HOST" };
        for part in address.expose().split(',') {
            check(part).with_context(|| format!("{variable} is not an address, as redis://user:password@host:6379"))?;
        }
        Ok(Some(address))
    }

    fn joined(&self, text: &str) -> anyhow::Result<Secret> {
        let scheme = if self.redis_tls == Switch::On { "rediss" } else { "redis" };
        let address = format!("{scheme}://{}:{}", host("REDIS_HOST", text)?, self.redis_port.unwrap_or(6379));
        let mut url = url::Url::parse(&address).context("REDIS_HOST")?;
        let set = url.set_username(self.redis_username.as_deref().unwrap_or_default());
        set.and_then(|()| url.set_password(self.redis_password.as_ref().map(Secret::expose)))
            .expect("an address with a host takes a user and a password");
        Ok(Secret(url.into()))
    }

    /// Whether the address is that of a cluster.
    pub fn is_cluster(&self) -> bool {
        let several = |url: &Secret| url.expose().contains(',');
        self.redis_cluster == Switch::On || self.redis_url.as_ref().is_some_and(several)
    }
}

/// Parses one address as the connection will.
fn check(address: &str) -> anyhow::Result<()> {
    address.into_connection_info()?;
    for (key, _) in url::Url::parse(address)?.query_pairs() {
        ensure!(matches!(&*key, "protocol" | "db" | "user" | "pass"), "its parameter {key} is not known");
    }
    Ok(())
}

/// When an edit counts as durable in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledge {
    /// Once it is in the stream.
    Appended,
    /// Once this number of replicas have it too.
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        redis: RedisConfig,
    }

    fn address(arguments: &[&str]) -> anyhow::Result<Option<String>> {
        let config = Line::try_parse_from([&["test"], arguments].concat()).unwrap().redis;
        Ok(config.address()?.map(|address| address.expose().to_owned()))
    }

    #[test]
    fn every_address_is_used() {
        for (arguments, expected) in [
            (&["--redis-host=::1"][..], "redis://[::1]:6379"),
            (&["--redis-host=[::1]", "--redis-port=7000"], "redis://[::1]:7000"),
            (&["--redis-host=cache.example", "--redis-tls=on"], "rediss://cache.example:6379"),
            (
                &["--redis-host=h", "--redis-username=me", "--redis-password=p@ss/ word"],
                "redis://me:p%40ss%2F%20word@h:6379",
            ),
            (&["--redis-url=redis://me:secret@one:7000/2"], "redis://me:secret@one:7000/2"),
            (&["--redis-url=redis://one:1,redis://two:2"], "redis://one:1,redis://two:2"),
        ] {
            assert_eq!(address(arguments).unwrap().as_deref(), Some(expected), "{arguments:?}");
        }
        for arguments in [&[][..], &["--redis-url="], &["--redis-host="]] {
            assert_eq!(address(arguments).unwrap(), None, "{arguments:?}");
        }
    }

    #[test]
    fn a_setting_that_would_not_be_used_is_refused_by_name() {
        for (arguments, named) in [
            (&["--redis-host=host:6379"][..], "REDIS_HOST"),
            (&["--redis-host= host"], "REDIS_HOST"),
            (&["--redis-host=redis://host"], "REDIS_HOST"),
            (&["--redis-url=host:6379"], "REDIS_URL"),
            (&["--redis-url=redis://one:1,"], "REDIS_URL"),
            (&["--redis-url=redis://one/0?tls=on"], "tls"),
            (&["--redis-url=redis://one:1, redis://two:port"], "REDIS_URL"),
            (&["--redis-url=http://secret@one"], "REDIS_URL"),
            (&["--redis-url=redis://one", "--redis-host=two"], "REDIS_HOST"),
            (&["--redis-url=redis://one", "--redis-tls=on"], "REDIS_TLS"),
            (&["--redis-url=redis://one", "--redis-password=secret"], "REDIS_PASSWORD"),
            (&["--redis-port=6380"], "REDIS_PORT"),
            (&["--redis-password=secret"], "REDIS_PASSWORD"),
            (&["--redis-cluster=on"], "REDIS_CLUSTER"),
            (&["--acknowledge=replicated:1"], "CODESYNC_ACKNOWLEDGE"),
        ] {
            let error = format!("{:#}", address(arguments).unwrap_err());
            assert!(error.contains(named) && !error.contains("secret"), "{arguments:?}: {error}");
        }
    }
}
