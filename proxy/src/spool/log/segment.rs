//! What the process knows of one segment: where its frames end and which of its parcels are settled, handed out or waiting.

use std::{collections::BTreeMap, sync::Arc};

use super::acks::{Held, Seal};
use crate::stream::StreamId;

/// One segment, open.
#[derive(Debug)]
pub(super) struct Segment<F> {
    pub(super) file: Arc<F>,
    pub(super) epoch: u64,
    /// Bytes the file takes on the disk.
    pub(super) size: u64,
    /// Where the frames end that are on the disk.
    pub(super) end: u64,
    /// Number of parcels so far.
    pub(super) parcels: u32,
    /// Everything that was ever put in, a stream.
    pub(super) held: BTreeMap<StreamId, Held>,
    /// What is not settled, a stream.
    pub(super) live: BTreeMap<StreamId, Held>,
    /// Parcels that are neither settled nor handed out, a stream.
    pub(super) waiting: BTreeMap<StreamId, u32>,
    pub(super) settled: Bits,
    pub(super) taken: Bits,
    /// Settled parcels that count elsewhere; known while the log is opened.
    pub(super) elsewhere: Bits,
    /// A parcel of it was delivered while a copy of it was being written: it must not go before it is known that the copy is void.
    pub(super) copied_too_late: bool,
    /// No frame will be added.
    pub(super) closed: bool,
    /// Something between its frames is none, or cannot be read: it gets no more of them and is read whole.
    pub(super) gaps: bool,
    /// An answered event in it cannot be read; the file is kept for a person.
    pub(super) damaged: bool,
    /// Parcels that were handed out and cannot be read any more. They are charged no longer, and lost if they come back.
    pub(super) unreadable: Bits,
    pub(super) acks: Acks<F>,
}

/// The acknowledgements of a segment on their way to the disk.
#[derive(Debug)]
pub(super) struct Acks<F> {
    /// Made when there is something to write.
    pub(super) file: Option<Arc<F>>,
    pub(super) end: u64,
    pub(super) next_index: u64,
    /// Settled parcels that are in no record yet.
    pub(super) unwritten: Unwritten,
    /// Whether records were written and not synced.
    pub(super) unsynced: bool,
    /// Whether the seal is written and synced.
    pub(super) sealed: bool,
}

/// Charged bytes and ordinals of settled parcels, a stream; apart from them those that count at another place.
pub(super) type Unwritten = BTreeMap<(StreamId, bool), (u64, Vec<u32>)>;

/// A growing set of small numbers.
#[derive(Debug, Default, Clone)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl<F> Segment<F> {
    /// A segment without frames yet, or before they were counted.
    pub(super) fn new(file: Arc<F>, epoch: u64, size: u64, end: u64) -> Self {
        Self {
            file,
            epoch,
            size,
            end,
            parcels: 0,
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

    /// Counts the next parcel, which nobody has yet. Returns its number.
    pub(super) fn push(&mut self, stream: StreamId, charge: u64) -> u32 {
        let ordinal = self.parcels;
        self.parcels += 1;
        for held in [&mut self.held, &mut self.live] {
            held.entry(stream).or_default().add(charge);
        }
        *self.waiting.entry(stream).or_default() += 1;
        ordinal
    }

    /// Hands a parcel out. False when it is settled or handed out already.
    pub(super) fn take(&mut self, ordinal: u32, stream: StreamId) -> bool {
        if self.settled.contains(ordinal) || !self.taken.insert(ordinal) {
            return false;
        }
        sink(&mut self.waiting, stream);
        true
    }

    /// Takes a parcel back that was handed out. False when it is settled.
    pub(super) fn give_back(&mut self, ordinal: u32, stream: StreamId) -> bool {
        if self.settled.contains(ordinal) || !self.taken.remove(ordinal) {
            return false;
        }
        *self.waiting.entry(stream).or_default() += 1;
        true
    }

    /// Marks a parcel settled. `None` when it was; otherwise whether it was still waiting.
    pub(super) fn settle(&mut self, ordinal: u32, stream: StreamId, charge: u64) -> Option<bool> {
        if !self.settled.insert(ordinal) {
            return None;
        }
        let waited = !self.taken.remove(ordinal);
        if waited {
            sink(&mut self.waiting, stream);
        }
        let charge = self.charge_of(ordinal, charge);
        if let Some(live) = self.live.get_mut(&stream) {
            live.parcels = live.parcels.saturating_sub(1);
            live.bytes = live.bytes.saturating_sub(charge);
            if live.parcels == 0 {
                self.live.remove(&stream);
            }
        }
        Some(waited)
    }

    /// What a parcel is charged at the moment.
    pub(super) fn charge_of(&self, ordinal: u32, charge: u64) -> u64 {
        match self.unreadable.contains(ordinal) {
            true => 0,
            false => charge,
        }
    }

    /// Remembers to write down that a parcel is settled: delivered, or `elsewhere`.
    pub(super) fn acknowledge(&mut self, ordinal: u32, stream: StreamId, charge: u64, elsewhere: bool) {
        let (bytes, ordinals) = self.acks.unwritten.entry((stream, elsewhere)).or_default();
        *bytes += charge;
        ordinals.push(ordinal);
    }

    /// Whether nothing in it is needed any more.
    pub(super) fn is_done(&self) -> bool {
        self.closed && self.live.is_empty()
    }

    /// Bytes of parcels that are not settled.
    pub(super) fn live_bytes(&self) -> u64 {
        self.live.values().map(|held| held.bytes).sum()
    }

    /// What is written down when the segment is complete.
    pub(super) fn seal(&self, name: impl Fn(StreamId) -> crate::stream::StreamName) -> Seal {
        Seal {
            end: self.end,
            parcels: self.parcels,
            streams: self.held.iter().map(|(stream, held)| (name(*stream), *held)).collect(),
        }
    }
}

impl<F> Acks<F> {
    /// Takes back what could not be written.
    pub(super) fn put_back(&mut self, unwritten: Unwritten) {
        for (key, (bytes, ordinals)) in unwritten {
            let (sum, all) = self.unwritten.entry(key).or_default();
            *sum += bytes;
            all.extend(ordinals);
        }
    }
}

impl Held {
    pub(super) fn add(&mut self, charge: u64) {
        self.parcels += 1;
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
    pub(super) fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1_u64 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Removes a number. False when it was not there.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let was = self.contains(number);
        if was {
            self.words[number as usize / 64] &= !(1_u64 << (number % 64));
        }
        was
    }

    /// Whether a number is in the set.
    pub(super) fn contains(&self, number: u32) -> bool {
        let word = self.words.get(number as usize / 64).copied().unwrap_or(0);
        word & (1 << (number % 64)) != 0
    }
}
