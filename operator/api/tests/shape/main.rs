//! The shape of the custom resource: what the definition says, what it refuses and what it admits, offline.
#![cfg(feature = "admission")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod admission;
mod bounds;
mod cases;
mod definition;
mod rules;
