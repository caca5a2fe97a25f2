//! What an answer means: for its records, for the pace, for the next calls.

use std::time::Duration;

use tokio::time::Instant;

use super::{Batch, CallId, Core, Effect, Event, Mode, OpenCall, Reason, batch::Suspicion, pace::Answered};
use crate::firehose::{FailedRecord, Operation, Outcome, limits::MAX_CALL_BYTES};

/// How long single puts go on before the batch call is tried again.
const SINGLE_FOR: Duration = Duration::from_secs(300);

/// How long a stream is denied before that is its own matter, and not that of a session which has ended: longer than it
/// takes to ask for another one twice.
const DENIED_FOR: Duration = Duration::from_secs(8);

/// How often, and for how long, an event is refused alone before it is to blame whatever else the stream takes.
const TIMES_ALONE: u32 = 3;
const ALONE_FOR: Duration = Duration::from_secs(5);

impl<E: Event> Core<E> {
    pub(super) fn answer(&mut self, id: CallId, outcome: Outcome, now: Instant, effects: &mut Vec<Effect<E>>) {
        let Some(call) = self.calls.remove(&id) else {
            debug_assert!(false, "call {id:?} was answered twice");
            return;
        };
        match outcome {
            Outcome::Records(failed) => self.records_answered(call, &failed, now, effects),
            Outcome::Failed(reason) => self.call_failed(call, reason, now, effects),
        }
    }

    fn records_answered(
        &mut self,
        call: OpenCall<E>,
        failed: &[FailedRecord],
        now: Instant,
        effects: &mut Vec<Effect<E>>,
    ) {
        let OpenCall {
            batch,
            operation,
            sent_at,
        } = call;
        let (records, billed) = (batch.len(), batch.billed);
        let records_sent_again = batch.records_sent_again();
        let (arrived, again) = batch.split(failed.iter().map(|record| record.index));
        let arrived_bytes = arrived.iter().map(Event::size).sum::<usize>();
        let arrived_records = records - failed.len();
        let throttled = failed
            .iter()
            .filter(|record| record.reason == Reason::Throttled)
            .count();

        self.counters.delivered_records += arrived_records as u64;
        self.counters.delivered_events += arrived.len() as u64;
        self.counters.delivered_bytes += arrived_bytes as u64;
        self.counters.billed_bytes += (billed * arrived_records / records) as u64;
        self.counters.throttled_records += throttled as u64;
        self.counters.retried_records += failed.len() as u64;
        let answered = Answered {
            sent_at,
            records,
            accepted_records: arrived_records,
            accepted_bytes: arrived_bytes,
            throttled_records: throttled,
        };
        self.pace.answered(&answered, now);
        self.lasting = None;
        self.denied_since = None;
        if arrived_records > 0 {
            self.successes += 1;
            self.backoff.succeeded();
            if operation == Operation::PutRecord && self.mode == Mode::Trial {
                self.mode = Mode::Single {
                    until: now + SINGLE_FOR,
                };
            }
        } else {
            self.backoff.failed(sent_at, now);
        }
        self.health
            .answered(arrived_records, failed.iter().map(|record| record.reason), now);
        // Records that failed once wait a moment; only those that fail again wait longer.
        if failed.first().is_some_and(|record| record.index < records_sent_again) {
            self.record_backoff.failed(sent_at, now);
        } else if records_sent_again > 0 {
            self.record_backoff.succeeded();
        }
        if !failed.is_empty() {
            self.record_backoff.failed_first(now);
            self.waiting.push_again(again);
        }
        if !arrived.is_empty() {
            effects.push(Effect::Delivered(arrived));
        }
    }

    fn call_failed(&mut self, call: OpenCall<E>, reason: Reason, now: Instant, effects: &mut Vec<Effect<E>>) {
        let OpenCall {
            batch,
            operation,
            sent_at,
        } = call;
        let first_failure = !self.backoff.is_failing();
        if reason.is_unknown_outcome() {
            self.counters.unknown_events += batch.event_count() as u64;
        }
        match reason {
            Reason::RecordRejected | Reason::RecordTooLarge | Reason::CallTooLarge => {
                self.refused(batch, reason, sent_at, now, effects);
                return;
            }
            Reason::AccessDenied if operation == Operation::PutRecordBatch => {
                // The next call tells whether single puts are allowed; a policy may grant no more.
                if self.mode == Mode::Batch {
                    self.mode = Mode::Trial;
                }
            }
            Reason::AccessDenied => {
                self.mode = Mode::Batch;
                self.backoff.failed(sent_at, now);
            }
            Reason::Throttled => {
                self.lasting = None;
                // An outage looks like this too; its later failures say nothing more about the rate.
                if first_failure {
                    let answered = Answered {
                        sent_at,
                        records: batch.len(),
                        accepted_records: 0,
                        accepted_bytes: 0,
                        throttled_records: batch.len(),
                    };
                    self.pace.answered(&answered, now);
                }
                self.counters.throttled_records += batch.len() as u64;
                self.backoff.failed(sent_at, now);
            }
            Reason::Succeeded
            | Reason::ServiceFailure
            | Reason::Unreachable
            | Reason::Unanswered
            | Reason::UnexpectedAnswer
            | Reason::StreamNotFound
            | Reason::SecretMissing
            | Reason::SecretIncomplete
            | Reason::SourceUnavailable
            | Reason::AssumeRoleDenied
            | Reason::AssumeRoleUnavailable
            | Reason::CredentialsRejected
            | Reason::CredentialsExpired
            | Reason::ClockSkew
            | Reason::KeyUnavailable
            | Reason::NotDirectPut
            | Reason::CallRefused
            | Reason::CallNotMade
            | Reason::TooOld => self.backoff.failed(sent_at, now),
        }
        self.health.failed(reason, batch.len(), now);
        self.counters.retried_records += batch.len() as u64;
        self.put_back(batch);
        // Where the batch call is denied the next call tells.
        if reason.is_lasting() && self.mode != Mode::Trial && !self.may_be_the_identity(reason, now) {
            self.lasting = Some(reason);
            if !self.settings.sets_aside {
                let failed = self.waiting.take_if(Event::is_refusable);
                self.hand_back(failed, effects);
            }
            self.refuse_lasting(effects);
        }
    }

