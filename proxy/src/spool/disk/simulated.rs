//! A disk that keeps exactly what was synced, and of the rest whatever hurts most.
//!
//! A power cut keeps any subset of the sectors and directory changes that were not synced. A failed sync writes some dirty sectors,
//! forgets the others and calls all of them clean, as Linux does. Everything follows from the seed.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Disk, File};

/// Bytes that the disk writes whole or not at all.
const SECTOR: usize = 512;

/// Small, seeded, and good enough to choose faults (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub(in crate::spool) struct Random(pub(in crate::spool) u64);

impl Random {
    pub(in crate::spool) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, or 0.
    pub(in crate::spool) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// True `times` in a thousand.
    pub(in crate::spool) fn chance(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }
}

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

/// The simulated directory. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::spool) struct SimulatedDisk(Arc<Mutex<World>>);

/// An open file of a [`SimulatedDisk`]; useless after a crash.
#[derive(Debug)]
pub(in crate::spool) struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
    life: u64,
}

#[derive(Debug)]
struct World {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    changes: Vec<Change>,
    random: Random,
    faults: Faults,
    struck: Struck,
    /// Counts the processes that have used the disk; a handle of an earlier one is dead.
    life: u64,
    /// Effects left before the crash.
    crash_in: Option<u64>,
    /// Everything fails until [`SimulatedDisk::restart`].
    crashed: bool,
    planted: Option<Planted>,
}

/// What the process sees, and what a power cut leaves.
#[derive(Debug, Default, Clone)]
struct Inode {
    cached: Vec<u8>,
    synced: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
enum Change {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl SimulatedDisk {
    pub(in crate::spool) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            changes: Vec::new(),
            random: Random(seed),
            faults: Faults::default(),
            struck: Struck::default(),
            life: 0,
            crash_in: None,
            crashed: false,
            planted: None,
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::spool) fn set_faults(&self, faults: Faults) {
        self.world().faults = faults;
    }

    pub(in crate::spool) fn plant(&self, bug: Option<Planted>) {
        self.world().planted = bug;
    }

    /// Whether `needle` stands in a file that a power cut would leave and that `choose` likes.
    pub(in crate::spool) fn holds(&self, needle: &[u8], choose: impl Fn(&str) -> bool) -> bool {
        let world = self.world();
        let mut files = world.synced_names.iter().filter(|(name, _)| choose(name));
        files.any(|(_, inode)| {
            world.inodes[*inode]
                .synced
                .windows(needle.len())
                .any(|bytes| bytes == needle)
        })
    }

    /// Bytes that the files that `choose` likes take together.
    pub(in crate::spool) fn size(&self, choose: impl Fn(&str) -> bool) -> u64 {
        let world = self.world();
        let files = world.names.iter().filter(|(name, _)| choose(name));
        files.map(|(_, inode)| world.inodes[*inode].cached.len() as u64).sum()
    }

    /// Lets everything fail after so many more effects.
    pub(in crate::spool) fn crash_in(&self, effects: Option<u64>) {
        self.world().crash_in = effects;
    }

    pub(in crate::spool) fn has_crashed(&self) -> bool {
        self.world().crashed
    }

    pub(in crate::spool) fn struck(&self) -> Struck {
        self.world().struck
    }

    /// The process is gone and a new one begins. After a power cut only what was synced is certain.
    pub(in crate::spool) fn restart(&self, power_cut: bool) {
        let mut world = self.world();
        world.life += 1;
        world.crash_in = None;
        world.crashed = false;
        if power_cut {
            world.struck.power_cuts += 1;
            world.cut_power();
        } else {
            world.struck.kills += 1;
        }
    }

    /// Flips one synced bit of a file that `choose` likes. Returns the file and the offset.
    pub(in crate::spool) fn flip_a_bit(&self, choose: impl Fn(&str) -> bool) -> Option<(String, u64)> {
        let mut world = self.world();
        let candidates: Vec<(String, usize)> = world
            .names
            .iter()
            .filter(|(name, inode)| choose(name) && !world.inodes[**inode].synced.is_empty())
            .map(|(name, inode)| (name.clone(), *inode))
            .collect();
        let (name, inode) = candidates
            .get(world.random.below(candidates.len() as u64) as usize)?
            .clone();
        // Where there is data; the reserved rest of a file is zeros that nobody reads.
        let used = world.inodes[inode]
            .synced
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        let offset = world.random.below(used as u64) as usize;
        let bit = 1_u8 << world.random.below(8);
        for copy in [true, false] {
            let inode = &mut world.inodes[inode];
            let bytes = if copy { &mut inode.synced } else { &mut inode.cached };
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= bit;
            }
        }
        world.struck.flipped_bits += 1;
        Some((name, offset as u64))
    }
}

impl World {
    /// Counts an effect; the one that the crash hits, and all after it, do not happen.
    fn effect(&mut self, life: Option<u64>) -> io::Result<()> {
        if life.is_some_and(|life| life != self.life) {
            return Err(io::Error::other("a handle from before the crash"));
        }
        if let Some(left) = &mut self.crash_in {
            self.crashed |= *left == 0;
            *left = left.saturating_sub(1);
        }
        if self.crashed {
            return Err(io::Error::other("crashed"));
        }
        self.struck.effects += 1;
        Ok(())
    }

