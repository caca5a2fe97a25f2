//! Looks at what is stored without handing it out, for those who pick and choose: the dead letters.

use std::{collections::BTreeSet, mem, ops::ControlFlow, sync::Arc};

use super::salvage::{Salvaged, salvage};
use crate::{
    queue::{EventBatch, Position, Slice},
    spool::{
        disk::Disk,
        format::scan,
        index::segment::Segment,
        log::{Feedback, Log},
    },
};

/// A slice that is not settled.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) slice: Slice,
    pub(crate) batch: EventBatch,
}

/// Slices that somebody has chosen of what was shown. They are the holder's until they are forgotten, wherever they are moved meanwhile;
/// dropped before that, they go back.
#[derive(Debug)]
pub(crate) struct Chosen<D: Disk> {
    log: Arc<Log<D>>,
    slices: Vec<Slice>,
}

impl<D: Disk> Chosen<D> {
    /// None yet.
    pub(crate) fn of(log: &Arc<Log<D>>) -> Self {
        Self {
            log: Arc::clone(log),
            slices: Vec::new(),
        }
    }

    /// Adds one. False when it is no longer where it was shown, or somebody else has it.
    pub(crate) fn add(&mut self, slice: Slice) -> bool {
        let mut state = self.log.lock();
        let segment = state.segments.get_mut(&slice.position.segment);
        let taken = segment.is_some_and(|segment| segment.take(slice.position.ordinal, slice.stream));
        if taken {
            state.handed_out(slice.stream);
            self.slices.push(slice);
        }
        taken
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.slices.len()
    }

    /// Says that they need no more work. See [`Log::is_quiet`] for when the disk knows.
    pub(crate) fn forget(mut self) {
        for slice in mem::take(&mut self.slices) {
            self.log.report(Feedback::Settled(slice));
        }
    }
}

impl<D: Disk> Drop for Chosen<D> {
    fn drop(&mut self) {
        for slice in mem::take(&mut self.slices) {
            self.log.report(Feedback::Returned(slice));
        }
    }
}

impl<D: Disk> Log<D> {
    /// Shows every slice that is not settled, oldest first, from `from` on. Holds one segment in memory at a time.
    pub(crate) fn look(&self, from: Option<Position>, mut visit: impl FnMut(Seen) -> ControlFlow<()>) {
        let mut next = from.map_or(0, |position| position.segment);
        loop {
            let (number, epoch, end, slices, file) = {
                let state = self.lock();
                let Some((number, segment)) = state
                    .segments
                    .range(next..)
                    .find(|(_, segment)| !segment.live.is_empty())
                else {
                    return;
                };
                (
                    *number,
                    segment.epoch,
                    segment.end,
                    segment.slices,
                    Arc::clone(&segment.file),
                )
            };
            next = number + 1;
            let Salvaged { bytes, .. } = salvage(&*file, end);
            let mut readable = BTreeSet::new();
            for (offset, header) in scan::scan(&bytes, epoch).frames {
                for found in self.slices_of(number, &header, &bytes[offset..]).into_iter().flatten() {
                    let position = found.slice.position;
                    readable.insert(position.ordinal);
                    let settled = |position: Position| {
                        let state = self.lock();
                        let segment = state.segments.get(&position.segment);
                        segment.is_none_or(|segment| segment.settled.contains(position.ordinal))
                    };
                    if from.is_some_and(|from| position < from) || settled(position) {
                        continue;
                    }
                    let seen = Seen {
                        slice: found.slice,
                        batch: found.batch,
                    };
                    if visit(seen).is_break() {
                        return;
                    }
                }
            }
            let is_lost = |segment: &Segment<D::File>| {
                let mut missing = (0..slices).filter(|ordinal| !readable.contains(ordinal));
                missing.any(|ordinal| !segment.settled.contains(ordinal) && !segment.unreadable.contains(ordinal))
            };
            // What cannot be shown cannot be asked for either, and would count for ever.
            if self.lock().segments.get(&number).is_some_and(is_lost) {
                self.take_stock(number);
            }
        }
    }

    /// The place that the next slice gets, or a place before it and behind all others.
    pub(crate) fn end(&self) -> Position {
        let state = self.lock();
        let last = state.segments.last_key_value();
        last.map_or(Position { segment: 0, ordinal: 0 }, |(number, segment)| Position {
            segment: *number,
            ordinal: segment.slices,
        })
    }
}
