//! What must hold, looked at from outside the core.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::time::Instant;

use crate::{
    deliver::stream::Event,
    firehose::{
        Outcome, Reason,
        limits::{MAX_CALL_BYTES, MAX_RECORD_BYTES, MAX_RECORDS},
    },
};

/// One event of a history, shared between the core and the oracle.
#[derive(Clone)]
pub(super) struct SimEvent(Rc<Facts>);

pub(super) struct Facts {
    number: usize,
    bytes: usize,
    accepted_at: Instant,
    is_poison: bool,
    /// Its client waits for the answer and sends it again when it is told to.
    is_refusable: bool,
    /// Mutant: the core does not hear that the event was abandoned.
    is_deaf: bool,
    abandoned: Cell<bool>,
    state: Cell<State>,
    sends: Cell<u32>,
    failures: Cell<u32>,
    unknown: Cell<u32>,
    stored: Cell<u32>,
    /// How many calls the stream had accepted when a call with the event was first refused, and when it was refused
    /// alone.
    first_refused: Cell<Option<u64>>,
    refused_alone: Cell<Option<u64>>,
    /// When it was first refused alone, and how often.
    alone: Cell<Option<(Instant, u32)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
    Delivered,
    GivenUp,
    Refused,
}

impl SimEvent {
    pub(super) fn new(number: usize, bytes: usize, accepted_at: Instant, is_poison: bool, is_deaf: bool) -> Self {
        Self(Rc::new(Facts {
            number,
            bytes,
            accepted_at,
            is_poison,
            is_refusable: number.is_multiple_of(3),
            is_deaf,
            abandoned: Cell::new(false),
            state: Cell::new(State::Waiting),
            sends: Cell::new(0),
            failures: Cell::new(0),
            unknown: Cell::new(0),
            stored: Cell::new(0),
            first_refused: Cell::new(None),
            refused_alone: Cell::new(None),
            alone: Cell::new(None),
        }))
    }

    pub(super) fn number(&self) -> usize {
        self.0.number
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes
    }

    pub(super) fn is_poison(&self) -> bool {
        self.0.is_poison
    }

    pub(super) fn abandon(&self) {
        self.0.abandoned.set(true);
    }

    fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("event {} ({:?}): {what}", self.0.number, self.0.state.get()))
    }
}

impl Event for SimEvent {
    fn size(&self) -> usize {
        self.0.bytes
    }

    fn accepted_at(&self) -> Instant {
        self.0.accepted_at
    }

    fn is_abandoned(&self, _: Instant) -> bool {
        self.0.abandoned.get() && !self.0.is_deaf
    }

    fn is_refusable(&self) -> bool {
        self.0.is_refusable
    }
}

/// A call goes out.
pub(super) fn sent(records: &[Vec<SimEvent>]) -> Result<(), String> {
    let bytes: usize = records.iter().flatten().map(SimEvent::bytes).sum();
    if records.is_empty() || records.len() > MAX_RECORDS {
        return Err(format!("a call of {} records", records.len()));
    }
    if bytes > MAX_CALL_BYTES {
        return Err(format!("a call of {bytes} bytes"));
    }
    for record in records {
        let size: usize = record.iter().map(SimEvent::bytes).sum();
        if size > MAX_RECORD_BYTES || record.is_empty() || record.len() > 500 {
            return Err(format!("a record of {size} bytes and {} events", record.len()));
        }
        for event in record {
            let facts = &event.0;
            if facts.state.get() != State::Waiting {
                return event.fail("sent although it does not wait");
            }
            if facts.abandoned.get() {
                return event.fail("sent although nobody waits for it");
            }
            // Sent again exactly as often as it failed.
            if facts.sends.get() != facts.failures.get() {
                return event.fail("sent again although it did not fail");
            }
            facts.sends.set(facts.sends.get() + 1);
            facts.state.set(State::InFlight);
        }
    }
    Ok(())
}

/// The call's fate at Firehose, before anybody hears of it.
pub(super) fn handled(records: &[Vec<SimEvent>], stored: &[bool]) {
    for (record, stored) in records.iter().zip(stored) {
        for event in record {
            event.0.stored.set(event.0.stored.get() + u32::from(*stored));
        }
    }
}

