//! The integration tests: one binary, a module per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends, helpers and all")]
#![expect(clippy::print_stdout, reason = "random tests print their seed")]

mod access;
mod admin;
mod auth;
mod clients;
mod commands;
mod compaction;
mod conflicts;
mod deletion;
mod deploy;
mod directory;
mod documents;
mod durability;
mod emf;
mod errors;
mod exact;
mod harness;
mod hostile;
mod lifecycle;
mod limits;
mod loading;
mod mass;
mod memory;
mod nodes;
mod openapi;
mod outage;
mod previous;
mod process;
mod raw;
mod redis;
mod rest;
mod rig;
mod rights;
mod s3_outage;
mod sharing;
mod site;
mod spec;
mod storage;
mod stored;
mod sync;
mod text;
mod transfer;
mod unknown;
mod versions;
