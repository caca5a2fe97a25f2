//! What a stream has waiting, and how a call is put together from it.
//!
//! Three queues: events that failed and go first, fresh ones that top them up, and groups that were part of a refused
//! call and are sent alone until the culprit is found.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    batch::{Batch, Builder, Limits, Suspicion},
    event::Event,
};
use crate::firehose::{Reason, limits::MAX_RECORD_BYTES};

/// The events of a stream that are not under way.
#[derive(Debug)]
pub(super) struct Waiting<E> {
    fresh: VecDeque<E>,
    again: VecDeque<E>,
    suspects: VecDeque<Group<E>>,
    /// Of `fresh` and `again` together.
    open_bytes: usize,
    suspect_events: usize,
    suspect_bytes: usize,
}

/// Events that were part of one refused call.
#[derive(Debug)]
struct Group<E> {
    events: Vec<E>,
    suspicion: Suspicion,
}

/// Events that are taken out of the queues without being sent.
#[derive(Debug)]
pub(super) struct Removed<E> {
    pub(super) given_up: Vec<(E, Reason)>,
    pub(super) abandoned: u64,
}

impl<E: Event> Default for Waiting<E> {
    fn default() -> Self {
        Self {
            fresh: VecDeque::new(),
            again: VecDeque::new(),
            suspects: VecDeque::new(),
            open_bytes: 0,
            suspect_events: 0,
            suspect_bytes: 0,
        }
    }
}

impl<E> Default for Removed<E> {
    fn default() -> Self {
        Self {
            given_up: Vec::new(),
            abandoned: 0,
        }
    }
}

impl<E: Event> Waiting<E> {
    pub(super) fn push(&mut self, event: E) {
        self.open_bytes += event.size();
        self.fresh.push_back(event);
    }

    /// Puts events back, to go before all fresh ones.
    pub(super) fn push_again(&mut self, events: Vec<E>) {
        self.open_bytes += events.iter().map(Event::size).sum::<usize>();
        self.again.extend(events);
    }

    /// Puts a group aside that must be sent alone; the last one put is the next one sent.
    pub(super) fn push_suspects(&mut self, events: Vec<E>, suspicion: Suspicion) {
        self.suspect_events += events.len();
        self.suspect_bytes += events.iter().map(Event::size).sum::<usize>();
        self.suspects.push_front(Group { events, suspicion });
    }

    /// Lets the next group wait until the others had their turn.
    pub(super) fn rotate_suspects(&mut self) {
        if !self.suspects.is_empty() {
            self.suspects.rotate_left(1);
        }
    }

    pub(super) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    pub(super) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    pub(super) fn oldest_fresh(&self) -> Option<Instant> {
        self.fresh.front().map(Event::accepted_at)
    }

    /// Whether a call within `limits` would be full.
    pub(super) fn fills(&self, limits: Limits) -> bool {
        // Packed events would have to be added up to know their records; their bytes are what matters there.
        let records = limits.packing.is_none() && self.fresh.len() + self.again.len() >= limits.records;
        records || self.open_bytes >= limits.bytes
    }

    pub(super) fn events(&self) -> usize {
        self.fresh.len() + self.again.len() + self.suspect_events
    }

    pub(super) fn bytes(&self) -> usize {
        self.open_bytes + self.suspect_bytes
    }

