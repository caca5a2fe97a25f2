//! The seam to the dead letters: what happens to an event that will never be delivered.

use super::{Queued, Reason};
use crate::stream::StreamName;

/// Takes events that delivery gives up. Whoever implements it settles the event's lease, and only when the event is as
/// safe as it promises (a dead letter on disk settles after its fsync).
pub trait GiveUp: Send {
    /// Takes one event of `stream`. Must not block.
    fn give_up(&mut self, stream: &StreamName, event: Queued, reason: Reason);
}

/// Says what is lost and settles at once: where there is no place to set events aside.
#[derive(Debug, Default)]
pub struct LogAndSettle;

impl GiveUp for LogAndSettle {
    fn give_up(&mut self, stream: &StreamName, event: Queued, reason: Reason) {
        tracing::error!(
            stream = stream.as_str(),
            reason = reason.as_str(),
            bytes = event.entry().record.len(),
            "an event was given up and is lost"
        );
        Queued::settle(std::slice::from_ref(&event));
    }
}
