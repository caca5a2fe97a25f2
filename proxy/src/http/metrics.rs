//! What the event endpoint counts.

use http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::reply::Refusal;
use crate::{
    event::{Counts, Invalid},
    queue::Accepted,
};

/// Counters of the event endpoint. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<StatusLabel, Counter>,
    requests_refused: Family<ReasonLabel, Counter>,
    /// By [`Outcome`].
    events: [Counter; 4],
    /// Of the named senders. Their names come from configuration, so there are as many as it has ever had.
    source_events: Family<SourceLabel, Counter>,
    /// By [`Invalid`].
    invalid: [Counter; Invalid::ALL.len()],
    /// By [`Counts::STATED_TIMES`].
    unread_times: [Counter; Counts::STATED_TIMES.len()],
    pixels_lost: Family<StatusLabel, Counter>,
    /// Requests that nobody waited for any more.
    unanswered: Counter,
    body_bytes: Counter,
    connections: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Outcome,
}

/// What became of a valid event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    /// On its way to a delivery stream.
    Routed,
    /// No mapping leads anywhere.
    Unmapped,
    /// Kept back by the event's own `integrations`.
    Withheld,
    /// Sent again by its client, and not delivered again.
    Repeated,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FieldLabel {
    field: &'static str,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Routed, Self::Unmapped, Self::Withheld, Self::Repeated];
}

impl Metrics {
    /// Describes and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        registry.register(
            "firehose_proxy_requests",
            "Requests of the event endpoint by the status they were answered with",
            requests.clone(),
        );
        let requests_refused: Family<ReasonLabel, Counter> = Family::default();
        for reason in Refusal::REASONS {
            drop(requests_refused.get_or_create(&ReasonLabel { reason }));
        }
        registry.register(
            "firehose_proxy_requests_refused",
            "Requests of the event endpoint that were refused, by why",
            requests_refused.clone(),
        );
        let events: Family<OutcomeLabel, Counter> = Family::default();
        registry.register(
            "firehose_proxy_events",
            "Valid events of requests that were answered 200: Routed to a delivery stream, Unmapped because no mapping \
             leads anywhere, Withheld by their own integrations, or Repeated and not delivered again",
            events.clone(),
        );
        let source_events = Family::default();
        registry.register(
            "firehose_proxy_source_events",
            "Valid events of requests that were answered 200 and came from a named source, by source and outcome",
            source_events.clone(),
        );
        let invalid: Family<ReasonLabel, Counter> = Family::default();
        registry.register(
            "firehose_proxy_invalid_events",
            "Events that were not accepted because of what they are",
            invalid.clone(),
        );
        let unanswered = Counter::default();
        registry.register(
            "firehose_proxy_unanswered_requests",
            "Requests whose clients had left when they should have been answered 503: their events are kept until they are safe",
            unanswered.clone(),
        );
        let unread_times: Family<FieldLabel, Counter> = Family::default();
        registry.register(
            "firehose_proxy_unread_times",
            "Values of accepted events that cannot be read as points in time, by the field that they stood in; the record \
             has them in unreadTimes",
            unread_times.clone(),
        );
        let pixels_lost = Family::default();
        registry.register(
            "firehose_proxy_pixels_lost",
            "Events of pixel requests that were not accepted, by the status that another request would have got; a pixel is \
             always answered 200",
            pixels_lost.clone(),
        );
        let body_bytes = Counter::default();
        registry.register(
            "firehose_proxy_body_bytes",
            "Bytes of request bodies after decompression",
            body_bytes.clone(),
        );
        let connections = Gauge::default();
        registry.register(
            "firehose_proxy_connections",
            "Open connections of the event endpoint",
            connections.clone(),
        );
        let outcome = |outcome| events.get_or_create_owned(&OutcomeLabel { outcome });
        Self {
            requests,
            requests_refused,
            events: Outcome::ALL.map(outcome),
            source_events,
            invalid: Invalid::ALL.map(|reason| {
                invalid.get_or_create_owned(&ReasonLabel {
                    reason: reason.as_str(),
                })
            }),
            unread_times: Counts::STATED_TIMES.map(|field| unread_times.get_or_create_owned(&FieldLabel { field })),
            pixels_lost,
            unanswered,
            body_bytes,
            connections,
        }
    }

    pub(super) fn answered(&self, status: StatusCode) {
        let status = status.as_u16();
        self.requests.get_or_create(&StatusLabel { status }).inc();
    }

    pub(super) fn request_refused(&self, reason: &'static str) {
        self.requests_refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(super) fn pixel_lost(&self, status: StatusCode) {
        let status = status.as_u16();
        self.pixels_lost.get_or_create(&StatusLabel { status }).inc();
    }

    pub(super) fn received(&self, body_bytes: usize) {
        self.body_bytes.inc_by(body_bytes as u64);
    }

    /// Counts the valid events of a request once they are safe.
    pub(super) fn accepted(&self, counts: &Counts, accepted: Accepted, source: Option<&str>) {
        let Accepted { repeats } = accepted;
        let events = [counts.routed - repeats, counts.unmapped, counts.withheld, repeats];
        for (counter, events) in self.events.iter().zip(events) {
            counter.inc_by(u64::from(events));
        }
        if let Some(source) = source {
            for (outcome, events) in Outcome::ALL.into_iter().zip(events).filter(|(_, events)| *events > 0) {
                let source = source.to_owned();
                let label = SourceLabel { source, outcome };
                self.source_events.get_or_create(&label).inc_by(u64::from(events));
            }
        }
        for (counter, values) in self.unread_times.iter().zip(counts.unread_times) {
            if values > 0 {
                counter.inc_by(u64::from(values));
            }
        }
    }

    /// Counts the events of a request that are not valid.
    pub(super) fn refused(&self, counts: &Counts) {
        for (counter, events) in self.invalid.iter().zip(counts.invalid) {
            counter.inc_by(u64::from(events));
        }
    }

    pub(super) fn unanswered(&self) {
        self.unanswered.inc();
    }

    pub(super) fn connections_changed(&self, by: i64) {
        self.connections.inc_by(by);
    }
}
