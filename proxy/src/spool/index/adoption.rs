//! What recovery has found on the disk becomes the index's.

use std::collections::BTreeMap;

use super::{Index, segment::Segment, slice_state::SliceState, slices::bytes};
use crate::{
    queue::{Position, Slice},
    spool::format::{Version, acks::Held, frame::DATA_START},
    stream::StreamId,
};

/// A segment as it is found, closed. Either [`Self::sealed_with`] or [`Self::scanned_to`] says what it holds.
#[derive(Debug)]
pub(in crate::spool) struct Found<F>(Segment<F>);

/// All segments that are found.
#[derive(Debug)]
pub(in crate::spool) struct Adoption<F> {
    segments: BTreeMap<u64, Segment<F>>,
}

impl<F> Found<F> {
    /// A segment of `size` bytes.
    pub(in crate::spool) fn new(version: Version, epoch: u64, size: u64) -> Self {
        let mut segment = Segment::new(None, version, epoch, size);
        segment.close();
        Self(segment)
    }

    /// Number of slices so far.
    pub(in crate::spool) fn slices(&self) -> u32 {
        self.0.slices()
    }

    /// The file beside it has so many records, which end at `end`, and all of them are synced.
    pub(in crate::spool) fn acknowledged(&mut self, end: u64, records: u64, sealed: bool) {
        let acks = &mut self.0.acks;
        acks.is_made = true;
        acks.end = end;
        acks.next_index = records;
        acks.sealed = sealed;
    }

    /// It is complete, and this is what was put in. It has no gaps, or it would not have been sealed.
    pub(in crate::spool) fn sealed_with(
        &mut self,
        end: u64,
        slices: u32,
        held: impl IntoIterator<Item = (StreamId, Held)>,
    ) {
        self.0.end = end;
        for _ in 0..slices {
            self.0.states.push(SliceState::Waiting);
            #[cfg(test)]
            self.0.ledger.push(None);
        }
        for (stream, held) in held {
            self.0.held.insert(stream, held);
            self.0.live.insert(stream, held);
            self.0.waiting.insert(stream, held.slices);
        }
    }

    /// Slices of a sealed segment are settled, `elsewhere` when they were moved: so many bytes of one stream, though
    /// which slice has how many is not known.
    pub(in crate::spool) fn settled_unread(
        &mut self,
        stream: StreamId,
        bytes: u64,
        elsewhere: bool,
        ordinals: impl Iterator<Item = u32>,
    ) {
        let segment = &mut self.0;
        let mut count = 0;
        for ordinal in ordinals {
            count += u32::from(!segment.state(ordinal).is_settled());
            segment.settle_found(ordinal, elsewhere);
        }
        let less = |held: &mut Held| {
            held.slices = held.slices.saturating_sub(count);
            held.bytes = held.bytes.saturating_sub(bytes);
            held.slices == 0
        };
        if segment.live.get_mut(&stream).is_some_and(less) {
            segment.live.remove(&stream);
        }
        match segment.waiting.get_mut(&stream) {
            Some(waiting) if *waiting > count => *waiting -= count,
            _ => drop(segment.waiting.remove(&stream)),
        }
    }

    /// A slice that was read waits, the next by its ordinal. Returns that.
    pub(in crate::spool) fn push(&mut self, stream: StreamId, charge: usize) -> u32 {
        self.0.push(stream, charge as u64, SliceState::Waiting)
    }

    /// The frame of the next slice is gone.
    pub(in crate::spool) fn push_gone(&mut self) {
        self.0.push_gone();
    }

    /// Its frames were read, up to `end`. `is_damaged`: something of them was on the disk and is not any more.
    /// `has_gaps`: numbers of slices are missing.
    pub(in crate::spool) fn scanned_to(&mut self, end: u64, is_damaged: bool, has_gaps: bool) {
        self.0.end = end;
        self.0.gaps = is_damaged || has_gaps;
        self.0.damaged = is_damaged;
    }

