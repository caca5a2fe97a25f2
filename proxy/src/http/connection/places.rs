//! The places that connections take, and who gives one up when there are none left.

use std::{
    collections::HashMap,
    future::{Future as _, poll_fn},
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::progress::{Phase, Progress};

/// A bounded number of places.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    most: usize,
    /// Those that are taken. Touched when a connection is opened and closed, never by a request.
    taken: Mutex<HashMap<u64, Held>>,
}

/// One connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    held: Held,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, Clone)]
struct Held {
    peer: IpAddr,
    progress: Arc<Progress>,
    asked_to_leave: Arc<Notify>,
}

/// How long a connection has to be idle before it may be asked to leave.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait for a place before somebody else is asked.
const PATIENCE: Duration = Duration::from_millis(100);

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(most)),
            most,
            taken: Mutex::default(),
        })
    }

    /// Takes a place for a connection, the `number`th. When there is none, asks one that is idle to leave, and waits.
    pub(super) async fn take(self: &Arc<Self>, number: u64, peer: IpAddr) -> Place {
        let permit = loop {
            let acquiring = Arc::clone(&self.free).acquire_owned();
            if self.free.available_permits() == 0 {
                self.ask_one_to_leave(Instant::now());
            }
            if let Ok(permit) = timeout(PATIENCE, acquiring).await {
                break permit.expect("the semaphore is never closed");
            }
        };
        let held = Held {
            peer,
            progress: Arc::new(Progress::new()),
            asked_to_leave: Arc::new(Notify::new()),
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(number, held.clone());
        drop(taken);
        Place {
            places: Arc::clone(self),
            number,
            held,
            _permit: permit,
        }
    }

    /// Resolves when no place is taken.
    pub(super) async fn all_free(&self) {
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _every_place = self.free.acquire_many(all).await;
    }

    /// Asks the connection that has been idle for longest among those of the peer that holds most places. The peer's
    /// own clients pay for it first.
    fn ask_one_to_leave(&self, now: Instant) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places: HashMap<IpAddr, usize> = HashMap::new();
        for held in taken.values() {
            *places.entry(held.peer).or_default() += 1;
        }
        let idle = taken.values().filter_map(|held| {
            let (phase, since) = held.progress.now();
            let may_leave = phase == Phase::Idle && now.saturating_duration_since(since) >= IDLE;
            may_leave.then_some((held, since))
        });
        let chosen = idle.max_by_key(|(held, since)| (places[&held.peer], std::cmp::Reverse(*since)));
        if let Some((held, _)) = chosen {
            held.asked_to_leave.notify_one();
        }
    }
}

impl Place {
    /// What the connection does; it is on the connection to note it.
    pub(super) fn progress(&self) -> &Progress {
        &self.held.progress
    }

    /// Resolves when the connection was asked to leave and is idle still. Whoever waits for this polls the connection
    /// first, so that not a byte of a request has been read. Looked at only while the connection is idle.
    pub(super) async fn has_to_leave(&self) {
        let mut asked = pin!(self.held.asked_to_leave.notified());
        poll_fn(|context| {
            if self.held.progress.now().0 != Phase::Idle {
                return Poll::Pending;
            }
            asked.as_mut().poll(context)
        })
        .await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn the_longest_idle_of_the_peer_with_most_places_leaves_and_nobody_who_sends() {
        let places = Places::new(5);
        let [many, few]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let mut taken = Vec::new();
        for (number, peer) in [few, few, many, many, many].into_iter().enumerate() {
            taken.push(places.take(number as u64, peer).await);
            sleep(Duration::from_millis(10)).await;
        }
        let leaving = |taken: &[Place]| -> Vec<usize> {
            let asked = |place: &Place| place.has_to_leave().now_or_never().is_some();
            (0..taken.len()).filter(|index| asked(&taken[*index])).collect()
        };
        places.ask_one_to_leave(Instant::now());
        assert!(leaving(&taken).is_empty(), "nobody has been idle for a second");
        let later = Instant::now() + IDLE;
        taken[2].progress().begin(Phase::Head);
        places.ask_one_to_leave(later);
        assert_eq!(leaving(&taken), [3]);
        taken[3].progress().begin(Phase::Served);
        taken[4].progress().begin(Phase::Head);
        places.ask_one_to_leave(later);
        assert_eq!(leaving(&taken), [0]);
        // One that was chosen and began a request meanwhile stays.
        places.ask_one_to_leave(later);
        taken[0].progress().begin(Phase::Head);
        assert!(leaving(&taken).is_empty());
        taken.pop();
        places.take(9, few).await;
    }
}
