//! Random histories of a log on a disk that fails, and what must hold at the end of each. One seed is one history.
//!
//! A schedule of [`Schedule::run`] appends, commits, maintains, delivers and crashes in any order, with every fault
//! that [`simulated`](crate::spool::disk::simulated) knows, and then lets everything work again and drains. Delivery is
//! its own cores with a Firehose that fails as it likes, or, to reach every order there is, somebody who settles events
//! at random; what is given up becomes dead letters on a second disk and is sent again. [`Oracle`](oracle::Oracle)
//! judges it.
//!
//! `cargo xtask prove durability` runs a million; the test here the first few hundred, in which everything happens that
//! can, or as many as fit the time that `DURABILITY_SECONDS` gives. `DURABILITY_SEED=n` replays one,
//! `DURABILITY_FIRST_SEED=n` begins with another than 0, `DURABILITY_FINGERPRINTS=file` writes down what each history
//! did.

mod cores;
mod formats;
mod letters;
mod oracle;
mod schedule;
mod summary;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use self::{schedule::Schedule, summary::Summary};
use super::Fingerprints;
use crate::spool::disk::simulated::Mutant;

/// Names the file for the fingerprints.
const FINGERPRINTS: &str = "DURABILITY_FINGERPRINTS";

/// Histories of an ordinary test run. Fewer do not come to everything.
const SCHEDULES: u64 = 600;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs one history. What it says when it panics is what is broken.
fn run(seed: u64, mutant: Option<Mutant>) -> Result<Summary, String> {
    catch_unwind(AssertUnwindSafe(|| Schedule::new(seed, mutant).run())).unwrap_or_else(|panicked| {
        let text = panicked.downcast_ref::<String>().map(String::as_str);
        Err(text
            .or(panicked.downcast_ref().copied())
            .unwrap_or("panicked")
            .to_owned())
    })
}

#[test]
fn every_answered_event_survives_every_crash() {
    if let Some(seed) = setting("DURABILITY_SEED") {
        let summary = run(seed, None).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        println!("seed {seed}: {summary:?}");
        return;
    }
    let seconds = setting("DURABILITY_SECONDS");
    let unless_stated = if seconds.is_some() { u64::MAX } else { SCHEDULES };
    let first = setting("DURABILITY_FIRST_SEED").unwrap_or(0);
    let behind_last = first.saturating_add(setting("DURABILITY_SCHEDULES").unwrap_or(unless_stated));
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(u64::MAX).min(1 << 20));
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = Fingerprints::are_wanted(FINGERPRINTS);
    let work = || {
        let (mut sum, mut fingerprints) = (Summary::default(), Fingerprints::default());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= behind_last || (seed.is_multiple_of(64) && Instant::now() > end) {
                return (sum, fingerprints);
            }
            match run(seed, None) {
                Ok(summary) => {
                    sum.add(&summary);
                    if wanted {
                        fingerprints.put(seed, summary.fingerprint);
                    }
                }
                Err(broken) => {
                    next.store(behind_last, Ordering::Relaxed); // nobody begins another
                    panic!(
                        "seed {seed}: {broken}\nreplay: DURABILITY_SEED={seed} cargo test -p firehose-proxy --lib every_answered_event_survives_every_crash -- --nocapture"
                    )
                }
            }
        }
    };
    let sums: Vec<(Summary, Fingerprints)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let (mut sum, mut fingerprints) = (Summary::default(), Fingerprints::default());
    for (part, of_part) in &sums {
        sum.add(part);
        fingerprints.add(of_part);
    }
    fingerprints.write(FINGERPRINTS);
    println!("{sum}");
    assert!(sum.schedules >= 64.min(behind_last - first), "no time for any schedule");
    assert!(
        sum.crashed * 2 >= sum.schedules,
        "fewer than half of the schedules crash"
    );
    assert!(
        sum.fewest_effects >= 200,
        "a schedule of {} effects",
        sum.fewest_effects
    );
    // A few chosen seeds need not come to everything.
    if sum.schedules >= SCHEDULES {
        assert!(sum.has_everything(), "something never happened: {sum:?}");
    }
}

#[test]
fn mutants_are_noticed() {
    for (bug, seeds) in [
        (Mutant::AnswerBeforeSync, 50),
        (Mutant::NoDirectorySync, 200),
        (Mutant::RetryFailedSync, 500),
        (Mutant::Watermark, 50),
        (Mutant::TruncateInTheMiddle, 2000),
    ] {
        let noticed = (0..seeds).find(|seed| run(*seed, Some(bug)).is_err());
        println!("{bug:?} is noticed by seed {noticed:?}");
        assert!(noticed.is_some(), "{bug:?} goes unnoticed for {seeds} seeds");
    }
}
