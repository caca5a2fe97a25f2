//! The two ends of the queue: the endpoint puts batches in, delivery takes them out. Whether a disk stands between the
//! two is decided when they are made.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{ByteLimit, EventBatch, InFlight, in_flight::last_call};
use crate::account::{Account, Use};

/// Why a batch was not taken, or not kept. Nothing of it is safe; the client must send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The bound on waiting bytes is reached, or the share of one of the batch's streams, or the disk is full.
    #[error("the queue is full, {retry_after:?} until it is worth another try")]
    Full {
        /// When room is expected.
        retry_after: Duration,
    },
    /// The process has no memory left for the events.
    #[error("the process has no memory left, {retry_after:?} until it is worth another try")]
    NoMemory {
        /// When room is expected.
        retry_after: Duration,
    },
    /// The disk has not answered for a while; nothing is taken until it does.
    #[error("the disk does not answer, {retry_after:?} until it is worth another try")]
    Stalled {
        /// When the disk is worth another try.
        retry_after: Duration,
    },
    /// The request's deadline passed before the batch was known to be safe.
    #[error("the events could not be made safe in time")]
    NotConfirmed {
        /// When a retry is expected to succeed.
        retry_after: Duration,
    },
    /// The process is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

/// The endpoint's side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    to: To,
    unanswered: Unanswered,
    account: Account,
}

/// Events in memory whose clients have left without an answer: nobody has them but this process. Clones share the
/// count.
#[derive(Debug, Clone, Default)]
pub struct Unanswered(Arc<AtomicUsize>);

impl Unanswered {
    /// How many there are.
    pub fn events(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Delivery's side.
#[derive(Debug)]
pub struct Outlet {
    batches: mpsc::UnboundedReceiver<Arc<InFlight>>,
}

#[derive(Debug, Clone)]
enum To {
    Memory {
        batches: mpsc::UnboundedSender<Arc<InFlight>>,
        byte_limit: ByteLimit,
    },
    Disk(Arc<dyn Store>),
}

/// How a request learns what became of its batch.
pub(crate) type Appended = oneshot::Receiver<Result<(), AcceptError>>;

/// What an [`Intake`] asks of a disk.
pub(crate) trait Store: std::fmt::Debug + Send + Sync {
    /// Takes a batch; the answer comes when it is synced.
    fn append(&self, events: EventBatch) -> Result<Appended, AcceptError>;

    /// The bound on bytes that are not settled.
    fn byte_limit(&self) -> &ByteLimit;
}

/// Bounds on what is asked of a client: an estimate is no better than that.
const SHORTEST_RETRY_AFTER: Duration = Duration::from_secs(1);
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// Seconds a client is asked to wait when nothing better is known.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(2);

/// A queue of at most `limit` bytes of batches, without a disk (`acknowledge: WhenDelivered`): a request is answered
/// when Firehose has all of its events. The channel itself has no bound of its own: every batch in it holds a charge on
/// the byte limit, and an empty batch is never queued.
pub fn memory(limit: usize) -> (Intake, Outlet) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Intake::to_memory(sender, limit), Outlet::new(receiver))
}

impl Intake {
    pub(crate) fn to_memory(batches: mpsc::UnboundedSender<Arc<InFlight>>, limit: usize) -> Self {
        let byte_limit = ByteLimit::new(limit);
        Self::new(To::Memory { batches, byte_limit })
    }

    pub(crate) fn to_disk(store: Arc<dyn Store>) -> Self {
        Self::new(To::Disk(store))
    }

    fn new(to: To) -> Self {
        Self {
            to,
            unanswered: Unanswered::default(),
            account: Account::unlimited(),
        }
    }

    /// What is accepted takes its memory from this account.
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// What counts the events that nobody else has. Holding it does not keep the queue open.
    pub fn unanswered(&self) -> Unanswered {
        self.unanswered.clone()
    }

    /// Takes the events of one request and resolves when all of them are safe.
    ///
    /// Dropping the future abandons the batch: in memory, what has not been sent yet is not sent; on the way to a disk,
    /// it is not written if its turn has not come.
    ///
    /// # Errors
    ///
    /// See [`AcceptError`]; the request must be answered 503.
    pub async fn accept(&self, events: EventBatch, deadline: Instant) -> Result<(), AcceptError> {
        self.accept_from(events, deadline, || false).await
    }

