//! One event of a lease, as it stands in a stream's queue.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use super::core::Event;
use crate::spool::{EntryRef, Lease};

/// An event that waits: its lease and its place in it.
#[derive(Clone)]
pub struct Queued {
    lease: Arc<Lease>,
    index: u32,
    size: u32,
}

impl Queued {
    pub(crate) fn new(lease: &Arc<Lease>, index: u32, entry: EntryRef<'_>) -> Self {
        Self {
            lease: Arc::clone(lease),
            index,
            size: u32::try_from(entry.record.len()).expect("a frame's records have 32-bit lengths"),
        }
    }

    /// The lease that the event belongs to.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// The event itself.
    pub fn entry(&self) -> EntryRef<'_> {
        self.lease
            .entry(self.index as usize)
            .expect("a queued event was made from an entry of its lease")
    }

    /// Settles events, those of one lease together.
    pub(crate) fn settle(events: &[Self]) {
        for run in events.chunk_by(|one, other| Arc::ptr_eq(&one.lease, &other.lease)) {
            run[0]
                .lease
                .settle(u32::try_from(run.len()).expect("a call has few events"));
        }
    }
}

impl Event for Queued {
    fn size(&self) -> usize {
        self.size as usize
    }

    fn accepted_at(&self) -> Instant {
        self.lease.accepted_at()
    }

    fn is_abandoned(&self, now: Instant) -> bool {
        self.lease.is_too_late(now)
    }
}

impl fmt::Debug for Queued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Queued({} bytes)", self.size)
    }
}
