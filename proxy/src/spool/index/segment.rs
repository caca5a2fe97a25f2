//! What the process knows of one segment: where its frames end and which of its slices are settled, handed out or waiting.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    spool::format::v1::acks::{Held, Seal},
    stream::StreamId,
};

/// One segment, open.
#[derive(Debug)]
pub(in crate::spool) struct Segment<F> {
    pub(in crate::spool) file: Arc<F>,
    pub(in crate::spool) epoch: u64,
    /// Bytes the file takes on the disk.
    pub(in crate::spool) size: u64,
    /// Where the frames end that are on the disk.
    pub(in crate::spool) end: u64,
    /// Number of slices so far.
    pub(in crate::spool) slices: u32,
    /// Everything that was ever put in, a stream.
    pub(in crate::spool) held: BTreeMap<StreamId, Held>,
    /// What is not settled, a stream.
    pub(in crate::spool) live: BTreeMap<StreamId, Held>,
    /// Slices that are neither settled nor handed out, a stream.
    pub(in crate::spool) waiting: BTreeMap<StreamId, u32>,
    pub(in crate::spool) settled: Bits,
    pub(in crate::spool) taken: Bits,
    /// Settled slices that count elsewhere; known while the log is opened.
    pub(in crate::spool) elsewhere: Bits,
    /// A slice of it was delivered while a copy of it was being written: it must not go before it is known that the copy is void.
    pub(in crate::spool) copied_too_late: bool,
    /// No frame will be added.
    pub(in crate::spool) closed: bool,
    /// Something between its frames is none, or cannot be read: it gets no more of them and is read whole.
    pub(in crate::spool) gaps: bool,
    /// An answered event in it cannot be read; the file is kept for a person.
    pub(in crate::spool) damaged: bool,
    /// Slices that were handed out and cannot be read any more. They are charged no longer, and lost if they come back.
    pub(in crate::spool) unreadable: Bits,
    pub(in crate::spool) acks: Acks<F>,
}

/// The acknowledgements of a segment on their way to the disk.
#[derive(Debug)]
pub(in crate::spool) struct Acks<F> {
    /// Made when there is something to write.
    pub(in crate::spool) file: Option<Arc<F>>,
    pub(in crate::spool) end: u64,
    pub(in crate::spool) next_index: u64,
    /// Settled slices that are in no record yet.
    pub(in crate::spool) unwritten: Unwritten,
    /// Whether records were written and not synced.
    pub(in crate::spool) unsynced: bool,
    /// Whether the seal is written and synced.
    pub(in crate::spool) sealed: bool,
}

/// Charged bytes and ordinals of settled slices, a stream; apart from them those that count at another place.
pub(in crate::spool) type Unwritten = BTreeMap<(StreamId, bool), (u64, Vec<u32>)>;

/// A growing set of small numbers.
#[derive(Debug, Default, Clone)]
pub(in crate::spool) struct Bits {
    words: Vec<u64>,
}

impl<F> Segment<F> {
    /// A segment without frames yet, or before they were counted.
    pub(in crate::spool) fn new(file: Arc<F>, epoch: u64, size: u64, end: u64) -> Self {
        Self {
            file,
            epoch,
            size,
            end,
            slices: 0,
            held: BTreeMap::new(),
            live: BTreeMap::new(),
            waiting: BTreeMap::new(),
            settled: Bits::default(),
            taken: Bits::default(),
            elsewhere: Bits::default(),
            copied_too_late: false,
            closed: false,
            gaps: false,
            damaged: false,
            unreadable: Bits::default(),
            acks: Acks {
                file: None,
                end: 0,
                next_index: 0,
                unwritten: BTreeMap::new(),
                unsynced: false,
                sealed: false,
            },
        }
    }

    /// Counts the next slice, which nobody has yet. Returns its number.
    pub(in crate::spool) fn push(&mut self, stream: StreamId, charge: u64) -> u32 {
        let ordinal = self.slices;
        self.slices += 1;
        for held in [&mut self.held, &mut self.live] {
            held.entry(stream).or_default().add(charge);
        }
        *self.waiting.entry(stream).or_default() += 1;
        ordinal
    }

