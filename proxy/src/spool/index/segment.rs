//! One segment: where its frames end, what became of its slices, and how far its acknowledgements are.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    readable::Readable,
    slice_state::{SliceState, SliceStates},
};
use crate::{
    spool::format::{
        Version,
        acks::{Held, Seal},
        frame::DATA_START,
    },
    stream::{StreamId, StreamName},
};

/// One segment. Its verbs keep its own counts; those of the log are the index's.
#[derive(Debug)]
pub(super) struct Segment<F> {
    /// Open for as long as frames may be added. Whoever reads another opens it for as long as that takes: a backlog is
    /// more files than the process may have open.
    pub(super) file: Option<Arc<F>>,
    /// Of what its frames hold.
    pub(super) version: Version,
    pub(super) epoch: u64,
    /// Bytes the file takes on the disk.
    pub(super) size: u64,
    /// Where the frames end that are on the disk.
    pub(super) end: u64,
    /// No frame will be added.
    pub(super) closed: bool,
    /// Something between its frames is none, or cannot be read: it gets no more of them and is read whole.
    pub(super) gaps: bool,
    /// An answered event in it cannot be read; the file is kept for a person.
    pub(super) damaged: bool,
    /// A slice of it was delivered while a copy of it was being written: it must not go before it is known that the
    /// copy is void.
    pub(super) copied_too_late: bool,
    pub(super) states: SliceStates,
    /// Everything that was ever put in, a stream.
    pub(super) held: BTreeMap<StreamId, Held>,
    /// What is not settled, a stream. Bytes of what cannot be read any more are not in it.
    pub(super) live: BTreeMap<StreamId, Held>,
    /// Slices that wait, a stream.
    pub(super) waiting: BTreeMap<StreamId, u32>,
    pub(super) acks: Acks<F>,
    /// Stream and charge of each slice, where they are known: what the counts are recomputed from.
    #[cfg(test)]
    pub(super) ledger: Vec<Option<(StreamId, u64)>>,
}

/// The acknowledgements of a segment on their way to the disk.
#[derive(Debug)]
pub(super) struct Acks<F> {
    /// Whether there is a file. It is made when there is something to write.
    pub(super) is_made: bool,
    /// Open from the first write until the next sync, which would not see the errors of a write through another handle.
    pub(super) file: Option<Arc<F>>,
    pub(super) end: u64,
    pub(super) next_index: u64,
    /// Settled slices that are in no record yet.
    pub(super) unwritten: Unwritten,
    /// Whether records were written and not synced.
    pub(super) unsynced: bool,
    /// Whether the seal is written and synced.
    pub(super) sealed: bool,
}

/// Charged bytes and ordinals of settled slices, a stream; apart from them those that count at another place.
pub(in crate::spool) type Unwritten = BTreeMap<(StreamId, bool), (u64, Vec<u32>)>;

/// What settling a slice has freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freed {
    /// What the slice was before.
    pub(super) was: SliceState,
    /// Bytes it was charged until now.
    pub(super) bytes: u64,
}

impl<F> Segment<F> {
    /// A segment without frames yet, or before they were counted.
    pub(super) fn new(file: Option<Arc<F>>, version: Version, epoch: u64, size: u64) -> Self {
        Self {
            file,
            version,
            epoch,
            size,
            end: DATA_START as u64,
            closed: false,
            gaps: false,
            damaged: false,
            copied_too_late: false,
            states: SliceStates::default(),
            held: BTreeMap::new(),
            live: BTreeMap::new(),
            waiting: BTreeMap::new(),
            acks: Acks {
                is_made: false,
                file: None,
                end: 0,
                next_index: 0,
                unwritten: BTreeMap::new(),
                unsynced: false,
                sealed: false,
            },
            #[cfg(test)]
            ledger: Vec::new(),
        }
    }

    pub(super) fn readable(&self, number: u64) -> Readable<F> {
        Readable {
            number,
            version: self.version,
            epoch: self.epoch,
            end: self.end,
            slices: self.slices(),
            file: self.file.clone(),
        }
    }

