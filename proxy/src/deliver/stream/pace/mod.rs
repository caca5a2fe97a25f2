//! How fast a stream is sent to: a token bucket over bytes, records and calls whose rate follows what Firehose accepts.
//!
//! The three quotas of a stream rise and fall together, so one number, `scale`, is controlled: 1 is this pod's share of
//! the quota. It grows while it is what holds records back, fast until Firehose first refuses one and slowly from there
//! on, and it is cut when Firehose throttles, at most once a round trip. How far to cut need not be guessed: a refusal
//! means that Firehose's own bucket was empty at that moment, so what it accepted between two refusals is its rate.
//! Which refusals throttle, and which just happen, is for [`Refusals`] to tell.
//!
//! Knows no queue and no record; time is an argument.

mod refusals;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use self::refusals::{Cause, Look, Refusals};
use super::rates::Rates;

/// What may be saved up while nothing is sent. AWS meters by the second: a longer burst would be refused.
const BURST_SECONDS: f64 = 0.25;
/// How much of a second one call carries at most, so that a refusal concerns little and calls are spread evenly.
const CALL_SECONDS: f64 = 0.05;
/// Growth a second before the first refusal, and again well below a level that was refused.
const FAST_GROWTH: f64 = 0.15;
/// The same while some records are refused.
const CAREFUL_GROWTH: f64 = 0.05;
/// Growth a second near the level that was refused, as a part of that level.
const SLOW_GROWTH: f64 = 0.01;
/// Growth a second below half of a level that was refused: the cut went too deep.
const RECOVERY_GROWTH: f64 = 1.0;
/// Which part of a refused level counts as well below it.
const WELL_BELOW: f64 = 0.95;
/// Which part of the measured rate is sent after a refusal.
const BELOW_MEASURED: f64 = 0.985;
/// No cut goes deeper than this at once.
const DEEPEST_CUT: f64 = 0.4;
/// The rate never falls below this part of the share.
const LEAST_SCALE: f64 = 0.01;
/// Two refusals within this time are one: over a shorter one, what is measured is the jitter of the line.
const SHORTEST_MEASUREMENT: Duration = Duration::from_millis(300);
/// Slow growth without a cut for so long means that the level lies elsewhere by now.
const LONGEST_SLOW_GROWTH: Duration = Duration::from_secs(5);
/// Refusals further apart say nothing about the rate: Firehose's bucket may have been full in between.
const LONGEST_MEASUREMENT: Duration = Duration::from_secs(8);

/// What became of a call's records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) sent_at: Instant,
    pub(super) records: usize,
    pub(super) accepted_records: usize,
    /// Of the records that were accepted.
    pub(super) accepted_bytes: usize,
    /// Records that Firehose throttled.
    pub(super) throttled_records: usize,
}

/// The rate of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    share: Rates,
    most: f64,
    scale: f64,
    /// In seconds of the share, per dimension; below zero after a call until time has paid for it.
    tokens: Rates,
    refilled_at: Instant,
    /// Records waited for nothing but tokens since the last refill.
    held_back: bool,
    /// There was nothing to send since the last refill.
    idle: bool,
    /// Of the last seconds: how long that was so, of how long.
    idle_time: (f64, f64),
    /// The level that was refused last.
    ceiling: Option<f64>,
    last_refusal: Option<Instant>,
    last_cut: Option<Instant>,
    /// Accepted since the last refusal, in seconds of the share.
    accepted: Rates,
    refusals: Refusals,
    /// Mutant for the proof that the simulation would notice.
    #[cfg(test)]
    pub(super) never_refills: bool,
}

impl Pace {
    /// A pace that starts at `share` a second and never passes `most` times it.
    pub(super) fn new(share: Rates, most: f64, now: Instant) -> Self {
        Self {
            share,
            most,
            scale: 1.0,
            tokens: Rates::default().map(|_| CALL_SECONDS),
            refilled_at: now,
            held_back: false,
            idle: false,
            idle_time: (0.0, 0.0),
            ceiling: None,
            last_refusal: None,
            last_cut: None,
            accepted: Rates::default(),
            refusals: Refusals::new(now),
            #[cfg(test)]
            never_refills: false,
        }
    }

    /// Another quota. What was learned about the old one is forgotten only if the quota is really another.
    pub(super) fn configure(&mut self, share: Rates, most: f64, now: Instant) {
        if (share, most) != (self.share, self.most) {
            *self = Self::new(share, most, now);
        }
    }

    /// There is nothing to send until [`Self::wait`] is asked again.
    pub(super) fn ran_out(&mut self, now: Instant) {
        self.refill(now);
        (self.idle, self.held_back) = (true, false);
    }

