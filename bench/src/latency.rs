//! How long answers took, kept in a fixed number of buckets whatever the number of answers.

use std::time::Duration;

/// Buckets of a doubling: a quantile is off by less than a sixteenth.
const STEPS: usize = 16;
/// Doublings from a microsecond on: more than an hour.
const DOUBLINGS: usize = 32;

/// A histogram of durations from a microsecond on.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    buckets: Vec<u64>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            buckets: vec![0; DOUBLINGS * STEPS],
        }
    }
}

impl Latencies {
    /// Counts one.
    pub(crate) fn add(&mut self, latency: Duration) {
        let bucket = bucket(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        let last = self.buckets.len() - 1;
        self.buckets[bucket.min(last)] += 1;
    }

    /// Counts those of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (own, other) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += other;
        }
    }

    /// The duration that so many of a thousand did not pass; zero when there are none.
    pub(crate) fn quantile(&self, thousandths: u64) -> Duration {
        let total: u64 = self.buckets.iter().sum();
        let wanted = (total * thousandths).div_ceil(1_000).max(1);
        let mut counted = 0;
        let found = self.buckets.iter().position(|count| {
            counted += count;
            counted >= wanted
        });
        Duration::from_micros(found.map_or(0, upper_bound))
    }
}

/// Below 16 µs a bucket is a microsecond; above, a sixteenth of a doubling.
fn bucket(microseconds: u64) -> usize {
    let doubling = microseconds.max(1).ilog2().saturating_sub(STEPS.ilog2());
    let step = microseconds >> doubling;
    doubling as usize * STEPS + usize::try_from(step).unwrap_or(usize::MAX)
}

/// The most microseconds that fall into a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let doubling = (bucket / STEPS).saturating_sub(1);
    let step = (bucket - doubling * STEPS) as u64;
    ((step + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_off_by_less_than_a_sixteenth() {
        for microseconds in [0, 1, 15, 16, 17, 31, 32, 33, 1_000, 12_345, 999_999, 60_000_000] {
            let mut latencies = Latencies::default();
            latencies.add(Duration::from_micros(microseconds));
            let found = latencies.quantile(500).as_micros() as u64;
            assert!(
                found >= microseconds && found <= microseconds + microseconds / 16,
                "{microseconds}: {found}"
            );
        }
    }

    #[test]
    fn quantiles_count_from_the_shortest() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(999), Duration::ZERO);
        for _ in 0..2 {
            let mut others = Latencies::default();
            for microseconds in 1..=500 {
                others.add(Duration::from_micros(microseconds % 10 + 1));
            }
            latencies.merge(&others);
        }
        assert_eq!(latencies.quantile(500), Duration::from_micros(5));
        assert_eq!(latencies.quantile(1_000), Duration::from_micros(10));
    }
}
