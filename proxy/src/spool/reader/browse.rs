//! Looks at what is stored without handing it out, for those who pick and choose: the dead letters.

use std::{collections::BTreeSet, mem, ops::ControlFlow, sync::Arc};

use super::salvage::Salvaged;
use crate::{
    queue::{EventBatch, Position, Slice},
    spool::{
        disk::Disk,
        format::scan,
        index::Readable,
        log::{Feedback, Later, Log},
    },
};

/// A slice that is not settled.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) slice: Slice,
    pub(crate) batch: EventBatch,
}

/// Slices that somebody has chosen of what was shown. They are the holder's until they are forgotten, wherever they are
/// moved meanwhile; dropped before that, they go back.
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
        let taken = self.log.lock().index.take(slice);
        if taken {
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
    ///
    /// # Errors
    ///
    /// [`Later`]; what was shown by then is all that was seen.
    pub(crate) fn look(
        &self,
        from: Option<Position>,
        mut visit: impl FnMut(Seen) -> ControlFlow<()>,
    ) -> Result<(), Later> {
        let mut next = from.map_or(0, |position| position.segment);
        loop {
            let Some(Readable {
                number,
                version,
                epoch,
                end,
                slices,
                file,
            }) = self.lock().index.next_unsettled(next)
            else {
                return Ok(());
            };
            next = number + 1;
            let _memory = self.reading(end);
            let Salvaged { bytes, .. } = self.salvage_segment(number, file, end)?;
            let mut readable = BTreeSet::new();
            for (offset, header) in scan::scan(&bytes, epoch).frames {
                for found in self
                    .slices_of(version, number, &header, &bytes[offset..])
                    .into_iter()
                    .flatten()
                {
                    let position = found.slice.position;
                    readable.insert(position.ordinal);
                    if from.is_some_and(|from| position < from) || self.lock().index.is_settled(position) {
                        continue;
                    }
                    let seen = Seen {
                        slice: found.slice,
                        batch: found.batch,
                    };
                    if visit(seen).is_break() {
                        return Ok(());
                    }
                }
            }
            // What cannot be shown cannot be asked for either, and would count for ever.
            let is_readable = |ordinal| readable.contains(&ordinal);
            let has_others = self.lock().index.has_others(number, slices, is_readable);
            if has_others {
                self.take_stock(number)?;
            }
        }
    }

    /// The place that the next slice gets, or a place before it and behind all others.
    pub(crate) fn end(&self) -> Position {
        self.lock().index.end()
    }
}
