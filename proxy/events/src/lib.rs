//! What becomes of an event between the body of a request and the queue.
//!
//! [`event`] judges each event of a body, [`privacy`] says what is taken out of it, [`routing`] which stream it goes
//! to, and the records are written into one [`EventBatch`]. Knows no HTTP, no AWS and no disk, and judges by its
//! arguments alone: the proxy runs it, a command that explains what the proxy would do can, and so can a fuzzer.

mod batch;
pub mod event;
mod identity;
pub mod privacy;
pub mod routing;
pub mod source;
pub mod stream;

pub use self::{
    batch::{BatchTooLarge, EntryRef, EventBatch, StoredEntry},
    identity::{Identity, IdentityKey, IdentitySalt, Sent},
};
