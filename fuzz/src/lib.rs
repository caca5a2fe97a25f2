//! The part of the proxy that reads bytes from outside, compiled from the proxy's own files.

#[path = "../../proxy/src/event/mod.rs"]
pub mod event;
pub mod routing;
pub mod spool;
#[path = "../../proxy/src/stream.rs"]
pub mod stream;
