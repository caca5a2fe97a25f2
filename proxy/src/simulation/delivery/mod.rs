//! Seeded histories of a core against a scripted Firehose.
//!
//! One seed is one history: settings, arrivals, the weather at Firehose, every latency and every fault. The oracle
//! looks at each effect. Run more of them with `DELIVERY_SEEDS=1000000 cargo test --release -p firehose-proxy --lib
//! simulation::delivery -- --nocapture`; replay one with `DELIVERY_SEED=…` in its place; `DELIVERY_FINGERPRINTS=file`
//! writes down what each history did.

mod firehose;
mod history;
mod oracle;

use std::{collections::BTreeMap, time::Instant};

use self::history::{Failure, Summary};
use super::Fingerprints;

/// Mistakes that forwarders make. The oracle must notice each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    /// One failed record sends the whole batch again.
    WholeBatchRetry,
    /// Failed records are looked up one place too far.
    IndexShift,
    /// `200 {}` counts as success.
    EmptyAnswerIsSuccess,
    /// The token bucket never refills.
    BucketNeverRefills,
    /// A call that timed out counts as delivered.
    TimeoutIsSuccess,
    /// Events that nobody waits for are sent.
    AbandonedAreSent,
    /// A refused call is given up whole.
    RefusedCallIsGivenUp,
    /// A stream that takes nothing is tried with whole calls.
    ProbesAreWhole,
    /// Events are handed back that nobody else has.
    EverythingIsRefused,
}

/// Each bug with the number of seeds within which it must be noticed.
const MUTANTS: [(Mutant, u64); 9] = [
    (Mutant::WholeBatchRetry, 20),
    (Mutant::IndexShift, 20),
    (Mutant::EmptyAnswerIsSuccess, 20),
    (Mutant::BucketNeverRefills, 20),
    (Mutant::TimeoutIsSuccess, 20),
    (Mutant::AbandonedAreSent, 50),
    (Mutant::RefusedCallIsGivenUp, 50),
    (Mutant::ProbesAreWhole, 50),
    (Mutant::EverythingIsRefused, 50),
];

/// Names the file for the fingerprints.
const FINGERPRINTS: &str = "DELIVERY_FINGERPRINTS";

/// Seeds that fit into an ordinary test run.
const SEEDS: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text:?} is not a number")),
    )
}

fn replay_command(seed: u64) -> String {
    format!(
        "DELIVERY_SEED={seed} cargo test -p firehose-proxy --lib simulation::delivery::tests::seeded_histories -- --nocapture"
    )
}

fn report(seed: u64, failure: &Failure) -> String {
    format!("seed {seed}: {}\nreplay: {}", failure.what, replay_command(seed))
}

/// Runs seeds `first..` until `seeds` are done or one fails; spread over the machine's cores.
fn run_all(first: u64, seeds: u64) -> (Summary, Fingerprints, Option<String>) {
    let wanted = Fingerprints::are_wanted(FINGERPRINTS);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let (mut total, mut fingerprints) = (Summary::default(), Fingerprints::default());
                    for seed in (first + worker..first + seeds).step_by(usize::try_from(threads).unwrap()) {
                        match history::run(seed, None) {
                            Ok(summary) => {
                                total.add(&summary);
                                if wanted {
                                    fingerprints.put(seed, summary.fingerprint);
                                }
                            }
                            Err(failure) => return (total, fingerprints, Some((seed, report(seed, &failure)))),
                        }
                    }
                    (total, fingerprints, None)
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect::<Vec<_>>()
    });
    let (mut total, mut fingerprints) = (Summary::default(), Fingerprints::default());
    let mut failures = BTreeMap::new();
    for (summary, of_part, failure) in results {
        total.add(&summary);
        fingerprints.add(&of_part);
        failures.extend(failure);
    }
    (total, fingerprints, failures.into_values().next())
}

mod tests {
    use super::*;

    #[test]
    fn seeded_histories() {
        let started = Instant::now();
        if let Some(seed) = number("DELIVERY_SEED") {
            let summary = history::run(seed, None).unwrap_or_else(|failure| {
                panic!("{}\n{}", report(seed, &failure), failure.log.join("\n"));
            });
            println!("{summary}");
            return;
        }
        let seeds = number("DELIVERY_SEEDS").unwrap_or(SEEDS);
        let (summary, fingerprints, failure) = run_all(number("DELIVERY_FIRST_SEED").unwrap_or(0), seeds);
        println!("{summary}in {:.1?}", started.elapsed());
        assert_eq!(failure, None);
        fingerprints.write(FINGERPRINTS);
        assert_eq!(summary.histories, seeds);
        assert!(summary.fewest_effects >= 200, "{}", summary.fewest_effects);
        if seeds >= SEEDS {
            let missing: Vec<_> = summary.faults.iter().filter(|(_, count)| **count == 0).collect();
            assert!(missing.is_empty(), "faults that never happened: {missing:?}");
        }
    }

    #[test]
    fn every_mutant_is_noticed() {
        for (bug, seeds) in MUTANTS {
            let noticed =
                (0..seeds).find_map(|seed| history::run(seed, Some(bug)).err().map(|failure| (seed, failure)));
            let (seed, failure) = noticed.unwrap_or_else(|| panic!("{bug:?} went unnoticed for {seeds} seeds"));
            println!("{bug:?}: noticed by seed {seed} of {seeds}: {}", failure.what);
        }
    }

    #[test]
    fn one_seed_is_one_history() {
        let run = || history::run(7, None).map(|summary| summary.fingerprint).unwrap();
        assert_eq!(run(), run());
    }
}
