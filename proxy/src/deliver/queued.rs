//! One event of a batch, as it stands in a stream's queue.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::stream::Event;
use crate::queue::{EntryRef, InFlight};

/// An event that waits: its batch and its place in it.
#[derive(Clone)]
pub struct Queued {
    batch: Arc<InFlight>,
    index: u32,
    size: u32,
}

impl Queued {
    pub(crate) fn new(batch: &Arc<InFlight>, index: u32, entry: EntryRef<'_>) -> Self {
        Self {
            batch: Arc::clone(batch),
            index,
            size: u32::try_from(entry.record.len()).expect("a batch's records have 32-bit lengths"),
        }
    }

    /// The batch that the event belongs to.
    pub fn batch(&self) -> &Arc<InFlight> {
        &self.batch
    }

    /// The event itself.
    pub fn entry(&self) -> EntryRef<'_> {
        self.batch
            .entry(self.index as usize)
            .expect("a queued event was made from an entry of its batch")
    }

    /// The bytes of these events.
    pub(crate) fn contents(events: &[Self]) -> impl Iterator<Item = &[u8]> {
        events.iter().map(|event| event.entry().record)
    }

    /// Settles events, those of one batch together.
    pub(crate) fn settle(events: &[Self]) {
        for run in events.chunk_by(|one, other| Arc::ptr_eq(&one.batch, &other.batch)) {
            run[0].batch.settle_events(run.iter().map(|event| event.index));
        }
    }
}

impl Queued {
    /// Says of events that their stream does not take them, for now.
    pub(super) fn refuse(events: &[Self], retry_after: Duration) {
        for run in events.chunk_by(|one, other| Arc::ptr_eq(&one.batch, &other.batch)) {
            run[0].batch.refuse(run.iter().map(|event| event.index), retry_after);
        }
    }
}

impl Event for Queued {
    fn size(&self) -> usize {
        self.size as usize
    }

    fn accepted_at(&self) -> Instant {
        self.batch.accepted_at()
    }

    fn is_abandoned(&self, now: Instant) -> bool {
        self.batch.is_too_late(now)
    }

    fn is_refusable(&self) -> bool {
        self.batch.is_refusable()
    }
}

impl fmt::Debug for Queued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Queued({} bytes)", self.size)
    }
}
