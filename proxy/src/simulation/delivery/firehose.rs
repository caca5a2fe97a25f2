//! The scripted Firehose: weather that changes, quotas, and answers that may lie, come late or never.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{Mutant, oracle::SimEvent};
use crate::{
    firehose::{FailedRecord, Operation, Outcome, Reason, decode as answer, decode::Entry, limits::MAX_RECORD_BYTES},
    simulation::Random,
};

/// How Firehose behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    Flaky,
    Failing(Fault),
}

/// Everything that can go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    RecordFails,
    RecordThrottled,
    CallThrottled,
    ServiceFailureApplied,
    ServiceFailureNotApplied,
    UnansweredApplied,
    UnansweredNotApplied,
    Unreachable,
    EmptyAnswerApplied,
    EmptyAnswerNotApplied,
    ShortAnswer,
    MiscountedAnswer,
    RefusesEverything,
    StreamNotFound,
    AccessDenied,
    BatchDenied,
    CredentialsRejected,
    KeyUnavailable,
    CallTooLarge,
    RecordRejected,
    UnknownError,
}

impl Fault {
    pub(super) const ALL: [Self; 21] = [
        Self::RecordFails,
        Self::RecordThrottled,
        Self::CallThrottled,
        Self::ServiceFailureApplied,
        Self::ServiceFailureNotApplied,
        Self::UnansweredApplied,
        Self::UnansweredNotApplied,
        Self::Unreachable,
        Self::EmptyAnswerApplied,
        Self::EmptyAnswerNotApplied,
        Self::ShortAnswer,
        Self::MiscountedAnswer,
        Self::RefusesEverything,
        Self::StreamNotFound,
        Self::AccessDenied,
        Self::BatchDenied,
        Self::CredentialsRejected,
        Self::KeyUnavailable,
        Self::CallTooLarge,
        Self::RecordRejected,
        Self::UnknownError,
    ];
    /// Those that weather brings; the others come from the events and the quota.
    const OF_WEATHER: [Self; 17] = [
        Self::RecordFails,
        Self::CallThrottled,
        Self::ServiceFailureApplied,
        Self::ServiceFailureNotApplied,
        Self::UnansweredApplied,
        Self::UnansweredNotApplied,
        Self::Unreachable,
        Self::EmptyAnswerApplied,
        Self::EmptyAnswerNotApplied,
        Self::ShortAnswer,
        Self::MiscountedAnswer,
        Self::RefusesEverything,
        Self::StreamNotFound,
        Self::AccessDenied,
        Self::BatchDenied,
        Self::CredentialsRejected,
        Self::UnknownError,
    ];
}

/// One stream at Firehose.
pub(super) struct Firehose {
    weather: Weather,
    weather_until: Instant,
    fair_from: Instant,
    quota: [f64; 3],
    tokens: [f64; 3],
    refilled_at: Instant,
    counts_encoded_bytes: bool,
    pub(super) faults: BTreeMap<Fault, u64>,
}

/// What became of a call, for the oracle: which records took effect, whatever the answer says.
pub(super) struct Handled {
    pub(super) outcome: Outcome,
    pub(super) stored: Vec<bool>,
    pub(super) latency: Duration,
}

impl Firehose {
    /// Weather is fair for good from `fair_from` on.
    pub(super) fn new(quota: [f64; 3], counts_encoded_bytes: bool, now: Instant, fair_from: Instant) -> Self {
        Self {
            weather: Weather::Fair,
            weather_until: now,
            fair_from,
            quota,
            tokens: quota,
            refilled_at: now,
            counts_encoded_bytes,
            faults: Fault::ALL.map(|fault| (fault, 0)).into(),
        }
    }

    pub(super) fn handle(
        &mut self,
        operation: Operation,
        records: &[Vec<SimEvent>],
        now: Instant,
        random: &mut Random,
        bug: Option<Mutant>,
    ) -> Handled {
        let latency = Duration::from_millis(match random.between(0, 9) {
            0 => random.between(200, 2000),
            _ => random.between(1, 120),
        });
        let (answer, stored) = self.answer(operation, records, now, random);
        Handled {
            outcome: answer.read(records.len(), bug),
            stored,
            latency,
        }
    }

    fn answer(
        &mut self,
        operation: Operation,
        records: &[Vec<SimEvent>],
        now: Instant,
        random: &mut Random,
    ) -> (Answer, Vec<bool>) {
        let none = vec![false; records.len()];
        if let Some(fault) = self.fault(operation, now, random) {
            self.count(fault);
            let answer = match fault {
                Fault::CallThrottled => Answer::Error(Reason::Throttled),
                Fault::ServiceFailureApplied | Fault::ServiceFailureNotApplied => Answer::Error(Reason::ServiceFailure),
                Fault::UnansweredApplied | Fault::UnansweredNotApplied => Answer::None,
                Fault::Unreachable => Answer::Error(Reason::Unreachable),
                Fault::EmptyAnswerApplied | Fault::EmptyAnswerNotApplied => Answer::Entries(0, Vec::new()),
                Fault::ShortAnswer => Answer::Entries(0, vec![Entry::Id; records.len() - 1]),
                Fault::MiscountedAnswer => Answer::Entries(1, vec![Entry::Id; records.len()]),
                Fault::RefusesEverything => Answer::Error(Reason::RecordRejected),
                Fault::StreamNotFound => Answer::Error(Reason::StreamNotFound),
                Fault::AccessDenied | Fault::BatchDenied => Answer::Error(Reason::AccessDenied),
                Fault::CredentialsRejected => Answer::Error(Reason::CredentialsRejected),
                Fault::UnknownError => Answer::Error(Reason::CallRefused),
                Fault::KeyUnavailable => Answer::Error(Reason::KeyUnavailable),
                Fault::RecordFails | Fault::RecordThrottled | Fault::CallTooLarge | Fault::RecordRejected => {
                    unreachable!("{fault:?} is not a fault of the whole call")
                }
            };
            let applied = matches!(
                fault,
                Fault::ServiceFailureApplied
                    | Fault::UnansweredApplied
                    | Fault::EmptyAnswerApplied
                    | Fault::ShortAnswer
                    | Fault::MiscountedAnswer
            );
            return (answer, vec![applied; records.len()]);
        }
        let bytes: usize = records.iter().map(|record| size(record)).sum();
        let counted = if self.counts_encoded_bytes {
            bytes.div_ceil(3) * 4
        } else {
            bytes
        };
        if counted > 4_000_000 {
            self.count(Fault::CallTooLarge);
            return (Answer::Error(Reason::CallTooLarge), none);
        }
        let bad = |record: &Vec<SimEvent>| size(record) > MAX_RECORD_BYTES || record.iter().any(SimEvent::is_poison);
        if records.iter().any(bad) {
            self.count(Fault::RecordRejected);
            return (Answer::Error(Reason::RecordRejected), none);
        }
        self.take(records, now, random)
    }