    /// Adds no frame any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.file = None;
    }

    /// Number of slices so far.
    pub(super) fn slices(&self) -> u32 {
        self.states.len()
    }

    pub(super) fn state(&self, ordinal: u32) -> SliceState {
        self.states.get(ordinal)
    }

    /// What is not settled.
    pub(super) fn live(&self) -> Held {
        self.live.values().fold(Held::default(), |sum, held| Held {
            slices: sum.slices + held.slices,
            bytes: sum.bytes + held.bytes,
        })
    }

    /// Whether nothing in it is needed any more.
    pub(super) fn is_done(&self) -> bool {
        self.closed && self.live.is_empty()
    }

    /// Bytes from the last frame to the segment's end.
    pub(super) fn room(&self) -> usize {
        usize::try_from(self.size - self.end).unwrap_or(usize::MAX)
    }

    /// Counts the next slice, in `state`, which is [`SliceState::Waiting`] or [`SliceState::HandedOut`]. Returns its
    /// ordinal.
    pub(super) fn push(&mut self, stream: StreamId, charge: u64, state: SliceState) -> u32 {
        for held in [&mut self.held, &mut self.live] {
            held.entry(stream).or_default().add(charge);
        }
        if state.is_waiting() {
            *self.waiting.entry(stream).or_default() += 1;
        }
        #[cfg(test)]
        self.ledger.push(Some((stream, charge)));
        self.states.push(state)
    }

    /// Counts a slice whose frame is gone.
    pub(super) fn push_gone(&mut self) {
        #[cfg(test)]
        self.ledger.push(None);
        self.states.push(SliceState::Gone);
    }

    /// Hands a slice out. False when it does not wait.
    pub(super) fn take(&mut self, ordinal: u32, stream: StreamId) -> bool {
        if !self.state(ordinal).is_waiting() {
            return false;
        }
        self.states.set(ordinal, SliceState::HandedOut);
        one_less(&mut self.waiting, stream);
        true
    }

    /// Takes a slice back that was handed out and can be read. False when it is not such a one.
    pub(super) fn give_back(&mut self, ordinal: u32, stream: StreamId) -> bool {
        if self.state(ordinal) != SliceState::HandedOut {
            return false;
        }
        self.states.set(ordinal, SliceState::Waiting);
        *self.waiting.entry(stream).or_default() += 1;
        true
    }

    /// Ends the work on a slice: `to` is [`SliceState::Settled`], [`SliceState::Moved`] or [`SliceState::Gone`]. `None`
    /// when it had ended.
    pub(super) fn settle(&mut self, ordinal: u32, stream: StreamId, charge: u64, to: SliceState) -> Option<Freed> {
        let was = self.state(ordinal);
        if was.is_settled() {
            return None;
        }
        self.states.set(ordinal, to);
        if was.is_waiting() {
            one_less(&mut self.waiting, stream);
        }
        let charge = if was == SliceState::HandedOutUnreadable {
            0
        } else {
            charge
        };
        let bytes = self.one_less_live(stream, charge);
        Some(Freed { was, bytes })
    }

    /// One less that is not settled. Returns the bytes that are charged less: on a damaged disk, what was counted of a
    /// stream may not be what its slices say, and the last of them takes along what is left.
    fn one_less_live(&mut self, stream: StreamId, charge: u64) -> u64 {
        let Some(live) = self.live.get_mut(&stream) else {
            return 0;
        };
        live.slices = live.slices.saturating_sub(1);
        if live.slices == 0 {
            let rest = live.bytes;
            self.live.remove(&stream);
            return rest;
        }
        let bytes = charge.min(live.bytes);
        live.bytes -= bytes;
        bytes
    }

    /// Remembers to write down that a slice is settled, or moved when `elsewhere`.
    pub(super) fn acknowledge(&mut self, ordinal: u32, stream: StreamId, charge: u64, elsewhere: bool) {
        let (bytes, ordinals) = self.acks.unwritten.entry((stream, elsewhere)).or_default();
        *bytes += charge;
        ordinals.push(ordinal);
    }

    /// What is written down when the segment is complete.
    pub(super) fn seal(&self, name: impl Fn(StreamId) -> StreamName) -> Seal {
        Seal {
            end: self.end,
            slices: self.slices(),
            streams: self.held.iter().map(|(stream, held)| (name(*stream), *held)).collect(),
        }
    }
}

/// One less of a stream; a stream with none is not listed.
pub(super) fn one_less(counts: &mut BTreeMap<StreamId, u32>, stream: StreamId) {
    if let Some(count) = counts.get_mut(&stream) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&stream);
        }
    }
}
