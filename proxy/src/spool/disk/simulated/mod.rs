//! A disk that keeps exactly what was synced, and of the rest whatever hurts most.
//!
//! A power cut keeps any subset of the sectors and directory changes that were not synced. A failed sync writes some
//! dirty sectors, forgets the others and calls all of them clean, as Linux does. Everything follows from the seed.

mod faults;
mod inode;
mod recorded;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use self::faults::{Faults, Mutant, Struck};
use self::inode::{Inode, SECTOR};

use crate::simulation::{Fingerprint, Random};

/// The simulated directory. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<World>>);

/// An open file of a [`SimulatedDisk`]; useless after a crash.
#[derive(Debug)]
pub(crate) struct SimulatedFile {
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
    mutant: Option<Mutant>,
    fingerprint: Fingerprint,
}

#[derive(Debug, Clone)]
enum Change {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

impl SimulatedDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            changes: Vec::new(),
            random: Random::new(seed),
            fingerprint: Fingerprint::default(),
            faults: Faults::default(),
            struck: Struck::default(),
            life: 0,
            crash_in: None,
            crashed: false,
            mutant: None,
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.world().faults = faults;
    }

    pub(crate) fn plant(&self, bug: Option<Mutant>) {
        self.world().mutant = bug;
    }

    /// Records every operation from now on.
    pub(crate) fn record_in(&self, fingerprint: &Fingerprint) {
        self.world().fingerprint = fingerprint.clone();
    }

    /// Whether `needle` can be read in a file that a power cut would leave and that `choose` likes.
    pub(crate) fn holds(&self, needle: &[u8], choose: impl Fn(&str) -> bool) -> bool {
        let world = self.world();
        let mut files = world.synced_names.iter().filter(|(name, _)| choose(name));
        files.any(|(_, inode)| {
            let inode = &world.inodes[*inode];
            let places = inode.synced.windows(needle.len()).enumerate();
            let mut places = places.filter(|(_, bytes)| *bytes == needle);
            places.any(|(offset, _)| inode.can_read(offset, needle.len()))
        })
    }

    /// Bytes that the files that `choose` likes take together.
    pub(crate) fn size(&self, choose: impl Fn(&str) -> bool) -> u64 {
        let world = self.world();
        let files = world.names.iter().filter(|(name, _)| choose(name));
        files.map(|(_, inode)| world.inodes[*inode].cached.len() as u64).sum()
    }

    /// Lets everything fail after so many more effects.
    pub(crate) fn crash_in(&self, effects: Option<u64>) {
        self.world().crash_in = effects;
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.world().crashed
    }

    pub(crate) fn struck(&self) -> Struck {
        self.world().struck
    }

    /// The process is gone and a new one begins. After a power cut only what was synced is certain.
    pub(crate) fn restart(&self, power_cut: bool) {
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

    /// Flips one synced bit of a file that `choose` likes, if there is one.
    pub(crate) fn flip_a_bit(&self, choose: impl Fn(&str) -> bool) {
        let mut world = self.world();
        let Some((inode, offset)) = world.somewhere(choose) else {
            return;
        };
        let bit = 1_u8 << world.random.below(8);
        for copy in [true, false] {
            let inode = &mut world.inodes[inode];
            let bytes = if copy { &mut inode.synced } else { &mut inode.cached };
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= bit;
            }
        }
        world.struck.flipped_bits += 1;
    }

    /// One sector of a file that `choose` likes, if there is one, cannot be read any more.
    pub(crate) fn spoil_a_sector(&self, choose: impl Fn(&str) -> bool) {
        let mut world = self.world();
        if let Some((inode, offset)) = world.somewhere(choose) {
            world.inodes[inode].bad.insert(offset / SECTOR);
            world.struck.bad_sectors += 1;
        }
    }

    /// The sector at `offset` of a file cannot be read any more, or can again.
    pub(crate) fn set_bad(&self, name: &str, offset: usize, is_bad: bool) {
        let mut world = self.world();
        let inode = world.names[name];
        let bad = &mut world.inodes[inode].bad;
        match is_bad {
            true => bad.insert(offset / SECTOR),
            false => bad.remove(&(offset / SECTOR)),
        };
    }
}

impl World {
    /// A byte of a file that `choose` likes, where there is data: the reserved rest of a file is zeros that nobody
    /// reads.
    fn somewhere(&mut self, choose: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
        let names = self.names.iter().filter(|(name, _)| choose(name));
        let inodes = names.map(|(_, inode)| *inode);
        let candidates: Vec<usize> = inodes.filter(|inode| !self.inodes[*inode].synced.is_empty()).collect();
        let inode = *candidates.get(self.random.below(candidates.len() as u64) as usize)?;
        let last = self.inodes[inode].synced.iter().rposition(|byte| *byte != 0);
        let used = last.map_or(0, |last| last + 1);
        Some((inode, self.random.below(used as u64) as usize))
    }

