//! A directory of the operating system.

use std::{
    fs, io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};

use super::{Disk, File};

/// Holds the lock of a directory; the kernel lets go of it when the process ends, however it ends.
const LOCK: &str = "lock";

/// A locked directory. Clones share the lock.
#[derive(Debug, Clone)]
pub(crate) struct RealDisk(Arc<Locked>);

#[derive(Debug)]
struct Locked {
    path: PathBuf,
    directory: fs::File,
    _lock: fs::File,
}

impl RealDisk {
    /// Opens a directory, making it if need be, for this process alone.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when another process has it open.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        make_durably(path)?;
        let lock = fs::File::from(rustix::fs::open(
            path.join(LOCK),
            OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        )?);
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self(Arc::new(Locked {
            path: path.to_owned(),
            directory: fs::File::open(path)?,
            _lock: lock,
        })))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path.join(name)
    }
}

/// Makes a directory and those above it as need be. Each is an entry of the one above: until that is synced, a power
/// cut takes it away with everything in it, synced or not. What was there already may be of a process that did not live
/// to sync it.
fn make_durably(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|directory| !directory.exists()).count();
    fs::create_dir_all(path)?;
    for parent in path.ancestors().skip(1).take(missing.max(1)) {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

impl Disk for RealDisk {
    type File = fs::File;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0.path)? {
            let entry = entry?;
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
                && name != LOCK
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, size: u64) -> io::Result<fs::File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file = fs::File::from(rustix::fs::open(self.path(name), flags, Mode::RUSR | Mode::WUSR)?);
        if size > 0 {
            match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size) {
                // A file system that cannot reserve says ENOSPC when a segment is written; that costs a request, not a
                // promise.
                Err(rustix::io::Errno::OPNOTSUPP) => file.set_len(size)?,
                reserved => reserved?,
            }
        }
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<fs::File> {
        fs::File::options().read(true).write(true).open(self.path(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.0.directory.sync_all()
    }
}

impl File for fs::File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match FileExt::read_at(self, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let first = RealDisk::open(directory.path()).unwrap();
        let refused = RealDisk::open(directory.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        RealDisk::open(directory.path()).unwrap();
    }

    #[test]
    fn a_reserved_file_reads_as_zeros_and_a_read_past_its_end_is_short() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        let file = disk.create("a", 10).unwrap();
        File::write_at(&file, b"xy", 3).unwrap();
        let mut buffer = [9; 12];
        assert_eq!(File::read_at(&file, &mut buffer, 0).unwrap(), 10);
        assert_eq!(&buffer, b"\0\0\0xy\0\0\0\0\0\x09\x09");
        assert_eq!(disk.names().unwrap(), ["a"]);
        assert!(disk.create("a", 10).is_err());
    }
}
