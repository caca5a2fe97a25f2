//! The core of one stream's delivery: what to send and when; what an answer means is in `answer`.
//!
//! Synchronous and deterministic: events, answers and the time come in through [`Core::push`] and [`Core::step`], calls
//! and settled events come out as [`Effect`]s, and the only randomness is a seed's. It never talks to anything and
//! holds nothing of another stream, so a dead stream can delay no other.

mod answer;
mod backoff;
mod batch;
mod call_size;
mod counters;
mod event;
mod health;
mod pace;
mod rates;
mod settings;
#[cfg(test)]
mod tests;
mod waiting;

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

pub use self::{batch::Batch, counters::Counters, event::Event, rates::Rates, settings::Settings};

use self::{
    backoff::Backoff,
    batch::Limits,
    call_size::CallSize,
    health::Health,
    pace::Pace,
    waiting::{Removed, SendPolicy, Waiting},
};
use crate::firehose::{Operation, Outcome, Reason, limits::MAX_RECORDS};

/// Number of a call within its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

/// What happens to a core.
#[derive(Debug)]
pub enum Input {
    /// Events were pushed, or the time of [`Core::wake_at`] has come, or a slot is free.
    Wake,
    /// A call has ended.
    Answer {
        /// Which one.
        call: CallId,
        /// How.
        outcome: Outcome,
    },
    /// Other settings.
    Configure(Settings),
    /// No event will be pushed any more; nothing waits for company.
    Flush,
    /// What made calls fail has changed (other credentials, another endpoint): try at once.
    RetryNow,
}

/// What a core asks for.
#[derive(Debug)]
pub enum Effect<E> {
    /// Make this call; its records are [`Core::call`]'s until it is answered.
    Call(CallId, Operation),
    /// Firehose has these.
    Delivered(Vec<E>),
    /// This one will never be delivered.
    GiveUp(E, Reason),
    /// The stream does not take these for a reason that lasts, and their clients can send them again.
    Refuse(Vec<E>),
}

/// Most calls of one stream at a time.
const MAX_CALLS_OF_A_STREAM: usize = 8;
/// The same where each carries one record only.
pub(crate) const MAX_SINGLE_CALLS_OF_A_STREAM: usize = 32;
/// Longest wait between tries.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Longest wait before records are sent again that failed again and again in calls that succeeded.
const MAX_RECORD_BACKOFF: Duration = Duration::from_secs(2);
/// How often unwanted events are looked for.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);
/// Delivery of one stream.
#[derive(Debug)]
pub struct Core<E> {
    settings: Settings,
    waiting: Waiting<E>,
    calls: BTreeMap<CallId, OpenCall<E>>,
    next_call: u64,
    pace: Pace,
    /// Of the stream as a whole.
    backoff: Backoff,
    /// Of records that failed inside calls that succeeded.
    record_backoff: Backoff,
    mode: Mode,
    call_size: CallSize,
    /// Calls of which at least one record arrived.
    successes: u64,
    /// `successes` when an event was last refused alone.
    refused_alone_at: Option<u64>,
    /// Refused events wait for evidence; others go first.
    others_first: bool,
    flushing: bool,
    health: Health,
    /// Why the stream takes nothing, where time alone does not mend it.
    lasting: Option<Reason>,
    /// Since when it is denied, without a call that was taken in between.
    denied_since: Option<Instant>,
    /// Events pushed since it was looked whether they can be handed back.
    unseen: usize,
    counters: Counters,
    purge_at: Option<Instant>,
    wake_at: Option<Instant>,
    wants_slot: bool,
    #[cfg(test)]
    mutants: Mutants,
}

/// Mistakes, for the proof that the simulation would notice.
#[cfg(test)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mutants {
    /// A stream that takes nothing is tried with whole calls.
    pub(crate) probes_whole: bool,
    /// Events are handed back that nobody else has.
    pub(crate) refuses_all: bool,
}

#[derive(Debug)]
struct OpenCall<E> {
    batch: Batch<E>,
    operation: Operation,
    sent_at: Instant,
}

/// Which operation the credentials allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Batch,
    /// The batch call was denied; the next call tells whether single puts are allowed.
    Trial,
    Single {
        until: Instant,
    },
}

impl<E: Event> Core<E> {
    /// A core with nothing waiting. `seed` spreads its waits.
    pub fn new(settings: Settings, seed: u64, now: Instant) -> Self {
        Self {
            settings,
            waiting: Waiting::default(),
            calls: BTreeMap::new(),
            next_call: 0,
            pace: Pace::new(settings.share, settings.most, now),
            backoff: Backoff::new(MAX_BACKOFF, seed),
            record_backoff: Backoff::new(MAX_RECORD_BACKOFF, seed.rotate_left(32)),
            mode: Mode::Batch,
            call_size: CallSize::default(),
            successes: 0,
            refused_alone_at: None,
            others_first: false,
            flushing: false,
            health: Health::new(),
            lasting: None,
            denied_since: None,
            unseen: 0,
            counters: Counters::default(),
            purge_at: None,
            wake_at: None,
            wants_slot: false,
            #[cfg(test)]
            mutants: Mutants::default(),
        }
    }