    /// When the oldest event was accepted.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let heads = [self.fresh.front(), self.again.front()];
        let suspects = self.suspects.iter().filter_map(|group| group.events.first());
        heads
            .into_iter()
            .flatten()
            .chain(suspects)
            .map(Event::accepted_at)
            .min()
    }

    /// A call of failed events, topped up with fresh ones. `None` when everything turned out to be no longer wanted.
    pub(super) fn take(
        &mut self,
        limits: Limits,
        with_again: bool,
        policy: &SendPolicy,
        removed: &mut Removed<E>,
    ) -> Option<Batch<E>> {
        let mut batch = Builder::new(limits);
        let sources = [
            (true, with_again.then_some(&mut self.again)),
            (false, Some(&mut self.fresh)),
        ];
        for (is_again, queue) in sources {
            let Some(queue) = queue else { continue };
            while let Some(event) = queue.front() {
                let decision = policy.of(event);
                if decision == Decision::Send && !batch.fits(event.size()) {
                    return batch.finish(None);
                }
                let event = queue.pop_front().expect("its front was just looked at");
                self.open_bytes -= event.size();
                match decision {
                    Decision::Send => {
                        batch.add(event, is_again);
                    }
                    Decision::Drop(reason) => removed.put(event, reason),
                }
            }
        }
        batch.finish(None)
    }

    /// A call of the next group that must go alone.
    pub(super) fn take_suspects(
        &mut self,
        limits: Limits,
        policy: &SendPolicy,
        removed: &mut Removed<E>,
    ) -> Option<Batch<E>> {
        let Group { events, suspicion } = self.suspects.pop_front()?;
        self.suspect_events -= events.len();
        self.suspect_bytes -= events.iter().map(Event::size).sum::<usize>();
        let mut batch = Builder::new(limits);
        let mut group = events.into_iter();
        let mut rest = Vec::new();
        for event in group.by_ref() {
            match policy.of(&event) {
                Decision::Drop(reason) => removed.put(event, reason),
                Decision::Send if batch.fits(event.size()) => batch.add(event, false),
                Decision::Send => {
                    rest.push(event);
                    break;
                }
            }
        }
        rest.extend(group);
        if !rest.is_empty() {
            self.push_suspects(rest, suspicion);
        }
        batch.finish(Some(suspicion))
    }

    /// Takes out what `goes` says of the last `newest` that were pushed. It is not asked about those before them.
    pub(super) fn take_newest_if(&mut self, newest: usize, goes: impl Fn(&E) -> bool) -> Vec<E> {
        let newest = self.fresh.split_off(self.fresh.len().saturating_sub(newest));
        let (going, staying): (Vec<E>, Vec<E>) = newest.into_iter().partition(goes);
        self.open_bytes -= going.iter().map(Event::size).sum::<usize>();
        self.fresh.extend(staying);
        going
    }

    /// Takes out what `goes` says, in the order of the queues.
    pub(super) fn take_if(&mut self, goes: impl Fn(&E) -> bool) -> Vec<E> {
        let mut taken = Vec::new();
        for queue in [&mut self.again, &mut self.fresh] {
            if !queue.iter().any(&goes) {
                continue;
            }
            let (going, staying): (Vec<E>, Vec<E>) = std::mem::take(queue).into_iter().partition(&goes);
            self.open_bytes -= going.iter().map(Event::size).sum::<usize>();
            taken.extend(going);
            queue.extend(staying);
        }
        for group in &mut self.suspects {
            if !group.events.iter().any(&goes) {
                continue;
            }
            let (going, staying): (Vec<E>, Vec<E>) = std::mem::take(&mut group.events).into_iter().partition(&goes);
            self.suspect_events -= going.len();
            self.suspect_bytes -= going.iter().map(Event::size).sum::<usize>();
            taken.extend(going);
            group.events = staying;
        }
        self.suspects.retain(|group| !group.events.is_empty());
        taken
    }

    /// Takes out what is no longer wanted.
    pub(super) fn purge(&mut self, policy: &SendPolicy, removed: &mut Removed<E>) {
        for queue in [&mut self.again, &mut self.fresh] {
            if !queue.iter().any(|event| policy.of(event) != Decision::Send) {
                continue;
            }
            let kept = VecDeque::with_capacity(queue.len());
            for event in std::mem::replace(queue, kept) {
                match policy.of(&event) {
                    Decision::Send => queue.push_back(event),
                    Decision::Drop(reason) => {
                        self.open_bytes -= event.size();
                        removed.put(event, reason);
                    }
                }
            }
        }
        for Group { events, suspicion } in std::mem::take(&mut self.suspects) {
            self.suspect_events -= events.len();
            self.suspect_bytes -= events.iter().map(Event::size).sum::<usize>();
            let mut kept = Vec::with_capacity(events.len());
            for event in events {
                match policy.of(&event) {
                    Decision::Send => kept.push(event),
                    Decision::Drop(reason) => removed.put(event, reason),
                }
            }
            if !kept.is_empty() {
                self.suspect_events += kept.len();
                self.suspect_bytes += kept.iter().map(Event::size).sum::<usize>();
                self.suspects.push_back(Group {
                    events: kept,
                    suspicion,
                });
            }
        }
    }
}

impl<E> Removed<E> {
    fn put(&mut self, event: E, reason: Option<Reason>) {
        match reason {
            Some(reason) => self.given_up.push((event, reason)),
            None => self.abandoned += 1,
        }
    }
}

/// Decides whether an event is still to be sent.
#[derive(Debug)]
pub(super) struct SendPolicy {
    now: Instant,
    /// Accepted before this is too old.
    oldest: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Send,
    /// Given up for a reason, or abandoned by its client for none.
    Drop(Option<Reason>),
}

impl SendPolicy {
    pub(super) fn new(now: Instant, max_age: Option<Duration>) -> Self {
        Self {
            now,
            oldest: max_age.and_then(|age| now.checked_sub(age)),
        }
    }

    fn of<E: Event>(&self, event: &E) -> Decision {
        if event.is_abandoned(self.now) {
            Decision::Drop(None)
        } else if event.size() > MAX_RECORD_BYTES {
            Decision::Drop(Some(Reason::RecordTooLarge))
        } else if self.oldest.is_some_and(|oldest| event.accepted_at() < oldest) {
            Decision::Drop(Some(Reason::TooOld))
        } else {
            Decision::Send
        }
    }
}
