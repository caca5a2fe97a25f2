//! What measurements come to, in lines that a person and a document read alike.

use std::fmt;

use crate::{
    compare::Measured,
    scenario::{Scenario, Who},
};

/// Pairs of measurements of one scenario, each made one right after the other.
#[derive(Debug)]
pub(crate) struct Report<'s> {
    scenario: &'s Scenario,
    pairs: Vec<[Measured; 2]>,
    peak_kib: [u64; 2],
}

impl<'s> Report<'s> {
    /// The pairs are subject and reference; so are the KiB that each had resident at most.
    pub(crate) fn new(scenario: &'s Scenario, pairs: Vec<[Measured; 2]>, peak_kib: [u64; 2]) -> Self {
        Self {
            scenario,
            pairs,
            peak_kib,
        }
    }

    /// The ratios of the pairs, the smallest first.
    fn ratios(&self) -> Vec<f64> {
        let ratio = |[subject, reference]: &[Measured; 2]| subject.microseconds / reference.microseconds;
        let mut ratios: Vec<f64> = self.pairs.iter().map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// Whether the median of the ratios is what it must be.
    pub(crate) fn passes(&self) -> bool {
        median(&self.ratios()) <= self.scenario.must.unwrap_or(self.scenario.goal)
    }
}

impl fmt::Display for Report<'_> {
    /// One line for each side, and one for the goal that ends in `pass` or `fail`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scenario { name, goal, must, .. } = *self.scenario;
        let reference = match self.scenario.reference.who {
            Who::Baseline => "baseline",
            Who::Proxy(_) => "reference",
        };
        for (side, who) in ["proxy", reference].into_iter().enumerate() {
            let of = |value: fn(&Measured) -> f64| {
                let mut values: Vec<f64> = self.pairs.iter().map(|pair| value(&pair[side])).collect();
                values.sort_by(f64::total_cmp);
                median(&values)
            };
            writeln!(
                f,
                "{name:<15} {who:<9} {:>7.2} µs CPU/event {:>8.0} events/s {:>6.1} records/call  p50 {:.1} p99 {:.1} p99.9 {:.1} ms  peak {} MiB",
                of(|measured| measured.microseconds),
                of(|measured| measured.events_per_second),
                of(|measured| measured.records_per_call),
                of(|measured| measured.milliseconds([500])[0]),
                of(|measured| measured.milliseconds([990])[0]),
                of(|measured| measured.milliseconds([999])[0]),
                self.peak_kib[side] / 1024,
            )?;
        }
        let ratios = self.ratios();
        let must = must.map(|must| format!("must {must:.2}, ")).unwrap_or_default();
        write!(
            f,
            "{name:<15} ratio {:.3} ({:.3} to {:.3} in {} pairs), {must}goal {goal:.2}: {}",
            median(&ratios),
            ratios.first().copied().unwrap_or(f64::NAN),
            ratios.last().copied().unwrap_or(f64::NAN),
            ratios.len(),
            if self.passes() { "pass" } else { "fail" },
        )
    }
}

/// The one in the middle of values in order, or the mean of the two there; not a number when there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    match values {
        [] => f64::NAN,
        _ if values.len() % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{latency::Latencies, scenario};

    fn measured(microseconds: f64) -> Measured {
        Measured {
            microseconds,
            records_per_call: 500.0,
            events_per_second: 1e5,
            latencies: Latencies::default(),
        }
    }

    #[test]
    fn a_ratio_is_that_of_the_middle_pair_and_is_held_to_what_it_must_be() {
        let scenario = scenario::all()
            .into_iter()
            .find(|scenario| scenario.name == "batch")
            .unwrap();
        // A busy moment slows both of a pair down, and one outlier decides nothing.
        let pairs = |ratio: f64| {
            vec![
                [measured(ratio), measured(1.0)],
                [measured(10.0 * ratio), measured(10.0)],
                [measured(9.0), measured(1.0)],
            ]
        };
        let passing = Report::new(&scenario, pairs(0.19), [1, 2]);
        assert!(passing.passes());
        let text = passing.to_string();
        assert!(
            text.ends_with("ratio 0.190 (0.190 to 9.000 in 3 pairs), must 0.20, goal 0.18: pass"),
            "{text}"
        );
        let failing = Report::new(&scenario, pairs(0.21), [1, 2]);
        assert!(!failing.passes());
        assert!(failing.to_string().ends_with(": fail"));
    }
}
