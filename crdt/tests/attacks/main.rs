//! Bytes that are meant to hurt.

#![cfg(test)]

#[path = "../it/fixtures.rs"]
mod fixtures;
#[path = "../support.rs"]
mod support;

mod cost;
mod directed;
mod mutation;