    /// Hands a slice out. False when it is settled or handed out already.
    pub(in crate::spool) fn take(&mut self, ordinal: u32, stream: StreamId) -> bool {
        if self.settled.contains(ordinal) || !self.taken.insert(ordinal) {
            return false;
        }
        sink(&mut self.waiting, stream);
        true
    }

    /// Takes a slice back that was handed out. False when it is settled.
    pub(in crate::spool) fn give_back(&mut self, ordinal: u32, stream: StreamId) -> bool {
        if self.settled.contains(ordinal) || !self.taken.remove(ordinal) {
            return false;
        }
        *self.waiting.entry(stream).or_default() += 1;
        true
    }

    /// Marks a slice settled. `None` when it was; otherwise whether it was still waiting.
    pub(in crate::spool) fn settle(&mut self, ordinal: u32, stream: StreamId, charge: u64) -> Option<bool> {
        if !self.settled.insert(ordinal) {
            return None;
        }
        let waited = !self.taken.remove(ordinal);
        if waited {
            sink(&mut self.waiting, stream);
        }
        let charge = self.charge_of(ordinal, charge);
        if let Some(live) = self.live.get_mut(&stream) {
            live.slices = live.slices.saturating_sub(1);
            live.bytes = live.bytes.saturating_sub(charge);
            if live.slices == 0 {
                self.live.remove(&stream);
            }
        }
        Some(waited)
    }

    /// What a slice is charged at the moment.
    pub(in crate::spool) fn charge_of(&self, ordinal: u32, charge: u64) -> u64 {
        match self.unreadable.contains(ordinal) {
            true => 0,
            false => charge,
        }
    }

    /// Remembers to write down that a slice is settled: delivered, or `elsewhere`.
    pub(in crate::spool) fn acknowledge(&mut self, ordinal: u32, stream: StreamId, charge: u64, elsewhere: bool) {
        let (bytes, ordinals) = self.acks.unwritten.entry((stream, elsewhere)).or_default();
        *bytes += charge;
        ordinals.push(ordinal);
    }

    /// Whether nothing in it is needed any more.
    pub(in crate::spool) fn is_done(&self) -> bool {
        self.closed && self.live.is_empty()
    }

    /// Bytes of slices that are not settled.
    pub(in crate::spool) fn live_bytes(&self) -> u64 {
        self.live.values().map(|held| held.bytes).sum()
    }

    /// What is written down when the segment is complete.
    pub(in crate::spool) fn seal(&self, name: impl Fn(StreamId) -> crate::stream::StreamName) -> Seal {
        Seal {
            end: self.end,
            slices: self.slices,
            streams: self.held.iter().map(|(stream, held)| (name(*stream), *held)).collect(),
        }
    }
}

impl<F> Acks<F> {
    /// Takes back what could not be written.
    pub(in crate::spool) fn put_back(&mut self, unwritten: Unwritten) {
        for (key, (bytes, ordinals)) in unwritten {
            let (sum, all) = self.unwritten.entry(key).or_default();
            *sum += bytes;
            all.extend(ordinals);
        }
    }
}

impl Held {
    pub(in crate::spool) fn add(&mut self, charge: u64) {
        self.slices += 1;
        self.bytes += charge;
    }
}

/// One less of a stream; a stream with none is not listed.
fn sink(counts: &mut BTreeMap<StreamId, u32>, stream: StreamId) {
    if let Some(count) = counts.get_mut(&stream) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&stream);
        }
    }
}

impl Bits {
    /// Adds a number. False when it was there.
    pub(in crate::spool) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Removes a number. False when it was not there.
    pub(in crate::spool) fn remove(&mut self, number: u32) -> bool {
        let was = self.contains(number);
        if was {
            self.words[number as usize / 64] &= !(1_u64 << (number % 64));
        }
        was
    }

    /// Whether a number is in the set.
    pub(in crate::spool) fn contains(&self, number: u32) -> bool {
        let word = self.words.get(number as usize / 64).copied().unwrap_or(0);
        word & (1 << (number % 64)) != 0
    }
}
