//! A batch on its way to Firehose, and the one answer that its request waits for.
//!
//! A batch in memory is answered when all of its events are settled. A batch on a disk has been answered; when its
//! events are settled the disk learns that it may forget them, and when the batch is dropped before that, they are
//! handed out again.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{Charge, Claim, EntryRef, EventBatch};
use crate::{account::Held, stream::StreamId};

/// A batch that delivery works on. Its request is answered when every event is settled.
#[derive(Debug)]
pub struct InFlight {
    events: EventBatch,
    accepted_at: Instant,
    outstanding: AtomicU32,
    abandoned: AtomicBool,
    /// Of the outstanding events those that their stream does not take.
    refused: AtomicU32,
    /// How many seconds their client is asked to wait.
    retry_after_seconds: AtomicU32,
    decided: Notify,
    /// When the request is answered whatever happens; `None` when it has been.
    deadline: Option<Instant>,
    /// Whether its client has left without an answer: nobody else will send its events.
    nobody_waits: AtomicBool,
    /// Given back when the last holder lets go of the batch's bytes.
    _charge: Charge,
    /// Its events in the window of those that may come again. What is not settled when the batch is dropped is
    /// forgotten there.
    claim: Option<Claim>,
    /// Likewise, what the batch takes of the process's memory.
    _memory: Held,
    /// Where the batch is kept, if its request was answered when it was on a disk.
    stored: Option<Stored>,
}

/// Which slice of which segment. Segments are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) ordinal: u32,
}

/// A slice as a batch knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) position: Position,
    /// Stream it is stored under.
    pub(crate) stream: StreamId,
    pub(crate) charge: usize,
}

/// A slice on a disk and who keeps it.
#[derive(Debug)]
pub(crate) struct Stored {
    slice: Slice,
    owner: Arc<dyn SliceOwner>,
}

/// Who keeps slices while they are handed out.
pub(crate) trait SliceOwner: Debug + Send + Sync {
    /// Every event of the slice is settled.
    fn settled(&self, slice: Slice);

    /// Nobody works on the slice any more and some of it is not settled.
    fn returned(&self, slice: Slice);
}

impl Stored {
    pub(crate) fn new(slice: Slice, owner: Arc<dyn SliceOwner>) -> Self {
        Self { slice, owner }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(Stored { slice, owner }) = &self.stored
            && !self.is_settled()
        {
            owner.returned(*slice);
        }
    }
}

impl InFlight {
    /// A batch in memory, whose request waits for its events.
    pub(super) fn new(events: EventBatch, room: (Charge, Held), accepted_at: Instant) -> Self {
        Self::build(events, room, accepted_at, None)
    }

    /// A slice on a disk, whose request was answered `age` ago.
    pub(crate) fn stored(events: EventBatch, stored: Stored, room: (Charge, Held), age: Duration) -> Self {
        let now = Instant::now();
        Self::build(events, room, now.checked_sub(age).unwrap_or(now), Some(stored))
    }

    fn build(
        events: EventBatch,
        (charge, memory): (Charge, Held),
        accepted_at: Instant,
        stored: Option<Stored>,
    ) -> Self {
        let outstanding = u32::try_from(events.len()).expect("a batch's entries have 32-bit offsets");
        Self {
            events,
            accepted_at,
            outstanding: AtomicU32::new(outstanding),
            abandoned: AtomicBool::new(false),
            refused: AtomicU32::new(0),
            retry_after_seconds: AtomicU32::new(0),
            decided: Notify::new(),
            deadline: None,
            nobody_waits: AtomicBool::new(false),
            _charge: charge,
            claim: None,
            _memory: memory,
            stored,
        }
    }

