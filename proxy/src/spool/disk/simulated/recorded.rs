//! The simulated disk as the spool uses it: every operation goes into the history's fingerprint, with what came of it.

use std::{hash::Hash, io};

use super::{SimulatedDisk, SimulatedFile};
use crate::spool::disk::{Disk, File};

impl SimulatedDisk {
    fn recorded<T>(&self, operation: impl Hash, result: io::Result<T>) -> io::Result<T> {
        let failure = result.as_ref().err().map(io::Error::kind);
        self.world().fingerprint.record((operation, failure));
        result
    }
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn create(&self, name: &str, size: u64) -> io::Result<SimulatedFile> {
        self.recorded(("create", name, size), self.try_create(name, size))
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        self.recorded(("open", name), self.try_open(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.recorded(("rename", from, to), self.try_rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.recorded(("remove", name), self.try_remove(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.recorded("sync directory", self.try_sync_directory())
    }
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = buffer.len();
        let result = self.try_read_at(buffer, offset);
        self.disk.recorded(("read", self.inode, offset, wanted), result)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let operation = ("write", self.inode, offset, bytes.len(), crc32c::crc32c(bytes));
        self.disk.recorded(operation, self.try_write_at(bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.recorded(("sync", self.inode), self.try_sync())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.world().inodes[self.inode].cached.len() as u64)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk
            .recorded(("truncate", self.inode, length), self.try_truncate(length))
    }
}