    /// The usual case: what the quota lets through arrives.
    fn take(&mut self, records: &[Vec<SimEvent>], now: Instant, random: &mut Random) -> (Answer, Vec<bool>) {
        self.refill(now);
        if self.tokens[2] < 1.0 {
            self.count(Fault::CallThrottled);
            return (Answer::Error(Reason::Throttled), vec![false; records.len()]);
        }
        self.tokens[2] -= 1.0;
        let flaky = self.weather == Weather::Flaky || self.weather == Weather::Failing(Fault::RecordFails);
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let bytes = f64::from(u32::try_from(size(record)).unwrap());
            if self.tokens[0] <= 0.0 || self.tokens[1] < 1.0 {
                self.count(Fault::RecordThrottled);
                entries.push(Entry::Error("ServiceUnavailableException"));
            } else if flaky && random.percent(5) {
                self.count(Fault::RecordFails);
                entries.push(Entry::Error("InternalFailure"));
            } else {
                self.tokens[0] -= bytes;
                self.tokens[1] -= 1.0;
                entries.push(Entry::Id);
            }
        }
        let stored: Vec<_> = entries.iter().map(|entry| *entry == Entry::Id).collect();
        let failed = stored.iter().filter(|stored| !**stored).count();
        (Answer::Entries(i32::try_from(failed).unwrap(), entries), stored)
    }

    fn fault(&mut self, operation: Operation, now: Instant, random: &mut Random) -> Option<Fault> {
        if now >= self.fair_from {
            self.weather = Weather::Fair;
        } else if now >= self.weather_until {
            self.weather = match random.between(0, 9) {
                0..=3 => Weather::Fair,
                4..=6 => Weather::Flaky,
                _ => Weather::Failing(*random.pick(&Fault::OF_WEATHER)),
            };
            self.weather_until = now + Duration::from_millis(random.between(50, 3000));
        }
        let fault = match self.weather {
            Weather::Fair => return None,
            Weather::Flaky if random.percent(80) => return None,
            Weather::Flaky if random.percent(5) => Fault::KeyUnavailable,
            Weather::Flaky => *random.pick(&Fault::OF_WEATHER),
            Weather::Failing(fault) => fault,
        };
        match fault {
            Fault::RecordFails => None,
            Fault::BatchDenied if operation == Operation::PutRecord => None,
            fault => Some(fault),
        }
    }

    fn refill(&mut self, now: Instant) {
        let seconds = (now - self.refilled_at).as_secs_f64();
        self.refilled_at = now;
        for (tokens, quota) in self.tokens.iter_mut().zip(self.quota) {
            *tokens = (*tokens + seconds * quota).min(quota.max(1.0));
        }
    }

    fn count(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }
}

fn size(record: &[SimEvent]) -> usize {
    record.iter().map(SimEvent::bytes).sum()
}

/// What comes back over the line.
enum Answer {
    Entries(i32, Vec<Entry<'static>>),
    Error(Reason),
    None,
}

impl Answer {
    /// What the adapter makes of it, or one with a bug.
    fn read(self, records: usize, bug: Option<Mutant>) -> Outcome {
        let outcome = match self {
            Self::Entries(_, entries) if entries.is_empty() && bug == Some(Mutant::EmptyAnswerIsSuccess) => {
                Outcome::Records(Vec::new())
            }
            Self::Entries(failed, entries) => answer::outcome(records, failed, entries.into_iter()),
            Self::None if bug == Some(Mutant::TimeoutIsSuccess) => Outcome::Records(Vec::new()),
            Self::None => Outcome::Failed(Reason::Unanswered),
            Self::Error(reason) => Outcome::Failed(reason),
        };
        match (outcome, bug) {
            (Outcome::Records(failed), Some(Mutant::WholeBatchRetry)) if !failed.is_empty() => {
                let reason = failed[0].reason;
                Outcome::Records((0..records).map(|index| FailedRecord { index, reason }).collect())
            }
            (Outcome::Records(mut failed), Some(Mutant::IndexShift)) => {
                for record in &mut failed {
                    record.index = (record.index + 1) % records;
                }
                failed.sort_by_key(|record| record.index);
                Outcome::Records(failed)
            }
            (outcome, _) => outcome,
        }
    }
}
