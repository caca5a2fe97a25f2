//! Looks at what is stored without handing it out, for those who pick and choose: the dead letters.

use std::{collections::BTreeSet, mem, ops::ControlFlow, sync::Arc};

use super::{
    Disk, Log, Parcel, Position, Report,
    salvage::{Salvaged, salvage},
    scan,
    segment::Segment,
};
use crate::spool::Frame;

/// A parcel that is not settled.
#[derive(Debug)]
pub(in crate::spool) struct Seen {
    pub(in crate::spool) parcel: Parcel,
    pub(in crate::spool) frame: Frame,
}

/// Parcels that somebody has chosen of what was shown. They are the holder's until they are forgotten, wherever they are moved meanwhile;
/// dropped before that, they go back.
#[derive(Debug)]
pub(in crate::spool) struct Chosen<D: Disk> {
    log: Arc<Log<D>>,
    parcels: Vec<Parcel>,
}

impl<D: Disk> Chosen<D> {
    /// None yet.
    pub(in crate::spool) fn of(log: &Arc<Log<D>>) -> Self {
        Self {
            log: Arc::clone(log),
            parcels: Vec::new(),
        }
    }

    /// Adds one. False when it is no longer where it was shown, or somebody else has it.
    pub(in crate::spool) fn add(&mut self, parcel: Parcel) -> bool {
        let mut state = self.log.lock();
        let segment = state.segments.get_mut(&parcel.position.segment);
        let taken = segment.is_some_and(|segment| segment.take(parcel.position.ordinal, parcel.stream));
        if taken {
            state.handed_out(parcel.stream);
            self.parcels.push(parcel);
        }
        taken
    }

    /// How many.
    pub(in crate::spool) fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Says that they need no more work. See [`Log::is_quiet`] for when the disk knows.
    pub(in crate::spool) fn forget(mut self) {
        for parcel in mem::take(&mut self.parcels) {
            self.log.report(Report::Settled(parcel));
        }
    }
}

impl<D: Disk> Drop for Chosen<D> {
    fn drop(&mut self) {
        for parcel in mem::take(&mut self.parcels) {
            self.log.report(Report::Returned(parcel));
        }
    }
}

impl<D: Disk> Log<D> {
    /// Shows every parcel that is not settled, oldest first, from `from` on. Holds one segment in memory at a time.
    pub(in crate::spool) fn look(&self, from: Option<Position>, mut visit: impl FnMut(Seen) -> ControlFlow<()>) {
        let mut next = from.map_or(0, |position| position.segment);
        loop {
            let (number, epoch, end, parcels, file) = {
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
                    segment.parcels,
                    Arc::clone(&segment.file),
                )
            };
            next = number + 1;
            let Salvaged { bytes, .. } = salvage(&*file, end);
            let mut readable = BTreeSet::new();
            for (offset, header) in scan::scan(&bytes, epoch).frames {
                for found in self.parcels_of(number, &header, &bytes[offset..]).into_iter().flatten() {
                    let position = found.parcel.position;
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
                        parcel: found.parcel,
                        frame: found.frame,
                    };
                    if visit(seen).is_break() {
                        return;
                    }
                }
            }
            let is_lost = |segment: &Segment<D::File>| {
                let mut missing = (0..parcels).filter(|ordinal| !readable.contains(ordinal));
                missing.any(|ordinal| !segment.settled.contains(ordinal) && !segment.unreadable.contains(ordinal))
            };
            // What cannot be shown cannot be asked for either, and would count for ever.
            if self.lock().segments.get(&number).is_some_and(is_lost) {
                self.take_stock(number);
            }
        }
    }

    /// The place that the next parcel gets, or a place before it and behind all others.
    pub(in crate::spool) fn end(&self) -> Position {
        let state = self.lock();
        let last = state.segments.last_key_value();
        last.map_or(Position { segment: 0, ordinal: 0 }, |(number, segment)| Position {
            segment: *number,
            ordinal: segment.parcels,
        })
    }
}
