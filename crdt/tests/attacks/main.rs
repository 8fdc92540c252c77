//! Bytes that are meant to hurt.

#![cfg(test)]

#[path = "../support.rs"]
mod support;
