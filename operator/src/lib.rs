//! Kubernetes operator that reconciles `FirehoseDestination` objects: observe → validate → plan → apply → verify.
//!
//! Without the feature `controller` this crate is its pure core, [`plan`], which the local path shares.

#[cfg(feature = "controller")]
pub mod admin;
#[cfg(feature = "controller")]
pub mod app;
#[cfg(feature = "controller")]
pub mod apply;
#[cfg(feature = "controller")]
pub mod args;
pub mod cli;
#[cfg(feature = "controller")]
pub mod client;
#[cfg(feature = "controller")]
pub mod lease;
#[cfg(feature = "controller")]
pub mod lifecycle;
#[cfg(feature = "controller")]
pub mod metrics;
#[cfg(feature = "controller")]
pub mod observe;
pub mod plan;
#[cfg(feature = "controller")]
pub mod probe;
#[cfg(feature = "controller")]
pub mod reconcile;
#[cfg(feature = "controller")]
pub mod rollout;
#[cfg(feature = "controller")]
pub mod trust;
#[cfg(feature = "controller")]
pub mod verify;
