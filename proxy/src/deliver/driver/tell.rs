//! What the driver tells about itself: gauges, `/status`, how fast streams drain, the log, and what is left in the end.
//! Decides nothing.

use tokio::time::Instant;

use super::{Driver, Stream, StreamBacklog, Undelivered};
use crate::{
    deliver::{StreamState, StreamStatus, metrics::Standing},
    firehose::Reason,
    stream::StreamId,
};

/// What the log and the metrics say where no row leads to a stream.
pub(super) const NO_MAPPING: &str = "none";

impl Stream {
    /// Brings the state up to date and says so when it has changed.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let health = self.core.health(now);
        if self.core.backlog_events() > 0 {
            self.waited_at = now;
        }
        let state = StreamState::of(health, self.core.settings().paused, now - self.waited_at);
        let changed = (state, health) != (self.state, self.reason);
        (self.state, self.reason) = (state, health);
        if changed {
            let (stream, reason) = (self.name.as_str(), health.as_str());
            let detail = self.detail.as_deref().unwrap_or_default();
            let mapping = self.mapping.as_deref().unwrap_or(NO_MAPPING);
            let (refused, waiting) = (self.refused_events, self.core.backlog_events());
            match state {
                StreamState::Failing if self.is_closed => tracing::warn!(
                    stream,
                    mapping,
                    reason,
                    refused,
                    waiting,
                    detail,
                    "this stream takes nothing until somebody mends that: its events are refused, others go on"
                ),
                StreamState::Failing => {
                    tracing::warn!(
                        stream,
                        mapping,
                        reason,
                        waiting,
                        detail,
                        "delivery fails and is retried"
                    );
                }
                _ => tracing::info!(stream, mapping, reason, refused, state = state.as_str(), "delivery"),
            }
        }
        if health == Reason::Succeeded {
            self.refused_events = 0;
        }
        changed
    }
}

impl Driver {
    pub(super) fn tell(&mut self) {
        let now = Instant::now();
        for (id, stream) in &mut self.streams {
            stream.look(now);
            let failing = stream.core.is_failing();
            let backlog = stream.core.backlog_bytes();
            let drain = stream
                .drain_rate
                .estimate(stream.core.rate().bytes, backlog, failing, now);
            self.deliver.byte_limit.set_drain(*id, drain);
        }
        for id in self.streams.keys() {
            self.tell_of(*id);
        }
        let ahead = self.clock.ahead_seconds();
        self.deliver.metrics.clock_is_ahead(ahead);
        self.deliver.delivery_status.put_clock(ahead);
    }

    pub(super) fn tell_of(&self, id: StreamId) {
        let stream = &self.streams[&id];
        let oldest_age = stream.core.oldest().map(|oldest| oldest.elapsed());
        let standing = Standing {
            backlog_events: stream.core.backlog_events(),
            backlog_bytes: stream.core.backlog_bytes(),
            oldest_age_seconds: oldest_age.unwrap_or_default().as_secs_f64(),
            bytes_per_second: stream.core.rate().bytes,
        };
        stream.metrics.stands(&standing);
        let status = StreamStatus {
            name: stream.name.clone(),
            state: stream.state,
            reason: stream.reason,
            detail: stream.detail.clone(),
            mapping: stream.mapping.clone(),
            refused_events: stream.refused_events,
            single_puts: stream.core.is_single(),
            backlog_events: standing.backlog_events,
            backlog_bytes: standing.backlog_bytes,
            oldest_age,
            bytes_per_second: standing.bytes_per_second,
        };
        self.deliver.delivery_status.put_stream(id, status);
    }

    /// What is under way now is cut off: its outcome is not known.
    pub(super) fn count_cut_off(&mut self) {
        for stream in self.streams.values() {
            stream.metrics.cut_off(stream.core.events_in_flight());
        }
    }

    pub(super) fn report(&self) -> Undelivered {
        let left = self.streams.values().filter(|stream| stream.core.backlog_events() > 0);
        Undelivered {
            left: left
                .map(|stream| StreamBacklog {
                    stream: stream.name.clone(),
                    events: stream.core.backlog_events(),
                    bytes: stream.core.backlog_bytes(),
                })
                .collect(),
            cut_off: self.streams.values().map(|stream| stream.core.events_in_flight()).sum(),
        }
    }
}
