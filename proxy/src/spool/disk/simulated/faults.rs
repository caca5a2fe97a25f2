//! What goes wrong, and how often it did.

/// What goes wrong, in times per thousand operations that it can happen to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) no_space: u64,
    pub(crate) failed_write: u64,
    pub(crate) failed_sync: u64,
    pub(crate) failed_read: u64,
    /// No descriptor, or no memory of the kernel.
    pub(crate) shortage: u64,
}

/// How often each fault struck.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Struck {
    pub(crate) effects: u64,
    pub(crate) power_cuts: u64,
    pub(crate) kills: u64,
    pub(crate) no_space: u64,
    pub(crate) short_writes: u64,
    pub(crate) failed_syncs: u64,
    pub(crate) failed_reads: u64,
    pub(crate) shortages: u64,
    pub(crate) lost_sectors: u64,
    pub(crate) lost_directory_changes: u64,
    pub(crate) flipped_bits: u64,
    pub(crate) bad_sectors: u64,
}

impl Struck {
    pub(crate) fn add(&mut self, other: &Self) {
        self.effects += other.effects;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.no_space += other.no_space;
        self.short_writes += other.short_writes;
        self.failed_syncs += other.failed_syncs;
        self.failed_reads += other.failed_reads;
        self.shortages += other.shortages;
        self.lost_sectors += other.lost_sectors;
        self.lost_directory_changes += other.lost_directory_changes;
        self.flipped_bits += other.flipped_bits;
        self.bad_sectors += other.bad_sectors;
    }
}

/// A defect that a spool could have, mutant where its disk would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Requests are answered before their frames are synced.
    AnswerBeforeSync,
    /// Creations, renames and removals are not synced.
    NoDirectorySync,
    /// After a failed sync, another one is believed.
    RetryFailedSync,
    /// Everything up to the last settled slice is written down as settled.
    Watermark,
    /// Recovery drops everything behind the first broken frame.
    TruncateInTheMiddle,
}