    /// Queues an event. Call [`Core::step`] afterwards.
    pub fn push(&mut self, event: E) {
        self.unseen += 1;
        self.waiting.push(event);
    }

    /// Takes back what `goes` says of the events that are not under way. Call [`Core::step`] afterwards.
    pub fn take_back(&mut self, goes: impl Fn(&E) -> bool) -> Vec<E> {
        self.waiting.take_if(goes)
    }

    /// Takes one input at `now` and says what is to be done. At most `slots` calls are started.
    pub fn step(&mut self, input: Input, now: Instant, slots: usize) -> Vec<Effect<E>> {
        let mut effects = Vec::new();
        match input {
            Input::Wake => {}
            Input::Answer { call, outcome } => self.answer(call, outcome, now, &mut effects),
            Input::Configure(settings) => {
                self.pace.configure(settings.share, settings.most, now);
                self.settings = settings;
            }
            Input::Flush => self.flushing = true,
            Input::RetryNow => {
                self.backoff.retry_now();
                self.mode = Mode::Batch;
            }
        }
        self.purge(now, &mut effects);
        self.send(now, slots, &mut effects);
        effects
    }

    /// The records of a call that was asked for and not answered yet.
    pub fn call(&self, id: CallId) -> Option<&Batch<E>> {
        self.calls.get(&id).map(|call| &call.batch)
    }

    /// When to step again at the latest. `None` while only an answer, an event or a slot can change anything.
    pub fn wake_at(&self) -> Option<Instant> {
        match (self.wake_at, self.purge_at) {
            (Some(wake), Some(purge)) => Some(wake.min(purge)),
            (wake, purge) => wake.or(purge),
        }
    }

    /// Whether a call would have been started if there had been a slot.
    pub fn wants_slot(&self) -> bool {
        self.wants_slot
    }

    /// Calls under way.
    pub fn calls_in_flight(&self) -> usize {
        self.calls.len()
    }

    /// Events that are under way.
    pub fn events_in_flight(&self) -> usize {
        self.calls.values().map(|call| call.batch.event_count()).sum()
    }

    /// Events that wait or are under way.
    pub fn backlog_events(&self) -> usize {
        self.waiting.events() + self.events_in_flight()
    }

    /// Their bytes.
    pub fn backlog_bytes(&self) -> usize {
        self.waiting.bytes() + self.calls.values().map(|call| call.batch.bytes()).sum::<usize>()
    }

    /// When the oldest event was accepted that is not delivered yet.
    pub fn oldest(&self) -> Option<Instant> {
        let in_flight = self.calls.values().flat_map(|call| call.batch.records());
        let in_flight = in_flight.filter_map(|events| events.first()).map(Event::accepted_at);
        self.waiting.oldest().into_iter().chain(in_flight).min()
    }

    /// How the stream is, by how its calls have ended in the last minute: [`Reason::Succeeded`] while hardly any record
    /// fails, and [`Reason::Throttled`] while the rate is what a quota allows.
    pub fn health(&self, now: Instant) -> Reason {
        match self.health.reason(now) {
            Reason::Succeeded if self.pace.is_throttled(now) => Reason::Throttled,
            health => health,
        }
    }

    /// When a stream that takes nothing, for a reason that time alone does not mend, is to be tried again: one record
    /// goes out then, if there is any. `None` of every other stream.
    pub fn probe_at(&self, now: Instant) -> Option<Instant> {
        self.lasting.map(|_| self.backoff.wait(now).unwrap_or(now))
    }

    /// Whether nothing gets through at the moment.
    pub fn is_failing(&self) -> bool {
        self.backoff.is_failing()
    }

