//! The operator's own metrics.

mod at_scrape;

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

pub use at_scrape::{Sources, register as register_sources};

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
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCall {
    verb: &'static str,
    code: String,
}

/// Calls of the API server. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct ApiCalls(Family<ByCall, Counter>);

impl ApiCalls {
    /// Counts a call by the status of its answer; `None` where there was no answer.
    pub fn count(&self, verb: &'static str, code: Option<u16>) {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        self.0.get_or_create(&ByCall { verb, code }).inc();
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStage {
    stage: &'static str,
}

/// What this operator did.
#[derive(Debug, Clone)]
pub struct Metrics {
    reconciles: Family<ByOutcome, Counter>,
    /// Calls of the API server.
    pub api_calls: ApiCalls,
    /// From the moment that an edit was seen until every pod runs it, in seconds.
    pub propagation: Histogram,
    /// How often this process has become the leader or ceased to be it.
    pub leadership_changes: Counter,
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
            api_calls: ApiCalls::default(),
            propagation: Histogram::new(exponential_buckets(0.125, 2.0, 12)),
            leadership_changes: Counter::default(),
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
            "Reconciles of destinations, by how they ended and why",
            metrics.reconciles.clone(),
        );
        prefix.register(
            "reconcile_duration_seconds",
            "Duration of a reconcile",
            metrics.duration.clone(),
        );
        prefix.register(
            "api_requests",
            "Calls of the API server, by what they asked for and the status of the answer",
            metrics.api_calls.0.clone(),
        );
        prefix.register(
            "propagation_seconds",
            "From the moment that an edit was seen until every pod of the destination runs it",
            metrics.propagation.clone(),
        );
        prefix.register(
            "leadership_changes",
            "How often this process has become the leader or ceased to be it",
            metrics.leadership_changes.clone(),
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

    /// Counts a reconcile. `reason` is a word of a closed vocabulary.
    pub fn count(&self, outcome: Outcome, reason: String) {
        self.reconciles.get_or_create(&ByOutcome { outcome, reason }).inc();
    }
}
