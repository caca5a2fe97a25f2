//! What rounds share, and what is remembered of a destination between two of them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use kube::{Client, ResourceExt as _};
use tokio::sync::watch;

use super::{absence::Absence, asker::Asker, progress::Progress, turns::Turns, written::WrittenStatus};
use crate::{
    apply::{AppliedChildren, EventLimit, Events},
    lease::Fence,
    metrics::Metrics,
    observe::Stores,
    plan::Installation,
    rollout::Rollouts,
    verify::Schedule,
};

/// How many destinations of one scope are reconciled at a time.
pub const CONCURRENCY: u16 = 16;

/// What the reconciles of every scope share.
#[derive(Clone)]
pub struct Shared {
    /// Whether this process may act.
    pub fence: Fence,
    /// Where changes are told.
    pub events: Events,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether rounds end.
    pub progress: Arc<Progress>,
    /// Whose turn it is to get a new image.
    pub rollouts: Rollouts,
}

/// Everything a reconcile needs.
pub struct Context {
    /// The API server. Writes go through the fence.
    pub client: Client,
    /// What the watches see.
    pub stores: Stores,
    installation: watch::Receiver<Arc<Installation>>,
    /// The Firehose address of destinations that name none.
    pub default_endpoint: Option<String>,
    /// Whether this process may act.
    pub fence: Fence,
    /// Where changes are told.
    pub events: Events,
    /// Who asks the pods.
    pub asker: Asker,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether rounds end.
    pub progress: Arc<Progress>,
    /// Whose turn it is to get a new image.
    pub rollouts: Rollouts,
    pub(super) turns: Turns,
    remembered: Mutex<HashMap<String, Remembered>>,
    start: Instant,
}

/// What is remembered of one destination between two rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered {
    /// Children as they were applied.
    pub(super) applied: AppliedChildren,
    /// Pokes of the current revision.
    pub(super) schedule: Schedule,
    /// Pokes of pods that wait for a Secret.
    pub(super) secrets: Schedule,
    /// Hash of the pods that the destination asked for last, whatever their image.
    pub(super) asked_for: Option<u64>,
    /// The status that was written and not seen yet.
    pub(super) status: WrittenStatus,
    /// When the list of pods may be written again, on the process's clock.
    pub(super) pods_may_be_written: Duration,
    /// Pods that are not there, and why.
    pub(super) absence: Absence,
    /// How many events may follow.
    pub(super) events: EventLimit,
    /// When the watch has shown an edit that no pod was told of yet.
    pub(super) edited: Option<Duration>,
    /// When the watch has shown the edit that pods are told of.
    pub(super) propagating: Option<Duration>,
    /// Rounds that failed in a row.
    pub(super) failures: u32,
}

impl Context {
    /// A context that remembers nothing.
    pub fn new(
        client: Client,
        stores: Stores,
        installation: watch::Receiver<Arc<Installation>>,
        default_endpoint: Option<String>,
        asker: Asker,
        shared: Shared,
    ) -> Self {
        let Shared {
            fence,
            events,
            metrics,
            progress,
            rollouts,
        } = shared;
        Self {
            client,
            stores,
            installation,
            default_endpoint,
            fence,
            events,
            asker,
            metrics,
            progress,
            rollouts,
            turns: Turns::of(CONCURRENCY),
            remembered: Mutex::default(),
            start: Instant::now(),
        }
    }

    /// Settings of the installation, as they are now.
    pub(super) fn installation(&self) -> Arc<Installation> {
        Arc::clone(&self.installation.borrow())
    }

    /// Forgets everything: while another led, it may have become wrong.
    pub fn forget(&self) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How long this process has been running: the clock that schedules go by.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// What is remembered of the destination with this UID.
    pub(super) fn recall(&self, uid: &str) -> Remembered {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(uid).cloned().unwrap_or_default()
    }

    /// Remembers it until the next round.
    pub(super) fn remember(&self, uid: &str, one: Remembered) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.insert(uid.to_owned(), one);
        // Deleted destinations are not announced; what is left of them goes when it becomes the greater part.
        if remembered.len() > 2 * self.stores.destinations.len() + 16 {
            let alive: HashSet<String> = self
                .stores
                .destinations
                .state()
                .iter()
                .filter_map(|one| one.uid())
                .collect();
            remembered.retain(|uid, _| alive.contains(uid));
        }
    }
}
