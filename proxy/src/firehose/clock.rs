//! AWS's clock, as far as it is known: this machine's, corrected by what AWS has said when it refused a request.
//!
//! A signature is good for five minutes around AWS's time. A machine whose clock is off by more would deliver nothing,
//! and its credentials would be blamed for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::TimeSource;
use aws_smithy_types::{DateTime, date_time::Format};

/// What signs requests and reads the ends of sessions. Clones share what is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct AwsClock {
    /// Milliseconds that AWS's clock is ahead of this machine's.
    ahead: Arc<AtomicI64>,
}

/// What is not corrected: `Date` has whole seconds, and an answer takes a while.
const TOLERATED: Duration = Duration::from_secs(60);

impl AwsClock {
    /// Seconds that AWS's clock is ahead of this machine's; below zero, behind. 0 while they agree well enough.
    pub(crate) fn ahead_seconds(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed) / 1000
    }

    /// AWS has refused a signed request and said what time it is. Only then is it believed: an answer that was good
    /// needs no correction, and its date may be a cache's.
    pub(super) fn refused_at(&self, date: &str, now: SystemTime) {
        let Ok(date) = DateTime::from_str(date, Format::HttpDate) else {
            return;
        };
        let Ok(now) = DateTime::from(now).to_millis() else {
            return;
        };
        let ahead = date.secs().saturating_mul(1000).saturating_sub(now);
        let tolerated = i64::try_from(TOLERATED.as_millis()).unwrap_or(i64::MAX);
        let known = self.ahead.load(Ordering::Relaxed);
        if (ahead - known).abs() <= tolerated {
            return;
        }
        let ahead = if ahead.abs() <= tolerated { 0 } else { ahead };
        self.ahead.store(ahead, Ordering::Relaxed);
        match ahead / 1000 {
            0 => tracing::info!("this machine's clock agrees with AWS's again"),
            seconds => tracing::warn!(
                seconds,
                reason = "ClockSkew",
                "AWS's clock is so far ahead of this machine's; requests are signed by AWS's"
            ),
        }
    }
}

impl TimeSource for AwsClock {
    fn now(&self) -> SystemTime {
        let (now, ahead) = (SystemTime::now(), self.ahead.load(Ordering::Relaxed));
        let by = Duration::from_millis(ahead.unsigned_abs());
        let moved = if ahead < 0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        moved.unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_corrected_and_one_that_was_mended_is_believed_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let said = |ahead: i64| {
            DateTime::from_secs(1_700_000_000 + ahead)
                .fmt(Format::HttpDate)
                .unwrap()
        };
        let clock = AwsClock::default();
        for (ahead, known) in [
            (30, 0),
            (600, 600),
            (630, 600),
            (-600, -600),
            (7200, 7200),
            (-7200, -7200),
            (10, 0),
        ] {
            clock.refused_at(&said(ahead), now);
            assert_eq!(clock.ahead_seconds(), known, "{ahead}");
        }
        clock.refused_at("yesterday", now);
        assert_eq!(clock.ahead_seconds(), 0);
    }
}
