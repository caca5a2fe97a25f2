//! Where the maintainer reads for streams with a backlog: oldest first, each stream from its own place, one in turn.

use std::{collections::BTreeSet, sync::Arc};

use super::{Index, readable::Readable};
use crate::{
    spool::format::{Version, frame::DATA_START},
    stream::StreamId,
};

/// Where to read.
#[derive(Debug)]
pub(in crate::spool) struct Place<F> {
    pub(in crate::spool) segment: u64,
    pub(in crate::spool) start: u64,
    pub(in crate::spool) end: u64,
    pub(in crate::spool) version: Version,
    pub(in crate::spool) epoch: u64,
    /// It cannot be read frame by frame.
    pub(in crate::spool) gaps: bool,
    /// `None` when it is not open.
    pub(in crate::spool) file: Option<Arc<F>>,
}

impl<F> Index<F> {
    /// The last segment in front of another.
    pub(in crate::spool) fn before(&self, number: u64) -> Option<Readable<F>> {
        let (number, segment) = self.segments.range(..number).next_back()?;
        Some(segment.readable(*number))
    }

    /// Whether slices of a stream wait, so that others queue up behind them.
    pub(in crate::spool) fn has_backlog(&self, stream: StreamId) -> bool {
        self.backlogs.streams.contains_key(&stream)
    }

    /// How many streams have slices that wait.
    pub(in crate::spool) fn backlogs(&self) -> usize {
        self.backlogs.streams.len()
    }

    /// Where to read for the next stream in turn that has room.
    pub(in crate::spool) fn next_place(&mut self, has_room: impl Fn(StreamId) -> bool) -> Option<Place<F>> {
        let chosen = self.backlogs.next(has_room)?;
        loop {
            let backlog = self.backlogs.streams.get_mut(&chosen)?;
            let (segment, offset) = backlog.cursor;
            let Some((&number, found)) = self.segments.range(segment..).next() else {
                // Every slice that waits is in a segment; were it otherwise, the maintainer would ask for ever.
                self.backlogs.streams.remove(&chosen);
                return None;
            };
            let start = if number == segment { offset } else { DATA_START as u64 };
            if found.waiting.contains_key(&chosen) && start < found.end {
                backlog.cursor = (number, start);
                return Some(Place {
                    segment: number,
                    start,
                    end: found.end,
                    version: found.version,
                    epoch: found.epoch,
                    gaps: found.gaps,
                    file: found.file.clone(),
                });
            }
            backlog.cursor = (number + 1, DATA_START as u64);
        }
    }

    /// The streams whose next slice is in this piece of a segment, or behind it.
    pub(in crate::spool) fn streams_reading(&self, segment: u64, start: u64, end: u64) -> BTreeSet<StreamId> {
        let piece = (segment, start)..(segment, end);
        let reading = self
            .backlogs
            .streams
            .iter()
            .filter(|(_, backlog)| piece.contains(&backlog.cursor));
        reading.map(|(stream, _)| *stream).collect()
    }

    /// Whether a stream has read past an offset of the segment that it reads.
    pub(in crate::spool) fn has_passed(&self, stream: StreamId, offset: u64) -> bool {
        let backlog = self.backlogs.streams.get(&stream);
        backlog.is_none_or(|backlog| offset < backlog.cursor.1)
    }

    /// A stream goes on reading here: the slice at this place found no room.
    pub(in crate::spool) fn stop_at(&mut self, stream: StreamId, segment: u64, offset: u64) {
        if let Some(backlog) = self.backlogs.streams.get_mut(&stream) {
            backlog.cursor = (segment, offset);
        }
        self.audit();
    }

    /// A stream has read everything before this place.
    pub(in crate::spool) fn advance_to(&mut self, stream: StreamId, segment: u64, offset: u64) {
        if let Some(backlog) = self.backlogs.streams.get_mut(&stream) {
            backlog.cursor = backlog.cursor.max((segment, offset));
        }
        self.audit();
    }
}
