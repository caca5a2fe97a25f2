//! What waits on the disk because delivery could not take it, and how it is read: in large pieces, oldest first, each stream
//! from its own place.
//!
//! A stream has a backlog from the first slice that found the window full until the last one is handed out; meanwhile its new
//! slices queue up behind. Streams that lag at the same place share what is read.

pub(crate) mod browse;
pub(in crate::spool) mod salvage;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::salvage::{Salvaged, read, salvage};
use super::{
    disk::Disk,
    format::{
        scan,
        v1::{DATA_START, FRAME_HEADER, FrameHeader, acks::Held, slices},
    },
    log::{Log, State},
};
use crate::{
    queue::{ByteLimit, EventBatch, Position, Slice},
    stream::{StreamId, StreamName},
};

/// The slices of a stream that wait.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct Backlog {
    /// How many; never 0.
    pub(in crate::spool) slices: u64,
    /// Segment and offset; none of them is before it.
    cursor: (u64, u64),
}

/// Where to read.
struct Place<F> {
    segment: u64,
    start: u64,
    end: u64,
    epoch: u64,
    gaps: bool,
    file: Arc<F>,
}

/// A piece of a segment.
pub(in crate::spool) struct Piece {
    segment: u64,
    start: u64,
    frames: Vec<(u64, Vec<Found>)>,
    /// Where the next piece begins.
    end: u64,
}

/// A slice of a piece.
pub(in crate::spool) struct Found {
    pub(in crate::spool) slice: Slice,
    accepted_ms: u64,
    pub(in crate::spool) batch: EventBatch,
}

impl<D: Disk> Log<D> {
    /// Reads one piece for a stream that waits and for which the window has room, and hands out what fits. False when there is
    /// no such stream.
    pub(crate) fn read_backlog(self: &Arc<Self>) -> bool {
        let Some(place) = self.next_place() else {
            return false;
        };
        let piece = if place.gaps { None } else { self.read_piece(&place) };
        if let Some(piece) = piece.or_else(|| self.take_stock(place.segment)) {
            self.hand_out_piece(piece);
        }
        true
    }

    /// The place of the next stream in turn that has room.
    fn next_place(&self) -> Option<Place<D::File>> {
        let mut state = self.lock();
        state.outlet.as_ref()?;
        let least = (self.window.limit() / 16).max(1);
        let has_room = |stream: &StreamId| self.window.charge([(*stream, least)]).is_some();
        let after = state.turn;
        let later = state
            .backlogs
            .keys()
            .filter(|stream| after.is_none_or(|after| **stream > after));
        let chosen = later.chain(state.backlogs.keys()).copied().find(has_room)?;
        state.turn = Some(chosen);
        loop {
            let (segment, offset) = state.backlogs.get(&chosen)?.cursor;
            let Some((&number, found)) = state.segments.range(segment..).next() else {
                // Every slice that waits is in a segment; a count that damage has made wrong must not spin the maintainer.
                state.backlogs.remove(&chosen);
                return None;
            };
            let start = if number == segment { offset } else { DATA_START as u64 };
            if found.waiting.contains_key(&chosen) && start < found.end {
                if let Some(backlog) = state.backlogs.get_mut(&chosen) {
                    backlog.cursor = (number, start);
                }
                let found = &state.segments[&number];
                return Some(Place {
                    segment: number,
                    start,
                    end: found.end,
                    epoch: found.epoch,
                    gaps: found.gaps,
                    file: Arc::clone(&found.file),
                });
            }
            state.backlogs.get_mut(&chosen)?.cursor = (number + 1, DATA_START as u64);
        }
    }