/// The call's outcome reaches the core; `truly_failed` is what an adapter without bugs would have said.
pub(super) fn answered(
    records: &[Vec<SimEvent>],
    outcome: &Outcome,
    stored: &[bool],
    accepted_calls: u64,
    now: Instant,
) {
    for (index, record) in records.iter().enumerate() {
        let failed = match outcome {
            Outcome::Records(_) => !stored[index],
            Outcome::Failed(_) => true,
        };
        for event in record {
            let facts = &event.0;
            if failed {
                facts.failures.set(facts.failures.get() + 1);
            }
            facts.state.set(State::Waiting);
            if let Outcome::Failed(reason) = outcome {
                if reason.is_unknown_outcome() {
                    facts.unknown.set(facts.unknown.get() + 1);
                }
                if *reason == Reason::RecordRejected {
                    let first = facts.first_refused.get().unwrap_or(accepted_calls);
                    facts.first_refused.set(Some(first));
                    if records.len() == 1 && record.len() == 1 {
                        facts.refused_alone.set(Some(accepted_calls));
                        let (since, times) = facts.alone.get().unwrap_or((now, 0));
                        facts.alone.set(Some((since, times + 1)));
                    }
                }
            }
        }
    }
}

/// The core says that Firehose has an event.
pub(super) fn delivered(event: &SimEvent) -> Result<(), String> {
    let facts = &event.0;
    if facts.state.get() != State::Waiting {
        return event.fail("delivered twice, or given up before");
    }
    if facts.stored.get() == 0 {
        return event.fail("called delivered, but Firehose does not have it");
    }
    facts.state.set(State::Delivered);
    Ok(())
}

/// The core gives an event up.
///
/// `takes_none`: the stream has said that it takes none, and its events are to be set aside.
pub(super) fn given_up(
    event: &SimEvent,
    reason: Reason,
    oldest: Option<Instant>,
    takes_none: bool,
    now: Instant,
) -> Result<(), String> {
    let facts = &event.0;
    if facts.state.get() != State::Waiting {
        return event.fail("given up although it does not wait");
    }
    let stated_truly = match reason {
        Reason::RecordTooLarge => facts.bytes > MAX_RECORD_BYTES,
        Reason::TooOld => oldest.is_some_and(|oldest| facts.accepted_at < oldest),
        // Refused before, refused alone now, and the stream took others in between; or refused alone for long.
        Reason::RecordRejected => {
            let refused = (facts.first_refused.get(), facts.refused_alone.get());
            let is_stubborn = |(since, times): (Instant, u32)| times >= 3 && now - since >= Duration::from_secs(5);
            matches!(refused, (Some(first), Some(alone)) if first < alone) || facts.alone.get().is_some_and(is_stubborn)
        }
        reason if reason.is_lasting() => takes_none,
        _ => false,
    };
    if !stated_truly {
        return event.fail(&format!("given up as {reason:?}"));
    }
    facts.state.set(State::GivenUp);
    Ok(())
}

/// The core hands an event back.
pub(super) fn refused(event: &SimEvent) -> Result<(), String> {
    let facts = &event.0;
    if facts.state.get() != State::Waiting {
        return event.fail("refused although it does not wait");
    }
    if !facts.is_refusable {
        return event.fail("refused although nobody else has it");
    }
    facts.state.set(State::Refused);
    Ok(())
}

/// At the end every event is accounted for.
pub(super) fn ended(events: &[SimEvent]) -> Result<Ended, String> {
    let mut ended = Ended::default();
    for event in events {
        let facts = &event.0;
        match facts.state.get() {
            State::Delivered => ended.delivered += 1,
            State::GivenUp => ended.given_up += 1,
            State::Refused => ended.refused += 1,
            State::Waiting if facts.abandoned.get() => ended.abandoned += 1,
            State::Waiting | State::InFlight => return event.fail("lost"),
        }
        if facts.stored.get().saturating_sub(1) > facts.unknown.get() {
            return event.fail("duplicated without an unknown outcome");
        }
        ended.duplicates += u64::from(facts.stored.get().saturating_sub(1));
        ended.unknown += u64::from(facts.unknown.get());
        ended.resent += u64::from(facts.sends.get().saturating_sub(1));
    }
    Ok(ended)
}

/// Sums over a history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) delivered: u64,
    pub(super) given_up: u64,
    pub(super) refused: u64,
    pub(super) abandoned: u64,
    pub(super) duplicates: u64,
    pub(super) unknown: u64,
    pub(super) resent: u64,
}
