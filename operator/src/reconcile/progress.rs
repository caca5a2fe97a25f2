//! Whether rounds end, for the probe that restarts a process in which none does.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long rounds may be open without any of them ending. Several times what one may take.
const STUCK_AFTER: Duration = Duration::from_secs(180);

/// Counts rounds that are open, and remembers when one ended last.
#[derive(Debug)]
pub struct Progress {
    start: Instant,
    rounds: Mutex<Rounds>,
}

#[derive(Debug, Default)]
struct Rounds {
    open: usize,
    /// When a round ended last or, if that is later, when the first of the open ones began.
    since: Duration,
}

/// A round that is open. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a Progress);

impl Default for Progress {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            rounds: Mutex::default(),
        }
    }
}

impl Progress {
    /// Whether work waits and nothing ends.
    pub fn is_stuck(&self) -> bool {
        let rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.are_stuck(self.start.elapsed())
    }

    /// Opens a round.
    pub(super) fn begin(&self) -> Open<'_> {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.begin(self.start.elapsed());
        Open(self)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut rounds = self.0.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.end(self.0.start.elapsed());
    }
}

impl Rounds {
    fn begin(&mut self, now: Duration) {
        if self.open == 0 {
            self.since = now;
        }
        self.open += 1;
    }

    fn end(&mut self, now: Duration) {
        self.open -= 1;
        self.since = now;
    }

    fn are_stuck(&self, now: Duration) -> bool {
        self.open > 0 && now >= self.since + STUCK_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_process_without_work_is_not_stuck_however_long_that_lasts() {
        let mut rounds = Rounds::default();
        assert!(!rounds.are_stuck(seconds(100_000)));
        rounds.begin(seconds(100_000));
        assert!(!rounds.are_stuck(seconds(100_179)));
        rounds.end(seconds(100_179));
        assert!(!rounds.are_stuck(seconds(200_000)));
    }

    #[test]
    fn a_process_is_stuck_when_rounds_are_open_and_none_ends() {
        let mut rounds = Rounds::default();
        rounds.begin(seconds(1));
        rounds.begin(seconds(100));
        assert!(!rounds.are_stuck(seconds(180)));
        assert!(rounds.are_stuck(seconds(181)));
    }

    #[test]
    fn one_round_that_ends_is_progress_for_all() {
        let mut rounds = Rounds::default();
        rounds.begin(seconds(1));
        rounds.begin(seconds(1));
        rounds.end(seconds(150));
        assert!(!rounds.are_stuck(seconds(329)));
        assert!(rounds.are_stuck(seconds(330)));
    }
}
