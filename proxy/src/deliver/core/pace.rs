//! How fast a stream is sent to: a token bucket over bytes, records and calls whose rate follows what Firehose accepts.
//!
//! The three quotas of a stream rise and fall together, so one number, `scale`, is controlled: 1 is this pod's share of
//! the quota. It grows while it is what holds records back, fast until Firehose first refuses one and slowly from there
//! on, and it is cut when Firehose throttles, at most once a round trip. How far to cut need not be guessed: a refusal
//! means that Firehose's own bucket was empty at that moment, so what it accepted between two refusals is its rate.
//!
//! Knows no queue and no record; time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// An amount in each of the dimensions that Firehose limits: of a quota per second, or of what a call used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quota {
    /// Bytes before base64.
    pub bytes: f64,
    /// Records.
    pub records: f64,
    /// Calls.
    pub requests: f64,
}

impl Quota {
    /// Each dimension times `factor`.
    pub fn times(self, factor: f64) -> Self {
        self.map(|amount| amount * factor)
    }

    fn map(self, function: impl Fn(f64) -> f64) -> Self {
        Self {
            bytes: function(self.bytes),
            records: function(self.records),
            requests: function(self.requests),
        }
    }

    fn zip(self, other: Self, function: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            bytes: function(self.bytes, other.bytes),
            records: function(self.records, other.records),
            requests: function(self.requests, other.requests),
        }
    }

    fn largest(self) -> f64 {
        self.bytes.max(self.records).max(self.requests)
    }

    fn smallest(self) -> f64 {
        self.bytes.min(self.records).min(self.requests)
    }
}

/// What may be saved up while nothing is sent. AWS meters by the second: a longer burst would be refused.
const BURST_SECONDS: f64 = 0.25;
/// How much of a second one call carries at most, so that a refusal concerns little and calls are spread evenly.
const CALL_SECONDS: f64 = 0.05;
/// Growth a second before the first refusal, and again well below a level that was refused.
const FAST_GROWTH: f64 = 0.15;
/// Growth a second near the level that was refused, as a part of that level.
const SLOW_GROWTH: f64 = 0.01;
/// Growth a second below half of a level that was refused: the cut went too deep.
const RECOVERY_GROWTH: f64 = 1.0;
/// Which part of a refused level counts as well below it.
const WELL_BELOW: f64 = 0.95;
/// Which part of the measured rate is sent after a refusal.
const BELOW_MEASURED: f64 = 0.985;
/// A cut without a measurement goes at least this deep.
const BLIND_CUT: f64 = 0.7;
/// No cut goes deeper than this at once.
const DEEPEST_CUT: f64 = 0.4;
/// A call of which Firehose took no more than this part.
const MOSTLY_REFUSED: f64 = 0.5;
/// The rate never falls below this part of the share.
const LEAST_SCALE: f64 = 0.01;
/// Two refusals within this time are one: over a shorter one, what is measured is the jitter of the line.
const SHORTEST_MEASUREMENT: Duration = Duration::from_millis(300);
/// Slow growth without a refusal for so long means that the level lies elsewhere by now.
const LONGEST_SLOW_GROWTH: Duration = Duration::from_secs(5);
/// Refusals further apart say nothing about the rate: Firehose's bucket may have been full in between.
const LONGEST_MEASUREMENT: Duration = Duration::from_secs(8);

/// The rate of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    share: Quota,
    most: f64,
    scale: f64,
    /// In seconds of the share, per dimension; below zero after a call until time has paid for it.
    tokens: Quota,
    refilled_at: Instant,
    /// Records waited for nothing but tokens since the last refill.
    held_back: bool,
    /// The level that was refused last.
    ceiling: Option<f64>,
    last_refusal: Option<Instant>,
    last_cut: Option<Instant>,
    /// Accepted since the last refusal, in seconds of the share.
    accepted: Quota,
    /// Planted for the proof that the simulation would notice.
    #[cfg(test)]
    pub(super) never_refills: bool,
}

impl Pace {
    /// A pace that starts at `share` a second and never passes `most` times it.
    pub(super) fn new(share: Quota, most: f64, now: Instant) -> Self {
        Self {
            share,
            most,
            scale: 1.0,
            tokens: Quota::default().map(|_| CALL_SECONDS),
            refilled_at: now,
            held_back: false,
            ceiling: None,
            last_refusal: None,
            last_cut: None,
            accepted: Quota::default(),
            #[cfg(test)]
            never_refills: false,
        }
    }

