//! How a stream is, by how its calls have ended: what the last one says where it says it for sure, and the worst of the
//! last minute where it does not.
//!
//! That a stream is there and may be used is seen on one call. That it fails inside, does not answer or throttles comes
//! and goes by the call: there the share of the records that failed within a minute decides, and what has been called
//! failing is called so until hardly any fail.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::firehose::Reason;

/// What is known.
#[derive(Debug)]
pub(super) struct Health {
    /// What the last call said for sure.
    last: Reason,
    recent: VecDeque<Bucket>,
    /// Half of the records failed within a minute, and no minute since has been good.
    is_failing: bool,
}

/// How records fared within [`BUCKET`].
#[derive(Debug)]
struct Bucket {
    since: Instant,
    arrived: u64,
    failed: [u64; FLEETING.len()],
}

/// What comes and goes by the call.
const FLEETING: [Reason; 4] = [
    Reason::ServiceFailure,
    Reason::Unanswered,
    Reason::UnexpectedAnswer,
    Reason::Throttled,
];
/// How far back is looked.
const LOOKED_BACK: Duration = Duration::from_secs(60);
/// How finely.
const BUCKET: Duration = Duration::from_secs(5);

impl Health {
    pub(super) fn new() -> Self {
        Self {
            last: Reason::Succeeded,
            recent: VecDeque::new(),
            is_failing: false,
        }
    }

    /// A call was answered record by record.
    pub(super) fn answered(&mut self, arrived: usize, failed: impl Iterator<Item = Reason>, now: Instant) {
        self.last = Reason::Succeeded;
        let bucket = self.bucket(now);
        bucket.arrived += arrived as u64;
        for reason in failed {
            bucket.count(reason, 1);
        }
        self.judge(now);
    }

    /// A call failed as a whole, with so many records.
    pub(super) fn failed(&mut self, reason: Reason, records: usize, now: Instant) {
        self.last = reason;
        if FLEETING.contains(&reason) {
            self.bucket(now).count(reason, records as u64);
            self.judge(now);
        }
    }

    /// In one word.
    pub(super) fn reason(&self, now: Instant) -> Reason {
        match self.last {
            Reason::Succeeded if self.is_failing => self.worst(now, 10).unwrap_or(Reason::Succeeded),
            last => last,
        }
    }

    fn judge(&mut self, now: Instant) {
        let percent = if self.is_failing { 10 } else { 50 };
        self.is_failing = self.worst(now, percent).is_some();
    }

    /// What most records failed for, when at least so many in a hundred did within the last minute.
    fn worst(&self, now: Instant, percent: u64) -> Option<Reason> {
        let recent = self
            .recent
            .iter()
            .filter(|bucket| now.saturating_duration_since(bucket.since) < LOOKED_BACK);
        let (mut arrived, mut failed) = (0, [0; FLEETING.len()]);
        for bucket in recent {
            arrived += bucket.arrived;
            for (sum, more) in failed.iter_mut().zip(bucket.failed) {
                *sum += more;
            }
        }
        let all: u64 = failed.iter().sum();
        let most = failed.iter().zip(FLEETING).max_by_key(|(count, _)| **count);
        let is_bad = all > 0 && all * 100 >= (all + arrived) * percent;
        most.filter(|_| is_bad).map(|(_, reason)| reason)
    }

    fn bucket(&mut self, now: Instant) -> &mut Bucket {
        while self
            .recent
            .front()
            .is_some_and(|bucket| now.saturating_duration_since(bucket.since) >= LOOKED_BACK)
        {
            self.recent.pop_front();
        }
        let is_over = |bucket: &Bucket| now.saturating_duration_since(bucket.since) >= BUCKET;
        if self.recent.back().is_none_or(is_over) {
            self.recent.push_back(Bucket {
                since: now,
                arrived: 0,
                failed: [0; FLEETING.len()],
            });
        }
        self.recent.back_mut().expect("one was just put there")
    }
}

impl Bucket {
    /// What is not fleeting counts as a failure inside.
    fn count(&mut self, reason: Reason, records: u64) {
        let place = FLEETING.iter().position(|fleeting| *fleeting == reason);
        self.failed[place.unwrap_or(0)] += records;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that follow one another when something happens each second and health is asked for after it.
    fn told(seconds: u64, mut happens: impl FnMut(u64, &mut Health, Instant)) -> Vec<(u64, Reason)> {
        let (mut health, start) = (Health::new(), Instant::now());
        let mut told: Vec<(u64, Reason)> = Vec::new();
        for second in 0..seconds {
            let now = start + Duration::from_secs(second);
            happens(second, &mut health, now);
            let reason = health.reason(now);
            if told.last().is_none_or(|(_, last)| *last != reason) {
                told.push((second, reason));
            }
        }
        told
    }

    fn records(health: &mut Health, arrived: usize, failed: usize, now: Instant) {
        health.answered(arrived, std::iter::repeat_n(Reason::ServiceFailure, failed), now);
    }

    /// Was: succeeded, as some record of the call had arrived.
    #[test]
    fn a_stream_that_takes_one_of_five_hundred_records_fails_until_a_minute_after_it_is_well() {
        let told = told(200, |second, health, now| match second {
            0..30 | 100.. => records(health, 500, 0, now),
            // The second half of the records that a minute holds fails.
            _ => records(health, 1, 499, now),
        });
        assert_eq!(
            told,
            [
                (0, Reason::Succeeded),
                (60, Reason::ServiceFailure),
                (150, Reason::Succeeded)
            ]
        );
    }

    #[test]
    fn what_fails_by_turns_does_not_change_by_turns() {
        let told = told(300, |second, health, now| match second % 2 {
            0 => health.failed(Reason::Unanswered, 500, now),
            _ => records(health, 500, 0, now),
        });
        assert_eq!(told, [(0, Reason::Unanswered)]);
    }

    #[test]
    fn a_record_that_fails_now_and_then_is_no_failure() {
        let told = told(300, |_, health, now| records(health, 499, 1, now));
        assert_eq!(told, [(0, Reason::Succeeded)]);
    }

    #[test]
    fn a_stream_that_was_missing_is_well_with_the_first_record_that_arrives() {
        let told = told(100, |second, health, now| match second {
            0..50 => health.failed(Reason::StreamNotFound, 500, now),
            _ => records(health, 1, 0, now),
        });
        assert_eq!(told, [(0, Reason::StreamNotFound), (50, Reason::Succeeded)]);
    }
}
