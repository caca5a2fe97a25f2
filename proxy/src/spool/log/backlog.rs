//! What waits on the disk because delivery could not take it, and how it is read: in large pieces, oldest first, each stream
//! from its own place.
//!
//! A stream has a backlog from the first parcel that found the window full until the last one is handed out; meanwhile its new
//! parcels queue up behind. Streams that lag at the same place share what is read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Disk, Log, Parcel, Position, State,
    acks::Held,
    format::{DATA_START, FRAME_HEADER, FrameHeader},
    parcels,
    salvage::{Salvaged, read, salvage},
    scan,
};
use crate::{
    spool::{Budget, Frame},
    stream::{StreamId, StreamName},
};

/// The parcels of a stream that wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backlog {
    /// How many; never 0.
    pub(super) parcels: u64,
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
pub(super) struct Piece {
    segment: u64,
    start: u64,
    frames: Vec<(u64, Vec<Found>)>,
    /// Where the next piece begins.
    end: u64,
}

/// A parcel of a piece.
pub(super) struct Found {
    pub(super) parcel: Parcel,
    accepted_ms: u64,
    pub(super) frame: Frame,
}

impl<D: Disk> Log<D> {
    /// Reads one piece for a stream that waits and for which the window has room, and hands out what fits. False when there is
    /// no such stream.
    pub(in crate::spool) fn read_backlog(self: &Arc<Self>) -> bool {
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
                // Every parcel that waits is in a segment; a count that damage has made wrong must not spin the keeper.
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
                self.parcels_of(place.segment, &header, rest)?,
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

    /// The parcels of a sound frame; `None` when it is not sound.
    pub(super) fn parcels_of(&self, segment: u64, header: &FrameHeader, bytes: &[u8]) -> Option<Vec<Found>> {
        let body = header.body(bytes)?;
        let parcels = parcels::decode(body, header.parcels)?;
        let found = parcels.iter().zip(header.first..).map(|(parcel, ordinal)| {
            let stream = self.streams.intern(&StreamName::try_from(parcel.stream).ok()?);
            let mut frame = parcel.frame(stream)?;
            frame.reroute(|entry| self.environment.route(entry));
            Some(Found {
                parcel: Parcel {
                    position: Position { segment, ordinal },
                    stream,
                    charge: parcel.charge(),
                },
                accepted_ms: parcel.accepted_ms,
                frame,
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
                parcel,
                accepted_ms,
                frame,
            } in found
            {
                let Parcel { position, stream, .. } = parcel;
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
                if self.hand_out(&mut state, parcel, frame, accepted_ms) {
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
    pub(super) fn take_stock(&self, number: u64) -> Option<Piece> {
        loop {
            let (file, epoch, end, parcels) = {
                let mut state = self.lock();
                let segment = state.segments.get_mut(&number)?;
                segment.gaps = true;
                (Arc::clone(&segment.file), segment.epoch, segment.end, segment.parcels)
            };
            let Salvaged { bytes, .. } = salvage(&*file, end);
            let mut frames = Vec::new();
            for (offset, header) in scan::scan(&bytes, epoch).frames {
                let found = self.parcels_of(number, &header, &bytes[offset..]);
                frames.extend(found.map(|found| (offset as u64, found)));
            }
            drop(bytes);
            let found = frames.iter().flat_map(|(_, found)| found);
            let readable: Vec<Parcel> = found.map(|found| found.parcel).collect();
            let mut state = self.lock();
            // A write that was under way has added to it; a segment with gaps gets no other.
            if state.segments.get(&number)?.parcels != parcels {
                continue;
            }
            let lost = state.forget_unreadable(number, &readable, &self.budget);
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
    pub(super) fn report_lost(parcels: u32, number: u64) {
        if parcels > 0 {
            tracing::error!(
                parts_of_requests = parcels,
                file = Self::segment_name(number),
                "events that were answered cannot be read back; the file is kept under a name that ends in .damaged"
            );
        }
    }
}

impl<F> State<F> {
    /// A parcel of a stream waits at a place.
    pub(super) fn wait(&mut self, stream: StreamId, segment: u64, offset: u64) {
        let cursor = (segment, offset);
        let backlog = self.backlogs.entry(stream).or_insert(Backlog { parcels: 0, cursor });
        backlog.parcels += 1;
        backlog.cursor = backlog.cursor.min(cursor);
    }

    /// A parcel of a stream does not wait any more.
    pub(super) fn handed_out(&mut self, stream: StreamId) {
        if let Some(backlog) = self.backlogs.get_mut(&stream) {
            backlog.parcels -= 1;
            if backlog.parcels == 0 {
                self.backlogs.remove(&stream);
            }
        }
    }

    /// Counts what waits in a segment and is not among `readable` as settled. Returns how many parcels that are.
    fn forget_unreadable(&mut self, number: u64, readable: &[Parcel], budget: &Budget) -> u32 {
        let Some(segment) = self.segments.get_mut(&number) else {
            return 0;
        };
        let known: BTreeSet<u32> = readable.iter().map(|parcel| parcel.position.ordinal).collect();
        for ordinal in (0..segment.parcels).filter(|ordinal| !known.contains(ordinal)) {
            // Whoever has it needs no disk to deliver it, and will say so.
            let bits = match segment.taken.contains(ordinal) {
                true => &mut segment.unreadable,
                false => &mut segment.settled,
            };
            bits.insert(ordinal);
        }
        let mut streams: BTreeMap<StreamId, (u64, u32)> = segment.live.keys().map(|stream| (*stream, (0, 0))).collect();
        for Parcel {
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
            let parcels = live.parcels.saturating_sub(waited) + waiting;
            if parcels > 0 {
                segment.live.insert(stream, Held { parcels, bytes });
            }
            if waiting > 0 {
                segment.waiting.insert(stream, waiting);
            }
            budget.give_back(stream, usize::try_from(live.bytes.saturating_sub(bytes)).unwrap_or(0));
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
