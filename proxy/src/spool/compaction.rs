//! Makes room while a stream lags: the few slices of a segment that are not settled are written again at the end of the
//! log, so that the segment can go.
//!
//! Nothing is forgotten at its old place before it is on the disk at the new one. When both places survive a crash, the
//! old one counts (see `recovery`).

use super::{
    disk::Disk,
    format::frame::{DATA_START, FrameHeader},
    index::Readable,
    log::{Fatal, Log},
    pending::{Append, Content},
    reader::salvage::read,
};
use crate::{
    queue::{Position, Slice},
    stream::StreamName,
};

/// A segment is worth moving when at most so many percent of it are not settled.
const WORTH_MOVING: u64 = 75;

impl<D: Disk> Log<D> {
    /// Puts the slices of the emptiest segment in line to be written again, if room is short. False when it is not, or
    /// when no segment is worth it.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn compact(&self) -> Result<bool, Fatal> {
        // What older segments hold can stand in newer ones as it is, and not the other way round.
        let can_move = |version| version <= self.settings.version;
        let worth = self
            .lock()
            .index
            .worth_moving(self.settings.limit, WORTH_MOVING, can_move);
        let Some(Readable {
            number,
            version,
            epoch,
            end,
            file,
            ..
        }) = worth
        else {
            return Ok(false);
        };
        // Whatever an earlier move has left behind must be known as such before there is one more place.
        if !self.write_acks()? {
            return Ok(false);
        }
        self.sync_acks()?;
        let size = usize::try_from(end).unwrap_or(usize::MAX);
        let _memory = self.reading(end);
        let bytes = self.segment_file(number, file).and_then(|file| read(&*file, 0, size));
        let Ok(bytes) = self.later(bytes) else {
            return Ok(false);
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, file = Self::segment_name(number), "failed to read events back");
                return Ok(self.take_stock(number).is_ok());
            }
        };
        let mut offset = DATA_START;
        let mut appends = Vec::new();
        let (mut body, mut moved) = (Vec::new(), Vec::new());
        while (offset as u64) < end {
            let rest = bytes.get(offset..).unwrap_or_default();
            let frame = FrameHeader::decode(epoch, rest)
                .and_then(|header| Some((header, version.slices(header.body(rest)?, header.slices)?)));
            let Some((header, slices)) = frame else {
                return Ok(self.take_stock(number).is_ok());
            };
            let state = self.lock();
            for (slice, ordinal) in slices.iter().zip(header.first..) {
                let Ok(stream) = StreamName::try_from(slice.stream) else {
                    continue;
                };
                let position = Position {
                    segment: number,
                    ordinal,
                };
                if state.index.is_settled(position) {
                    continue;
                }
                if body.len() + slice.length() > self.settings.write_size && !moved.is_empty() {
                    appends.push((std::mem::take(&mut body), std::mem::take(&mut moved)));
                }
                slice.encode_moved(position, &mut body);
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
        self.lock().index.moves_begin(appends.len());
        let mut pending = self.pending();
        for (body, moved) in appends.into_iter().rev() {
            pending.appends.push_front(Append {
                length: body.len(),
                content: Content::Moved { body, slices: moved },
            });
        }
        drop(pending);
        self.to_commit.notify();
        Ok(any)
    }
}