    /// The events, in the order of the request.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = EntryRef<'_>> {
        self.events.entries()
    }

    /// The event at `index`.
    pub fn entry(&self, index: usize) -> Option<EntryRef<'_>> {
        self.events.entry(index)
    }

    /// When the endpoint accepted the request.
    pub fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    /// Says that `events` of this batch need no more work: Firehose has them, or they were set aside for good. Each
    /// event is settled once.
    pub fn settle(&self, events: u32) {
        let before = self.outstanding.fetch_sub(events, Ordering::AcqRel);
        debug_assert!(before >= events, "an event was settled twice");
        if before <= events + self.refused.load(Ordering::Acquire) {
            self.decided.notify_one();
        }
        if before == events
            && let Some(Stored { slice, owner }) = &self.stored
        {
            owner.settled(*slice);
        }
    }

    /// Like [`Self::settle`], of the events at these indices.
    pub fn settle_events(&self, indices: impl ExactSizeIterator<Item = u32>) {
        let count = u32::try_from(indices.len()).expect("a batch's entries have 32-bit offsets");
        if let Some(claim) = &self.claim {
            claim.safe(indices);
        }
        self.settle(count);
    }

    /// Whether nobody waits for the answer any more: the request's deadline passed or its client left. What has not
    /// been sent yet must not be sent, since the client keeps the events and sends them again. The batch's share of
    /// the byte limit is free again when its last holder drops it, so a queue that nobody sends from looks at its
    /// front at least once a second.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.outstanding.load(Ordering::Acquire) == 0
    }

    pub(super) async fn wait_until_settled(&self) {
        while !self.is_settled() {
            self.decided.notified().await;
        }
    }

    /// Waits until every event is settled or refused. Says how long the client of refused ones is to wait.
    pub(super) async fn wait_until_decided(&self) -> Result<(), Duration> {
        while self.outstanding.load(Ordering::Acquire) > self.refused.load(Ordering::Acquire) {
            self.decided.notified().await;
        }
        match self.is_settled() {
            true => Ok(()),
            false => Err(self.refused().unwrap_or_default()),
        }
    }

    /// Whether its client still waits for the answer and sends the events again when it is told to.
    pub fn is_refusable(&self) -> bool {
        self.deadline.is_some() && !self.nobody_waits.load(Ordering::Acquire)
    }

    /// Says that the stream of the events at these indices does not take them for now: what repeats them is new. They
    /// stay unsettled: keep them until the batch is abandoned, and deliver them if it is
    /// [no longer refusable](Self::is_refusable).
    pub fn refuse(&self, indices: impl ExactSizeIterator<Item = u32>, retry_after: Duration) {
        let count = u32::try_from(indices.len()).expect("a batch's entries have 32-bit offsets");
        if let Some(claim) = &self.claim {
            claim.withdraw(indices);
        }
        let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX);
        self.retry_after_seconds.fetch_max(seconds, Ordering::Relaxed);
        self.refused.fetch_add(count, Ordering::AcqRel);
        self.decided.notify_one();
    }

    /// How long the client of refused events is to wait. `None` when none is refused.
    pub(crate) fn refused(&self) -> Option<Duration> {
        let seconds = self.retry_after_seconds.load(Ordering::Relaxed);
        (self.refused.load(Ordering::Acquire) > 0).then(|| Duration::from_secs(seconds.into()))
    }
}

/// An answer that comes later than this before the deadline may be too late for it.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);

impl InFlight {
    /// The request is answered 503 at `deadline` if not all of its events are settled.
    pub(super) fn due_at(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Its events are in the window.
    pub(super) fn claimed(mut self, claim: Option<Claim>) -> Self {
        self.claim = claim;
        self
    }

    /// The client has left without an answer: there is no deadline any more.
    pub(super) fn waits_for_nobody(&self) {
        self.nobody_waits.store(true, Ordering::Release);
    }

    /// Whether what was not sent by `now` must not be sent any more: the request was answered 503, or hardly has long
    /// enough to be answered otherwise, and then the client would send the events again although they arrived.
    pub fn is_too_late(&self, now: Instant) -> bool {
        self.is_abandoned()
            || self.deadline.is_some_and(|deadline| now > last_call(deadline))
                && !self.nobody_waits.load(Ordering::Acquire)
    }
}

/// Until when events may be sent whose request is answered at `deadline`.
pub(super) fn last_call(deadline: Instant) -> Instant {
    deadline.checked_sub(ANSWER_MARGIN).unwrap_or(deadline)
}
