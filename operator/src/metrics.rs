//! The operator's own metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// How a reconcile ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// Everything is as wanted.
    Settled,
    /// Proxies do not run the revision yet.
    Propagating,
    /// The spec is refused.
    Refused,
    /// The API server could not be read or written.
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStage {
    stage: &'static str,
}

/// What this operator did.
#[derive(Debug, Clone)]
pub struct Metrics {
    reconciles: Family<ByOutcome, Counter>,
    /// Duration of a reconcile, in seconds.
    pub duration: Histogram,
    /// Children written.
    pub applies: Counter,
    /// Pods poked.
    pub pokes: Counter,
    /// Statuses written.
    pub status_writes: Counter,
    /// Kubernetes events published.
    pub events: Counter,
    /// Kubernetes events that were not published: too many of one destination, or the API server did not take them.
    pub events_withheld: Counter,
    /// Objects that could not be read.
    pub unreadable: Counter,
    /// How often pods are asked that nothing happens to, in seconds. It grows with their number.
    pub ask_period: Gauge<f64, AtomicU64>,
    /// 1 while this process leads.
    pub leader: Gauge,
    rollout: Family<ByStage, Gauge>,
    /// 1 while the installation's image reaches no more destinations, because one fails with it.
    pub rollout_halted: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            duration: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            applies: Counter::default(),
            pokes: Counter::default(),
            status_writes: Counter::default(),
            events: Counter::default(),
            events_withheld: Counter::default(),
            unreadable: Counter::default(),
            ask_period: Gauge::default(),
            leader: Gauge::default(),
            rollout: Family::default(),
            rollout_halted: Gauge::default(),
        };
        let prefix = registry.sub_registry_with_prefix("firehose_operator");
        prefix.register(
            "reconciles",
            "Reconciles of destinations, by how they ended",
            metrics.reconciles.clone(),
        );
        prefix.register(
            "reconcile_duration_seconds",
            "Duration of a reconcile",
            metrics.duration.clone(),
        );
        prefix.register("applies", "Child objects written", metrics.applies.clone());
        prefix.register("pokes", "Pods told of a new revision", metrics.pokes.clone());
        prefix.register("status_writes", "Statuses written", metrics.status_writes.clone());
        prefix.register("events", "Kubernetes events published", metrics.events.clone());
        prefix.register(
            "events_withheld",
            "Kubernetes events not published: too many of one destination, or not taken by the API server",
            metrics.events_withheld.clone(),
        );
        prefix.register(
            "unreadable_objects",
            "Destinations that could not be read",
            metrics.unreadable.clone(),
        );
        prefix.register(
            "ask_period_seconds",
            "How often pods are asked that nothing happens to; it grows with their number",
            metrics.ask_period.clone(),
        );
        prefix.register("leader", "1 while this process leads", metrics.leader.clone());
        prefix.register(
            "rollout_destinations",
            "Destinations by how far they are with the installation's image; of the leader only",
            metrics.rollout.clone(),
        );
        prefix.register(
            "rollout_halted",
            "1 while the installation's image reaches no more destinations, because one fails with it",
            metrics.rollout_halted.clone(),
        );
        metrics
    }

    /// Shows how many destinations are at a stage of the way to the installation's image.
    pub fn show_rollout(&self, stage: &'static str, destinations: usize) {
        let destinations = i64::try_from(destinations).unwrap_or(i64::MAX);
        self.rollout.get_or_create(&ByStage { stage }).set(destinations);
    }

    /// Counts a reconcile.
    pub fn count(&self, outcome: Outcome) {
        self.reconciles.get_or_create(&ByOutcome { outcome }).inc();
    }
}
