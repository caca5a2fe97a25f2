//! When to try again after failures: doubling, bounded, with jitter from a seed.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);

/// Failures in a row and the time until which to wait.
#[derive(Debug)]
pub(super) struct Backoff {
    most: Duration,
    failures: u32,
    failed_at: Option<Instant>,
    until: Option<Instant>,
    random: u64,
}

impl Backoff {
    /// No failure yet; waits reach at most `most`. `seed` spreads the waits of many streams and pods.
    pub(super) fn new(most: Duration, seed: u64) -> Self {
        Self {
            most,
            failures: 0,
            failed_at: None,
            until: None,
            random: seed | 1,
        }
    }

    /// Counts a failure of something begun at `began_at`. What was begun before the last failure is the same failure.
    pub(super) fn failed(&mut self, began_at: Instant, now: Instant) {
        if self.failed_at.is_some_and(|last| began_at < last) {
            return;
        }
        let wait = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(self.most)
            .mul_f64(0.5 + 0.5 * self.fraction());
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        self.until = Some(now + wait);
    }

    /// Counts the first failure of something; others of its kind that fail meanwhile wait with it and delay nothing.
    pub(super) fn failed_first(&mut self, now: Instant) {
        if !self.is_failing() {
            self.failed(now, now);
        }
    }

    /// Forgets the failures.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.failed_at = None;
        self.until = None;
    }

    /// Tries at once, without forgetting how often it failed.
    pub(super) fn retry_now(&mut self) {
        self.until = None;
    }

    /// Whether the last try failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The time to wait for, unless it has come.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Between 0 and 1, by xorshift64.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).expect("32 bits remain")) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_start_over_after_success() {
        let mut backoff = Backoff::new(Duration::from_secs(5), 42);
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..10 {
            backoff.failed(now, now);
            let until = backoff.wait(now).unwrap();
            waits.push(until - now);
            now = until;
        }
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[9] <= Duration::from_secs(5) && waits[9] >= Duration::from_millis(2500));
        backoff.succeeded();
        backoff.failed(now, now);
        assert!(backoff.wait(now).unwrap() - now <= FIRST);
    }

    #[test]
    fn calls_that_were_under_way_together_fail_once() {
        let mut backoff = Backoff::new(Duration::from_secs(5), 1);
        let sent = Instant::now();
        let first = sent + Duration::from_millis(10);
        backoff.failed(sent, first);
        let until = backoff.wait(first);
        backoff.failed(sent, first + Duration::from_millis(1));
        assert_eq!(backoff.wait(first), until);
    }
}
