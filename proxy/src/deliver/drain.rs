//! How fast a stream really drains, for those who decide whether there is room for more.

use tokio::time::Instant;

/// Bytes that left, smoothed over a few seconds.
#[derive(Debug, Default)]
pub(super) struct Drain {
    since: Option<Instant>,
    bytes: u64,
    per_second: f64,
}

/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;
/// A stream that is kept busy can do a little more than was seen; without this the estimate could only fall.
const HEADROOM: f64 = 1.25;

impl Drain {
    /// So many bytes have arrived at Firehose.
    pub(super) fn delivered(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Bytes a second. `allowed` is the rate that pacing permits: what a stream without a backlog could do is not seen.
    pub(super) fn estimate(&mut self, allowed: f64, backlog_bytes: usize, failing: bool, now: Instant) -> usize {
        let seconds = self.since.map_or(0.0, |since| (now - since).as_secs_f64());
        if seconds > 0.0 {
            let newest = amount(std::mem::take(&mut self.bytes)) / seconds;
            self.per_second += (newest - self.per_second) * NEWEST;
        }
        self.since = Some(now);
        let seen = self.per_second * HEADROOM;
        let is_busy = amount(backlog_bytes as u64) > allowed;
        whole(if failing {
            seen
        } else if is_busy {
            seen.clamp(allowed * 0.1, allowed)
        } else {
            allowed
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
        let (mut drain, start) = (Drain::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(drain.estimate(1000.0, 0, false, at(0)), 1000);
        for second in 1..30 {
            drain.delivered(400);
            drain.estimate(1000.0, 5000, false, at(second));
        }
        assert_eq!(drain.estimate(1000.0, 5000, false, at(29)), 499);
        for second in 30..60 {
            drain.estimate(1000.0, 5000, true, at(second));
        }
        assert_eq!(drain.estimate(1000.0, 5000, true, at(60)), 0);
    }
}
