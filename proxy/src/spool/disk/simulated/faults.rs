//! What goes wrong, and how often it did.

/// What goes wrong, in times per thousand operations that it can happen to.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::spool) struct Faults {
    pub(in crate::spool) no_space: u64,
    pub(in crate::spool) failed_write: u64,
    pub(in crate::spool) failed_sync: u64,
    pub(in crate::spool) failed_read: u64,
}

/// How often each fault struck.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::spool) struct Struck {
    pub(in crate::spool) effects: u64,
    pub(in crate::spool) power_cuts: u64,
    pub(in crate::spool) kills: u64,
    pub(in crate::spool) no_space: u64,
    pub(in crate::spool) short_writes: u64,
    pub(in crate::spool) failed_syncs: u64,
    pub(in crate::spool) failed_reads: u64,
    pub(in crate::spool) lost_sectors: u64,
    pub(in crate::spool) lost_directory_changes: u64,
    pub(in crate::spool) flipped_bits: u64,
    pub(in crate::spool) bad_sectors: u64,
}

impl Struck {
    pub(in crate::spool) fn add(&mut self, other: &Self) {
        self.effects += other.effects;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.no_space += other.no_space;
        self.short_writes += other.short_writes;
        self.failed_syncs += other.failed_syncs;
        self.failed_reads += other.failed_reads;
        self.lost_sectors += other.lost_sectors;
        self.lost_directory_changes += other.lost_directory_changes;
        self.flipped_bits += other.flipped_bits;
        self.bad_sectors += other.bad_sectors;
    }
}

/// A defect that a spool could have, planted where its disk would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) enum Planted {
    /// Requests are answered before their frames are synced.
    AnswerBeforeSync,
    /// Creations, renames and removals are not synced.
    NoDirectorySync,
    /// After a failed sync, another one is believed.
    RetryFailedSync,
    /// Everything up to the last settled parcel is written down as settled.
    Watermark,
    /// Recovery drops everything behind the first broken frame.
    TruncateInTheMiddle,
}
