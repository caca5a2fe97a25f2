//! The events of one batch that are under way, as those see them who wait for their outcome: the repeats of other
//! requests.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU8, Ordering},
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::queue::Identity;

/// What became of each event of a batch.
#[derive(Debug)]
pub(super) struct Claims {
    /// In the order of the batch.
    pub(super) identities: OnceLock<Vec<Option<Identity>>>,
    /// By [`Fate`].
    fates: Box<[AtomicU8]>,
    changed: Notify,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Fate {
    UnderWay,
    Safe,
    /// Its client was told to send it again.
    Withdrawn,
}

/// Events of other requests that this one repeats, while they are under way.
#[derive(Debug, Default)]
pub(crate) struct Joined(Vec<(Arc<Claims>, Vec<u32>)>);

/// An event that was joined was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Withdrawn;

impl Claims {
    pub(super) fn new(events: usize) -> Self {
        Self {
            identities: OnceLock::new(),
            fates: (0..events).map(|_| AtomicU8::new(Fate::UnderWay as u8)).collect(),
            changed: Notify::new(),
        }
    }

    /// Events that were claimed.
    pub(super) fn len(&self) -> usize {
        self.fates.len()
    }

    pub(super) fn fate(&self, place: u32) -> Fate {
        match self.fates[place as usize].load(Ordering::Acquire) {
            safe if safe == Fate::Safe as u8 => Fate::Safe,
            withdrawn if withdrawn == Fate::Withdrawn as u8 => Fate::Withdrawn,
            _ => Fate::UnderWay,
        }
    }

    pub(super) fn decide(&self, place: u32, fate: Fate) {
        self.fates[place as usize].store(fate as u8, Ordering::Release);
    }

    /// The claimed events with their places.
    pub(super) fn claimed(&self) -> impl Iterator<Item = (u32, Identity)> {
        let identities = self.identities.get().into_iter().flatten();
        (0..)
            .zip(identities)
            .filter_map(|(place, identity)| Some((place, (*identity)?)))
    }

    pub(super) fn tell(&self) {
        self.changed.notify_waiters();
    }
}

impl Joined {
    pub(super) fn push(&mut self, claims: &Arc<Claims>, place: u32) {
        match self.0.last_mut() {
            // A request that is sent again has its events from one other, mostly.
            Some((last, places)) if Arc::ptr_eq(last, claims) => places.push(place),
            _ => self.0.push((Arc::clone(claims), vec![place])),
        }
    }

    /// What became of them by now: `None` while it is open.
    pub(crate) fn look(&self) -> Option<Result<(), Withdrawn>> {
        let places = self
            .0
            .iter()
            .flat_map(|(claims, places)| places.iter().map(|place| claims.fate(*place)));
        let mut outcome = Some(Ok(()));
        for fate in places {
            match fate {
                Fate::Safe => {}
                Fate::Withdrawn => return Some(Err(Withdrawn)),
                Fate::UnderWay => outcome = None,
            }
        }
        outcome
    }

    /// Waits until all of them are safe, or one is withdrawn.
    async fn decided(self) -> Result<(), Withdrawn> {
        for (claims, places) in self.0 {
            for place in places {
                claims.decided(place).await?;
            }
        }
        Ok(())
    }

    /// Waits for their outcome until the deadline. `None` when it passes first.
    pub(in crate::queue) async fn outcome(self, deadline: Instant) -> Option<Result<(), Withdrawn>> {
        match self.look() {
            None => timeout_at(deadline, self.decided()).await.ok(),
            outcome => outcome,
        }
    }
}

impl Claims {
    async fn decided(&self, place: u32) -> Result<(), Withdrawn> {
        loop {
            let changed = self.changed.notified();
            match self.fate(place) {
                Fate::Safe => return Ok(()),
                Fate::Withdrawn => return Err(Withdrawn),
                Fate::UnderWay => changed.await,
            }
        }
    }
}
