//! How far what was settled is known to the disk: written, synced, sealed, removed.

use std::{mem, sync::Arc};

use super::{Index, segment::Unwritten};
use crate::{
    spool::format::acks::Seal,
    stream::{StreamId, StreamName},
};

/// The file beside a segment, and where its next record goes.
#[derive(Debug)]
pub(in crate::spool) struct AckFile<F> {
    /// Whether there is one.
    pub(in crate::spool) is_made: bool,
    /// `None` when it is not open.
    pub(in crate::spool) file: Option<Arc<F>>,
    /// Epoch of the segment.
    pub(in crate::spool) epoch: u64,
    pub(in crate::spool) index: u64,
    pub(in crate::spool) end: u64,
}

/// A complete segment that is not sealed.
#[derive(Debug)]
pub(in crate::spool) struct ToSeal {
    pub(in crate::spool) number: u64,
    pub(in crate::spool) seal: Seal,
    /// Bytes it takes on the disk.
    pub(in crate::spool) size: u64,
}

/// A segment in which everything is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Removable {
    pub(in crate::spool) number: u64,
    /// It is kept for a person instead.
    pub(in crate::spool) damaged: bool,
    /// There is a file beside it.
    pub(in crate::spool) has_acks: bool,
    /// It must not go before every acknowledgement is on the disk.
    pub(in crate::spool) copied_too_late: bool,
}

impl<F> Index<F> {
    /// Segments with settled slices that are in no record yet, but for one.
    pub(in crate::spool) fn with_unwritten(&self, except: Option<u64>) -> Vec<u64> {
        let unwritten = self
            .segments
            .iter()
            .filter(|(_, segment)| !segment.acks.unwritten.is_empty());
        let numbers = unwritten.map(|(number, _)| *number);
        numbers.filter(|number| Some(*number) != except).collect()
    }

    /// Whether there are acknowledgements that are not written, and whether some are written and not synced.
    pub(in crate::spool) fn acknowledgements_left(&self) -> (bool, bool) {
        let acks = || self.segments.values().map(|segment| &segment.acks);
        (
            acks().any(|acks| !acks.unwritten.is_empty()),
            acks().any(|acks| acks.unsynced),
        )
    }

    /// Takes what is to be written for a segment; put it back if that fails.
    pub(in crate::spool) fn take_unwritten(&mut self, number: u64) -> Unwritten {
        let segment = self.segments.get_mut(&number);
        segment
            .map(|segment| mem::take(&mut segment.acks.unwritten))
            .unwrap_or_default()
    }

    /// Takes back what could not be written.
    pub(in crate::spool) fn put_back_unwritten(&mut self, number: u64, unwritten: Unwritten) {
        if let Some(segment) = self.segments.get_mut(&number) {
            for (key, (bytes, ordinals)) in unwritten {
                let (sum, all) = segment.acks.unwritten.entry(key).or_default();
                *sum += bytes;
                all.extend(ordinals);
            }
        }
        self.audit();
    }

    /// Where the next record of a segment goes. `None` when the segment is gone.
    pub(in crate::spool) fn ack_file(&self, number: u64) -> Option<AckFile<F>> {
        let segment = self.segments.get(&number)?;
        Some(AckFile {
            is_made: segment.acks.is_made,
            file: segment.acks.file.clone(),
            epoch: segment.epoch,
            index: segment.acks.next_index,
            end: segment.acks.end,
        })
    }

    /// The file beside a segment was made.
    pub(in crate::spool) fn ack_file_made(&mut self, number: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.acks.is_made = true;
        }
    }

    /// A record of `length` bytes was written to it, through this handle.
    pub(in crate::spool) fn ack_written(&mut self, number: u64, length: usize, file: Arc<F>) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.acks.file = Some(file);
            segment.acks.next_index += 1;
            segment.acks.end += length as u64;
            segment.acks.unsynced = true;
        }
        self.audit();
    }

    /// The files that were written and not synced, each with its segment's number. Sync them next: they count as
    /// synced, and a failed sync ends the process.
    pub(in crate::spool) fn take_unsynced(&mut self) -> Vec<(u64, Arc<F>)> {
        let mut files = Vec::new();
        for (number, segment) in &mut self.segments {
            segment.acks.unsynced = false;
            files.extend(segment.acks.file.take().map(|file| (*number, file)));
        }
        files
    }

    /// How many files are written and not synced.
    pub(in crate::spool) fn unsynced_files(&self) -> usize {
        self.segments
            .values()
            .filter(|segment| segment.acks.file.is_some())
            .count()
    }

    /// The first complete segment that can be sealed and is not.
    pub(in crate::spool) fn next_to_seal(&self, name: impl Fn(StreamId) -> StreamName) -> Option<ToSeal> {
        let mut segments = self.segments.iter();
        let (number, segment) = segments
            .find(|(_, segment)| segment.closed && !segment.acks.sealed && !segment.gaps && !segment.is_done())?;
        Some(ToSeal {
            number: *number,
            seal: segment.seal(name),
            size: segment.size,
        })
    }

    /// A segment's file was cut off behind its frames.
    pub(in crate::spool) fn cut_off(&mut self, number: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.size = segment.end;
        }
        self.audit();
    }

    /// A segment's seal is written and synced.
    pub(in crate::spool) fn sealed(&mut self, number: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.acks.sealed = true;
        }
        self.audit();
    }

    /// The first segment in which everything is settled. None while slices are being moved: a copy that is written
    /// after its origin is gone would come back as new.
    pub(in crate::spool) fn next_to_remove(&self) -> Option<Removable> {
        if self.moving > 0 {
            return None;
        }
        let (number, segment) = self.segments.iter().find(|(_, segment)| segment.is_done())?;
        Some(Removable {
            number: *number,
            damaged: segment.damaged,
            has_acks: segment.acks.is_made,
            copied_too_late: segment.copied_too_late,
        })
    }

    /// A segment's files are gone, or have other names.
    pub(in crate::spool) fn remove(&mut self, number: u64) {
        self.segments.remove(&number);
        self.no_room_to_move = false;
        self.audit();
    }
}
