//! CodeSync's server. A session turns bytes into commands, a room applies them in order, the log makes them durable,
//! and compaction turns old log entries into a snapshot. All nodes are identical.

pub mod adoption;
pub mod app;
pub mod auth;
pub mod close;
pub mod commands;
pub mod compaction;
pub mod config;
pub mod digest;
pub mod directory;
pub mod health;
pub mod hex;
pub mod http;
pub mod ids;
pub mod installation;
pub mod limits;
pub mod log;
mod long_work;
pub mod offset;
mod private;
pub mod redis;
pub mod relay;
pub mod retention;
pub mod role;
pub mod room;
pub mod services;
pub mod snapshot;
pub mod sockets;
mod sqlite;
pub mod storage;
mod sweeper;
pub mod tasks;
pub mod telemetry;
pub mod transfer;
pub mod ws;
