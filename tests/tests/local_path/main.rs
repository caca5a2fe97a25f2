//! The running product without a cluster: what saving the manifest does, and what bad input does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod bad_input;
mod edits;
mod endpoints;
mod families;
mod killed;
mod manifest;
mod mistakes;
mod repeats;
