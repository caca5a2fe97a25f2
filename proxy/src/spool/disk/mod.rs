//! What the spool asks of a disk: one flat directory of files, written at offsets and synced on demand.
//!
//! An argument of everything that stores, so that one seed replays one history: [`RealDisk`] in production, a simulated
//! one in tests that forgets whatever was not synced. Nothing here buffers, retries or interprets an error.

use std::{fmt::Debug, io};

use crate::descriptors::is_shortage;

mod real;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "simulated files are small")]
pub(crate) mod simulated;

pub(crate) use real::RealDisk;

/// A directory.
pub(crate) trait Disk: Debug + Clone + Send + Sync + 'static {
    /// An open file of it.
    type File: File;

    /// The names of its files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes a file that must not exist yet and reserves `size` bytes for it, which read as zeros.
    fn create(&self, name: &str, size: u64) -> io::Result<Self::File>;

    /// Opens a file that exists.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, which must be free.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals so far survive a power cut.
    fn sync_directory(&self) -> io::Result<()>;
}

/// An open file.
pub(crate) trait File: Debug + Send + Sync + 'static {
    /// Fills as much of `buffer` as the file holds at `offset`; fewer bytes only at its end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. What an error leaves written is unknown.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the writes so far survive a power cut. After an error nothing may be assumed of any write since the last
    /// success, and asking again proves nothing: the kernel may have dropped the pages.
    fn sync(&self) -> io::Result<()>;

    /// Bytes the file has.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file off.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// Whether an error of making or writing something says that there is no room for it: on the disk, or of descriptors or
/// memory. That passes, unlike every other error of a disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    let disk_is_full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    disk_is_full || is_shortage(error)
}
