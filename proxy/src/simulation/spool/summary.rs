//! What happened in one history, or in many, and whether everything that can happen did.

use std::fmt;

use crate::spool::disk::simulated::Struck;

/// What happened in one history, or in many.
#[derive(Debug, Default, Clone)]
pub(super) struct Summary {
    pub(super) schedules: u64,
    pub(super) crashed: u64,
    pub(super) fewest_effects: u64,
    pub(super) answered: u64,
    pub(super) delivered: u64,
    pub(super) refused: u64,
    /// How often each of these happened beside the faults of the disk.
    pub(super) happened: Happened,
    pub(super) struck: Struck,
    /// Of one history.
    pub(super) fingerprint: u64,
}

/// What a history may or may not come to.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Happened {
    pub(super) segments_moved: u64,
    pub(super) torn: u64,
    pub(super) damaged: u64,
    pub(super) batches_dropped: u64,
    /// Calls that took effect and had no answer.
    pub(super) calls_lost: u64,
    pub(super) calls_failed: u64,
    pub(super) calls_failed_in_part: u64,
    pub(super) calls_refused: u64,
    pub(super) dead_letters: u64,
    pub(super) dead_letters_without_room: u64,
    pub(super) redriven: u64,
    pub(super) redrives_cut_off: u64,
}

impl Happened {
    fn counts(&mut self) -> [&mut u64; 12] {
        let Self {
            segments_moved,
            torn,
            damaged,
            batches_dropped,
            calls_lost,
            calls_failed,
            calls_failed_in_part,
            calls_refused,
            dead_letters,
            dead_letters_without_room,
            redriven,
            redrives_cut_off,
        } = self;
        [
            segments_moved,
            torn,
            damaged,
            batches_dropped,
            calls_lost,
            calls_failed,
            calls_failed_in_part,
            calls_refused,
            dead_letters,
            dead_letters_without_room,
            redriven,
            redrives_cut_off,
        ]
    }
}

impl Summary {
    pub(super) fn add(&mut self, other: &Self) {
        let Self {
            schedules,
            crashed,
            fewest_effects,
            answered,
            delivered,
            refused,
            mut happened,
            struck,
            fingerprint: _,
        } = other.clone();
        self.fewest_effects = match (self.schedules, schedules) {
            (0, _) => fewest_effects,
            (_, 0) => self.fewest_effects,
            _ => self.fewest_effects.min(fewest_effects),
        };
        self.schedules += schedules;
        self.crashed += crashed;
        self.answered += answered;
        self.delivered += delivered;
        self.refused += refused;
        for (sum, more) in self.happened.counts().into_iter().zip(happened.counts()) {
            *sum += *more;
        }
        self.struck.add(&struck);
    }

    /// Whether every fault struck at least once, and everything happened that can.
    pub(super) fn has_everything(&self) -> bool {
        let Struck {
            effects: _,
            power_cuts,
            kills,
            no_space,
            short_writes,
            failed_syncs,
            failed_reads,
            shortages,
            lost_sectors,
            lost_directory_changes,
            flipped_bits,
            bad_sectors,
        } = self.struck;
        let faults = [
            power_cuts,
            kills,
            no_space,
            short_writes,
            failed_syncs,
            failed_reads,
            shortages,
            lost_sectors,
            lost_directory_changes,
            flipped_bits,
            bad_sectors,
        ];
        let mut happened = self.happened;
        faults.iter().all(|count| *count > 0) && happened.counts().iter().all(|count| **count > 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} schedules, {} with a crash, {} effects, at least {} in each: {} events answered, {} deliveries, {} refusals",
            self.schedules,
            self.crashed,
            self.struck.effects,
            self.fewest_effects,
            self.answered,
            self.delivered,
            self.refused
        )?;
        write!(formatter, "{:?}\n{:?}", self.struck, self.happened)
    }
}
