//! The data-plane proxy: customer events in over HTTP, Amazon Kinesis Data Firehose records out.
//!
//! Imports run one way: `http → event → routing → queue ← deliver → firehose`, and `spool → queue`. Only [`app`] sees
//! everything. The proxy has no access to the Kubernetes API; its configuration is a mounted directory.

pub mod app;
pub mod cli;
pub mod config;
pub mod dead_letters;
pub mod deliver;
pub mod event;
pub mod firehose;
pub mod http;
pub mod queue;
pub mod routing;
pub mod shutdown;
#[cfg(test)]
mod simulation;
pub mod spool;
pub mod stream;
pub mod telemetry;
