//! The batch that records are written into, without the queue that takes it.

#[path = "../../proxy/src/queue/event_batch.rs"]
#[allow(dead_code)] // what only the queue uses
mod event_batch;

pub use event_batch::{BatchTooLarge, EntryRef, EventBatch};
