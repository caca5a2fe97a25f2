//! The data-plane proxy: customer events in over HTTP, Amazon Kinesis Data Firehose records out.
//!
//! Accepted events go `http → event → queue → deliver → firehose`, by way of `spool` where a disk is to hold them. Only
//! [`app`] sees everything; who else imports whom is drawn in `docs/ARCHITECTURE.md`. The proxy has no access to the
//! Kubernetes API; its configuration is a mounted directory.

pub mod account;
pub mod app;
pub mod cli;
pub mod config;
pub mod dead_letters;
pub mod deliver;
pub mod descriptors;
pub mod firehose;
pub mod http;
pub mod queue;
pub mod shutdown;
#[cfg(test)]
mod simulation;
pub mod spool;
pub mod telemetry;

pub use firehose_proxy_events::{event, privacy, routing, source, stream};