    /// Frames from a place on; `None` when there is something else between them, or the disk fails.
    fn read_piece(&self, place: &Place<D::File>) -> Option<Piece> {
        let read = |size| {
            let failed = |error: &_| {
                tracing::error!(%error, file = Self::segment_name(place.segment), "failed to read events back");
            };
            read(&*place.file, place.start, size).inspect_err(failed).ok()
        };
        let whole = usize::try_from(place.end - place.start).unwrap_or(usize::MAX);
        let mut bytes = read(self.settings.read_size.min(whole))?;
        let first = FrameHeader::decode(place.epoch, &bytes)?.stride();
        if (bytes.len() + 1..=whole).contains(&first) {
            bytes = read(first)?;
        }
        let mut frames = Vec::new();
        let mut offset = 0;
        while offset < bytes.len() {
            let rest = &bytes[offset..];
            let header = FrameHeader::decode(place.epoch, rest);
            let cut_off = bytes.len() < whole
                && (rest.len() < FRAME_HEADER || header.is_some_and(|header| header.stride() > rest.len()));
            if cut_off && offset > 0 {
                break; // the next piece begins with it
            }
            let header = header?;
            frames.push((
                place.start + offset as u64,
                self.slices_of(place.segment, &header, rest)?,
            ));
            offset += header.stride();
        }
        Some(Piece {
            segment: place.segment,
            start: place.start,
            frames,
            end: place.start + offset as u64,
        })
    }

    /// The slices of a sound frame; `None` when it is not sound.
    pub(in crate::spool) fn slices_of(&self, segment: u64, header: &FrameHeader, bytes: &[u8]) -> Option<Vec<Found>> {
        let body = header.body(bytes)?;
        let slices = slices::decode(body, header.slices)?;
        let found = slices.iter().zip(header.first..).map(|(slice, ordinal)| {
            let stream = self.streams.intern(&StreamName::try_from(slice.stream).ok()?);
            let mut batch = slice.batch(stream)?;
            batch.reroute(|entry| self.environment.route(entry));
            Some(Found {
                slice: Slice {
                    position: Position { segment, ordinal },
                    stream,
                    charge: slice.charge(),
                },
                accepted_ms: slice.accepted_ms,
                batch,
            })
        });
        found.collect()
    }

    /// Hands out what waits in a piece to every stream whose place is in it, until its share of the window is full.
    fn hand_out_piece(self: &Arc<Self>, piece: Piece) {
        let mut state = self.lock();
        let here = (piece.segment, piece.start);
        let next = (piece.segment, piece.end);
        let reading: BTreeSet<StreamId> = state
            .backlogs
            .iter()
            .filter(|(_, backlog)| (here..next).contains(&backlog.cursor))
            .map(|(stream, _)| *stream)
            .collect();
        let mut stopped = BTreeSet::new();
        for (offset, found) in piece.frames {
            for Found {
                slice,
                accepted_ms,
                batch,
            } in found
            {
                let Slice { position, stream, .. } = slice;
                if !reading.contains(&stream) || stopped.contains(&stream) {
                    continue;
                }
                let waits = state.segments.get(&position.segment).is_some_and(|segment| {
                    !segment.settled.contains(position.ordinal) && !segment.taken.contains(position.ordinal)
                });
                let before = state
                    .backlogs
                    .get(&stream)
                    .is_none_or(|backlog| offset < backlog.cursor.1);
                if !waits || before {
                    continue;
                }
                if self.hand_out(&mut state, slice, batch, accepted_ms) {
                    state.handed_out(stream);
                } else {
                    stopped.insert(stream);
                    if let Some(backlog) = state.backlogs.get_mut(&stream) {
                        backlog.cursor = (piece.segment, offset);
                    }
                }
            }
        }
        for stream in reading.difference(&stopped) {
            if let Some(backlog) = state.backlogs.get_mut(stream) {
                backlog.cursor = backlog.cursor.max(next);
            }
        }
    }