    /// A slice of a segment that was read is settled, `elsewhere` when it was moved. Its stream and charge, unless its
    /// frame is gone.
    pub(in crate::spool) fn settled(&mut self, ordinal: u32, elsewhere: bool, slice: Option<(StreamId, u64)>) {
        if let Some((stream, charge)) = slice {
            self.0.settle(ordinal, stream, charge, SliceState::Settled);
        }
        self.0.settle_found(ordinal, elsewhere);
    }
}

impl<F> Segment<F> {
    /// A record says that a slice is settled. What was moved stays known as moved: its copy counts.
    fn settle_found(&mut self, ordinal: u32, elsewhere: bool) {
        let state = match (elsewhere, self.state(ordinal)) {
            (true, _) | (_, SliceState::Moved) => SliceState::Moved,
            (false, _) => SliceState::Settled,
        };
        self.states.set(ordinal, state);
    }
}

/// What is known of one of two places of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// The slice is there and needs work.
    Unsettled,
    /// It was delivered from there.
    Settled,
    /// It is not there: moved on, or its frame or its segment is gone.
    Absent,
}

impl<F> Adoption<F> {
    /// None yet.
    pub(in crate::spool) fn new() -> Self {
        Self {
            segments: BTreeMap::new(),
        }
    }

    /// A segment was found.
    pub(in crate::spool) fn put(&mut self, number: u64, found: Found<F>) {
        self.segments.insert(number, found.0);
    }

    /// Whether a segment was found.
    pub(in crate::spool) fn has(&self, number: u64) -> bool {
        self.segments.contains_key(&number)
    }

    /// A slice says that it was moved from another place. Where it is at both, one of them is done with.
    pub(in crate::spool) fn choose_place(&mut self, from: Position, to: Slice) {
        let (settle, state) = match (self.known(from), self.known(to.position)) {
            // The old place was synced long ago, of the new one nobody knows.
            (Known::Unsettled, Known::Unsettled) => (to.position, SliceState::Moved),
            // Delivered from one of the two.
            (Known::Unsettled, Known::Settled) => (from, SliceState::Settled),
            (Known::Settled, Known::Unsettled) => (to.position, SliceState::Settled),
            // At one of the two only, or at none.
            (Known::Unsettled, Known::Absent)
            | (Known::Absent, Known::Unsettled)
            | (Known::Settled | Known::Absent, Known::Settled | Known::Absent) => return,
        };
        if let Some(segment) = self.segments.get_mut(&settle.segment) {
            let charge = to.charge as u64;
            segment.settle(settle.ordinal, to.stream, charge, state);
            segment.acknowledge(settle.ordinal, to.stream, charge, state == SliceState::Moved);
        }
    }

    fn known(&self, position: Position) -> Known {
        let state = self.segments.get(&position.segment);
        match state.map_or(SliceState::Gone, |segment| segment.state(position.ordinal)) {
            SliceState::Waiting | SliceState::HandedOut | SliceState::HandedOutUnreadable => Known::Unsettled,
            SliceState::Settled => Known::Settled,
            SliceState::Moved | SliceState::Gone => Known::Absent,
        }
    }
}

impl<F> Index<F> {
    /// Takes over what was found, charges it, and lets all of it wait. Returns how many slices that are.
    pub(in crate::spool) fn adopt(&mut self, adoption: Adoption<F>) -> u64 {
        let mut slices = 0;
        for (number, segment) in adoption.segments {
            for (stream, held) in &segment.live {
                self.byte_limit.hold(*stream, bytes(held.bytes));
                slices += u64::from(held.slices);
            }
            for (stream, count) in &segment.waiting {
                for _ in 0..*count {
                    self.backlogs.wait(*stream, number, DATA_START as u64);
                }
            }
            self.segments.insert(number, segment);
        }
        self.audit();
        slices
    }
}
