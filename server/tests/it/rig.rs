//! Real services for tests: each starts on a free port and stops when dropped.

pub(crate) mod disk;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod s3;
