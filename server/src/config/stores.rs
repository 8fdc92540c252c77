//! Which of the shared stores are configured: with all three this is one of several nodes, with none it is a server of
//! its own.

use anyhow::ensure;

use super::{Config, RedisConfig, StorageConfig, Switch};

/// Which of the shared stores are configured.
#[derive(Clone, Copy, Debug)]
pub struct Stores {
    /// PostgreSQL.
    pub database: bool,
    /// Redis.
    pub redis: bool,
    /// S3.
    pub s3: bool,
}

impl Stores {
    fn of(storage: &StorageConfig, redis: &RedisConfig) -> anyhow::Result<Self> {
        Ok(Self {
            database: storage.database.options()?.is_some(),
            redis: redis.address()?.is_some(),
            s3: storage.s3.bucket()?.is_some(),
        })
    }

    /// A list of the stores that are configured, or of those that are not.
    fn named(self, configured: bool) -> String {
        let stores = [
            ("PostgreSQL (DATABASE_URL or DB_HOST)", self.database),
            ("Redis (REDIS_URL or REDIS_HOST)", self.redis),
            ("S3 (S3_BUCKET)", self.s3),
        ];
        let named: Vec<_> =
            stores.into_iter().filter(|(_, is_set)| *is_set == configured).map(|(name, _)| name).collect();
        named.join(" and ")
    }
}

impl Config {
    /// The configured stores.
    ///
    /// # Errors
    /// When an address is invalid, or nodes would share only some of the stores.
    pub fn stores(&self) -> anyhow::Result<Stores> {
        let stores = Stores::of(&self.storage, &self.redis)?;
        let Stores { database, redis, s3 } = stores;
        ensure!(
            database == redis && redis == s3 || self.storage.single_node == Switch::On,
            "not configured: {}; configured: {}. Nodes share PostgreSQL, Redis and S3, or none of them; with \
             CODESYNC_SINGLE_NODE=on the only node keeps the rest in its data folder",
            stores.named(false),
            stores.named(true)
        );
        Ok(stores)
    }
}

/// Checks the settings of a command that works on the database alone.
///
/// # Errors
/// When an address is invalid, or the command would work on a file beside an installation of several nodes.
pub(super) fn check_database(storage: &StorageConfig, redis: &RedisConfig) -> anyhow::Result<()> {
    let stores = Stores::of(storage, redis)?;
    ensure!(
        stores.database || !(stores.redis || stores.s3) || storage.single_node == Switch::On,
        "PostgreSQL (DATABASE_URL or DB_HOST) is not configured; configured: {}. With CODESYNC_SINGLE_NODE=on the database is \
         the file in the data folder",
        stores.named(true)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::config::{Cli, Command};

    const STORES: [(&str, &str); 3] = [
        ("DATABASE_URL", "--database-url=postgres://me@db/x"),
        ("REDIS_URL", "--redis-url=redis://cache"),
        ("S3_BUCKET", "--s3-bucket=bucket"),
    ];

    fn validate(command: &str, chosen: &[&str]) -> anyhow::Result<()> {
        let line = [&["codesync", command, "--jwt-secret=32 bytes or more, as is said above"], chosen].concat();
        match Cli::try_parse_from(line).unwrap().command {
            Command::Serve(config) => config.validate(),
            _ => unreachable!("the tests say serve"),
        }
    }

    #[test]
    fn a_node_with_only_some_of_the_stores_is_refused_unless_it_is_the_only_one() {
        for set in 0..8_usize {
            let is_set = |index: usize| set >> index & 1 == 1;
            let chosen: Vec<&str> = (0..3).filter(|index| is_set(*index)).map(|index| STORES[index].1).collect();
            let answer = validate("serve", &chosen);
            assert_eq!(answer.is_ok(), matches!(set, 0 | 7), "{chosen:?}: {answer:?}");
            if let Err(error) = answer {
                let error = error.to_string();
                let (missing, present) = error.split_once("; configured: ").unwrap();
                for (index, (name, _)) in STORES.iter().enumerate() {
                    assert!(if is_set(index) { present } else { missing }.contains(name), "{chosen:?}: {error}");
                }
                assert!(error.contains("CODESYNC_SINGLE_NODE=on"), "{error}");
            }
            validate("serve", &[&chosen[..], &["--single-node=on"]].concat()).unwrap();
        }
    }
}
