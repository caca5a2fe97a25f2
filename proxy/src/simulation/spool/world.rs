//! The world of a history: a clock that jumps, numbers from the seed, mappings that change from life to life.

use tokio::time::Instant;

use crate::{queue::EntryRef, simulation::Random, spool::log::Environment, stream::StreamId};

/// What a process of a history takes from the world beside its disk.
#[derive(Debug)]
pub(super) struct World {
    seed: u64,
    mapped: Vec<StreamId>,
    random: std::sync::Mutex<Random>,
    /// The disk of a history never takes any time.
    started: Instant,
}

impl World {
    pub(super) fn new(mapped: Vec<StreamId>, random: &mut Random) -> Self {
        Self {
            seed: random.next(),
            mapped,
            random: std::sync::Mutex::new(Random::new(random.next())),
            started: Instant::now(),
        }
    }
}

impl Environment for World {
    fn unix_milliseconds(&self) -> u64 {
        self.random.lock().unwrap().below(1 << 41) // a clock that jumps
    }

    fn now(&self) -> Instant {
        self.started
    }

    fn random(&self) -> u64 {
        self.random.lock().unwrap().next() ^ self.seed
    }

    fn route(&self, entry: EntryRef<'_>) -> StreamId {
        match self.mapped.contains(&entry.stream) {
            true => entry.stream,
            false => self.mapped[0],
        }
    }
}
