//! The frame that records are written into, without the queue that takes it.

#[path = "../../proxy/src/spool/frame.rs"]
#[allow(dead_code)] // what only the queue uses
mod frame;

pub use frame::{EntryRef, Frame, FrameTooLarge, KeyRef};
