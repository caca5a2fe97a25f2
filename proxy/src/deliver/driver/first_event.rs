//! What the driver makes of a stream's first event: all that it keeps of the stream.

use tokio::time::Instant;

use super::{Driver, Stream, asked};
use crate::{
    deliver::{
        StreamState,
        drain_rate::DrainRate,
        stream::{Core, Settings},
    },
    firehose::Reason,
    stream::StreamId,
};

impl Driver {
    /// What is kept of a stream, from its first event on.
    pub(super) fn stream(&mut self, id: StreamId) -> &mut Stream {
        let (deliver, keeps) = (&self.deliver, self.keeps);
        self.streams.entry(id).or_insert_with(|| {
            let name = deliver.streams.name(id);
            let snapshot = deliver.live.load();
            let settings = match snapshot.as_ref() {
                Some(snapshot) => asked::settings(&name, &snapshot.document, keeps),
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
                    .and_then(|snapshot| asked::mapping(snapshot, name.as_str())),
                is_closed: false,
                refused: Vec::new(),
                refused_events: 0,
                name,
            }
        })
    }
}
