//! How long Firehose has taken to answer of late, for the end of a process: a call that is cut off may have taken
//! effect, and the next process sends its events again.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Calls of the last minute, the newest [`MOST`] of them.
#[derive(Debug, Default)]
pub(super) struct Latency(VecDeque<(Instant, Duration)>);

/// How far back is looked.
const LOOKED_BACK: Duration = Duration::from_secs(60);
/// More say no more about one in a hundred.
const MOST: usize = 1024;
/// What a call takes when none was made of late.
const UNKNOWN: Duration = Duration::from_millis(500);

impl Latency {
    /// A call was answered, or was not, after so long.
    pub(super) fn ended(&mut self, took: Duration, now: Instant) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((now, took));
    }

    /// What 99 of 100 calls took at most within the last minute.
    pub(super) fn p99(&self, now: Instant) -> Duration {
        let recent = self
            .0
            .iter()
            .filter(|(at, _)| now.saturating_duration_since(*at) < LOOKED_BACK);
        let mut took: Vec<Duration> = recent.map(|(_, took)| *took).collect();
        took.sort_unstable();
        let place = (took.len() * 99).div_ceil(100);
        place.checked_sub(1).map_or(UNKNOWN, |place| took[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_a_hundred_may_take_longer_and_what_is_older_than_a_minute_is_forgotten() {
        let (mut latency, start) = (Latency::default(), Instant::now());
        assert_eq!(latency.p99(start), UNKNOWN);
        for number in 1..=2000 {
            latency.ended(Duration::from_millis(number), start + Duration::from_millis(number));
        }
        assert_eq!(latency.0.len(), MOST);
        // Of 977..=2000.
        let now = start + Duration::from_secs(2);
        assert_eq!(latency.p99(now), Duration::from_millis(1990));
        latency.ended(Duration::from_millis(7), start + Duration::from_secs(61));
        assert_eq!(latency.p99(start + Duration::from_secs(62)), Duration::from_millis(7));
    }
}
