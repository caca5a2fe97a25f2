//! What people who run such endpoints have reported about others, each with its right value here. Beside each case
//! stands the public report it comes from, as repository and number; the words are ours.

// All of it runs in tests: a panic is the report.
#![allow(clippy::unwrap_used)]

#[path = "../endpoint/server.rs"]
#[allow(dead_code, reason = "the endpoint's own tests use the rest")]
mod server;

mod addresses;
mod batches;
mod clients;
mod connections;
mod families;
mod keys;
mod memory;
mod privacy;
mod surrogates;
mod timestamps;
