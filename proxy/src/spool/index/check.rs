//! The invariants of the index, all of them, recomputed from the states of the slices.
//!
//! Unit tests and simulations call [`Index::check`] after verbs (`Audit` says how often); every process does after its
//! recovery.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{Index, segment::Segment, slice_state::SliceState};
use crate::{queue::Position, spool::format::frame::DATA_START, stream::StreamId};

/// An invariant that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::spool) struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// `Err` unless `holds`.
fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what())) }
}

impl<F> Index<F> {
    /// Recomputes everything that verbs keep.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold.
    pub(in crate::spool) fn check(&self) -> Result<(), Broken> {
        for (number, segment) in &self.segments {
            segment
                .check()
                .map_err(|Broken(what)| Broken(format!("segment {number}: {what}")))?;
            let is_active = self.active == Some(*number);
            require(segment.closed != is_active, || {
                format!("segment {number}: closed is {}, active is {is_active}", segment.closed)
            })?;
            require(*number <= self.last_number, || {
                format!(
                    "segment {number}: a later segment would get number {}",
                    self.last_number + 1
                )
            })?;
        }
        self.check_space()?;
        self.check_backlogs()?;
        self.check_moves()?;
        self.check_charges()
    }

    fn check_space(&self) -> Result<(), Broken> {
        if let Some(active) = self.active {
            require(self.segments.contains_key(&active), || {
                format!("the active segment {active} is not there")
            })?;
        }
        require(!self.writing || self.active.is_some(), || {
            "a place is reserved and no segment is active".to_owned()
        })?;
        if let Some(spare) = &self.spare {
            require(!self.segments.contains_key(&spare.number), || {
                format!("segment {} is spare and in use", spare.number)
            })?;
        }
        Ok(())
    }

    /// A stream has a backlog exactly if slices of it wait, of as many, and reads from no later segment than the first
    /// of them.
    fn check_backlogs(&self) -> Result<(), Broken> {
        let mut waiting: BTreeMap<StreamId, (u64, u64)> = BTreeMap::new();
        for (number, segment) in &self.segments {
            for (stream, count) in &segment.waiting {
                waiting.entry(*stream).or_insert((0, *number)).0 += u64::from(*count);
            }
        }
        for (stream, backlog) in &self.backlogs.streams {
            let (count, first) = waiting.remove(stream).unwrap_or((0, 0));
            require(backlog.slices == count && count > 0, || {
                format!("{stream:?}: a backlog of {}, and {count} slices wait", backlog.slices)
            })?;
            require(backlog.cursor.0 <= first, || {
                format!(
                    "{stream:?}: reads from {:?} on, and slices wait in {first}",
                    backlog.cursor
                )
            })?;
        }
        require(waiting.is_empty(), || {
            format!("slices wait without a backlog: {waiting:?}")
        })
    }

    /// A slice that was moved while it was handed out is handed out at its new place, or has been moved on from there.
    fn check_moves(&self) -> Result<(), Broken> {
        let state = |position: &Position| {
            let segment = self.segments.get(&position.segment);
            segment.map(|segment| segment.state(position.ordinal))
        };
        for (from, to) in &self.moves {
            let (old, new) = (state(from), state(to));
            let has_left = matches!(old, None | Some(SliceState::Moved));
            let is_there = match new {
                Some(SliceState::HandedOut | SliceState::HandedOutUnreadable) => true,
                None | Some(SliceState::Moved) => self.moves.contains_key(to),
                Some(SliceState::Waiting | SliceState::Settled | SliceState::Gone) => false,
            };
            require(has_left && is_there, || {
                format!("{from:?} ({old:?}) was moved to {to:?} ({new:?})")
            })?;
        }
        Ok(())
    }

    /// What is not settled is charged; what is on its way to the disk is charged besides.
    fn check_charges(&self) -> Result<(), Broken> {
        let mut live: BTreeMap<StreamId, u64> = BTreeMap::new();
        for (stream, held) in self.segments.values().flat_map(|segment| &segment.live) {
            *live.entry(*stream).or_default() += held.bytes;
        }
        for (stream, bytes) in live {
            let charged = self.byte_limit.used_by(stream) as u64;
            require(bytes <= charged, || {
                format!("{stream:?}: {bytes} bytes are not settled, {charged} are charged")
            })?;
        }
        Ok(())
    }

    /// Checks, if it is time to.
    #[cfg(test)]
    pub(super) fn audit(&self) {
        if self.audit.is_due()
            && let Err(broken) = self.check()
        {
            panic!("{broken}");
        }
    }

    /// Costs nothing where nobody tests.
    #[cfg(not(test))]
    pub(super) fn audit(&self) {}

    /// Checks after every so many verbs from now on.
    #[cfg(test)]
    pub(in crate::spool) fn audit_every(&mut self, verbs: u32) {
        self.audit = Audit::every(verbs);
    }
}

