//! The two ends of the queue: the endpoint puts batches in, delivery takes them out. Whether a disk stands between the
//! two is decided when they are made.

#[cfg(test)]
mod tests;

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

use super::{
    AcceptError, ByteLimit, ClosedStreams, EventBatch, InFlight, Recent,
    admission::{self, Part},
    in_flight::last_call,
    recent::{Claim, Claimed, Joined, Withdrawn},
};
use crate::{
    account::{Account, Held, Use},
    stream::StreamId,
};

/// The endpoint's side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    to: To,
    recent: Recent,
    unanswered: Unanswered,
    account: Account,
    closed_streams: ClosedStreams,
}

/// A request whose events are safe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// How many of them were recognized as events that this process has, and not taken a second time.
    pub repeats: u32,
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

/// A request's events on their way.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) under_way: UnderWay,
    /// The outcome of its repeats.
    pub(crate) joined: Joined,
    /// Why some of its streams took nothing: the request is refused when the others' events are safe.
    pub(crate) turned_away: Option<AcceptError>,
    pub(crate) repeats: u32,
}

/// The events of a request that are new, until they are safe.
#[derive(Debug)]
pub(crate) enum UnderWay {
    Nothing,
    InMemory(Arc<InFlight>),
    ToDisk(Appended, Held),
}

/// How a request learns what became of its batch.
pub(crate) type Appended = oneshot::Receiver<Result<(), AcceptError>>;

