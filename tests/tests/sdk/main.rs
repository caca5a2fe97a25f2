//! Unmodified SDKs send to the running local path: every event is in the stream that its mapping names, and nowhere
//! else.
//!
//! The tests are ignored where nothing has installed the SDKs; `cargo xtask test` installs them and runs these.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod events;
mod outages;
mod tls;