    /// Whether single puts are made because the batch call is denied.
    pub fn is_single(&self) -> bool {
        matches!(self.mode, Mode::Single { .. })
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rate now, per second.
    pub fn rate(&self) -> Rates {
        self.pace.rate()
    }

    /// What was counted since the last call of this.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// A mutant: the token bucket never refills.
    #[cfg(test)]
    pub(crate) fn never_refill(&mut self) {
        self.pace.never_refills = true;
    }

    #[cfg(test)]
    pub(crate) fn make_mistakes(&mut self, mutants: Mutants) {
        self.mutants = mutants;
    }

    fn remove(&mut self, removed: Removed<E>, effects: &mut Vec<Effect<E>>) {
        self.counters.abandoned_events += removed.abandoned;
        for (event, reason) in removed.given_up {
            self.give_up(event, reason, effects);
        }
    }

    /// Now and then takes out what nobody waits for, so that a stream that does not move frees its memory.
    fn purge(&mut self, now: Instant, effects: &mut Vec<Effect<E>>) {
        if self.waiting.events() == 0 {
            self.purge_at = None;
            return;
        }
        let due = *self.purge_at.get_or_insert(now + PURGE_INTERVAL);
        if now >= due {
            let mut removed = Removed::default();
            self.waiting
                .purge(&SendPolicy::new(now, self.settings.max_age), &mut removed);
            self.remove(removed, effects);
            self.purge_at = (self.waiting.events() > 0).then_some(now + PURGE_INTERVAL);
        }
    }

    fn send(&mut self, now: Instant, slots: usize, effects: &mut Vec<Effect<E>>) {
        self.wake_at = None;
        self.wants_slot = false;
        let mut started = 0;
        loop {
            if self.settings.paused || self.calls.len() >= self.max_calls() {
                // Less than a full call waits: the load is what limits, not the calls.
                if !self.waiting.fills(self.limits()) {
                    self.pace.ran_out(now);
                }
                return;
            }
            if let Some(until) = self.backoff.wait(now) {
                self.refuse_lasting(effects);
                self.wake_at = Some(until);
                return;
            }
            if let Mode::Single { until } = self.mode
                && now >= until
            {
                self.mode = Mode::Batch;
            }
            self.call_size.look(now);
            let limits = self.limits();
            let suspects = self.waiting.has_suspects() && !(self.others_first && self.is_ready(limits, now));
            if !suspects && !self.is_ready(limits, now) {
                self.pace.ran_out(now);
                self.wake_at = self.ready_at(now);
                return;
            }
            if let Some(at) = self.pace.wait(now) {
                self.wake_at = Some(at);
                return;
            }
            if started >= slots {
                self.wants_slot = true;
                return;
            }
            let policy = SendPolicy::new(now, self.settings.max_age);
            let mut removed = Removed::default();
            let batch = if suspects {
                self.waiting.take_suspects(limits, &policy, &mut removed)
            } else {
                let with_again = self.record_backoff.wait(now).is_none();
                self.waiting.take(limits, with_again, &policy, &mut removed)
            };
            self.remove(removed, effects);
            if let Some(batch) = batch {
                self.others_first = false;
                started += 1;
                self.start(batch, now, effects);
            }
        }
    }

    fn start(&mut self, batch: Batch<E>, now: Instant, effects: &mut Vec<Effect<E>>) {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.pace.spend(batch.bytes(), batch.len());
        self.counters.calls += 1;
        self.counters.sent_records += batch.len() as u64;
        let operation = match self.mode {
            Mode::Batch => Operation::PutRecordBatch,
            Mode::Trial | Mode::Single { .. } => Operation::PutRecord,
        };
        self.calls.insert(
            id,
            OpenCall {
                batch,
                operation,
                sent_at: now,
            },
        );
        effects.push(Effect::Call(id, operation));
    }

    /// A stream that fails is asked one call at a time.
    fn max_calls(&self) -> usize {
        match self.mode {
            _ if self.backoff.is_failing() => 1,
            Mode::Batch => MAX_CALLS_OF_A_STREAM,
            Mode::Trial => 1,
            Mode::Single { .. } => MAX_SINGLE_CALLS_OF_A_STREAM,
        }
    }

    fn limits(&self) -> Limits {
        let (bytes, records) = self.pace.call_size();
        let is_probe = self.lasting.is_some();
        #[cfg(test)]
        let is_probe = is_probe && !self.mutants.probes_whole;
        Limits {
            records: match self.mode {
                Mode::Batch if !is_probe => records.min(MAX_RECORDS),
                Mode::Batch | Mode::Trial | Mode::Single { .. } => 1,
            },
            bytes: bytes.min(self.call_size.bytes()),
            packing: self.settings.packing.filter(|_| !is_probe),
        }
    }

    fn is_ready(&self, limits: Limits, now: Instant) -> bool {
        let again = self.waiting.has_again() && self.record_backoff.wait(now).is_none();
        let fresh = self.waiting.has_fresh()
            && (self.flushing
                || self.waiting.fills(limits)
                || self
                    .waiting
                    .oldest_fresh()
                    .is_some_and(|oldest| oldest + self.settings.linger <= now));
        again || fresh
    }

    /// When [`Core::is_ready`] will be true if nothing else happens.
    fn ready_at(&self, now: Instant) -> Option<Instant> {
        let again = self.record_backoff.wait(now).filter(|_| self.waiting.has_again());
        let fresh = self.waiting.oldest_fresh().map(|oldest| oldest + self.settings.linger);
        again.into_iter().chain(fresh).min()
    }
}
