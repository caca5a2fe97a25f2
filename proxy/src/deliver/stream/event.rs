//! An event as a core sees it.

use tokio::time::Instant;

/// What the core needs to know of an event.
pub trait Event {
    /// Bytes of its record before base64.
    fn size(&self) -> usize;
    /// When it was accepted.
    fn accepted_at(&self) -> Instant;
    /// Whether nobody waits for it any more at `now`, so that it must not be sent.
    fn is_abandoned(&self, now: Instant) -> bool;
    /// Whether its client still waits for the answer and sends it again when it is told to.
    fn is_refusable(&self) -> bool;
}