    /// Another quota. What was learned about the old one is forgotten only if the quota is really another.
    pub(super) fn configure(&mut self, share: Quota, most: f64, now: Instant) {
        if (share, most) != (self.share, self.most) {
            *self = Self::new(share, most, now);
        }
    }

    /// When the next call may be made: `None` is now. A call needs no more than a positive balance; what it takes beyond
    /// that delays the next one.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
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

    /// Firehose took this much of a call.
    pub(super) fn accepted(&mut self, bytes: usize, records: usize) {
        let cost = self.cost(bytes, records);
        self.accepted = self.accepted.zip(cost, |sum, cost| sum + cost);
    }

    /// Firehose throttled a call that was sent at `sent_at`, and took `part` of it (0 to 1).
    pub(super) fn refused(&mut self, sent_at: Instant, part: f64, now: Instant) {
        self.refill(now);
        let measured_for = self.last_refusal.map(|last| now - last);
        let is_too_short = measured_for.is_some_and(|time| time < SHORTEST_MEASUREMENT);
        let is_same_round_trip = self.last_cut.is_some_and(|cut| sent_at < cut);
        // Within one measurement only a call that was mostly refused says that the last cut was far too small.
        if is_same_round_trip || is_too_short && part > MOSTLY_REFUSED {
            self.restart_measurement(is_too_short, now);
            return;
        }
        let measured = measured_for
            .filter(|time| !is_too_short && *time <= LONGEST_MEASUREMENT)
            .map(|time| self.accepted.largest() / time.as_secs_f64());
        let cut = measured.unwrap_or(self.scale * part.clamp(DEEPEST_CUT, BLIND_CUT));
        if !is_too_short {
            self.ceiling = Some(self.scale);
        }
        self.scale = (cut * BELOW_MEASURED)
            .clamp(self.scale * DEEPEST_CUT, self.scale * BELOW_MEASURED)
            .clamp(LEAST_SCALE, self.most);
        // Firehose's bucket is empty: what was saved up at the old rate must not be spent at the new one.
        self.tokens = self.tokens.map(|tokens| tokens.min(0.0));
        self.last_cut = Some(now);
        self.restart_measurement(is_too_short, now);
    }

    fn restart_measurement(&mut self, is_too_short: bool, now: Instant) {
        if !is_too_short {
            self.last_refusal = Some(now);
            self.accepted = Quota::default();
        }
    }

    /// The most that one call should carry now, in bytes and records.
    pub(super) fn call_size(&self) -> (usize, usize) {
        let rate = self.rate();
        // With few calls a second each must carry more, or the calls would be what limits.
        let seconds = CALL_SECONDS.max(2.0 / rate.requests);
        (whole(rate.bytes * seconds), whole(rate.records * seconds))
    }

    /// The rate now, per second.
    pub(super) fn rate(&self) -> Quota {
        self.share.times(self.scale)
    }

