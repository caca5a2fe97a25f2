//! The records of one call, and how they are put together event by event.

use tokio::time::Instant;

use super::event::Event;
use crate::firehose::limits::{MAX_PACKED_EVENTS, billed_bytes};

/// The records of one call.
#[derive(Debug)]
pub struct Batch<E> {
    events: Vec<E>,
    /// For each record the end of its events in `events`.
    ends: Vec<u32>,
    /// So many of `events`, the first ones, were sent before.
    again: usize,
    bytes: usize,
    /// Bytes as Firehose bills them.
    pub(super) billed: usize,
    /// These events were part of a refused call.
    pub(super) suspicion: Option<Suspicion>,
}

/// What is known of events that were part of a refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suspicion {
    /// How many calls the stream had accepted when they were first refused.
    pub(super) refused_at: u64,
    /// When the event was first refused alone, and how often it has been.
    pub(super) alone: Option<(Instant, u32)>,
}

/// How much a call may carry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) bytes: usize,
    pub(super) packing: Option<usize>,
}

/// A call that grows event by event.
pub(super) struct Builder<E> {
    limits: Limits,
    events: Vec<E>,
    ends: Vec<u32>,
    again: usize,
    bytes: usize,
    billed: usize,
    /// Of the last record.
    record_bytes: usize,
    record_events: usize,
}

impl<E> Batch<E> {
    /// The events of each record, in the order of the call.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &[E]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let events = &self.events[start..end];
            start = end;
            events
        })
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Never true of a call.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all records before base64.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of events.
    pub fn event_count(&self) -> usize {
        self.events.len()
    }

    /// How many records, the first ones, carry events that were sent before.
    pub(super) fn records_sent_again(&self) -> usize {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|end| *end as usize));
        starts.take_while(|start| *start < self.again).count().min(self.len())
    }

    pub(super) fn into_events(self) -> Vec<E> {
        self.events
    }

    /// The events that arrived and those of the records at `failed` (ascending).
    pub(super) fn split(self, failed: impl IntoIterator<Item = usize>) -> (Vec<E>, Vec<E>) {
        let mut failed = failed.into_iter().peekable();
        let (mut arrived, mut again) = (Vec::with_capacity(self.events.len()), Vec::new());
        let mut events = self.events.into_iter();
        let mut start = 0;
        for (index, end) in self.ends.iter().enumerate() {
            let count = (end - start) as usize;
            start = *end;
            let target = if failed.next_if_eq(&index).is_some() {
                &mut again
            } else {
                &mut arrived
            };
            target.extend(events.by_ref().take(count));
        }
        (arrived, again)
    }
}

impl<E: Event> Builder<E> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            events: Vec::new(),
            ends: Vec::new(),
            again: 0,
            bytes: 0,
            billed: 0,
            record_bytes: 0,
            record_events: 0,
        }
    }

    /// Whether another event of `size` bytes still fits. One always fits into an empty call.
    pub(super) fn fits(&self, size: usize) -> bool {
        self.events.is_empty()
            || self.bytes + size <= self.limits.bytes && (self.ends.len() < self.limits.records || self.joins(size))
    }

    /// Whether it would join the last record.
    fn joins(&self, size: usize) -> bool {
        let room = |most: usize| self.record_bytes + size <= most && self.record_events < MAX_PACKED_EVENTS;
        !self.ends.is_empty() && self.limits.packing.is_some_and(room)
    }

    /// Adds an event that fits. Those that were sent before (`is_again`) are added first.
    pub(super) fn add(&mut self, event: E, is_again: bool) {
        self.again += usize::from(is_again);
        let size = event.size();
        let joins = self.joins(size);
        if joins {
            self.billed -= billed_bytes(self.record_bytes);
            self.record_bytes += size;
            self.record_events += 1;
            self.ends.pop();
        } else {
            self.record_bytes = size;
            self.record_events = 1;
        }
        self.billed += billed_bytes(self.record_bytes);
        self.bytes += size;
        self.events.push(event);
        self.ends
            .push(u32::try_from(self.events.len()).expect("a call has few events"));
    }

    pub(super) fn finish(self, suspicion: Option<Suspicion>) -> Option<Batch<E>> {
        (!self.events.is_empty()).then_some(Batch {
            events: self.events,
            ends: self.ends,
            again: self.again,
            bytes: self.bytes,
            billed: self.billed,
            suspicion,
        })
    }
}