/// What an [`Intake`] asks of a disk.
pub(crate) trait Store: std::fmt::Debug + Send + Sync {
    /// Takes a batch; the answer comes when it is synced. Then its claim is told so, whoever has left meanwhile; if it
    /// never is, the claim is dropped.
    fn append(&self, events: EventBatch, claim: Option<Claim>) -> Result<Appended, AcceptError>;

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
            recent: Recent::default(),
            unanswered: Unanswered::default(),
            account: Account::unlimited(),
            closed_streams: ClosedStreams::default(),
        }
    }

    /// What is accepted takes its memory from this account.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// The same queue, that recognizes what comes again by `recent`.
    #[must_use]
    pub fn with_recent(self, recent: Recent) -> Self {
        Self { recent, ..self }
    }

    /// What recognizes the events that come again.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Where delivery says which streams take nothing.
    pub fn closed_streams(&self) -> &ClosedStreams {
        &self.closed_streams
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
    pub async fn accept(&self, events: EventBatch, deadline: Instant) -> Result<Accepted, AcceptError> {
        self.accept_from(events, deadline, || false).await
    }

    /// Like [`Self::accept`], of a client that may leave: then nobody hears a 503, so nobody would send the events
    /// again, and they are kept until they are safe. `has_left` is asked once, shortly before the deadline.
    ///
    /// Of several streams, those that have no room do not keep the others from theirs, as long as the others' events
    /// will be recognized when the request comes again.
    ///
    /// # Errors
    ///
    /// See [`AcceptError`]; the request must be answered 503.
    pub async fn accept_from(
        &self,
        events: EventBatch,
        deadline: Instant,
        has_left: impl Fn() -> bool,
    ) -> Result<Accepted, AcceptError> {
        let Begun {
            under_way,
            joined,
            turned_away,
            repeats,
        } = self.begin(events, Instant::now(), deadline)?;
        match under_way {
            UnderWay::Nothing => {}
            UnderWay::InMemory(batch) => self.wait_for_delivery(&batch, deadline, has_left).await?,
            UnderWay::ToDisk(appended, _until_answered) => {
                let answer = wait_for(appended, deadline, has_left).await?;
                // No answer: the writer is gone.
                answer.unwrap_or(Err(AcceptError::ShuttingDown))?;
            }
        }
        match joined.outcome(deadline).await {
            Some(Ok(())) => turned_away.map_or(Ok(Accepted { repeats }), Err),
            // Whoever had it could not make it safe, or has not yet.
            Some(Err(Withdrawn)) | None => Err(AcceptError::NotConfirmed {
                retry_after: DEFAULT_RETRY_AFTER,
            }),
        }
    }

    /// Takes in what there is to take in of a request's events.
    pub(crate) fn begin(&self, mut events: EventBatch, now: Instant, deadline: Instant) -> Result<Begun, AcceptError> {
        let Claimed {
            mut claim,
            joined,
            repeats,
        } = self.recent.claim(&mut events, now);
        let turned_away = match &mut claim {
            Some(claim) if admission::is_mixed(&events) => {
                admission::turn_away(&mut events, claim, |part| self.refuses(part, now, deadline))?
            }
            _ => {
                self.turn_away_whole(&events, now)?;
                None
            }
        };
        let no_memory = AcceptError::NoMemory {
            retry_after: DEFAULT_RETRY_AFTER,
        };
        let of_claim = claim.as_ref().map_or(0, Claim::memory_bytes);
        let memory = self.account.take(Use::Events, events.memory_bytes() + of_claim);
        let under_way = match &self.to {
            _ if events.is_empty() => UnderWay::Nothing,
            To::Memory { batches, byte_limit } => {
                let parts = events.entries().map(|entry| (entry.stream, entry.size()));
                let charge = byte_limit.charge(parts).ok_or(AcceptError::Full {
                    retry_after: DEFAULT_RETRY_AFTER,
                })?;
                if let Some(wait) = charge.wait().filter(|wait| *wait > patience(now, deadline)) {
                    return Err(too_long(wait));
                }
                let memory = memory.ok_or(no_memory)?;
                let batch = InFlight::new(events, (charge, memory), now)
                    .due_at(deadline)
                    .claimed(claim);
                let batch = Arc::new(batch);
                batches
                    .send(Arc::clone(&batch))
                    .map_err(|_| AcceptError::ShuttingDown)?;
                UnderWay::InMemory(batch)
            }
            To::Disk(store) => {
                let until_answered = memory.ok_or(no_memory)?;
                if let Some(claim) = &claim {
                    events.identify_all(claim.identities());
                }
                let first = events.entry(0).map(|entry| entry.stream);
                let appended = store.append(events, claim).map_err(|error| match (error, first) {
                    (AcceptError::Full { .. }, Some(stream)) => self.no_room(stream, now),
                    (error, _) => error,
                });
                UnderWay::ToDisk(appended?, until_answered)
            }
        };
        Ok(Begun {
            under_way,
            joined,
            turned_away,
            repeats,
        })
    }

    async fn wait_for_delivery(
        &self,
        batch: &InFlight,
        deadline: Instant,
        has_left: impl Fn() -> bool,
    ) -> Result<(), AcceptError> {
        let _waiting = AbandonOnDrop(batch);
        let undeliverable = |retry_after| AcceptError::Undeliverable { retry_after };
        // What is not sent by then is withdrawn; what is refused before is answered at once.
        let decided = timeout_at(last_call(deadline), batch.wait_until_decided()).await;
        if decided == Ok(Ok(())) {
            return Ok(());
        }
        if has_left() {
            let count = batch.entries().len();
            batch.waits_for_nobody();
            self.unanswered.0.fetch_add(count, Ordering::Relaxed);
            batch.wait_until_settled().await;
            self.unanswered.0.fetch_sub(count, Ordering::Relaxed);
            return Ok(());
        }
        let decided = match decided {
            Ok(decided) => Ok(decided),
            Err(_) => timeout_at(deadline, batch.wait_until_decided()).await,
        };
        match (decided, batch.refused()) {
            (Ok(decided), _) => decided.map_err(undeliverable),
            (Err(_), Some(retry_after)) => Err(undeliverable(retry_after)),
            (Err(_), None) => Err(AcceptError::NotConfirmed {
                retry_after: DEFAULT_RETRY_AFTER,
            }),
        }
    }

    /// Why a stream takes no part of a request at the moment. What a disk has room for is safe there, whatever becomes
    /// of the stream.
    fn refuses(&self, part: Part, now: Instant, deadline: Instant) -> Option<AcceptError> {
        let Part { stream, bytes, events } = part;
        let byte_limit = self.byte_limit();
        if !byte_limit.has_room(stream, bytes) {
            return Some(self.no_room(stream, now));
        }
        match &self.to {
            To::Memory { .. } => match self.closed_streams.turn_away(stream, events, now) {
                Some(retry_after) => Some(AcceptError::Undeliverable { retry_after }),
                None => byte_limit
                    .wait(stream)
                    .filter(|wait| *wait > patience(now, deadline))
                    .map(too_long),
            },
            To::Disk(_) => None,
        }
    }

    /// Turns away a request that is not taken in by parts, for it has one stream or nothing of it is recognized when it
    /// comes again.
    fn turn_away_whole(&self, events: &EventBatch, now: Instant) -> Result<(), AcceptError> {
        if matches!(self.to, To::Disk(_)) || !self.closed_streams.is_any_closed() {
            return Ok(());
        }
        for Part { stream, events, .. } in admission::parts(events) {
            if let Some(retry_after) = self.closed_streams.turn_away(stream, events, now) {
                return Err(AcceptError::Undeliverable { retry_after });
            }
        }
        Ok(())
    }

    fn no_room(&self, stream: StreamId, now: Instant) -> AcceptError {
        match self.closed_streams.retry_after(stream, now) {
            Some(retry_after) => AcceptError::Undeliverable { retry_after },
            None => AcceptError::Full {
                retry_after: DEFAULT_RETRY_AFTER,
            },
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

/// How long events may wait before their turn comes. What cannot be delivered before the deadline is refused at once:
/// taken in, it would go out just as its client gives up.
fn patience(now: Instant, deadline: Instant) -> Duration {
    deadline.saturating_duration_since(now) / 2
}

fn too_long(wait: Duration) -> AcceptError {
    AcceptError::Full {
        retry_after: wait.clamp(SHORTEST_RETRY_AFTER, LONGEST_RETRY_AFTER),
    }
}

/// Waits until events are safe: until the deadline while their client does, and as long as it takes when it has left.
async fn wait_for<T>(
    safe: impl Future<Output = T>,
    deadline: Instant,
    has_left: impl Fn() -> bool,
) -> Result<T, AcceptError> {
    let mut safe = pin!(safe);
    // What is not sent by then is withdrawn.
    if let Ok(answer) = timeout_at(last_call(deadline), safe.as_mut()).await {
        return Ok(answer);
    }
    if has_left() {
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