    fn cost(&self, bytes: usize, records: usize) -> Quota {
        let used = Quota {
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
        if self.held_back {
            self.grow(seconds, now);
        }
        let (gain, most) = (seconds * self.scale, BURST_SECONDS * self.scale);
        self.tokens = self.tokens.map(|tokens| (tokens + gain).min(most));
    }

    fn grow(&mut self, seconds: f64, now: Instant) {
        // A long silence is no reason to leap: growth is for what was tried.
        let seconds = seconds.min(1.0);
        let is_recent = self.last_refusal.is_some_and(|last| now - last <= LONGEST_SLOW_GROWTH);
        let near = self
            .ceiling
            .filter(|ceiling| is_recent && self.scale >= ceiling * WELL_BELOW);
        let is_far_below = self.ceiling.is_some_and(|ceiling| self.scale < ceiling / 2.0);
        let grown = match near {
            Some(ceiling) => self.scale + ceiling * SLOW_GROWTH * seconds,
            None if is_far_below => self.scale * (1.0 + RECOVERY_GROWTH * seconds),
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1024.0 * 1024.0;

    fn share(bytes: f64) -> Quota {
        Quota {
            bytes,
            records: 1e6,
            requests: 1000.0,
        }
    }

    /// A stand-in for Firehose's own bucket: holds one second, refuses what does not fit.
    struct Limit {
        rate: f64,
        tokens: f64,
        at: Instant,
    }

    impl Limit {
        fn take(&mut self, bytes: f64, now: Instant) -> f64 {
            self.tokens = (self.tokens + (now - self.at).as_secs_f64() * self.rate).min(self.rate);
            self.at = now;
            let taken = bytes.min(self.tokens);
            self.tokens -= taken;
            taken
        }
    }

    /// Sends as much as the pace lets through for `seconds`, up to eight calls at a time over a line of `line` to four times
    /// that, and returns (accepted, sent) bytes.
    fn saturate(pace: &mut Pace, limit: &mut Limit, start: Instant, seconds: u64, line: Duration) -> (f64, f64) {
        let (mut now, mut accepted, mut sent, mut jitter) = (start, 0.0, 0.0, 1_u64);
        let mut answers: Vec<(Instant, Instant, usize, f64)> = Vec::new();
        let end = start + Duration::from_secs(seconds);
        while now < end {
            answers.sort_by_key(|(answered, ..)| *answered);
            if let Some((answered, sent_at, bytes, taken)) = answers.first().copied()
                && answered <= now
            {
                answers.remove(0);
                pace.accepted(whole(taken), whole(taken / 1000.0));
                if taken < count(bytes) {
                    pace.refused(sent_at, taken / count(bytes), now);
                }
                continue;
            }
            let wait = pace.wait(now);
            if wait.is_none() && answers.len() < 8 {
                let bytes = pace.call_size().0.min(500_000);
                pace.spend(bytes, bytes / 1000);
                let taken = limit.take(count(bytes), now);
                sent += count(bytes);
                accepted += taken;
                jitter = jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let latency = line + line.mul_f64(f64::from(u32::try_from(jitter >> 32).unwrap()) / 1.4e9);
                answers.push((now + latency, now, bytes, taken));
                continue;
            }
            let next_answer = answers.iter().map(|(answered, ..)| *answered).min();
            now = [wait, next_answer].into_iter().flatten().min().unwrap();
        }
        (accepted, sent)
    }

    #[test]
    fn a_quota_far_below_the_share_is_found_and_used() {
        let lines = [2, 20, 100].map(Duration::from_millis);
        let mut failed = Vec::new();
        for (seed, quota) in [(5.0, 1.0), (1.0, 1.0), (0.5, 1.0), (2.0, 0.5), (1.0, 5.0)] {
            for line in lines {
                let start = Instant::now();
                let mut pace = Pace::new(share(seed * MIB), 64.0, start);
                let mut limit = Limit {
                    rate: quota * MIB,
                    tokens: quota * MIB,
                    at: start,
                };
                let (accepted, sent) = saturate(&mut pace, &mut limit, start, 30, line);
                let used = accepted / (quota * MIB * 30.0);
                let refused = 1.0 - accepted / sent;
                let floor = if quota > seed { 0.80 } else { 0.98 };
                // A slow line hides the first refusal while a share far above the quota is sent.
                let is_blind = seed > quota * 2.0 && line > Duration::from_millis(50);
                let ceiling = if is_blind { 0.08 } else { 0.02 };
                let case = format!("share {seed}, quota {quota}, {line:?}: used {used:.3}, refused {refused:.4}");
                println!("{case}");
                failed.extend((used < floor || refused >= ceiling).then_some(case));
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn a_stated_quota_is_never_passed() {
        let start = Instant::now();
        let mut pace = Pace::new(share(MIB), 1.0, start);
        let mut limit = Limit {
            rate: 100.0 * MIB,
            tokens: 0.0,
            at: start,
        };
        let (_, sent) = saturate(&mut pace, &mut limit, start, 10, Duration::from_millis(20));
        assert!(sent <= 10.3 * MIB, "{sent}");
    }

    #[test]
    fn refusals_of_one_round_trip_cut_once() {
        let start = Instant::now();
        let later = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pace = Pace::new(share(MIB), 64.0, start);
        pace.refused(start, 0.9, later(500));
        let after_one = pace.rate();
        pace.refused(later(100), 0.9, later(900));
        pace.refused(later(499), 0.9, later(1300));
        assert_eq!(pace.rate(), after_one);
        pace.refused(later(501), 0.9, later(1700));
        assert!(pace.rate().bytes < after_one.bytes);
    }

    #[test]
    fn few_calls_a_second_carry_more_each() {
        let quota = Quota {
            bytes: MIB,
            records: 1e6,
            requests: 4.0,
        };
        let pace = Pace::new(quota, 1.0, Instant::now());
        assert_eq!(pace.call_size().0, 512 * 1024);
    }
}
