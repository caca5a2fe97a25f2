//! Reads files of a disk that may fail in places.

use std::io;

use crate::{descriptors::is_shortage, spool::disk::File};

/// What could be read of a file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spool) struct Salvaged {
    /// Zeros where it could not be read, which are neither a frame nor a header.
    pub(in crate::spool) bytes: Vec<u8>,
    /// Whether all of it could be read.
    pub(in crate::spool) is_whole: bool,
}

/// The least that the kernel reads of a disk, and so the least that one bad sector takes away: a page.
const PIECE: usize = 4096;

/// Up to `size` bytes from `offset` on.
pub(in crate::spool) fn read(file: &impl File, offset: u64, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The first `size` bytes of a file as far as they can be read: in one go, or else each piece that can be.
///
/// # Errors
///
/// When they could be read at another time, which is no damage.
pub(in crate::spool) fn salvage(file: &impl File, size: u64) -> io::Result<Salvaged> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    match read(file, 0, size) {
        Ok(bytes) => return Ok(Salvaged { bytes, is_whole: true }),
        Err(error) if is_shortage(&error) => return Err(error),
        Err(_) => {}
    }
    let mut salvaged = Salvaged {
        bytes: vec![0; size],
        is_whole: true,
    };
    for (piece, offset) in salvaged.bytes.chunks_mut(PIECE).zip((0..).step_by(PIECE)) {
        match file.read_at(piece, offset) {
            Ok(_) => {}
            Err(error) if is_shortage(&error) => return Err(error),
            Err(_) => {
                piece.fill(0);
                salvaged.is_whole = false;
            }
        }
    }
    Ok(salvaged)
}