    /// Whether a denial may be that of a session which AWS has ended: another one is being asked for.
    fn may_be_the_identity(&mut self, reason: Reason, now: Instant) -> bool {
        reason == Reason::AccessDenied && now < *self.denied_since.get_or_insert(now) + DENIED_FOR
    }

    /// Parts with what a stream does not take for a reason that lasts: all of it where it is set aside, else what
    /// somebody else has.
    pub(super) fn refuse_lasting(&mut self, effects: &mut Vec<Effect<E>>) {
        let Some(reason) = self.lasting else {
            return;
        };
        if self.settings.sets_aside {
            for event in self.waiting.take_if(|_| true) {
                self.give_up(event, reason, effects);
            }
            return;
        }
        // What nobody else had when it was looked at is ours for good: only what is new is looked at.
        let newest = std::mem::take(&mut self.unseen);
        let is_refused = Event::is_refusable;
        #[cfg(test)]
        let is_refused = |event: &E| is_refused(event) || self.mutants.refuses_all;
        let refused = self.waiting.take_newest_if(newest, is_refused);
        self.hand_back(refused, effects);
    }

    fn hand_back(&mut self, refused: Vec<E>, effects: &mut Vec<Effect<E>>) {
        if !refused.is_empty() {
            self.counters.refused_events += refused.len() as u64;
            effects.push(Effect::Refuse(refused));
        }
    }

    /// Firehose refuses the call as it is: something in it must be found, or it is too much.
    fn refused(
        &mut self,
        batch: Batch<E>,
        reason: Reason,
        sent_at: Instant,
        now: Instant,
        effects: &mut Vec<Effect<E>>,
    ) {
        // AWS leaves open whether its 4 MB are counted before or after base64.
        const MAX_ENCODED_CALL_BYTES: usize = MAX_CALL_BYTES / 4 * 3;
        if reason == Reason::CallTooLarge && batch.bytes() > MAX_ENCODED_CALL_BYTES {
            self.call_size.refused(MAX_ENCODED_CALL_BYTES, now);
            self.put_back(batch);
            return;
        }
        let mut suspicion = batch.suspicion.unwrap_or(Suspicion {
            refused_at: self.successes,
            alone: None,
        });
        let mut events = batch.into_events();
        // As long as the stream takes nothing at all, it may be the stream that refuses: then no more is split or
        // judged.
        let nothing_since = self.refused_alone_at == Some(self.successes);
        if events.len() > 1 && !nothing_since {
            let second = events.split_off(events.len() / 2);
            self.waiting.push_suspects(second, suspicion);
            self.waiting.push_suspects(events, suspicion);
            return;
        }
        if events.len() == 1 {
            let (since, times) = suspicion.alone.map_or((now, 1), |(since, times)| (since, times + 1));
            suspicion.alone = Some((since, times));
            // Refused before, refused alone now, and the stream took another call in between: the event is to blame.
            // So it is when nothing else came that the stream could have taken: one event is not waited with for ever.
            let is_stubborn = times >= TIMES_ALONE && now.saturating_duration_since(since) >= ALONE_FOR;
            if suspicion.refused_at < self.successes || is_stubborn {
                for event in events {
                    self.give_up(event, reason, effects);
                }
                return;
            }
            self.refused_alone_at = Some(self.successes);
        }
        self.health.failed(reason, 1, now);
        if nothing_since {
            self.backoff.failed(sent_at, now);
        }
        self.waiting.push_suspects(events, suspicion);
        self.waiting.rotate_suspects();
        self.others_first = true;
    }

    fn put_back(&mut self, batch: Batch<E>) {
        match batch.suspicion {
            Some(suspicion) => self.waiting.push_suspects(batch.into_events(), suspicion),
            None => self.waiting.push_again(batch.into_events()),
        }
    }

    pub(super) fn give_up(&mut self, event: E, reason: Reason, effects: &mut Vec<Effect<E>>) {
        self.counters.given_up_events += 1;
        effects.push(Effect::GiveUp(event, reason));
    }
}
