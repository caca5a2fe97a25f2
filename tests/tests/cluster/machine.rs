//! How long the machine itself stood still: what a bound in seconds has to be read against where other work shares it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long the meter sleeps at a time.
const TICK: Duration = Duration::from_millis(5);

/// Waking up later than this after a tick is a stall. Schedulers are allowed some milliseconds.
const STALL: Duration = Duration::from_millis(20);

/// A thread that only sleeps, and notes when it was not woken in time.
pub(crate) struct Meter {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Stall>>,
}

/// A stretch of time in which a thread that had nothing to do but wake up did not.
#[derive(Debug, Clone, Copy)]
struct Stall {
    began: Instant,
    ended: Instant,
}

/// Every stall of a measurement.
#[derive(Debug)]
pub(crate) struct Stalls(Vec<Stall>);

impl Meter {
    /// Begins to measure.
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut stalls = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let due = Instant::now() + TICK;
                thread::sleep(TICK);
                let ended = Instant::now();
                if ended > due + STALL {
                    stalls.push(Stall { began: due, ended });
                }
            }
            stalls
        });
        Self { stop, thread }
    }

    /// Ends the measurement.
    pub(crate) fn stop(self) -> Stalls {
        self.stop.store(true, Ordering::Relaxed);
        Stalls(self.thread.join().unwrap())
    }
}

impl Stalls {
    /// How much of the time between two moments the machine stood still.
    pub(crate) fn between(&self, begin: Instant, end: Instant) -> Duration {
        let overlap = |stall: &Stall| stall.ended.min(end).saturating_duration_since(stall.began.max(begin));
        self.0.iter().map(overlap).sum()
    }

    /// All of it.
    pub(crate) fn total(&self) -> Duration {
        self.0.iter().map(|stall| stall.ended - stall.began).sum()
    }
}
