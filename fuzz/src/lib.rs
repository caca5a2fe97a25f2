//! The part of the proxy that reads bytes from outside, compiled from the proxy's own files.

#[path = "../../proxy/src/event/mod.rs"]
pub mod event;
#[path = "../../proxy/src/privacy/mod.rs"]
pub mod privacy;
pub mod queue;
#[path = "../../proxy/src/routing/mod.rs"]
pub mod routing;
#[path = "../../proxy/src/stream.rs"]
pub mod stream;
