//! Hostile bytes.

#![cfg(test)]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

mod cost;
mod directed;
mod mutation;
