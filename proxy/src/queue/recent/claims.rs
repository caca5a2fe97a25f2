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

use super::{Identity, Recent};

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

/// Held by whoever has the batch. What is not safe when it is dropped is forgotten, so that its repeat is new.
#[derive(Debug)]
pub(crate) struct Claim {
    recent: Recent,
    claims: Arc<Claims>,
    /// Which of the claimed events the batch still has, when it has not all of them.
    kept: Option<Box<[u32]>>,
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
        (0..).zip(identities).filter_map(|(place, identity)| Some((place, (*identity)?)))
    }

    pub(super) fn tell(&self) {
        self.changed.notify_waiters();
    }
}

impl Claim {
    pub(super) fn new(recent: Recent, claims: Arc<Claims>) -> Self {
        Self {
            recent,
            claims,
            kept: None,
        }
    }

    /// Says which events of the batch, by their index, are safe.
    pub(in crate::queue) fn safe(&self, events: impl Iterator<Item = u32>) {
        for event in events {
            self.claims.decide(self.place(event), Fate::Safe);
        }
        self.claims.tell();
    }

    /// Every event of the batch is safe.
    pub(crate) fn all_safe(&self) {
        let events = self.kept.as_ref().map_or(self.claims.fates.len(), |kept| kept.len());
        self.safe(0..u32::try_from(events).expect("a batch's entries have 32-bit offsets"));
    }

    /// Whether an event of the batch can be recognized when it comes again.
    pub(in crate::queue) fn identifies(&self, event: u32) -> bool {
        let identities = self.claims.identities.get();
        identities.is_some_and(|identities| matches!(identities.get(self.place(event) as usize), Some(Some(_))))
    }

    /// Takes out `events`, by ascending index: they are not taken, and their repeats are new.
    pub(in crate::queue) fn release(&mut self, events: &[u32]) {
        let count = self.kept.as_ref().map_or(self.claims.fates.len(), |kept| kept.len());
        let mut released = events.iter().copied().peekable();
        let (mut gone, mut kept) = (Vec::with_capacity(events.len()), Vec::with_capacity(count));
        for event in 0..u32::try_from(count).expect("a batch's entries have 32-bit offsets") {
            let is_released = released.next_if_eq(&event).is_some();
            if is_released { &mut gone } else { &mut kept }.push(self.place(event));
        }
        self.kept = Some(kept.into());
        self.recent.withdraw(&self.claims, &gone);
    }

    fn place(&self, event: u32) -> u32 {
        self.kept.as_ref().map_or(event, |kept| kept[event as usize])
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.recent.resolve(&self.claims);
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
        let places = self.0.iter().flat_map(|(claims, places)| places.iter().map(|place| claims.fate(*place)));
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
