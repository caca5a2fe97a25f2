//! What waits on the disk because delivery could not take it, and how it is read: in large pieces, oldest first, each stream
//! from its own place.
//!
//! A stream has a backlog from the first parcel that found the window full until the last one is handed out; meanwhile its new
//! parcels queue up behind. Streams that lag at the same place share what is read.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Disk, Log, Parcel, Position, State,
    format::{DATA_START, FRAME_HEADER, FrameHeader},
    parcels, scan,
};
use crate::{
    spool::{Frame, disk::File},
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
    damaged: bool,
    file: Arc<F>,
}

/// A piece of a segment.
struct Piece {
    segment: u64,
    start: u64,
    frames: Vec<(u64, Vec<Found>)>,
    /// Where the next piece begins.
    end: u64,
    /// Whether something in it is no frame any more.
    damaged: bool,
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
        match self.read_piece(&place) {
            Ok(piece) if piece.damaged => self.set_aside(place.segment),
            Ok(piece) => self.hand_out_piece(piece),
            Err(error) => {
                tracing::error!(%error, file = Self::segment_name(place.segment), "failed to read events back");
                self.set_aside(place.segment);
            }
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
                    damaged: found.damaged,
                    file: Arc::clone(&found.file),
                });
            }
            state.backlogs.get_mut(&chosen)?.cursor = (number + 1, DATA_START as u64);
        }
    }

    fn read_piece(&self, place: &Place<D::File>) -> std::io::Result<Piece> {
        let whole = usize::try_from(place.end - place.start).unwrap_or(usize::MAX);
        let size = if place.damaged {
            whole
        } else {
            self.settings.read_size.min(whole)
        };
        let mut bytes = read(&*place.file, place.start, size)?;
        if let Some(header) = FrameHeader::decode(place.epoch, &bytes)
            && (bytes.len() + 1..=whole).contains(&header.stride())
        {
            bytes = read(&*place.file, place.start, header.stride())?;
        }
        let mut piece = Piece {
            segment: place.segment,
            start: place.start,
            frames: Vec::new(),
            end: place.start,
            damaged: false,
        };
        let mut offset = 0;
        while offset < bytes.len() {
            let header = FrameHeader::decode(place.epoch, &bytes[offset..]);
            let cut_off = bytes.len() < whole
                && (bytes.len() - offset < FRAME_HEADER
                    || header.is_some_and(|header| header.stride() > bytes.len() - offset));
            if cut_off && offset > 0 {
                break; // the next piece begins with it
            }
            let found =
                header.and_then(|header| Some((self.parcels_of(place.segment, &header, &bytes[offset..])?, header)));
            match found {
                Some((found, header)) => {
                    piece.frames.push((place.start + offset as u64, found));
                    offset += header.stride();
                }
                None if place.damaged => match scan::next_frame(&bytes, place.epoch, offset + 8, None) {
                    Some((next, _)) => offset = next,
                    None => offset = bytes.len(),
                },
                None => {
                    piece.damaged = true;
                    break;
                }
            }
        }
        piece.damaged |= offset == 0;
        piece.end = place.start + offset as u64;
        Ok(piece)
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

    /// Counts anew what a segment holds that cannot be read in full, and sees to it that its file is kept for a person.
    pub(super) fn set_aside(&self, number: u64) {
        let Some((file, epoch, end)) = self.lock().segments.get(&number).map(|segment| {
            (
                Arc::clone(&segment.file),
                segment.epoch,
                usize::try_from(segment.end).unwrap_or(usize::MAX),
            )
        }) else {
            return;
        };
        let bytes = read(&*file, 0, end).unwrap_or_default();
        let mut readable = Vec::new();
        for (offset, header) in scan::scan(&bytes, epoch).frames {
            let found = self.parcels_of(number, &header, &bytes[offset..]);
            readable.extend(found.into_iter().flatten().map(|found| found.parcel));
        }
        drop(bytes);
        let lost = self.lock().forget_unreadable(number, &readable, &self.budget);
        tracing::error!(
            requests = lost,
            file = Self::segment_name(number),
            "events that were answered cannot be read back; the file is kept under a name that ends in .damaged"
        );
    }
}

/// Up to `size` bytes from `offset` on.
pub(super) fn read(file: &impl File, offset: u64, size: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
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

    /// Counts everything in a segment as settled that is not among `readable`. Returns how many parcels that are.
    fn forget_unreadable(&mut self, number: u64, readable: &[Parcel], budget: &crate::spool::Budget) -> u32 {
        let Some(segment) = self.segments.get_mut(&number) else {
            return 0;
        };
        segment.damaged = true;
        let known: BTreeSet<u32> = readable.iter().map(|parcel| parcel.position.ordinal).collect();
        let unreadable = (0..segment.parcels).filter(|ordinal| !known.contains(ordinal));
        let lost = unreadable.filter(|ordinal| segment.settled.insert(*ordinal)).count();
        let (old_live, old_waiting) = (std::mem::take(&mut segment.live), std::mem::take(&mut segment.waiting));
        for Parcel {
            position,
            stream,
            charge,
        } in readable
        {
            if segment.settled.contains(position.ordinal) {
                continue;
            }
            segment.live.entry(*stream).or_default().add(*charge as u64);
            if !segment.taken.contains(position.ordinal) {
                *segment.waiting.entry(*stream).or_default() += 1;
            }
        }
        let new_live = segment.live.clone();
        let new_waiting = segment.waiting.clone();
        for (stream, old) in old_live {
            let new = new_live.get(&stream).map_or(0, |held| held.bytes);
            budget.give_back(stream, usize::try_from(old.bytes.saturating_sub(new)).unwrap_or(0));
        }
        for (stream, old) in &old_waiting {
            for _ in new_waiting.get(stream).copied().unwrap_or(0)..*old {
                self.handed_out(*stream);
            }
        }
        for (stream, new) in new_waiting {
            for _ in old_waiting.get(&stream).copied().unwrap_or(0)..new {
                self.wait(stream, number, DATA_START as u64);
            }
        }
        u32::try_from(lost).unwrap_or(u32::MAX)
    }
}
