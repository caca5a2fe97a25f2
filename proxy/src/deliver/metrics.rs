//! What delivery counts; docs/metrics.md is the manual. Labels are stream names, which come from configuration only,
//! and the closed [`Reason`]s.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::stream::Counters;
use crate::{firehose::Reason, stream::StreamName};

/// Delivery's metrics.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    delivered_events: Family<StreamLabel, Counter>,
    delivered_bytes: Family<StreamLabel, Counter>,
    delivered_records: Family<StreamLabel, Counter>,
    billed_bytes: Family<StreamLabel, Counter>,
    sent_records: Family<StreamLabel, Counter>,
    retried_records: Family<StreamLabel, Counter>,
    throttled_records: Family<StreamLabel, Counter>,
    possible_duplicates: Family<StreamLabel, Counter>,
    abandoned_events: Family<StreamLabel, Counter>,
    given_up_events: Family<ReasonLabel, Counter>,
    refused_events: Family<MappingLabel, Counter>,
    calls: Family<ReasonLabel, Counter>,
    call_seconds: CallSeconds,
    backlog_events: Family<StreamLabel, Gauge>,
    backlog_bytes: Family<StreamLabel, Gauge>,
    oldest_age: Family<StreamLabel, Gauge<f64, AtomicU64>>,
    rate_limit: Family<StreamLabel, Gauge<f64, AtomicU64>>,
    clock_skew: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabel {
    stream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    stream: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MappingLabel {
    stream: String,
    mapping: String,
    reason: &'static str,
}

/// From 5 ms to 20 s, the longest that a call may take.
#[derive(Debug, Clone)]
struct CallSeconds(Family<StreamLabel, Histogram, fn() -> Histogram>);

impl Default for CallSeconds {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.005, 2.0, 13))
        }))
    }
}

/// The metrics of one stream, found once.
#[derive(Debug)]
pub(super) struct StreamMetrics {
    all: Metrics,
    label: StreamLabel,
    call_seconds: Histogram,
}

/// How a stream stands at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) backlog_events: usize,
    pub(super) backlog_bytes: usize,
    pub(super) oldest_age_seconds: f64,
    pub(super) bytes_per_second: f64,
}

impl Metrics {
    /// Describes the metrics in `registry`, each name with the prefix `firehose_proxy_`.
    pub fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("firehose_proxy");
        let metrics = Self::default();
        let counters: [(&str, &str, &Family<StreamLabel, Counter>); 9] = [
            (
                "delivered_events",
                "Events that Firehose has",
                &metrics.delivered_events,
            ),
            (
                "delivered_bytes",
                "Bytes of events that Firehose has, before base64",
                &metrics.delivered_bytes,
            ),
            (
                "delivered_records",
                "Records that Firehose has",
                &metrics.delivered_records,
            ),
            (
                "billed_bytes",
                "Bytes that Firehose bills: each record rounded up to 5 KB",
                &metrics.billed_bytes,
            ),
            (
                "sent_records",
                "Records sent, for the first time or again",
                &metrics.sent_records,
            ),
            (
                "retried_records",
                "Records that had to be sent again",
                &metrics.retried_records,
            ),
            (
                "throttled_records",
                "Records that Firehose refused because of a quota",
                &metrics.throttled_records,
            ),
            (
                "possible_duplicate_events",
                "Events of calls whose outcome is not known, so that they may arrive twice",
                &metrics.possible_duplicates,
            ),
            (
                "abandoned_events",
                "Unsent events whose request was answered 503, so that the client has them",
                &metrics.abandoned_events,
            ),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        registry.register(
            "given_up_events",
            "Events that will never be delivered, by reason",
            metrics.given_up_events.clone(),
        );
        registry.register(
            "refused_events",
            "Events that clients were told to keep, because their stream takes none for a reason that lasts",
            metrics.refused_events.clone(),
        );
        registry.register("calls", "Calls to Firehose by how they ended", metrics.calls.clone());
        registry.register_with_unit(
            "call",
            "Time from the start of a call to its answer",
            Unit::Seconds,
            metrics.call_seconds.0.clone(),
        );
        registry.register(
            "backlog_events",
            "Accepted events that are not delivered yet",
            metrics.backlog_events.clone(),
        );
        registry.register(
            "backlog_bytes",
            "Bytes of accepted events that are not delivered yet",
            metrics.backlog_bytes.clone(),
        );
        registry.register_with_unit(
            "oldest_undelivered_age",
            "Age of the oldest event that is not delivered yet; 0 when there is none",
            Unit::Seconds,
            metrics.oldest_age.clone(),
        );
        registry.register(
            "rate_limit_bytes_per_second",
            "Bytes a second that this pod allows itself to send at the moment",
            metrics.rate_limit.clone(),
        );
        registry.register_with_unit(
            "clock_skew",
            "Seconds that AWS's clock is ahead of this machine's; requests are signed by AWS's",
            Unit::Seconds,
            metrics.clock_skew.clone(),
        );
        metrics
    }