    /// Like [`Self::accept`], of a client that may leave: then nobody hears a 503, so nobody would send the events
    /// again, and they are kept until they are safe. `has_left` is asked once, shortly before the deadline.
    ///
    /// # Errors
    ///
    /// See [`AcceptError`]; the request must be answered 503.
    pub async fn accept_from(
        &self,
        events: EventBatch,
        deadline: Instant,
        has_left: impl Fn() -> bool,
    ) -> Result<(), AcceptError> {
        if events.is_empty() {
            return Ok(());
        }
        let no_memory = AcceptError::NoMemory {
            retry_after: DEFAULT_RETRY_AFTER,
        };
        let memory = self.account.take(Use::Events, events.memory_bytes());
        match &self.to {
            To::Memory { batches, byte_limit } => {
                let parts = events.entries().map(|entry| (entry.stream, entry.size()));
                let charge = byte_limit.charge(parts).ok_or(AcceptError::Full {
                    retry_after: DEFAULT_RETRY_AFTER,
                })?;
                let now = Instant::now();
                // What cannot be delivered before the deadline is refused at once: taken in, it would go out just as
                // its client gives up, and then again when the client sends it again.
                let patience = deadline.saturating_duration_since(now) / 2;
                if let Some(wait) = charge.wait().filter(|wait| *wait > patience) {
                    return Err(AcceptError::Full {
                        retry_after: wait.clamp(SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER),
                    });
                }
                let memory = memory.ok_or(no_memory)?;
                let batch = Arc::new(InFlight::new(events, (charge, memory), now).due_at(deadline));
                let waiting = AbandonOnDrop(&batch);
                batches
                    .send(Arc::clone(&batch))
                    .map_err(|_| AcceptError::ShuttingDown)?;
                let count = batch.entries().len();
                let mut is_unanswered = false;
                let nobody_waits = || {
                    batch.waits_for_nobody();
                    self.unanswered.0.fetch_add(count, Ordering::Relaxed);
                    is_unanswered = true;
                };
                let outcome = wait_for(waiting.0.wait_until_settled(), deadline, has_left, nobody_waits).await;
                if is_unanswered {
                    self.unanswered.0.fetch_sub(count, Ordering::Relaxed);
                }
                outcome
            }
            To::Disk(store) => {
                let _until_answered = memory.ok_or(no_memory)?;
                let appended = store.append(events)?;
                let answer = wait_for(appended, deadline, has_left, || {}).await?;
                // No answer: the writer is gone.
                answer.unwrap_or(Err(AcceptError::ShuttingDown))
            }
        }
    }

    /// The bound on waiting bytes and how much of it is taken.
    pub fn byte_limit(&self) -> &ByteLimit {
        match &self.to {
            To::Memory { byte_limit, .. } => byte_limit,
            To::Disk(store) => store.byte_limit(),
        }
    }
}

/// Waits until events are safe: until the deadline while their client does, and as long as it takes when it has left.
async fn wait_for<T>(
    safe: impl Future<Output = T>,
    deadline: Instant,
    has_left: impl Fn() -> bool,
    nobody_waits: impl FnOnce(),
) -> Result<T, AcceptError> {
    let mut safe = pin!(safe);
    // What is not sent by then is withdrawn.
    if let Ok(answer) = timeout_at(last_call(deadline), safe.as_mut()).await {
        return Ok(answer);
    }
    if has_left() {
        nobody_waits();
        return Ok(safe.await);
    }
    timeout_at(deadline, safe).await.map_err(|_| AcceptError::NotConfirmed {
        retry_after: DEFAULT_RETRY_AFTER,
    })
}

impl Outlet {
    pub(crate) fn new(batches: mpsc::UnboundedReceiver<Arc<InFlight>>) -> Self {
        Self { batches }
    }

    /// The next batch, or `None` when no more will come: every [`Intake`] of the memory queue is gone, or the disk was
    /// closed, and the queue is empty.
    pub async fn next(&mut self) -> Option<Arc<InFlight>> {
        self.batches.recv().await
    }

    /// The next batch if there is one now.
    pub fn try_next(&mut self) -> Option<Arc<InFlight>> {
        self.batches.try_recv().ok()
    }
}

