//! What the driver keeps of each stream.

use tokio::time::Instant;

use super::{Driver, refused};
use crate::{
    deliver::{
        Queued, StreamState,
        drain_rate::DrainRate,
        metrics::StreamMetrics,
        stream::{Core, Settings},
    },
    firehose::Reason,
    stream::{StreamId, StreamName},
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

impl Driver {
    /// What is kept of a stream, from its first event on.
    pub(super) fn stream(&mut self, id: StreamId) -> &mut Stream {
        let (deliver, keeps) = (&self.deliver, self.keeps);
        self.streams.entry(id).or_insert_with(|| {
            let name = deliver.streams.name(id);
            let snapshot = deliver.live.load();
            let settings = match snapshot.as_ref() {
                Some(snapshot) => refused::settings(&name, &snapshot.document, keeps),
                None => Settings::unknown(),
            };
            // Pods and streams must not wait in step; where exactly does not matter.
            deliver.byte_limit.set_drain(
                id,
                DrainRate::default().estimate(settings.share.bytes, 0, false, Instant::now()),
            );
            let seed = uuid::Uuid::new_v4().as_u64_pair().0;
            Stream {
                core: Core::new(settings, seed, Instant::now()),
                metrics: deliver.metrics.of(&name),
                timer: None,
                state: StreamState::Delivering,
                reason: Reason::Succeeded,
                waited_at: Instant::now(),
                detail: None,
                drain_rate: DrainRate::default(),
                mapping: snapshot
                    .as_ref()
                    .and_then(|snapshot| refused::mapping(snapshot, name.as_str())),
                is_closed: false,
                refused: Vec::new(),
                refused_events: 0,
                name,
            }
        })
    }
}
