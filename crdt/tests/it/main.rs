//! Behaviour of the crate through its public interface.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod awareness;
mod check;
mod compare;
mod convergence;
mod fixtures;
mod interop;
mod mass;
mod merge;
mod protocol;
mod replace;
mod traces;
