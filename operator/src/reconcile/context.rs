//! What rounds share, and what is remembered of a destination between two of them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use firehose_operator_api::FirehoseDestinationStatus;
use kube::{Client, ResourceExt as _};

use crate::{apply::Known, lease::Leadership, metrics::Metrics, observe::Stores, plan::Installation, verify::Schedule};

/// Everything a reconcile needs.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What the watches see.
    pub stores: Stores,
    /// Settings of the installation.
    pub installation: Installation,
    /// The Firehose address of destinations that name none.
    pub default_endpoint: Option<String>,
    /// Whether this process may act.
    pub leadership: Leadership,
    /// What is counted.
    pub metrics: Metrics,
    memories: Mutex<HashMap<String, Memory>>,
    start: Instant,
}

/// What is remembered of one destination between two rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// Children as they were applied.
    pub(super) known: Known,
    /// Pokes of the current revision.
    pub(super) schedule: Schedule,
    /// The status that was written last.
    pub(super) written: Option<FirehoseDestinationStatus>,
    /// Rounds that failed in a row.
    pub(super) failures: u32,
}

impl Context {
    /// A context without memories.
    pub fn new(
        client: Client,
        stores: Stores,
        installation: Installation,
        default_endpoint: Option<String>,
        leadership: Leadership,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            stores,
            installation,
            default_endpoint,
            leadership,
            metrics,
            memories: Mutex::default(),
            start: Instant::now(),
        }
    }

    /// Forgets everything: while another led, it may have become wrong.
    pub fn forget(&self) {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How long this process has been running: the clock that schedules go by.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// What is remembered of the destination with this UID.
    pub(super) fn recall(&self, uid: &str) -> Memory {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.get(uid).cloned().unwrap_or_default()
    }

    /// Remembers it until the next round.
    pub(super) fn remember(&self, uid: &str, memory: Memory) {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.insert(uid.to_owned(), memory);
        // Deleted destinations are not announced; what is left of them goes when it becomes the greater part.
        if memories.len() > 2 * self.stores.destinations.len() + 16 {
            let alive: HashSet<String> = self
                .stores
                .destinations
                .state()
                .iter()
                .filter_map(|one| one.uid())
                .collect();
            memories.retain(|uid, _| alive.contains(uid));
        }
    }
}