    /// Reads what can be read of a segment that has gaps, and counts anew what it holds. `None` when it is gone.
    pub(in crate::spool) fn take_stock(&self, number: u64) -> Option<Piece> {
        loop {
            let (file, epoch, end, slices) = {
                let mut state = self.lock();
                let segment = state.segments.get_mut(&number)?;
                segment.gaps = true;
                (Arc::clone(&segment.file), segment.epoch, segment.end, segment.slices)
            };
            let Salvaged { bytes, .. } = salvage(&*file, end);
            let mut frames = Vec::new();
            for (offset, header) in scan::scan(&bytes, epoch).frames {
                let found = self.slices_of(number, &header, &bytes[offset..]);
                frames.extend(found.map(|found| (offset as u64, found)));
            }
            drop(bytes);
            let found = frames.iter().flat_map(|(_, found)| found);
            let readable: Vec<Slice> = found.map(|found| found.slice).collect();
            let mut state = self.lock();
            // A write that was under way has added to it; a segment with gaps gets no other.
            if state.segments.get(&number)?.slices != slices {
                continue;
            }
            let lost = state.forget_unreadable(number, &readable, &self.byte_limit);
            drop(state);
            Self::report_lost(lost, number);
            return Some(Piece {
                segment: number,
                start: DATA_START as u64,
                frames,
                end,
            });
        }
    }

    /// Says that answered events are lost, if there are any.
    pub(in crate::spool) fn report_lost(slices: u32, number: u64) {
        if slices > 0 {
            tracing::error!(
                slices = slices,
                file = Self::segment_name(number),
                "events that were answered cannot be read back; the file is kept under a name that ends in .damaged"
            );
        }
    }
}

impl<F> State<F> {
    /// A slice of a stream waits at a place.
    pub(in crate::spool) fn wait(&mut self, stream: StreamId, segment: u64, offset: u64) {
        let cursor = (segment, offset);
        let backlog = self.backlogs.entry(stream).or_insert(Backlog { slices: 0, cursor });
        backlog.slices += 1;
        backlog.cursor = backlog.cursor.min(cursor);
    }

    /// A slice of a stream does not wait any more.
    pub(in crate::spool) fn handed_out(&mut self, stream: StreamId) {
        if let Some(backlog) = self.backlogs.get_mut(&stream) {
            backlog.slices -= 1;
            if backlog.slices == 0 {
                self.backlogs.remove(&stream);
            }
        }
    }

    /// Counts what waits in a segment and is not among `readable` as settled. Returns how many slices that are.
    fn forget_unreadable(&mut self, number: u64, readable: &[Slice], byte_limit: &ByteLimit) -> u32 {
        let Some(segment) = self.segments.get_mut(&number) else {
            return 0;
        };
        let known: BTreeSet<u32> = readable.iter().map(|slice| slice.position.ordinal).collect();
        for ordinal in (0..segment.slices).filter(|ordinal| !known.contains(ordinal)) {
            // Whoever has it needs no disk to deliver it, and will say so.
            let bits = match segment.taken.contains(ordinal) {
                true => &mut segment.unreadable,
                false => &mut segment.settled,
            };
            bits.insert(ordinal);
        }
        let mut streams: BTreeMap<StreamId, (u64, u32)> = segment.live.keys().map(|stream| (*stream, (0, 0))).collect();
        for Slice {
            position: Position { ordinal, .. },
            stream,
            charge,
        } in readable
        {
            if !segment.settled.contains(*ordinal) {
                let (bytes, waiting) = streams.entry(*stream).or_default();
                *bytes += segment.charge_of(*ordinal, *charge as u64);
                *waiting += u32::from(!segment.taken.contains(*ordinal));
            }
        }
        let mut changes = Vec::new();
        for (stream, (bytes, waiting)) in streams {
            let live = segment.live.remove(&stream).unwrap_or_default();
            let waited = segment.waiting.remove(&stream).unwrap_or(0);
            let slices = live.slices.saturating_sub(waited) + waiting;
            if slices > 0 {
                segment.live.insert(stream, Held { slices, bytes });
            }
            if waiting > 0 {
                segment.waiting.insert(stream, waiting);
            }
            byte_limit.give_back(stream, usize::try_from(live.bytes.saturating_sub(bytes)).unwrap_or(0));
            changes.push((stream, waited, waiting));
        }
        let lost = changes
            .iter()
            .map(|(_, waited, waiting)| waited.saturating_sub(*waiting));
        let lost = lost.sum();
        segment.damaged |= lost > 0;
        for (stream, waited, waiting) in changes {
            for _ in waiting..waited {
                self.handed_out(stream);
            }
            for _ in waited..waiting {
                self.wait(stream, number, DATA_START as u64);
            }
        }
        lost
    }
}
