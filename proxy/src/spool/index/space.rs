//! Where frames go: the active segment, the spare one behind it, and the bytes that all segments take.

use std::sync::Arc;

use super::{Index, readable::Readable, segment::Segment};
use crate::{queue::Position, spool::format::Version};

/// A segment that is on the disk with its directory entry and has no frame yet.
#[derive(Debug)]
pub(in crate::spool) struct Prepared<F> {
    pub(in crate::spool) number: u64,
    pub(in crate::spool) version: Version,
    pub(in crate::spool) epoch: u64,
    /// Bytes it takes on the disk.
    pub(in crate::spool) size: u64,
    pub(in crate::spool) file: Arc<F>,
}

/// A place for frames. Nobody closes the segment until it is committed or released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Reserved {
    pub(in crate::spool) segment: u64,
    pub(in crate::spool) offset: u64,
    /// Bytes from there to the segment's end.
    pub(in crate::spool) room: usize,
}

/// What frames need to know before they are written.
#[derive(Debug)]
pub(in crate::spool) struct Assigned<F> {
    /// Of the first frame; the others follow.
    pub(in crate::spool) sequence: u64,
    pub(in crate::spool) epoch: u64,
    /// What the first slice will be.
    pub(in crate::spool) first_slice: u32,
    pub(in crate::spool) file: Arc<F>,
}

impl<F> Index<F> {
    /// The number of the next segment. None is given twice, not even after it is gone.
    pub(in crate::spool) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// No segment gets a number up to this one.
    pub(in crate::spool) fn number_from(&mut self, last: u64) {
        self.last_number = self.last_number.max(last);
    }

    /// Bytes that all segments take on the disk.
    pub(in crate::spool) fn allocated(&self) -> u64 {
        let segments: u64 = self.segments.values().map(|segment| segment.size).sum();
        segments + self.spare.as_ref().map_or(0, |spare| spare.size)
    }

    /// A place for `needed` bytes in the active segment, if it has room and gets frames at all.
    pub(in crate::spool) fn reserve(&mut self, needed: usize) -> Option<Reserved> {
        let number = self.active?;
        let segment = self.segments.get(&number).filter(|segment| !segment.gaps)?;
        let reserved = Reserved {
            segment: number,
            offset: segment.end,
            room: segment.room(),
        };
        if reserved.room < needed {
            return None;
        }
        self.writing = true;
        self.audit();
        Some(reserved)
    }

    /// The frames that a place was reserved for were not written.
    pub(in crate::spool) fn release(&mut self) {
        self.writing = false;
        self.audit();
    }

    /// Numbers for `frames` frames that go into a reserved place.
    pub(in crate::spool) fn assign(&mut self, reserved: Reserved, frames: usize) -> Assigned<F> {
        let sequence = self.next_sequence;
        self.next_sequence += frames as u64;
        let active = &self.segments[&reserved.segment];
        Assigned {
            sequence,
            epoch: active.epoch,
            first_slice: active.slices(),
            file: Arc::clone(active.file.as_ref().expect("an active segment's file is open")),
        }
    }

    /// The reserved place is written and synced up to `end`. Place the slices of its frames next.
    pub(in crate::spool) fn commit(&mut self, segment: u64, end: u64) {
        self.writing = false;
        let active = self.segments.get_mut(&segment);
        active.expect("an active segment is never removed").end = end;
        self.audit();
    }

    /// Whether a segment of at least `size` bytes is ready.
    pub(in crate::spool) fn has_spare(&self, size: u64) -> bool {
        self.spare.as_ref().is_some_and(|spare| spare.size >= size)
    }

    /// Whether to make the next segment now: the active one is half full, and three more of its size would fit under
    /// `limit`. `made_ahead` says what holds while none is active.
    pub(in crate::spool) fn wants_spare(&self, size: u64, limit: u64, made_ahead: bool) -> bool {
        let active = self.active.and_then(|number| self.segments.get(&number));
        let half_full = active.map_or(made_ahead, |segment| segment.end >= segment.size / 2);
        half_full && self.spare.is_none() && self.allocated() + 3 * size <= limit
    }

    /// Has a segment ready. One that was ready before is too small or no longer needed: it goes like every empty
    /// segment.
    pub(in crate::spool) fn put_spare(&mut self, prepared: Prepared<F>) {
        if let Some(unused) = self.spare.replace(prepared) {
            let mut segment = Segment::new(None, unused.version, unused.epoch, unused.size);
            segment.close();
            self.segments.insert(unused.number, segment);
        }
        self.audit();
    }

    /// Closes the active segment and goes on with the spare one.
    pub(in crate::spool) fn start_spare(&mut self) {
        if let Some(segment) = self.active.and_then(|number| self.segments.get_mut(&number)) {
            segment.close();
        }
        self.active = self.spare.take().map(|spare| {
            let segment = Segment::new(Some(spare.file), spare.version, spare.epoch, spare.size);
            self.segments.insert(spare.number, segment);
            spare.number
        });
        self.full = false;
        self.audit();
    }

    /// Closes the active segment unless a frame is on its way into it. The next frame gets another one.
    pub(in crate::spool) fn close_active(&mut self) -> bool {
        let number = self.active.filter(|_| !self.writing);
        let Some(segment) = number.and_then(|number| self.segments.get_mut(&number)) else {
            return false;
        };
        segment.close();
        self.active = None;
        self.audit();
        true
    }

    /// The active segment, if it has slices and is the only one.
    pub(in crate::spool) fn lone_active(&self) -> Option<u64> {
        let number = self.active.filter(|_| self.segments.len() == 1)?;
        (self.segments[&number].slices() > 0).then_some(number)
    }

    /// Whether the disk had no room for a segment when one was last asked for.
    pub(in crate::spool) fn is_full(&self) -> bool {
        self.full
    }

    /// The disk had room for a segment, or had none.
    pub(in crate::spool) fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// So many frames of slices are on their way to another place.
    pub(in crate::spool) fn moves_begin(&mut self, frames: usize) {
        self.moving += frames;
    }

    /// One of them is written; relocate its slices next.
    pub(in crate::spool) fn move_ends(&mut self) {
        self.moving -= 1;
    }

    /// One of them found no room; no other is tried until something is deleted.
    pub(in crate::spool) fn move_fails(&mut self) {
        self.moving -= 1;
        self.no_room_to_move = true;
    }

    /// The segment with the least that is not settled, when less than a quarter of `limit` is free and nothing is being
    /// moved. `None` when more than `percent` of it would have to be moved. Only those of a version that `can_move`.
    pub(in crate::spool) fn worth_moving(
        &self,
        limit: u64,
        percent: u64,
        can_move: impl Fn(Version) -> bool,
    ) -> Option<Readable<F>> {
        if self.moving > 0 || self.no_room_to_move || !(self.full || self.allocated() + limit / 4 > limit) {
            return None;
        }
        let complete = self
            .segments
            .iter()
            .filter(|(_, segment)| segment.closed && segment.acks.sealed && !segment.gaps && !segment.is_done())
            .filter(|(_, segment)| can_move(segment.version));
        let (number, segment) =
            complete.min_by_key(|(_, segment)| segment.live().bytes * 1000 / segment.size.max(1))?;
        let worth = segment.live().bytes * 100 <= segment.size * percent;
        worth.then(|| segment.readable(*number))
    }

    /// Where a slice is now.
    pub(super) fn resolve(&mut self, mut position: Position) -> Position {
        while let Some(next) = self.moves.remove(&position) {
            position = next;
        }
        position
    }
}
