//! The code's shape is what `docs/ARCHITECTURE.md` says, and the checks that say so notice when it is not.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how a test reports")]

mod circles;
mod filters;
mod glossary;
mod imports;
mod links;
mod lints;
mod picture;
mod sizes;
mod unbuilt;
