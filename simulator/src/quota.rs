//! A stream's throughput quota in its three dimensions. Holds no clock: the caller says what time it is.

use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Throughput of one stream, for PutRecord and PutRecordBatch together. Absent means without limit.
/// Defaults of the service: <https://docs.aws.amazon.com/firehose/latest/dev/limits.html>.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quota {
    /// Record bytes a second, before base64.
    pub bytes_per_second: Option<u64>,
    /// Records a second.
    pub records_per_second: Option<u64>,
    /// Calls a second.
    pub requests_per_second: Option<u64>,
}

/// The three buckets of a stream. Each holds one second's worth, so a quiet second allows one burst of that size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    bytes: Bucket,
    records: Bucket,
    requests: Bucket,
}

/// Tokens in billionths, so that a refill over any number of nanoseconds is exact.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    per_second: Option<u64>,
    nanotokens: u128,
    refilled: Instant,
}

const NANO: u128 = 1_000_000_000;

impl Meter {
    /// Full buckets.
    pub(crate) fn new(quota: Quota, now: Instant) -> Self {
        Self {
            bytes: Bucket::new(quota.bytes_per_second, now),
            records: Bucket::new(quota.records_per_second, now),
            requests: Bucket::new(quota.requests_per_second, now),
        }
    }

    /// Whether one more call fits.
    pub(crate) fn take_request(&mut self, now: Instant) -> bool {
        self.requests.take(1, now)
    }

    /// Whether one more record of `size` bytes fits; takes from both buckets or from neither.
    pub(crate) fn take_record(&mut self, size: usize, now: Instant) -> bool {
        let size = size as u64;
        if !(self.records.has(1, now) && self.bytes.has(size, now)) {
            return false;
        }
        self.records.take(1, now) && self.bytes.take(size, now)
    }
}

impl Bucket {
    fn new(per_second: Option<u64>, now: Instant) -> Self {
        Self {
            per_second,
            nanotokens: u128::from(per_second.unwrap_or(0)) * NANO,
            refilled: now,
        }
    }

    fn has(&mut self, tokens: u64, now: Instant) -> bool {
        let Some(per_second) = self.per_second else { return true };
        let capacity = u128::from(per_second) * NANO;
        let elapsed = now.saturating_duration_since(self.refilled).as_nanos();
        self.nanotokens = (self.nanotokens + elapsed * u128::from(per_second)).min(capacity);
        self.refilled = self.refilled.max(now);
        // A record larger than one second's worth passes when the bucket is full: the service takes such a record too.
        self.nanotokens >= (u128::from(tokens) * NANO).min(capacity) && per_second > 0
    }

    fn take(&mut self, tokens: u64, now: Instant) -> bool {
        let fits = self.has(tokens, now);
        if fits && self.per_second.is_some() {
            self.nanotokens = self.nanotokens.saturating_sub(u128::from(tokens) * NANO);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Meter, Quota};

    fn meter(bytes: Option<u64>, records: Option<u64>, requests: Option<u64>) -> (Meter, Instant) {
        let now = Instant::now();
        let quota = Quota {
            bytes_per_second: bytes,
            records_per_second: records,
            requests_per_second: requests,
        };
        (Meter::new(quota, now), now)
    }

    #[test]
    fn an_absent_dimension_never_refuses() {
        let (mut meter, now) = meter(None, None, None);
        assert!((0..10_000).all(|_| meter.take_request(now) && meter.take_record(1_024_000, now)));
    }

    #[test]
    fn a_zero_quota_refuses_everything() {
        let (mut meter, now) = meter(Some(0), None, Some(0));
        assert!(!meter.take_request(now));
        assert!(!meter.take_record(0, now));
    }

    #[test]
    fn each_dimension_allows_its_rate_and_no_more() {
        for (bytes, records, expected) in [
            (Some(10_000), None, 100),
            (None, Some(70), 70),
            (Some(10_000), Some(70), 70),
        ] {
            let (mut meter, start) = meter(bytes, records, None);
            let burst = (0..1_000).filter(|_| meter.take_record(100, start)).count();
            assert_eq!(burst, expected, "the first burst is one second's worth");
            let mut taken = 0;
            for millisecond in 1..=10_000 {
                let now = start + Duration::from_millis(millisecond);
                taken += (0..10).filter(|_| meter.take_record(100, now)).count();
            }
            assert_eq!(taken, expected * 10, "ten seconds later, ten seconds' worth");
        }
    }

    #[test]
    fn a_refused_record_takes_nothing_from_the_other_dimension() {
        let (mut meter, now) = meter(Some(100), Some(2), None);
        assert!(meter.take_record(60, now));
        assert!(!meter.take_record(60, now), "no bytes left for it");
        assert!(
            meter.take_record(40, now),
            "the refused record must not have used up the record quota"
        );
    }

    #[test]
    fn a_record_larger_than_a_second_passes_on_a_full_bucket() {
        let (mut meter, now) = meter(Some(1_000), None, None);
        assert!(meter.take_record(5_000, now));
        assert!(!meter.take_record(1, now));
    }
}
