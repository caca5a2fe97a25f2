//! One file of the simulated disk, sector by sector.

use std::collections::BTreeSet;

/// Bytes that the disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;

/// What the process sees, and what a power cut leaves.
#[derive(Debug, Default, Clone)]
pub(super) struct Inode {
    pub(super) cached: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) dirty: BTreeSet<usize>,
    /// Sectors that the disk cannot read any more.
    pub(super) bad: BTreeSet<usize>,
}

impl Inode {
    pub(super) fn can_read(&self, offset: usize, length: usize) -> bool {
        length == 0
            || self
                .bad
                .range(offset / SECTOR..=(offset + length - 1) / SECTOR)
                .next()
                .is_none()
    }

    pub(super) fn mark(&mut self, offset: usize, length: usize) {
        if length > 0 {
            self.dirty.extend(offset / SECTOR..=(offset + length - 1) / SECTOR);
        }
    }

    /// Writes those dirty sectors that `keep` says, forgets that the others were dirty, and counts them.
    pub(super) fn settle(&mut self, mut keep: impl FnMut() -> bool) -> u64 {
        let mut lost = 0;
        if self.dirty.is_empty() && self.synced.len() == self.cached.len() {
            return 0;
        }
        if self.synced.len() != self.cached.len() && keep() {
            self.synced.resize(self.cached.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            if !keep() {
                lost += 1;
                continue;
            }
            let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(self.cached.len()));
            if start >= end {
                continue;
            }
            if self.synced.len() < end {
                self.synced.resize(end, 0);
            }
            self.synced[start..end].copy_from_slice(&self.cached[start..end]);
        }
        lost
    }
}
