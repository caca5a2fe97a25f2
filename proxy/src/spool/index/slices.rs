//! What happens to slices: placed, taken, given back, settled, relocated, counted anew.

use std::collections::{BTreeMap, BTreeSet};

use super::{Index, segment::Segment, slice_state::SliceState};
use crate::{
    queue::{Position, Slice},
    spool::format::{acks::Held, frame::DATA_START},
    stream::StreamId,
};

impl<F> Index<F> {
    /// Counts a slice of a committed frame that is handed out at once.
    pub(in crate::spool) fn place_handed_out(&mut self, segment: u64, stream: StreamId, charge: usize) -> Slice {
        let slice = self.place(segment, stream, charge, SliceState::HandedOut);
        self.audit();
        slice
    }

    /// Counts a slice of a committed frame, at `offset`, that waits.
    pub(in crate::spool) fn place_waiting(&mut self, segment: u64, stream: StreamId, charge: usize, offset: u64) {
        self.place(segment, stream, charge, SliceState::Waiting);
        self.backlogs.wait(stream, segment, offset);
        self.audit();
    }

    fn place(&mut self, number: u64, stream: StreamId, charge: usize, state: SliceState) -> Slice {
        let segment = self.segments.get_mut(&number);
        let segment = segment.expect("an active segment is never removed");
        Slice {
            position: Position {
                segment: number,
                ordinal: segment.push(stream, charge as u64, state),
            },
            stream,
            charge,
        }
    }

    /// Hands a slice out that waits. False when it does not.
    pub(in crate::spool) fn take(&mut self, slice: Slice) -> bool {
        let segment = self.segments.get_mut(&slice.position.segment);
        let taken = segment.is_some_and(|segment| segment.take(slice.position.ordinal, slice.stream));
        if taken {
            self.backlogs.one_less(slice.stream);
            self.audit();
        }
        taken
    }

    /// A slice needs no more work, wherever it is now.
    pub(in crate::spool) fn settle(&mut self, slice: Slice) {
        let position = self.resolve(slice.position);
        let charge = slice.charge as u64;
        let Some(segment) = self.segments.get_mut(&position.segment) else {
            return;
        };
        if let Some(freed) = segment.settle(position.ordinal, slice.stream, charge, SliceState::Settled) {
            segment.acknowledge(position.ordinal, slice.stream, charge, false);
            self.byte_limit.give_back(slice.stream, bytes(freed.bytes));
            if freed.was.is_waiting() {
                self.backlogs.one_less(slice.stream);
            }
        }
        self.audit();
    }

    /// A slice comes back, and waits again. Returns true when it is lost instead, because the disk cannot give it any
    /// more.
    pub(in crate::spool) fn give_back(&mut self, slice: Slice) -> bool {
        let position = self.resolve(slice.position);
        let Some(segment) = self.segments.get_mut(&position.segment) else {
            return false;
        };
        let is_lost = segment.state(position.ordinal) == SliceState::HandedOutUnreadable;
        if is_lost {
            let freed = segment.settle(position.ordinal, slice.stream, slice.charge as u64, SliceState::Gone);
            self.byte_limit
                .give_back(slice.stream, bytes(freed.map_or(0, |freed| freed.bytes)));
            segment.damaged = true;
        } else if segment.give_back(position.ordinal, slice.stream) {
            self.backlogs.wait(slice.stream, position.segment, DATA_START as u64);
        }
        self.audit();
        is_lost
    }

