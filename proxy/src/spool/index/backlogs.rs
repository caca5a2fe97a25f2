//! Which streams have slices on the disk that delivery could not take, and where the first of them is.
//!
//! A stream has a backlog from the first slice that found the window full until the last one is handed out; meanwhile
//! its new slices queue up behind.

use std::collections::BTreeMap;

use crate::stream::StreamId;

/// The backlogs of all streams.
#[derive(Debug, Default)]
pub(super) struct Backlogs {
    pub(super) streams: BTreeMap<StreamId, Backlog>,
    /// Whom the maintainer has read for last.
    turn: Option<StreamId>,
}

/// The slices of a stream that wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backlog {
    /// How many; never 0.
    pub(super) slices: u64,
    /// Segment and offset; none of them is before it.
    pub(super) cursor: (u64, u64),
}

impl Backlogs {
    /// A slice of a stream waits at a place.
    pub(super) fn wait(&mut self, stream: StreamId, segment: u64, offset: u64) {
        let cursor = (segment, offset);
        let backlog = self.streams.entry(stream).or_insert(Backlog { slices: 0, cursor });
        backlog.slices += 1;
        backlog.cursor = backlog.cursor.min(cursor);
    }

    /// A slice of a stream does not wait any more.
    pub(super) fn one_less(&mut self, stream: StreamId) {
        if let Some(backlog) = self.streams.get_mut(&stream) {
            backlog.slices -= 1;
            if backlog.slices == 0 {
                self.streams.remove(&stream);
            }
        }
    }

    /// The next stream in turn that has room.
    pub(super) fn next(&mut self, has_room: impl Fn(StreamId) -> bool) -> Option<StreamId> {
        let after = self.turn;
        let later = self
            .streams
            .keys()
            .filter(|stream| after.is_none_or(|after| **stream > after));
        let chosen = later
            .chain(self.streams.keys())
            .copied()
            .find(|stream| has_room(*stream))?;
        self.turn = Some(chosen);
        Some(chosen)
    }
}
