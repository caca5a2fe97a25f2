//! What waits on the disk because delivery could not take it, and how it is read: in large pieces, oldest first, each
//! stream from its own place.
//!
//! A stream has a backlog from the first slice that found the window full until the last one is handed out; meanwhile
//! its new slices queue up behind. Streams that lag at the same place share what is read.

pub(crate) mod browse;
pub(in crate::spool) mod salvage;

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, atomic::Ordering},
};

use self::salvage::{Salvaged, read, salvage};
use super::{
    disk::Disk,
    format::{
        Version,
        frame::{DATA_START, FRAME_HEADER, FrameHeader},
        scan,
    },
    index::{Place, Readable},
    log::{Later, Log},
};
use crate::{
    account::{Held, Use},
    queue::{EventBatch, Position, Slice},
    stream::StreamName,
};

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
    /// Reads one piece for a stream that waits and for which the window has room, and hands out what fits. False when
    /// there is no such stream.
    ///
    /// # Errors
    ///
    /// [`Later`]; the stream waits where it was.
    pub(crate) fn read_backlog(self: &Arc<Self>) -> Result<bool, Later> {
        let Some(place) = self.next_place() else {
            return Ok(false);
        };
        let piece = if place.gaps { None } else { self.read_piece(&place)? };
        let piece = match piece {
            Some(piece) => Some(piece),
            None => self.take_stock(place.segment)?,
        };
        if let Some(piece) = piece {
            self.hand_out_piece(piece);
        }
        // Without memory the same would be read again and again.
        Ok(!self.put_off.load(Ordering::Relaxed))
    }

    /// The place of the next stream in turn that has room.
    fn next_place(&self) -> Option<Place<D::File>> {
        let mut state = self.lock();
        state.outlet.as_ref()?;
        let least = (self.window.limit() / 16).max(1);
        let has_memory = self.settings.account.room(Use::Events) >= least;
        let place = state
            .index
            .next_place(|stream| self.window.charge([(stream, least)]).is_some());
        if place.is_some() && !has_memory {
            self.put_off.store(true, Ordering::Relaxed);
        }
        place.filter(|_| has_memory)
    }

    /// Frames from a place on; `None` when there is something else between them, or the disk fails.
    fn read_piece(&self, place: &Place<D::File>) -> Result<Option<Piece>, Later> {
        let whole = usize::try_from(place.end - place.start).unwrap_or(usize::MAX);
        let _memory = self.reading(self.settings.read_size.min(whole) as u64);
        let bytes = self.segment_file(place.segment, place.file.clone()).and_then(|file| {
            let bytes = read(&*file, place.start, self.settings.read_size.min(whole))?;
            let first = FrameHeader::decode(place.epoch, &bytes).map_or(0, |header| header.stride());
            if (bytes.len() + 1..=whole).contains(&first) {
                return read(&*file, place.start, first);
            }
            Ok(bytes)
        });
        let failed = |error: &io::Error| {
            tracing::error!(%error, file = Self::segment_name(place.segment), "failed to read events back");
        };
        let bytes = self.later(bytes)?.inspect_err(failed).ok();
        Ok(bytes.and_then(|bytes| self.frames_of(place, whole, &bytes)))
    }

    /// The frames of the first bytes of a place, in which all that it has are `whole`.
    fn frames_of(&self, place: &Place<D::File>, whole: usize, bytes: &[u8]) -> Option<Piece> {
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
                self.slices_of(place.version, place.segment, &header, rest)?,
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
    pub(in crate::spool) fn slices_of(
        &self,
        version: Version,
        segment: u64,
        header: &FrameHeader,
        bytes: &[u8],
    ) -> Option<Vec<Found>> {
        let body = header.body(bytes)?;
        let slices = version.slices(body, header.slices)?;
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
        let reading = state.index.streams_reading(piece.segment, piece.start, piece.end);
        let mut stopped = BTreeSet::new();
        for (offset, found) in piece.frames {
            for Found {
                slice,
                accepted_ms,
                batch,
            } in found
            {
                let stream = slice.stream;
                if !reading.contains(&stream)
                    || stopped.contains(&stream)
                    || !state.index.is_waiting(slice.position)
                    || state.index.has_passed(stream, offset)
                {
                    continue;
                }
                if let Some(room) = self.room_for(&state, stream, &batch) {
                    state.index.take(slice);
                    self.hand_out(&state, slice, batch, accepted_ms, room);
                } else {
                    stopped.insert(stream);
                    state.index.stop_at(stream, piece.segment, offset);
                }
            }
        }
        for stream in reading.difference(&stopped) {
            state.index.advance_to(*stream, piece.segment, piece.end);
        }
    }

    /// Memory for so many bytes of a segment, and as much again for what is made of them.
    pub(in crate::spool) fn reading(&self, bytes: u64) -> Held {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX / 4);
        self.settings.account.hold(Use::Reads, bytes.saturating_mul(2))
    }

    /// As much of a segment as can be read.
    pub(in crate::spool) fn salvage_segment(
        &self,
        number: u64,
        file: Option<Arc<D::File>>,
        end: u64,
    ) -> Result<Salvaged, Later> {
        let salvaged = self.segment_file(number, file).and_then(|file| salvage(&*file, end));
        Ok(self.later(salvaged)?.unwrap_or_else(|error| {
            tracing::error!(%error, file = Self::segment_name(number), "failed to open events that were stored");
            Salvaged {
                bytes: Vec::new(),
                is_whole: false,
            }
        }))
    }

    /// Reads what can be read of a segment that has gaps, and counts anew what it holds. `None` when it is gone.
    pub(in crate::spool) fn take_stock(&self, number: u64) -> Result<Option<Piece>, Later> {
        loop {
            let readable = {
                let mut state = self.lock();
                state.index.mark_gaps(number);
                state.index.readable(number)
            };
            let Some(Readable {
                version,
                epoch,
                end,
                slices,
                file,
                ..
            }) = readable
            else {
                return Ok(None);
            };
            let _memory = self.reading(end);
            let Salvaged { bytes, .. } = self.salvage_segment(number, file, end)?;
            let mut frames = Vec::new();
            for (offset, header) in scan::scan(&bytes, epoch).frames {
                let found = self.slices_of(version, number, &header, &bytes[offset..]);
                frames.extend(found.map(|found| (offset as u64, found)));
            }
            drop(bytes);
            let found = frames.iter().flat_map(|(_, found)| found);
            let readable: Vec<Slice> = found.map(|found| found.slice).collect();
            let mut state = self.lock();
            // A write that was under way has added to it; a segment with gaps gets no other.
            match state.index.readable(number) {
                None => return Ok(None),
                Some(now) if now.slices != slices => continue,
                Some(_) => {}
            }
            let lost = state.index.recount(number, &readable);
            drop(state);
            Self::report_lost(lost, number);
            return Ok(Some(Piece {
                segment: number,
                start: DATA_START as u64,
                frames,
                end,
            }));
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
