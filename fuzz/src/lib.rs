//! The part of the proxy that reads bytes from outside, without the rest of the proxy.

pub use firehose_proxy_events::{event, privacy, routing, stream};

/// The batch that records are written into and what an event is known by, under the proxy's own path.
pub mod queue {
    pub use firehose_proxy_events::{BatchTooLarge, EntryRef, EventBatch, Identity, IdentityKey, Sent};
}