impl<F> Segment<F> {
    fn check(&self) -> Result<(), Broken> {
        self.check_counts()?;
        self.check_acknowledgements()?;
        require(
            self.end >= DATA_START as u64 && self.end <= self.size && self.end.is_multiple_of(8),
            || format!("frames end at {} of {}", self.end, self.size),
        )?;
        let is_unreadable = |state| state == SliceState::HandedOutUnreadable;
        require(self.gaps || !self.states.iter().any(is_unreadable), || {
            "a slice cannot be read, and the segment has no gaps".to_owned()
        })?;
        require(self.gaps || !self.damaged, || "damaged without gaps".to_owned())?;
        // A damaged disk may say something else of a slice than whoever has it.
        #[cfg(test)]
        if !self.gaps {
            self.check_ledger()?;
        }
        Ok(())
    }

    fn check_counts(&self) -> Result<(), Broken> {
        let count = |wanted: fn(SliceState) -> bool| self.states.iter().filter(|state| wanted(*state)).count() as u64;
        let (waiting, unsettled) = (
            count(SliceState::is_waiting),
            count(|state: SliceState| !state.is_settled()),
        );
        let waits: u64 = self.waiting.values().map(|count| u64::from(*count)).sum();
        require(waits == waiting, || {
            format!("{waits} slices are said to wait, {waiting} do")
        })?;
        let live = u64::from(self.live().slices);
        require(live == unsettled, || {
            format!("{live} slices are said to be unsettled, {unsettled} are")
        })?;
        for (stream, held) in &self.held {
            let live = self.live.get(stream).copied().unwrap_or_default();
            let waiting = self.waiting.get(stream).copied().unwrap_or(0);
            require(waiting <= live.slices && live.slices <= held.slices, || {
                format!("{stream:?}: {waiting} wait, {live:?} are not settled, {held:?} were put in")
            })?;
        }
        let is_listed = |stream| self.held.contains_key(stream);
        let is_empty = |live: &crate::spool::format::acks::Held| live.slices == 0;
        require(
            self.live.keys().all(is_listed) && self.waiting.keys().all(is_listed) && !self.live.values().any(is_empty),
            || {
                format!(
                    "streams of {:?} and {:?} are not those of {:?}",
                    self.live, self.waiting, self.held
                )
            },
        )
    }

    /// What is to be written down is so, once.
    fn check_acknowledgements(&self) -> Result<(), Broken> {
        let mut seen = BTreeSet::new();
        for ((stream, elsewhere), (_, ordinals)) in &self.acks.unwritten {
            let wanted = if *elsewhere {
                SliceState::Moved
            } else {
                SliceState::Settled
            };
            for ordinal in ordinals {
                let state = self.state(*ordinal);
                require(state == wanted, || {
                    format!("slice {ordinal} of {stream:?} is {state:?} and would be written down as {wanted:?}")
                })?;
                require(seen.insert(*ordinal), || {
                    format!("slice {ordinal} would be written down twice")
                })?;
            }
        }
        require(self.file.is_none() == self.closed, || {
            "closed and open, or the other way round".to_owned()
        })?;
        require(self.acks.unsynced || self.acks.file.is_none(), || {
            "records are synced and their file is open".to_owned()
        })?;
        let has_file = self.acks.is_made;
        require(has_file || (self.acks.next_index == 0 && !self.acks.unsynced), || {
            "records were written, and there is no file".to_owned()
        })?;
        require(!self.acks.sealed || (self.closed && has_file), || {
            "sealed, and not closed or without a file".to_owned()
        })
    }

    /// Streams and bytes, where every unsettled slice is known by its own.
    #[cfg(test)]
    fn check_ledger(&self) -> Result<(), Broken> {
        use crate::spool::format::acks::Held;
        require(self.ledger.len() == self.states.len() as usize, || {
            format!("{} slices, {} in the ledger", self.states.len(), self.ledger.len())
        })?;
        let mut live: BTreeMap<StreamId, Held> = BTreeMap::new();
        let mut waiting: BTreeMap<StreamId, u32> = BTreeMap::new();
        for (state, entry) in self.states.iter().zip(&self.ledger) {
            if state.is_settled() {
                continue;
            }
            let Some((stream, charge)) = *entry else {
                return Ok(());
            };
            let held = live.entry(stream).or_default();
            held.slices += 1;
            held.bytes += if state.must_be_readable() { charge } else { 0 };
            if state.is_waiting() {
                *waiting.entry(stream).or_default() += 1;
            }
        }
        require(live == self.live && waiting == self.waiting, || {
            format!(
                "{:?} unsettled and {:?} waiting are said, {live:?} and {waiting:?} are",
                self.live, self.waiting
            )
        })
    }
}

/// How often a test checks.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Audit {
    every: u32,
    verbs: std::cell::Cell<u32>,
}

#[cfg(test)]
impl Default for Audit {
    fn default() -> Self {
        Self::every(1)
    }
}

#[cfg(test)]
impl Audit {
    fn every(verbs: u32) -> Self {
        Self {
            every: verbs,
            verbs: std::cell::Cell::new(0),
        }
    }

    fn is_due(&self) -> bool {
        self.verbs.set(self.verbs.get().wrapping_add(1));
        self.verbs.get().is_multiple_of(self.every)
    }
}
