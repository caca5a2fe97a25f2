//! The operator against a stand-in for the API server that stalls, denies and forgets on demand.
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod asking;
mod children;
mod deadlines;
mod denied;
mod fence;
mod neighbours;
mod objects;
mod operator;
mod paused;
mod server;
mod status;
mod troubles;
mod unreadable;