    fn cut_power(&mut self) {
        // A coin that differs from cut to cut: now and then all is kept, or nothing.
        let kept = [0, 250, 500, 750, 1000][self.random.below(5) as usize];
        for change in std::mem::take(&mut self.changes) {
            if !self.random.chance(kept) {
                self.struck.lost_directory_changes += 1;
                continue;
            }
            match change {
                Change::Create(name, inode) => {
                    self.synced_names.insert(name, inode);
                }
                Change::Rename(from, to) => {
                    if let Some(inode) = self.synced_names.remove(&from) {
                        self.synced_names.insert(to, inode);
                    }
                }
                Change::Remove(name) => {
                    self.synced_names.remove(&name);
                }
            }
        }
        self.names.clone_from(&self.synced_names);
        let Self {
            inodes, random, struck, ..
        } = self;
        for inode in inodes {
            struck.lost_sectors += inode.settle(|| random.chance(kept));
            inode.cached.clone_from(&inode.synced);
        }
    }
}

impl Inode {
    fn mark(&mut self, offset: usize, length: usize) {
        if length > 0 {
            self.dirty.extend(offset / SECTOR..=(offset + length - 1) / SECTOR);
        }
    }

    /// Writes those dirty sectors that `keep` says, forgets that the others were dirty, and counts them.
    fn settle(&mut self, mut keep: impl FnMut() -> bool) -> u64 {
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

impl Disk for SimulatedDisk {
    type File = SimulatedFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, name: &str, size: u64) -> io::Result<SimulatedFile> {
        let mut world = self.world();
        world.effect(None)?;
        let no_space = world.faults.no_space;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if world.random.chance(no_space) {
            world.struck.no_space += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = world.inodes.len();
        world.inodes.push(Inode {
            cached: vec![0; size as usize],
            ..Inode::default()
        });
        world.names.insert(name.to_owned(), inode);
        world.changes.push(Change::Create(name.to_owned(), inode));
        Ok(SimulatedFile {
            disk: self.clone(),
            inode,
            life: world.life,
        })
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        let world = self.world();
        let inode = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimulatedFile {
            disk: self.clone(),
            inode,
            life: world.life,
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.effect(None)?;
        let inode = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), inode);
        world.changes.push(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.effect(None)?;
        world.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        world.changes.push(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut world = self.world();
        world.effect(None)?;
        if world.planted == Some(Planted::NoDirectorySync) {
            return Ok(());
        }
        world.synced_names = world.names.clone();
        world.changes.clear();
        Ok(())
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        if world.life != self.life || world.crashed {
            return Err(io::Error::other("crashed"));
        }
        let failed_read = world.faults.failed_read;
        if world.random.chance(failed_read) {
            world.struck.failed_reads += 1;
            return Err(io::Error::other("failed read"));
        }
        let bytes = &world.inodes[self.inode].cached;
        let start = (offset as usize).min(bytes.len());
        let read = buffer.len().min(bytes.len() - start);
        buffer[..read].copy_from_slice(&bytes[start..start + read]);
        if world.planted == Some(Planted::TruncateInTheMiddle) && start == 0 {
            crate::spool::log::planted::drop_behind_first_gap(&mut buffer[..read]);
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut tampered = Vec::new();
        let bytes = match self.disk.world().planted {
            Some(Planted::Watermark) => {
                tampered.extend_from_slice(bytes);
                crate::spool::log::planted::settle_everything_before(&mut tampered);
                &tampered[..]
            }
            _ => bytes,
        };
        let mut world = self.disk.world();
        let crashed_before = world.crashed;
        let crashed = world.effect(Some(self.life));
        let Faults {
            no_space, failed_write, ..
        } = world.faults;
        let offset = offset as usize;
        let grows = offset + bytes.len() > world.inodes[self.inode].cached.len();
        let failure = match crashed {
            Err(crash) if world.crashed && !crashed_before => Some(crash),
            Err(dead) => return Err(dead),
            Ok(()) if grows && world.random.chance(no_space) => {
                world.struck.no_space += 1;
                Some(io::ErrorKind::StorageFull.into())
            }
            Ok(()) if world.random.chance(failed_write) => {
                world.struck.short_writes += 1;
                Some(io::Error::other("failed write"))
            }
            Ok(()) => None,
        };
        let written = match failure {
            Some(_) => world.random.below(bytes.len() as u64 + 1) as usize,
            None => bytes.len(),
        };
        let inode = &mut world.inodes[self.inode];
        if written > 0 {
            let end = inode.cached.len().max(offset + written);
            inode.cached.resize(end, 0);
            inode.cached[offset..offset + written].copy_from_slice(&bytes[..written]);
            inode.mark(offset, written);
        }
        failure.map_or(Ok(()), Err)
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.effect(Some(self.life))?;
        let planted = world.planted;
        if planted == Some(Planted::AnswerBeforeSync) {
            return Ok(());
        }
        let failed_sync = world.faults.failed_sync;
        let fails = world.random.chance(failed_sync);
        let mut random = world.random.clone();
        let inode = &mut world.inodes[self.inode];
        if fails {
            let lost = inode.settle(|| random.chance(500));
            world.random = random;
            world.struck.failed_syncs += 1;
            world.struck.lost_sectors += lost;
            if planted == Some(Planted::RetryFailedSync) {
                return Ok(());
            }
            return Err(io::Error::other("failed sync"));
        }
        let length = inode.cached.len();
        inode.synced.resize(length, 0);
        inode.settle(|| true);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.world().inodes[self.inode].cached.len() as u64)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.effect(Some(self.life))?;
        let inode = &mut world.inodes[self.inode];
        inode.cached.resize(length as usize, 0);
        inode.dirty.retain(|sector| sector * SECTOR < length as usize);
        Ok(())
    }
}
