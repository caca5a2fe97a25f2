//! The rate limit: so many events a second, with a second's worth at once.
//!
//! How many events a request holds is known only when its body is read, so a request is let in while the limit is not
//! used up, and its events are charged afterwards. A batch may overdraw the account; the next requests wait for it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// The account of one process. The rate itself is the configuration's and may change between two requests.
#[derive(Debug)]
pub(super) struct Rate {
    since: Instant,
    /// Nanoseconds after `since` at which everything charged so far is paid off.
    paid_off: AtomicU64,
}

/// What may be used at once: what a second pays for.
const BURST: Duration = Duration::from_secs(1);

impl Rate {
    /// An account with nothing charged.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            paid_off: AtomicU64::new(0),
        }
    }

    /// How long the next request has to wait; `None` when it may come in.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let debt = Duration::from_nanos(self.paid_off.load(Ordering::Relaxed)).saturating_sub(now - self.since);
        debt.checked_sub(BURST).filter(|wait| !wait.is_zero())
    }

    /// Charges events at a rate in events a second.
    pub(super) fn charge(&self, events: u32, per_second: u32, now: Instant) {
        let cost = u64::from(events) * 1_000_000_000 / u64::from(per_second.max(1));
        let now = u64::try_from((now - self.since).as_nanos()).expect("a process runs for less than 584 years");
        let charged = |paid_off: u64| Some(paid_off.max(now).saturating_add(cost));
        let _ = self
            .paid_off
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_events_comes_in_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let rate = Rate::new(start);
        let mut let_in = 0;
        for millisecond in 0..10_000 {
            let now = start + Duration::from_millis(millisecond);
            if rate.wait(now).is_none() {
                rate.charge(1, 100, now);
                let_in += 1;
            }
        }
        assert!(
            (1095..=1105).contains(&let_in),
            "{let_in} in ten seconds at 100 a second with a burst of 100"
        );
    }

    #[test]
    fn a_large_batch_is_let_in_and_paid_off_by_waiting() {
        let start = Instant::now();
        let rate = Rate::new(start);
        assert_eq!(rate.wait(start), None);
        rate.charge(1000, 100, start);
        assert_eq!(rate.wait(start), Some(Duration::from_secs(9)));
        assert_eq!(rate.wait(start + Duration::from_secs(9)), None);
    }
}