/// Whoever stops waiting, for whatever reason, takes the unsent events back.
struct AbandonOnDrop<'batch>(&'batch InFlight);

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        queue::BatchTooLarge,
        stream::{RoutingKey, StreamId, StreamName, Streams},
    };

    fn events(records: usize) -> EventBatch {
        batch_for(
            Streams::default().intern(&StreamName::try_from("orders").unwrap()),
            records,
        )
    }

    fn batch_for(stream: StreamId, records: usize) -> EventBatch {
        let mut events = EventBatch::default();
        for _ in 0..records {
            events
                .push(stream, RoutingKey::default(), |out| {
                    out.extend_from_slice(b"0123456789");
                    Ok::<(), BatchTooLarge>(())
                })
                .unwrap();
        }
        events
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[tokio::test]
    async fn a_request_is_answered_when_its_last_event_is_settled() {
        let (intake, mut outlet) = memory(1000);
        let accepted =
            tokio::spawn(async move { intake.accept(events(3), Instant::now() + Duration::from_secs(60)).await });
        let batch = outlet.next().await.unwrap();
        batch.settle(2);
        tokio::task::yield_now().await;
        assert!(!accepted.is_finished());
        batch.settle(1);
        assert_eq!(accepted.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn a_frame_over_the_bound_is_refused_and_nothing_is_queued() {
        let (intake, mut outlet) = memory(29);
        let refused = intake.accept(events(3), soon()).await;
        assert!(matches!(refused, Err(AcceptError::Full { .. })), "{refused:?}");
        assert!(outlet.try_next().is_none());
    }

    #[tokio::test]
    async fn a_stream_that_is_stuck_is_refused_while_another_goes_on() {
        let (intake, mut outlet) = memory(900);
        let registry = Streams::default();
        let [stuck, healthy] = ["stuck", "healthy"].map(|name| registry.intern(&StreamName::try_from(name).unwrap()));
        let later = Instant::now() + Duration::from_secs(60);
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let intake = intake.clone();
            waiting.spawn(async move { intake.accept(batch_for(stuck, 1), later).await });
        }
        while waiting.len() > 80 {
            let refused = waiting.join_next().await.unwrap().unwrap();
            assert!(matches!(refused, Err(AcceptError::Full { .. })), "{refused:?}");
        }
        let (accepted, ()) = tokio::join!(intake.accept(batch_for(healthy, 10), later), async {
            while let Some(batch) = outlet.next().await {
                if batch.entry(0).unwrap().stream == healthy {
                    return batch.settle(10);
                }
            }
        });
        assert_eq!(accepted, Ok(()));
    }

    #[tokio::test]
    async fn a_missed_deadline_abandons_the_frame_and_frees_its_bytes() {
        let (intake, mut outlet) = memory(1000);
        let missed = intake.accept(events(1), soon()).await;
        assert!(matches!(missed, Err(AcceptError::NotConfirmed { .. })), "{missed:?}");
        let batch = outlet.next().await.unwrap();
        assert!(batch.is_abandoned());
        assert_eq!(intake.byte_limit().used(), 10);
        drop(batch);
        assert_eq!(intake.byte_limit().used(), 0);
    }

    #[tokio::test]
    async fn the_events_of_a_client_that_has_left_without_an_answer_are_kept_past_the_deadline() {
        let (intake, mut outlet) = memory(1000);
        let deadline = Instant::now() + Duration::from_millis(700);
        let asked = intake.clone();
        let waiting = tokio::spawn(async move { asked.accept_from(events(1), deadline, || true).await });
        let batch = outlet.next().await.unwrap();
        tokio::time::sleep_until(deadline + Duration::from_millis(100)).await;
        assert!(!batch.is_too_late(Instant::now()) && !waiting.is_finished());
        assert_eq!(intake.unanswered().events(), 1);
        batch.settle(1);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(intake.unanswered().events(), 0);
    }

    #[tokio::test]
    async fn a_client_that_waits_is_answered_at_the_deadline_and_what_was_not_sent_shortly_before_it_never_is() {
        let (intake, mut outlet) = memory(1000);
        let deadline = Instant::now() + Duration::from_millis(700);
        let waiting = tokio::spawn(async move { intake.accept_from(events(1), deadline, || false).await });
        let batch = outlet.next().await.unwrap();
        tokio::time::sleep_until(deadline - Duration::from_millis(300)).await;
        assert!(batch.is_too_late(Instant::now()) && !waiting.is_finished());
        let refused = waiting.await.unwrap();
        assert!(matches!(refused, Err(AcceptError::NotConfirmed { .. })), "{refused:?}");
        assert!(Instant::now() >= deadline, "not before");
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_takes_its_unsent_events_with_it() {
        let (intake, mut outlet) = memory(1000);
        let waiting =
            tokio::spawn(async move { intake.accept(events(1), Instant::now() + Duration::from_secs(60)).await });
        let batch = outlet.next().await.unwrap();
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert!(batch.is_abandoned());
    }

    #[tokio::test]
    async fn what_cannot_be_delivered_in_time_is_refused_with_the_time_it_takes() {
        let (intake, mut outlet) = memory(1_000_000);
        let later = Instant::now() + Duration::from_secs(10);
        let first = intake.accept(events(100), later);
        let second = async {
            let batch = outlet.next().await.unwrap();
            let stream = batch.entry(0).unwrap().stream;
            intake.byte_limit().set_drain(stream, 100);
            let refused = intake.accept(events(1), later).await;
            batch.settle(100);
            refused
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!(
            first,
            Ok(()),
            "something must go out even if the stream has stood still"
        );
        let retry_after = Duration::from_secs(10);
        assert_eq!(second, Err(AcceptError::Full { retry_after }));
    }
}