    /// A copy of a slice was written into segment `to`: the old place is done with, unless the slice was settled
    /// meanwhile, which makes the copy done with.
    pub(in crate::spool) fn relocate(&mut self, slice: Slice, to: u64) {
        let Slice {
            position: from,
            stream,
            charge,
        } = slice;
        let charge = charge as u64;
        let old = self.segments.get_mut(&from.segment);
        let freed = old.and_then(|old| {
            let freed = old.settle(from.ordinal, stream, charge, SliceState::Moved)?;
            old.acknowledge(from.ordinal, stream, charge, true);
            Some(freed)
        });
        let new = self.segments.get_mut(&to);
        let new = new.expect("an active segment is never removed");
        if let Some(freed) = freed {
            // What was unreadable is charged again with its copy, and what a damaged disk had miscounted is charged
            // right.
            self.byte_limit.hold(stream, bytes(charge.saturating_sub(freed.bytes)));
            self.byte_limit
                .give_back(stream, bytes(freed.bytes.saturating_sub(charge)));
            let waits = freed.was.is_waiting();
            let state = if waits {
                SliceState::Waiting
            } else {
                SliceState::HandedOut
            };
            let ordinal = new.push(stream, charge, state);
            if !waits {
                self.moves.insert(from, Position { segment: to, ordinal });
            }
        } else {
            let ordinal = new.push(stream, charge, SliceState::HandedOut);
            new.settle(ordinal, stream, charge, SliceState::Settled);
            new.acknowledge(ordinal, stream, charge, false);
            if let Some(old) = self.segments.get_mut(&from.segment) {
                old.copied_too_late = true;
            }
        }
        self.audit();
    }

    /// A segment cannot be read as it should be: it gets no more frames and is read whole from now on.
    pub(in crate::spool) fn mark_gaps(&mut self, number: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.gaps = true;
        }
        self.audit();
    }

    /// These slices of a segment with gaps can be read, and no others: counts what waits among the others as gone.
    /// Returns how many that are.
    pub(in crate::spool) fn recount(&mut self, number: u64, readable: &[Slice]) -> u32 {
        let Some(segment) = self.segments.get_mut(&number) else {
            return 0;
        };
        segment.forget_all_but(readable);
        let mut lost = 0;
        for (stream, (bytes_left, waiting)) in segment.streams_of(readable) {
            let live = segment.live.remove(&stream).unwrap_or_default();
            let waited = segment.waiting.remove(&stream).unwrap_or(0);
            let slices = live.slices.saturating_sub(waited) + waiting;
            if slices > 0 {
                let bytes = bytes_left;
                segment.live.insert(stream, Held { slices, bytes });
            }
            if waiting > 0 {
                segment.waiting.insert(stream, waiting);
            }
            self.byte_limit
                .give_back(stream, bytes(live.bytes.saturating_sub(bytes_left)));
            self.byte_limit
                .hold(stream, bytes(bytes_left.saturating_sub(live.bytes)));
            lost += waited.saturating_sub(waiting);
            for _ in waiting..waited {
                self.backlogs.one_less(stream);
            }
            for _ in waited..waiting {
                self.backlogs.wait(stream, number, DATA_START as u64);
            }
        }
        segment.damaged |= lost > 0;
        self.audit();
        lost
    }
}

impl<F> Segment<F> {
    /// Whoever has a slice needs no disk to deliver it, and will say so; what nobody has is gone.
    fn forget_all_but(&mut self, readable: &[Slice]) {
        let known: BTreeSet<u32> = readable.iter().map(|slice| slice.position.ordinal).collect();
        for ordinal in (0..self.slices()).filter(|ordinal| !known.contains(ordinal)) {
            match self.state(ordinal) {
                SliceState::Waiting => self.states.set(ordinal, SliceState::Gone),
                SliceState::HandedOut => self.states.set(ordinal, SliceState::HandedOutUnreadable),
                SliceState::HandedOutUnreadable | SliceState::Settled | SliceState::Moved | SliceState::Gone => {}
            }
        }
    }

    /// For every stream with something unsettled: bytes and waiting slices of what can be read.
    fn streams_of(&mut self, readable: &[Slice]) -> BTreeMap<StreamId, (u64, u32)> {
        let mut streams: BTreeMap<StreamId, (u64, u32)> = self.live.keys().map(|stream| (*stream, (0, 0))).collect();
        for slice in readable {
            let state = self.state(slice.position.ordinal);
            if state.must_be_readable() {
                let (bytes, waiting) = streams.entry(slice.stream).or_default();
                *bytes += slice.charge as u64;
                *waiting += u32::from(state.is_waiting());
            }
        }
        streams
    }
}

/// Bytes in memory's own measure.
pub(super) fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
