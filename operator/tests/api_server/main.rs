//! The operator against a real API server, without nodes and with the rights of its chart. `KUBEBUILDER_ASSETS` names
//! the folder with `kube-apiserver` and, unless it is on the path, `etcd`; `HELM_3` and `HELM_4` name the two Helms.
//! Cargo runs it only by name:
//!
//!     KUBEBUILDER_ASSETS=… HELM_3=… HELM_4=… cargo test -p firehose-operator --test api_server
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod admission;
#[path = "../../api/tests/shape/cases.rs"]
mod cases;
mod chart;
mod children;
mod deletion;
mod leader;
mod manifest;
mod many;
mod namespace;
mod people;
mod pods;
mod policies;
mod reconcile;
#[path = "../rights/mod.rs"]
mod rights;
mod rollout;
mod scale;
mod server;
mod tenant;
mod tightened;
