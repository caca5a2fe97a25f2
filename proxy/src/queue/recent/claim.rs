//! The claim that a batch has on its events while they are under way.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    fates::{Claims, Fate, Joined},
    window::{Examined, Recent},
};
use crate::queue::{EventBatch, Identity};

/// What becomes of a request's events.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// Held while the rest of the batch is under way. `None` when nothing of it is remembered.
    pub(crate) claim: Option<Claim>,
    /// Whose outcome its repeats have.
    pub(crate) joined: Joined,
    /// How many events were taken out of the batch.
    pub(crate) repeats: u32,
}

/// Held by whoever has the batch. What is not safe when it is dropped is forgotten, so that its repeat is new.
#[derive(Debug)]
pub(crate) struct Claim {
    recent: Recent,
    claims: Arc<Claims>,
    /// Which of the claimed events the batch still has, when it has not all of them.
    kept: Option<Box<[u32]>>,
}

impl Recent {
    /// Takes the repeats out of a request's events and claims the others.
    pub(crate) fn claim(&self, events: &mut EventBatch, now: Instant) -> Claimed {
        let Examined {
            claims,
            joined,
            repeats,
        } = self.examine(events, now);
        Claimed {
            claim: claims.map(|claims| Claim::new(self.clone(), claims)),
            joined,
            repeats,
        }
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

    /// Forgets events of the batch, by their index: their client is told to send them again.
    pub(in crate::queue) fn withdraw(&self, events: impl Iterator<Item = u32>) {
        let places: Vec<u32> = events.map(|event| self.place(event)).collect();
        self.recent.withdraw(&self.claims, &places);
    }

    /// Every event of the batch is safe.
    pub(crate) fn all_safe(&self) {
        let events = self.kept.as_ref().map_or(self.claims.len(), |kept| kept.len());
        self.safe(0..u32::try_from(events).expect("a batch's entries have 32-bit offsets"));
    }

    /// Bytes that it takes of the process's memory.
    pub(in crate::queue) fn memory_bytes(&self) -> usize {
        self.claims.len() * (size_of::<Option<Identity>>() + size_of::<Fate>())
    }

    /// What the events of the batch are known by, in order.
    pub(in crate::queue) fn identities(&self) -> Vec<Option<Identity>> {
        let Some(identities) = self.claims.identities.get() else {
            return Vec::new();
        };
        match &self.kept {
            None => identities.clone(),
            Some(kept) => kept
                .iter()
                .map(|place| identities.get(*place as usize).copied().flatten())
                .collect(),
        }
    }

    /// Whether an event of the batch can be recognized when it comes again.
    pub(in crate::queue) fn identifies(&self, event: u32) -> bool {
        let identities = self.claims.identities.get();
        identities.is_some_and(|identities| matches!(identities.get(self.place(event) as usize), Some(Some(_))))
    }

    /// Takes out `events`, by ascending index: they are not taken, and their repeats are new.
    pub(in crate::queue) fn release(&mut self, events: &[u32]) {
        let count = self.kept.as_ref().map_or(self.claims.len(), |kept| kept.len());
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
