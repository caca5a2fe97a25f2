//! What the driver keeps of each stream.

use tokio::time::Instant;

use crate::{
    deliver::{Queued, StreamState, drain_rate::DrainRate, metrics::StreamMetrics, stream::Core},
    firehose::Reason,
    stream::StreamName,
};

/// A stream that ever had an event.
pub(super) struct Stream {
    pub(super) name: StreamName,
    pub(super) core: Core<Queued>,
    pub(super) metrics: StreamMetrics,
    pub(super) timer: Option<Instant>,
    pub(super) state: StreamState,
    pub(super) reason: Reason,
    /// When something last waited.
    pub(super) waited_at: Instant,
    /// What is to be said to a person of the last call, where that failed.
    pub(super) detail: Option<String>,
    pub(super) drain_rate: DrainRate,
    /// The rows of the document that lead to it.
    pub(super) mapping: Option<String>,
    /// whether it is closed.
    pub(super) is_closed: bool,
    /// Events whose clients are being told that the stream takes none.
    pub(super) refused: Vec<Queued>,
    /// How many were refused since it last took some.
    pub(super) refused_events: u64,
}
