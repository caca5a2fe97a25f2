//! How fast a stream really drains, for those who decide whether there is room for more.

use tokio::time::Instant;

/// Bytes that leave a second, as far as that can be told.
#[derive(Debug, Default)]
pub(super) struct DrainRate {
    since: Option<Instant>,
    bytes: u64,
    /// There was more to send than could be sent, all the time since `since`.
    was_busy: bool,
    /// Measured while it was busy: otherwise what leaves is what comes.
    per_second: Option<f64>,
    failing_since: Option<Instant>,
}

/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;
/// A stream that is kept busy can do a little more than was seen; without this the estimate could only fall.
const HEADROOM: f64 = 1.25;
/// A stream does at least this part of what pacing permits.
const LEAST: f64 = 0.1;
/// Seconds of the rate that may wait behind a failure of a second's age, however little waits now.
const ROOM_SECONDS: f64 = 0.1;

impl DrainRate {
    /// So many bytes have arrived at Firehose.
    pub(super) fn delivered(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Bytes a second. `allowed` is the rate that pacing permits; `failing` is a stream to which nothing gets through.
    pub(super) fn estimate(&mut self, allowed: f64, backlog_bytes: usize, failing: bool, now: Instant) -> usize {
        let seconds = self.since.map_or(0.0, |since| (now - since).as_secs_f64());
        let newest = amount(std::mem::take(&mut self.bytes)) / seconds;
        let backlog = amount(backlog_bytes as u64);
        let is_busy = !failing && backlog > allowed;
        if is_busy && self.was_busy && seconds > 0.0 {
            let before = self.per_second.unwrap_or(newest);
            self.per_second = Some(before + (newest - before) * NEWEST);
        } else if !is_busy {
            self.per_second = None;
        }
        (self.since, self.was_busy) = (Some(now), is_busy);
        let able = self
            .per_second
            .map_or(allowed, |seen| (seen * HEADROOM).clamp(allowed * LEAST, allowed));
        self.failing_since = failing.then(|| self.failing_since.unwrap_or(now));
        whole(match self.failing_since {
            None => able,
            // How long a failure lasts cannot be known. It has lasted so long, and may last as long again.
            Some(since) => {
                let lasted = (now - since).as_secs_f64();
                able.min(backlog.max(able * ROOM_SECONDS) / lasted)
            }
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn amount(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are not negative, and the conversion saturates"
)]
fn whole(rate: f64) -> usize {
    rate as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_estimate_is_what_pacing_allows_until_a_backlog_shows_what_is_real() {
        let (mut drain, start) = (DrainRate::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(drain.estimate(1000.0, 0, false, at(0)), 1000);
        for second in 1..30 {
            drain.delivered(400);
            drain.estimate(1000.0, 5000, false, at(second));
        }
        assert_eq!(drain.estimate(1000.0, 5000, false, at(29)), 500);
        assert_eq!(drain.estimate(1000.0, 10, false, at(30)), 1000);
    }

    /// What leaves a stream that could do more is the load.
    #[test]
    fn a_small_load_says_nothing_about_the_rate() {
        let (mut drain, start) = (DrainRate::default(), Instant::now());
        for second in 0..30 {
            drain.delivered(10);
            let now = start + Duration::from_secs(second);
            assert_eq!(drain.estimate(1000.0, 900, false, now), 1000);
        }
        // Nor does the time before a burst: five seconds' worth waits, and takes five seconds.
        let now = start + Duration::from_secs(30);
        assert_eq!(drain.estimate(1000.0, 5000, false, now), 1000);
    }

    #[test]
    fn what_waits_behind_a_failure_takes_as_long_as_it_has_lasted() {
        let (mut drain, start) = (DrainRate::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(drain.estimate(1000.0, 500, true, at(0)), 1000);
        assert_eq!(drain.estimate(1000.0, 500, true, at(10)), 50);
        assert_eq!(drain.estimate(1000.0, 0, true, at(20)), 5);
        assert_eq!(drain.estimate(1000.0, 0, false, at(21)), 1000);
    }
}
