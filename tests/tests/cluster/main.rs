//! The product in a real cluster, installed with its chart and used with kubectl: `cargo xtask cluster test`.
//!
//! Every test is ignored by a plain `cargo test`, which has no cluster. Tests whose name starts with `node_fault` take
//! power or cables from nodes and run on our own nodes only.

#![cfg(test)]

mod destination;
mod environment;
mod http;
mod installation;
mod kubectl;
mod machine;
mod reach;
mod simulator;
mod traffic;

mod acceptance;
mod edits;
mod faults;
mod images;
mod rights;
mod standalone;
mod walkthrough;
