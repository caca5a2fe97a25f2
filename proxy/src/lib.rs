//! The data-plane proxy: customer events in over HTTP, Amazon Kinesis Data Firehose records out.
//!
//! Imports run one way: `http → event → routing → spool ← deliver → aws`. Only [`app`] sees everything. The proxy has no
//! access to the Kubernetes API; its configuration is a mounted directory.

pub mod app;
pub mod args;
pub mod aws;
pub mod deliver;
pub mod event;
pub mod http;
pub mod metrics;
pub mod mounted;
pub mod routing;
pub mod shutdown;
#[cfg(test)]
mod simulation;
pub mod spool;
pub mod stream;