    /// When the next call may be made: `None` is now. A call needs no more than a positive balance; what it takes
    /// beyond that delays the next one.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        self.idle = false;
        let debt = -self.tokens.smallest();
        self.held_back = debt > 0.0;
        if !self.held_back {
            return None;
        }
        // A millisecond is the timer's own grain, waiting for less would spin; and the rate grows only when looked at.
        let wait = Duration::from_secs_f64((debt / self.scale).clamp(0.001, 0.25));
        Some(now + wait)
    }

    /// Pays for a call.
    pub(super) fn spend(&mut self, bytes: usize, records: usize) {
        let cost = self.cost(bytes, records);
        self.tokens = self.tokens.zip(cost, |tokens, cost| tokens - cost);
    }

    /// Firehose answered a call.
    pub(super) fn answered(&mut self, call: &Answered, now: Instant) {
        let accepted = self.cost(call.accepted_bytes, call.accepted_records);
        self.accepted = self.accepted.zip(accepted, |sum, cost| sum + cost);
        if self.last_cut.is_none_or(|cut| call.sent_at >= cut) {
            let (records, throttled) = (count(call.records), count(call.throttled_records));
            self.refusals.answered(records, throttled, now);
        }
        if call.throttled_records > 0 {
            let part = 1.0 - count(call.throttled_records) / count(call.records);
            self.refused(call.sent_at, count(call.throttled_records), part, now);
        }
    }

    /// Firehose throttled so many records of a call that was sent at `sent_at`, and took `part` of it (0 to 1).
    fn refused(&mut self, sent_at: Instant, throttled: f64, part: f64, now: Instant) {
        self.refill(now);
        let measured_for = self.last_refusal.map(|last| now - last);
        let is_too_short = measured_for.is_some_and(|time| time < SHORTEST_MEASUREMENT);
        let is_same_round_trip = self.last_cut.is_some_and(|cut| sent_at < cut);
        if is_same_round_trip {
            self.restart_measurement(is_too_short, now);
            return;
        }
        let measured = measured_for
            .filter(|time| !is_too_short && *time <= LONGEST_MEASUREMENT)
            .map(|time| self.accepted.largest() / time.as_secs_f64());
        let (idle, all) = self.idle_time;
        let look = Look {
            scale: self.scale,
            accepted: measured,
            is_short: is_too_short,
            by_load: idle > all / 2.0,
            refused: throttled,
            refused_part: 1.0 - part,
        };
        match self.refusals.cause(look, now) {
            Cause::Chance => {}
            Cause::Few => self.ease(now),
            Cause::Noise { scale } => self.scale = scale,
            Cause::Rate { refused } => {
                let left = self.scale * (1.0 - refused);
                self.cut(measured.map_or(left, |rate| rate.min(left)), is_too_short, now);
            }
        }
        self.restart_measurement(is_too_short, now);
    }

    /// Close to a level that was refused a little less is enough, and no reason to believe in another level.
    fn ease(&mut self, now: Instant) {
        if let Some(ceiling) = self.near(now) {
            self.scale = (self.scale * BELOW_MEASURED).max(ceiling * WELL_BELOW);
        }
    }

    /// The level that was refused, if that is not long ago and not far away.
    fn near(&self, now: Instant) -> Option<f64> {
        self.ceiling
            .filter(|ceiling| self.is_throttled(now) && self.scale >= ceiling * WELL_BELOW)
    }

    fn cut(&mut self, target: f64, is_too_short: bool, now: Instant) {
        if !is_too_short {
            self.ceiling = Some(self.scale);
        }
        self.scale = (target * BELOW_MEASURED)
            .clamp(self.scale * DEEPEST_CUT, self.scale * BELOW_MEASURED)
            .clamp(LEAST_SCALE, self.most);
        // Firehose's bucket is empty: what was saved up at the old rate must not be spent at the new one.
        self.tokens = self.tokens.map(|tokens| tokens.min(0.0));
        self.last_cut = Some(now);
        self.refusals.cut(now);
    }

    fn restart_measurement(&mut self, is_too_short: bool, now: Instant) {
        if !is_too_short {
            self.last_refusal = Some(now);
            self.accepted = Rates::default();
        }
    }

    /// Whether a quota was hit not long ago.
    pub(super) fn is_throttled(&self, now: Instant) -> bool {
        self.last_cut
            .is_some_and(|last| now.saturating_duration_since(last) <= LONGEST_SLOW_GROWTH)
    }

    /// The most that one call should carry now, in bytes and records.
    pub(super) fn call_size(&self) -> (usize, usize) {
        let rate = self.rate();
        // With few calls a second each must carry more, or the calls would be what limits.
        let seconds = CALL_SECONDS.max(2.0 / rate.requests);
        (whole(rate.bytes * seconds), whole(rate.records * seconds))
    }

    /// The rate now, per second.
    pub(super) fn rate(&self) -> Rates {
        self.share.times(self.scale)
    }

    fn cost(&self, bytes: usize, records: usize) -> Rates {
        let used = Rates {
            bytes: count(bytes),
            records: count(records),
            requests: 1.0,
        };
        used.zip(self.share, |used, share| used / share)
    }

    fn refill(&mut self, now: Instant) {
        #[cfg(test)]
        if self.never_refills {
            return;
        }
        let seconds = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.refilled_at = now.max(self.refilled_at);
        let (idle, all) = self.idle_time;
        let weight = 0.5_f64.powf(seconds);
        self.idle_time = (
            idle * weight + if self.idle { seconds } else { 0.0 },
            all * weight + seconds,
        );
        if self.held_back {
            self.grow(seconds, now);
        }
        let (gain, most) = (seconds * self.scale, BURST_SECONDS * self.scale);
        self.tokens = self.tokens.map(|tokens| (tokens + gain).min(most));
    }

    fn grow(&mut self, seconds: f64, now: Instant) {
        // A long silence is no reason to leap: growth is for what was tried.
        let seconds = seconds.min(1.0);
        let below = |part: f64| self.ceiling.is_some_and(|ceiling| self.scale < ceiling * part);
        let is_refused = self.last_refusal.is_some_and(|last| now - last <= LONGEST_SLOW_GROWTH);
        let grown = match self.near(now) {
            Some(ceiling) => self.scale + ceiling * SLOW_GROWTH * seconds,
            None if below(0.5) => self.scale * (1.0 + RECOVERY_GROWTH * seconds),
            None if is_refused && !below(WELL_BELOW) => self.scale * (1.0 + CAREFUL_GROWTH * seconds),
            None => self.scale * (1.0 + FAST_GROWTH * seconds),
        };
        self.scale = grown.min(self.most);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a call has far fewer than 2^53 bytes")]
fn count(amount: usize) -> f64 {
    amount as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive, and the conversion saturates"
)]
fn whole(amount: f64) -> usize {
    amount.max(1.0) as usize
}