    pub(super) fn clock_is_ahead(&self, seconds: i64) {
        self.clock_skew.set(seconds);
    }

    pub(super) fn of(&self, stream: &StreamName) -> StreamMetrics {
        let label = StreamLabel {
            stream: stream.as_str().to_owned(),
        };
        StreamMetrics {
            call_seconds: self.call_seconds.0.get_or_create(&label).clone(),
            all: self.clone(),
            label,
        }
    }
}

impl StreamMetrics {
    pub(super) fn add(&self, counted: &Counters) {
        let pairs = [
            (&self.all.delivered_events, counted.delivered_events),
            (&self.all.delivered_bytes, counted.delivered_bytes),
            (&self.all.delivered_records, counted.delivered_records),
            (&self.all.billed_bytes, counted.billed_bytes),
            (&self.all.sent_records, counted.sent_records),
            (&self.all.retried_records, counted.retried_records),
            (&self.all.throttled_records, counted.throttled_records),
            (&self.all.possible_duplicates, counted.unknown_events),
            (&self.all.abandoned_events, counted.abandoned_events),
        ];
        for (family, amount) in pairs {
            if amount > 0 {
                family.get_or_create(&self.label).inc_by(amount);
            }
        }
    }

    /// So many events' calls were cut off by the end of the process.
    pub(super) fn cut_off(&self, events: usize) {
        let family = &self.all.possible_duplicates;
        family.get_or_create(&self.label).inc_by(events as u64);
    }

    pub(super) fn call_ended(&self, reason: Reason, seconds: f64) {
        self.all.calls.get_or_create(&self.with(reason)).inc();
        self.call_seconds.observe(seconds);
    }

    pub(super) fn gave_up(&self, reason: Reason) {
        self.all.given_up_events.get_or_create(&self.with(reason)).inc();
    }

    pub(super) fn refused(&self, mapping: &str, reason: Reason, events: u64) {
        let label = MappingLabel {
            stream: self.label.stream.clone(),
            mapping: mapping.to_owned(),
            reason: reason.as_str(),
        };
        self.all.refused_events.get_or_create(&label).inc_by(events);
    }

    pub(super) fn stands(&self, standing: &Standing) {
        let whole = |amount: usize| i64::try_from(amount).unwrap_or(i64::MAX);
        let all = &self.all;
        all.backlog_events
            .get_or_create(&self.label)
            .set(whole(standing.backlog_events));
        all.backlog_bytes
            .get_or_create(&self.label)
            .set(whole(standing.backlog_bytes));
        all.oldest_age
            .get_or_create(&self.label)
            .set(standing.oldest_age_seconds);
        all.rate_limit.get_or_create(&self.label).set(standing.bytes_per_second);
    }

    fn with(&self, reason: Reason) -> ReasonLabel {
        ReasonLabel {
            stream: self.label.stream.clone(),
            reason: reason.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names in the section "Delivery" of the manual.
    fn documented() -> BTreeSet<String> {
        let manual = include_str!("../../../docs/metrics.md");
        let section = manual
            .split("\n## ")
            .find(|section| section.starts_with("Delivery\n"))
            .unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_manual_has_every_reason() {
        let manual = include_str!("../../../docs/metrics.md");
        let list = manual.split("`reason` is one of ").nth(1).unwrap();
        let words = list.split('.').next().unwrap().split(',').map(str::trim);
        assert_eq!(words.collect::<Vec<_>>(), Reason::ALL.map(Reason::as_str));
    }

    #[test]
    fn every_metric_is_in_the_manual_and_nothing_else_is() {
        let mut registry = Registry::default();
        let name = StreamName::try_from("orders").unwrap();
        let metrics = Metrics::register(&mut registry).of(&name);
        metrics.add(&Counters {
            calls: 1,
            sent_records: 1,
            retried_records: 1,
            throttled_records: 1,
            delivered_records: 1,
            delivered_events: 1,
            delivered_bytes: 1,
            billed_bytes: 1,
            unknown_events: 1,
            abandoned_events: 1,
            refused_events: 1,
            given_up_events: 1,
        });
        metrics.call_ended(Reason::Succeeded, 0.1);
        metrics.gave_up(Reason::TooOld);
        metrics.refused("spec.mappings[0]", Reason::StreamNotFound, 1);
        metrics.stands(&Standing {
            backlog_events: 0,
            backlog_bytes: 0,
            oldest_age_seconds: 0.0,
            bytes_per_second: 0.0,
        });
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        let names = samples.map(|line| {
            let name = line.split(['{', ' ']).next().unwrap();
            // A histogram is one metric of three kinds of samples.
            let histogram = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|kind| name.strip_suffix(kind));
            histogram.unwrap_or(name).to_owned()
        });
        assert_eq!(names.collect::<BTreeSet<_>>(), documented());
    }
}
