//! Streams that take nothing for a reason that time alone does not mend. Their events are turned away at once, so that
//! they hold up neither the other events of their requests nor the memory, and now and then some are let in: whether
//! the stream takes something again is seen on nothing else.
//!
//! Delivery closes and opens; the intake asks. Never decides why a stream is closed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::stream::StreamId;

/// The closed streams. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct ClosedStreams(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    closed: Mutex<BTreeMap<StreamId, Closed>>,
    /// Whether any is, without a look at them.
    is_any: AtomicBool,
}

#[derive(Debug)]
struct Closed {
    since: Instant,
    /// When events are let in to try the stream.
    probe_at: Instant,
    /// Events that were turned away and not asked about yet.
    turned_away: u64,
}

/// The least and the most that a client is asked to wait for a stream.
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(10);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);
/// How long the next probe waits for the outcome of the last, which may never have reached delivery.
const PROBE_EVERY: Duration = Duration::from_secs(5);

impl ClosedStreams {
    /// A stream takes nothing, and is to be tried again at `probe_at`.
    pub fn close(&self, stream: StreamId, probe_at: Instant, now: Instant) {
        let mut closed = self.lock();
        let entry = closed.entry(stream).or_insert(Closed {
            since: now,
            probe_at,
            turned_away: 0,
        });
        entry.probe_at = probe_at;
        self.0.is_any.store(true, Ordering::Relaxed);
    }

    /// A stream takes events again.
    pub fn open(&self, stream: StreamId) {
        let mut closed = self.lock();
        closed.remove(&stream);
        self.0.is_any.store(!closed.is_empty(), Ordering::Relaxed);
    }

    /// How long the clients of a closed stream are asked to wait: as long as it has been closed, since it may last as
    /// long again.
    pub fn retry_after(&self, stream: StreamId, now: Instant) -> Option<Duration> {
        if !self.is_any_closed() {
            return None;
        }
        self.lock().get(&stream).map(|entry| entry.retry_after(now))
    }

    /// How many events of a stream were turned away since this was last asked.
    pub fn take_turned_away(&self, stream: StreamId) -> u64 {
        if !self.is_any_closed() {
            return 0;
        }
        let mut closed = self.lock();
        let entry = closed.get_mut(&stream);
        entry.map_or(0, |entry| std::mem::take(&mut entry.turned_away))
    }

    pub(super) fn is_any_closed(&self) -> bool {
        self.0.is_any.load(Ordering::Relaxed)
    }

    /// Turns `events` events of a stream away and says how long their client is to wait, unless the stream is open or
    /// they are let in to try it.
    pub(super) fn turn_away(&self, stream: StreamId, events: u64, now: Instant) -> Option<Duration> {
        if !self.is_any_closed() {
            return None;
        }
        let mut closed = self.lock();
        let entry = closed.get_mut(&stream)?;
        if entry.probe_at <= now {
            entry.probe_at = now + PROBE_EVERY;
            return None;
        }
        entry.turned_away += events;
        Some(entry.retry_after(now))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Closed>> {
        self.0.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closed {
    fn retry_after(&self, now: Instant) -> Duration {
        (now.saturating_duration_since(self.since)).clamp(SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{StreamName, Streams};

    #[test]
    fn a_closed_stream_lets_one_request_in_when_it_is_to_be_tried_and_asks_the_others_to_wait_longer_and_longer() {
        let (closed_streams, streams) = (ClosedStreams::default(), Streams::default());
        let stream = streams.intern(&StreamName::try_from("pages").unwrap());
        let other = streams.intern(&StreamName::try_from("orders").unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(closed_streams.turn_away(stream, 1, at(0)), None);
        closed_streams.close(stream, at(2), at(0));
        let told = |seconds| {
            closed_streams
                .turn_away(stream, 3, at(seconds))
                .map(|wait| wait.as_secs())
        };
        // Until the probe that was let in at the second second is answered, or lost.
        let waits = [
            (0, Some(10)),
            (1, Some(10)),
            (2, None),
            (2, Some(10)),
            (6, Some(10)),
            (7, None),
        ];
        for (seconds, wait) in waits {
            assert_eq!(told(seconds), wait, "{seconds}");
        }
        assert_eq!(closed_streams.turn_away(other, 1, at(1)), None);
        closed_streams.close(stream, at(1000), at(7));
        assert_eq!([20, 59, 500].map(told), [Some(20), Some(59), Some(60)]);
        assert_eq!(
            (
                closed_streams.take_turned_away(stream),
                closed_streams.take_turned_away(stream)
            ),
            (21, 0)
        );
        closed_streams.open(stream);
        assert_eq!(told(500), None);
    }
}