    /// Whether this operation finds the process, or the machine, short of something.
    fn shortage(&mut self, of: rustix::io::Errno) -> io::Result<()> {
        let often = self.faults.shortage;
        if self.random.per_mille(often) {
            self.struck.shortages += 1;
            return Err(of.into());
        }
        Ok(())
    }

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
            if !self.random.per_mille(kept) {
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
            struck.lost_sectors += inode.settle(|| random.per_mille(kept));
            inode.cached.clone_from(&inode.synced);
        }
    }
}

/// The operations as the process sees them; `recorded` tells the fingerprint of each.
impl SimulatedDisk {
    fn try_create(&self, name: &str, size: u64) -> io::Result<SimulatedFile> {
        let mut world = self.world();
        world.effect(None)?;
        let no_space = world.faults.no_space;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if world.random.per_mille(no_space) {
            world.struck.no_space += 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        world.shortage(rustix::io::Errno::MFILE)?;
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

    fn try_open(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut world = self.world();
        world.shortage(rustix::io::Errno::NFILE)?;
        let inode = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(SimulatedFile {
            disk: self.clone(),
            inode,
            life: world.life,
        })
    }

    fn try_rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.effect(None)?;
        let inode = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), inode);
        world.changes.push(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn try_remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.effect(None)?;
        world.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        world.changes.push(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn try_sync_directory(&self) -> io::Result<()> {
        let mut world = self.world();
        world.effect(None)?;
        if world.mutant == Some(Mutant::NoDirectorySync) {
            return Ok(());
        }
        world.synced_names = world.names.clone();
        world.changes.clear();
        Ok(())
    }
}

impl SimulatedFile {
    fn try_read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        if world.life != self.life || world.crashed {
            return Err(io::Error::other("crashed"));
        }
        world.shortage(rustix::io::Errno::NOMEM)?;
        let failed_read = world.faults.failed_read;
        if world.random.per_mille(failed_read) {
            world.struck.failed_reads += 1;
            return Err(io::Error::other("failed read"));
        }
        let inode = &world.inodes[self.inode];
        let start = (offset as usize).min(inode.cached.len());
        let read = buffer.len().min(inode.cached.len() - start);
        if !inode.can_read(start, read) {
            world.struck.failed_reads += 1;
            return Err(io::Error::other("bad sector"));
        }
        let bytes = &inode.cached;
        buffer[..read].copy_from_slice(&bytes[start..start + read]);
        if world.mutant == Some(Mutant::TruncateInTheMiddle) && start == 0 {
            crate::spool::tests::mutants::drop_behind_first_gap(&mut buffer[..read]);
        }
        Ok(read)
    }

    fn try_write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut tampered = Vec::new();
        let bytes = match self.disk.world().mutant {
            Some(Mutant::Watermark) => {
                tampered.extend_from_slice(bytes);
                crate::spool::tests::mutants::settle_everything_before(&mut tampered);
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
            Ok(()) if grows && world.random.per_mille(no_space) => {
                world.struck.no_space += 1;
                Some(io::ErrorKind::StorageFull.into())
            }
            Ok(()) if world.random.per_mille(failed_write) => {
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

    fn try_sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.effect(Some(self.life))?;
        let mutant = world.mutant;
        if mutant == Some(Mutant::AnswerBeforeSync) {
            return Ok(());
        }
        let failed_sync = world.faults.failed_sync;
        let fails = world.random.per_mille(failed_sync);
        let mut random = world.random.clone();
        let inode = &mut world.inodes[self.inode];
        if fails {
            let lost = inode.settle(|| random.per_mille(500));
            world.random = random;
            world.struck.failed_syncs += 1;
            world.struck.lost_sectors += lost;
            if mutant == Some(Mutant::RetryFailedSync) {
                return Ok(());
            }
            return Err(io::Error::other("failed sync"));
        }
        let length = inode.cached.len();
        inode.synced.resize(length, 0);
        inode.settle(|| true);
        Ok(())
    }

    fn try_truncate(&self, length: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        world.effect(Some(self.life))?;
        let inode = &mut world.inodes[self.inode];
        inode.cached.resize(length as usize, 0);
        inode.dirty.retain(|sector| sector * SECTOR < length as usize);
        Ok(())
    }
}
