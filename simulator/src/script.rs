//! Which fault the next call of a stream has. Holds no clock and sends nothing.
//!
//! Rules are a list; for each call the first rule that applies decides, and a call has at most one fault. Every rule
//! counts the calls of its own operation, whether or not an earlier rule took them, and draws from random numbers of
//! its own, so that adding a rule does not shift the others. With one seed and one order of calls on a stream, the same
//! calls fail in the same way.

use crate::{
    faults::{Fault, Operation, Records, Rule},
    random::Random,
};

/// Rules with their counters.
#[derive(Debug)]
pub(crate) struct Script {
    rules: Vec<Progress>,
}

#[derive(Debug)]
struct Progress {
    rule: Rule,
    calls: u64,
    fired: u64,
    records: u64,
    random: Random,
}

impl Operation {
    fn covers(self, call: Operation) -> bool {
        self == Operation::Any || self == call
    }
}

impl Script {
    /// `name` and `seed` fix every random choice.
    pub(crate) fn new(rules: Vec<Rule>, seed: u64, name: &str) -> Self {
        let progress = |(index, rule)| {
            let random = Random::new(seed, &format!("{name} rule {index}"));
            Progress {
                rule,
                calls: 0,
                fired: 0,
                records: 0,
                random,
            }
        };
        Self {
            rules: rules.into_iter().enumerate().map(progress).collect(),
        }
    }

    /// The fault of the next call, and for `RecordsFail` which of its `records` fail.
    pub(crate) fn decide(&mut self, call: Operation, records: usize) -> Option<(Fault, Vec<bool>)> {
        let mut decided = None;
        for progress in &mut self.rules {
            if !progress.rule.operation.covers(call) {
                continue;
            }
            let applies = progress.applies();
            // Every rule sees every record, so that "every tenth" holds whoever takes the call.
            let failing = progress.failing(records);
            // A rule that hits no record of this call has not happened.
            let happens = applies && (failing.is_empty() || failing.contains(&true));
            if happens && decided.is_none() {
                progress.fired += 1;
                decided = Some((progress.rule.fault.clone(), failing));
            }
        }
        decided
    }
}

impl Progress {
    fn applies(&mut self) -> bool {
        self.calls += 1;
        let drawn = self.random.chance(self.rule.probability);
        let Some(since_start) = self.calls.checked_sub(self.rule.skip_calls).filter(|since| *since > 0) else {
            return false;
        };
        let due = since_start.is_multiple_of(self.rule.every_calls.max(1));
        due && drawn && self.rule.times.is_none_or(|times| self.fired < times)
    }

    fn failing(&mut self, records: usize) -> Vec<bool> {
        let Fault::RecordsFail { records: which, .. } = &self.rule.fault else {
            return Vec::new();
        };
        let before = self.records;
        self.records += records as u64;
        (0..records)
            .map(|index| match which {
                Records::All => true,
                Records::First { count } => index < *count,
                Records::At { indexes } => indexes.contains(&index),
                Records::Every { n } => (before + index as u64 + 1).is_multiple_of((*n).max(1)),
                Records::Chance { probability } => self.random.chance(*probability),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Script;
    use crate::{
        error::ErrorCode,
        faults::{Fault, Operation, Records, Rule},
    };

    fn hits(rule: Rule, calls: usize) -> Vec<usize> {
        let mut script = Script::new(vec![rule], 1, "orders");
        (1..=calls)
            .filter(|_| script.decide(Operation::PutRecordBatch, 1).is_some())
            .collect()
    }

    fn rule() -> Rule {
        Rule::always(Fault::Reset)
    }

    #[test]
    fn the_fields_of_a_rule_choose_its_calls() {
        let cases: [(&str, Rule, &[usize]); 6] = [
            ("always", rule(), &[1, 2, 3, 4, 5, 6]),
            (
                "after two",
                Rule {
                    skip_calls: 2,
                    ..rule()
                },
                &[3, 4, 5, 6],
            ),
            (
                "every third",
                Rule {
                    every_calls: 3,
                    ..rule()
                },
                &[3, 6],
            ),
            (
                "twice",
                Rule {
                    times: Some(2),
                    ..rule()
                },
                &[1, 2],
            ),
            (
                "the fourth only",
                Rule {
                    skip_calls: 3,
                    times: Some(1),
                    ..rule()
                },
                &[4],
            ),
            (
                "single puts only",
                Rule {
                    operation: Operation::PutRecord,
                    ..rule()
                },
                &[],
            ),
        ];
        for (name, rule, expected) in cases {
            assert_eq!(hits(rule, 6), expected, "{name}");
        }
    }

    #[test]
    fn the_first_rule_that_applies_decides_and_the_others_count_on() {
        let mut script = Script::new(
            vec![
                Rule {
                    every_calls: 2,
                    ..rule()
                },
                Rule {
                    every_calls: 3,
                    ..Rule::always(Fault::EmptyAnswer)
                },
            ],
            1,
            "orders",
        );
        let faults: Vec<_> = (0..6)
            .map(|_| script.decide(Operation::PutRecord, 1).map(|(fault, _)| fault))
            .collect();
        let expected = [
            None,
            Some(Fault::Reset),
            Some(Fault::EmptyAnswer),
            Some(Fault::Reset),
            None,
            Some(Fault::Reset),
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn every_tenth_record_is_counted_over_calls() {
        let fault = Fault::RecordsFail {
            error_code: ErrorCode::InternalFailure,
            records: Records::Every { n: 10 },
        };
        let mut script = Script::new(vec![Rule::always(fault)], 1, "orders");
        let none_fails = || (Fault::Reset, vec![false; 7]);
        let failing: Vec<bool> = (0..5)
            .flat_map(|_| script.decide(Operation::PutRecordBatch, 7).unwrap_or_else(none_fails).1)
            .collect();
        let positions: Vec<_> = (1..)
            .zip(failing)
            .filter_map(|(position, fails)| fails.then_some(position))
            .collect();
        assert_eq!(positions, [10, 20, 30]);
    }

    #[test]
    fn one_seed_hits_the_same_calls_again() {
        let drawn = |seed| {
            let mut script = Script::new(
                vec![Rule {
                    probability: 0.3,
                    ..rule()
                }],
                seed,
                "orders",
            );
            (0..64)
                .map(|_| script.decide(Operation::PutRecord, 1).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(drawn(5), drawn(5));
        assert_ne!(drawn(5), drawn(6));
    }
}
