//! The batch that records are written into and what an event is known by, without the queue that takes them.

#[path = "../../proxy/src/queue/event_batch.rs"]
#[allow(dead_code)] // what only the queue uses
mod event_batch;
#[path = "../../proxy/src/queue/recent/identity.rs"]
#[allow(dead_code)] // what only the window uses
mod identity;

pub use event_batch::{BatchTooLarge, EntryRef, EventBatch};
pub use identity::{Identity, IdentityKey, Sent};
