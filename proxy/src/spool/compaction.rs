//! Makes room while a stream lags: the few slices of a segment that are not settled are written again at the end of the log, so
//! that the segment can go.
//!
//! Nothing is forgotten at its old place before it is on the disk at the new one. When both places survive a crash, the old one
//! counts (see `recover`).

use std::sync::Arc;

use super::{
    disk::{Disk, File},
    format::v1::{DATA_START, FrameHeader, slices},
    log::{Fatal, Log},
    writer::{Append, Content},
};
use crate::{
    queue::{Position, Slice},
    stream::StreamName,
};

/// A segment is worth moving when at most so many percent of it are not settled.
const WORTH_MOVING: u64 = 75;

impl<D: Disk> Log<D> {
    /// Puts the slices of the emptiest segment in line to be written again, if room is short. False when it is not, or when
    /// no segment is worth it.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn compact(&self) -> Result<bool, Fatal> {
        let Some((number, epoch, end, file)) = self.worth_moving() else {
            return Ok(false);
        };
        // Whatever an earlier move has left behind must be known as such before there is one more place.
        if !self.write_acks()? {
            return Ok(false);
        }
        self.sync_acks()?;
        let mut bytes = vec![0; usize::try_from(end).unwrap_or(usize::MAX)];
        match file.read_at(&mut bytes, 0) {
            Ok(read) => bytes.truncate(read),
            Err(error) => {
                tracing::error!(%error, file = Self::segment_name(number), "failed to read events back");
                self.take_stock(number);
                return Ok(true);
            }
        }
        let mut offset = DATA_START;
        let mut appends = Vec::new();
        let (mut body, mut moved) = (Vec::new(), Vec::new());
        while (offset as u64) < end {
            let rest = bytes.get(offset..).unwrap_or_default();
            let frame = FrameHeader::decode(epoch, rest)
                .and_then(|header| Some((header, slices::decode(header.body(rest)?, header.slices)?)));
            let Some((header, slices)) = frame else {
                self.take_stock(number);
                return Ok(true);
            };
            let state = self.lock();
            let Some(segment) = state.segments.get(&number) else {
                return Ok(true);
            };
            for (slice, ordinal) in slices.iter().zip(header.first..) {
                let Ok(stream) = StreamName::try_from(slice.stream) else {
                    continue;
                };
                if segment.settled.contains(ordinal) {
                    continue;
                }
                if body.len() + slice.length() > self.settings.write_size && !moved.is_empty() {
                    appends.push((std::mem::take(&mut body), std::mem::take(&mut moved)));
                }
                let position = Position {
                    segment: number,
                    ordinal,
                };
                slices::encode_moved(slice, position, &mut body);
                moved.push(Slice {
                    position,
                    stream: self.streams.intern(&stream),
                    charge: slice.charge(),
                });
            }
            drop(state);
            offset += header.stride();
        }
        appends.push((body, moved));
        appends.retain(|(_, moved)| !moved.is_empty());
        let any = !appends.is_empty();
        self.lock().moving += appends.len();
        let mut pending = self.pending();
        for (body, moved) in appends.into_iter().rev() {
            pending.appends.push_front(Append {
                checksum: crc32c::crc32c(&body),
                body,
                content: Content::Moved(moved),
            });
        }
        drop(pending);
        self.to_commit.notify();
        Ok(any)
    }

    /// The segment with the least that is not settled, when fewer than a quarter of all segments are free and nothing is being moved.
    fn worth_moving(&self) -> Option<(u64, u64, u64, Arc<D::File>)> {
        let state = self.lock();
        let limit = self.settings.limit;
        if state.moving > 0 || state.no_room_to_move || !(state.full || state.allocated() + limit / 4 > limit) {
            return None;
        }
        let complete = state
            .segments
            .iter()
            .filter(|(_, segment)| segment.closed && segment.acks.sealed && !segment.gaps && !segment.is_done());
        let (number, segment) =
            complete.min_by_key(|(_, segment)| segment.live_bytes() * 1000 / segment.size.max(1))?;
        let worth = segment.live_bytes() * 100 <= segment.size * WORTH_MOVING;
        worth.then(|| (*number, segment.epoch, segment.end, Arc::clone(&segment.file)))
    }
}
