//! What the tests that cross crates are built from. Not a library for anybody else.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "only tests call this, and a panic is how a test reports"
)]

pub mod architecture;
pub mod arrived;
pub mod chart_values;
pub mod client;
pub mod document;
pub mod glossary;
pub mod http;
pub mod local_path;
pub mod moto;
pub mod program;
pub mod proxy;
pub mod readme;
pub mod sdk;
pub mod simulator;
pub mod wait;
pub mod workspace;
