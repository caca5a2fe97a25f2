//! What the process knows of the log: which slice of which segment waits, is in somebody's hands or needs no more work,
//! what of that the disk has not heard of yet, and where the next frame goes. The only owner of that state.
//!
//! Moves no byte and reads no clock. Whoever does I/O asks for what is due, does it without the lock, and says what
//! came of it. Every change is a verb: it keeps all counts, and [`Index::check`] recomputes them from the slices.
//!
//! ```text
//! a segment   reserve → commit (place, …) → close → seal → remove          adopt brings one in that recovery has found
//! a slice     place → Waiting ⇄ HandedOut → Settled                        take, give back, settle
//!                        │          │
//!                        └──────────┴────→ Moved, and its copy goes on     relocate
//!                        │          └────→ HandedOutUnreadable             recount: what a bad disk still gives
//!                        └───────────────→ Gone
//! ```

mod acknowledgements;
mod adoption;
mod backlogs;
mod check;
mod readable;
mod reading;
mod segment;
mod slice_state;
mod slices;
mod space;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

#[cfg(test)]
use self::check::Audit;
pub(in crate::spool) use self::{
    acknowledgements::{AckFile, Removable, ToSeal},
    adoption::{Adoption, Found},
    readable::Readable,
    reading::Place,
    space::{Assigned, Prepared, Reserved},
};
use self::{backlogs::Backlogs, segment::Segment};
use crate::queue::{ByteLimit, Position};

/// Everything that the writer, the maintainer, the intake and the batches must agree on.
#[derive(Debug)]
pub(in crate::spool) struct Index<F> {
    /// By their numbers, which only rise.
    segments: BTreeMap<u64, Segment<F>>,
    /// The one that frames are added to.
    active: Option<u64>,
    /// Whether a frame is on its way into the active segment, which must not be closed meanwhile.
    writing: bool,
    /// The next segment, ready.
    spare: Option<Prepared<F>>,
    last_number: u64,
    next_sequence: u64,
    backlogs: Backlogs,
    /// Where slices went that were moved while they were handed out.
    moves: HashMap<Position, Position>,
    /// Moved frames that are not written yet.
    moving: usize,
    /// Whether slices could not be moved and nothing has been deleted since.
    no_room_to_move: bool,
    /// Whether the disk had no room for a segment when one was last asked for.
    full: bool,
    /// Bytes that are not settled; each slice is charged until it is.
    byte_limit: ByteLimit,
    #[cfg(test)]
    audit: Audit,
}

/// What is not settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// Parts of requests, each for one stream.
    pub slices: u64,
    /// Bytes they are charged.
    pub bytes: u64,
}

impl<F> Index<F> {
    /// An empty one, which charges slices to `byte_limit`.
    pub(in crate::spool) fn new(byte_limit: ByteLimit) -> Self {
        Self {
            segments: BTreeMap::new(),
            active: None,
            writing: false,
            spare: None,
            last_number: 0,
            next_sequence: 0,
            backlogs: Backlogs::default(),
            moves: HashMap::new(),
            moving: 0,
            no_room_to_move: false,
            full: false,
            byte_limit,
            #[cfg(test)]
            audit: Audit::default(),
        }
    }

    /// What is not settled.
    pub(in crate::spool) fn unsettled(&self) -> Unsettled {
        let live = self.segments.values().map(Segment::live);
        live.fold(Unsettled::default(), |sum, live| Unsettled {
            slices: sum.slices + u64::from(live.slices),
            bytes: sum.bytes + live.bytes,
        })
    }

    /// A segment, to be read.
    pub(in crate::spool) fn readable(&self, number: u64) -> Option<Readable<F>> {
        self.segments.get(&number).map(|segment| segment.readable(number))
    }

    /// The first segment from `number` on with a slice that is not settled.
    pub(in crate::spool) fn next_unsettled(&self, number: u64) -> Option<Readable<F>> {
        let mut later = self.segments.range(number..);
        let (number, segment) = later.find(|(_, segment)| segment.live().slices > 0)?;
        Some(segment.readable(*number))
    }

    /// Whether a slice needs no more work. True of one whose segment is gone.
    pub(in crate::spool) fn is_settled(&self, position: Position) -> bool {
        let segment = self.segments.get(&position.segment);
        segment.is_none_or(|segment| segment.state(position.ordinal).is_settled())
    }

    /// Whether nobody has a slice and it needs work.
    pub(in crate::spool) fn is_waiting(&self, position: Position) -> bool {
        let segment = self.segments.get(&position.segment);
        segment.is_some_and(|segment| segment.state(position.ordinal).is_waiting())
    }

    /// Whether among the first `slices` of a segment there are some that must be readable and are not.
    pub(in crate::spool) fn has_others(&self, number: u64, slices: u32, is_readable: impl Fn(u32) -> bool) -> bool {
        let segment = self.segments.get(&number);
        segment.is_some_and(|segment| {
            let mut missing = (0..slices).filter(|ordinal| !is_readable(*ordinal));
            missing.any(|ordinal| segment.state(ordinal).must_be_readable())
        })
    }

    /// The place that the next slice gets, or a place before it and behind all others.
    pub(in crate::spool) fn end(&self) -> Position {
        let last = self.segments.last_key_value();
        last.map_or(Position { segment: 0, ordinal: 0 }, |(number, segment)| Position {
            segment: *number,
            ordinal: segment.slices(),
        })
    }

    #[cfg(test)]
    pub(in crate::spool) fn segment_count(&self) -> usize {
        self.segments.len()
    }
}
