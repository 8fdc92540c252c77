//! CodeSync's server. A session turns bytes into commands, a room applies them in order, the log makes them durable,
//! compaction turns old log into a snapshot. Every node is alike.

pub mod adoption;
pub mod app;
pub mod auth;
pub mod commands;
pub mod compaction;
pub mod config;
pub mod directory;
pub mod error;
mod give_way;
pub mod hex;
pub mod http;
pub mod ids;
pub mod installation;
pub mod log;
mod private;
pub mod redis;
pub mod relay;
pub mod retention;
pub mod room;
pub mod snapshot;
mod sqlite;
pub mod storage;
mod sweeper;
pub mod telemetry;
pub mod transfer;
pub mod ws;
