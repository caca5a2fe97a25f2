//! The writer's step: everything that has arrived goes into one write and one sync, and only then is it answered.

mod publish;

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    disk::{Disk, File, is_full},
    format::v1::{DATA_START, FrameHeader, SegmentHeader, slices, stride},
    index::segment::Segment,
    log::{Fatal, Log, Pending, Prepared, State, fatal, unless_full},
};
use crate::{
    queue::{AcceptError, Appended, Charge, EventBatch, Slice},
    stream::StreamId,
};

/// How long a client is asked to wait when the disk has no room.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A frame on its way to the disk.
#[derive(Debug)]
pub(in crate::spool) struct Append {
    pub(in crate::spool) body: Vec<u8>,
    pub(in crate::spool) checksum: u32,
    pub(in crate::spool) content: Content,
}

/// Whose frame it is.
#[derive(Debug)]
pub(in crate::spool) enum Content {
    /// The events of a request, a frame a stream.
    Request {
        frames: Vec<(StreamId, EventBatch)>,
        charge: Charge,
        accepted_ms: u64,
        reply: oneshot::Sender<Result<(), AcceptError>>,
    },
    /// Slices that make room by leaving their segments: where each is now, its stream and its charge.
    Moved(Vec<Slice>),
}

/// Frames that go into one write.
pub(in crate::spool) struct Group<F> {
    pub(in crate::spool) appends: Vec<(usize, Append)>,
    pub(in crate::spool) bytes: Vec<u8>,
    pub(in crate::spool) segment: u64,
    pub(in crate::spool) offset: u64,
    pub(in crate::spool) file: Arc<F>,
}

impl<D: Disk> Log<D> {
    /// Takes the events of a request; the answer comes when they are synced or refused.
    ///
    /// # Errors
    ///
    /// When the log, or the share of one of the streams, is full.
    pub(crate) fn append(&self, frame: EventBatch) -> Result<Appended, AcceptError> {
        let frames: Vec<(StreamId, EventBatch)> = frame
            .split()
            .into_iter()
            .filter_map(|frame| Some((frame.entry(0)?.stream, frame)))
            .collect();
        let parts = frames
            .iter()
            .map(|(stream, frame)| (*stream, slices::charge(frame.len(), frame.size())));
        let charge = self.byte_limit.charge(parts).ok_or(AcceptError::Full {
            retry_after: FULL_RETRY_AFTER,
        })?;
        let accepted_ms = self.environment.unix_milliseconds();
        let mut body = Vec::with_capacity(charge.bytes());
        for (stream, frame) in &frames {
            slices::encode(accepted_ms, self.streams.name(*stream).as_str(), frame, &mut body);
        }
        let (reply, appended) = oneshot::channel();
        let append = Append {
            checksum: crc32c::crc32c(&body),
            body,
            content: Content::Request {
                frames,
                charge,
                accepted_ms,
                reply,
            },
        };
        let mut pending = self.pending();
        if pending.closed {
            return Err(AcceptError::ShuttingDown);
        }
        pending.appends.push_back(append);
        drop(pending);
        self.to_commit.notify();
        Ok(appended)
    }

    pub(in crate::spool) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes and syncs what has arrived, then answers it. False when there was nothing.
    ///
    /// # Errors
    ///
    /// When the disk failed: nothing of the group is answered and the process must end. A failed sync is not tried again,
    /// because the kernel may have dropped the pages and would call the next one a success.
    pub(crate) fn commit(self: &Arc<Self>) -> Result<bool, Fatal> {
        let Some(first) = self.next_append() else {
            return Ok(false);
        };
        let Some((segment, offset, room)) = self.make_room(&first)? else {
            self.refuse(first);
            return Ok(true);
        };
        let group = self.gather(first, segment, offset, room);
        let name = Self::segment_name(segment);
        if !unless_full(group.file.write_at(&group.bytes, group.offset), "write", &name)? {
            self.lock().writing = false;
            // What of it was written is written over by the next group, whose sequences are higher.
            group.appends.into_iter().for_each(|(_, append)| self.refuse(append));
            return Ok(true);
        }
        group.file.sync().map_err(fatal("sync", name))?;
        self.publish(group);
        Ok(true)
    }

    /// The next frame that somebody still waits for.
    fn next_append(&self) -> Option<Append> {
        let mut pending = self.pending();
        loop {
            let append = pending.appends.pop_front()?;
            match &append.content {
                Content::Request { reply, .. } if reply.is_closed() => {}
                Content::Request { .. } | Content::Moved(_) => return Some(append),
            }
        }
    }

    /// A place for a frame: segment, offset and the bytes from there to the segment's end. Nobody closes the segment until
    /// the frame is published or refused.
    fn make_room(&self, append: &Append) -> Result<Option<(u64, u64, usize)>, Fatal> {
        let needed = stride(append.body.len());
        let mut state = self.lock();
        if let Some((number, segment)) = state.active() {
            let room = usize::try_from(segment.size - segment.end).unwrap_or(usize::MAX);
            if room >= needed && !segment.gaps {
                let place = (number, segment.end, room);
                state.writing = true;
                return Ok(Some(place));
            }
        }
        let size = self.settings.segment_size.max((DATA_START + needed) as u64);
        if state.spare.as_ref().is_none_or(|spare| spare.size < size) {
            drop(state);
            let _alone = self.preparing.lock().unwrap_or_else(PoisonError::into_inner);
            state = self.lock();
            if state.spare.as_ref().is_none_or(|spare| spare.size < size) {
                // The last segments are for moving slices, which is how room is made.
                let reserve = match append.content {
                    Content::Request { .. } => 2 * self.settings.segment_size,
                    Content::Moved(_) => 0,
                };
                if state.allocated() + size + reserve > self.settings.limit {
                    self.to_maintain.notify();
                    return Ok(None);
                }
                drop(state);
                let prepared = self.prepare(size)?;
                state = self.lock();
                let Some(prepared) = prepared else {
                    state.full = true;
                    return Ok(None);
                };
                state.keep_spare(prepared);
            }
        }
        state.roll();
        state.full = false;
        self.to_maintain.notify();
        let (number, segment) = state.active().expect("a spare was made active");
        let room = usize::try_from(segment.size - segment.end).unwrap_or(usize::MAX);
        let place = (number, segment.end, room);
        state.writing = true;
        Ok(Some(place))
    }

    /// Makes a segment and everything that it needs to survive a power cut. `None` when the disk is full.
    pub(in crate::spool) fn prepare(&self, size: u64) -> Result<Option<Prepared<D::File>>, Fatal> {
        let number = {
            let mut state = self.lock();
            state.next_number += 1;
            state.next_number
        };
        let header = SegmentHeader {
            number,
            epoch: self.environment.random(),
            owner: SegmentHeader::owner_bytes(&self.settings.owner).to_vec(),
        };
        let (draft, name) = (format!("{number:016x}.new"), Self::segment_name(number));
        let file = match self.disk.create(&draft, size) {
            Ok(file) => file,
            Err(error) if is_full(&error) => {
                // What was made of it takes room; that it is gone need not be certain.
                let _ = self.disk.remove(&draft);
                return Ok(None);
            }
            Err(error) => return Err(fatal("create", draft)(error)),
        };
        if !unless_full(file.write_at(&header.preamble(), 0), "write", &draft)? {
            self.disk.remove(&draft).map_err(fatal("remove", draft))?;
            return Ok(None);
        }
        file.sync().map_err(fatal("sync", &draft))?;
        self.disk.rename(&draft, &name).map_err(fatal("rename", draft))?;
        self.disk
            .sync_directory()
            .map_err(fatal("sync the directory of", name))?;
        Ok(Some(Prepared {
            number,
            epoch: header.epoch,
            size,
            file: Arc::new(file),
        }))
    }

    /// Everything that has arrived and fits goes along with the first.
    fn gather(&self, first: Append, segment: u64, offset: u64, room: usize) -> Group<D::File> {
        let mut appends = vec![first];
        let mut length = stride(appends[0].body.len());
        while let Some(append) = self.next_append() {
            let needed = stride(append.body.len());
            if length + needed > room || length + needed > self.settings.write_size {
                self.pending().appends.push_front(append);
                break;
            }
            length += needed;
            appends.push(append);
        }
        let mut state = self.lock();
        let sequence = state.next_sequence;
        state.next_sequence += appends.len() as u64;
        let active = &state.segments[&segment];
        let (epoch, mut first_slice) = (active.epoch, active.slices);
        let file = Arc::clone(&active.file);
        drop(state);
        let mut bytes = Vec::with_capacity(length);
        let mut placed = Vec::with_capacity(appends.len());
        for (sequence, append) in (sequence..).zip(appends) {
            let slices = append.slices();
            let header = FrameHeader {
                sequence,
                synced: offset,
                length: u32::try_from(append.body.len()).expect("a frame is smaller than 4 GiB"),
                body_checksum: append.checksum,
                first: first_slice,
                slices,
            };
            placed.push((bytes.len(), append));
            header.encode(epoch, &mut bytes);
            bytes.extend_from_slice(&placed.last().expect("just pushed").1.body);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            first_slice += slices;
        }
        Group {
            appends: placed,
            bytes,
            segment,
            offset,
            file,
        }
    }

    fn refuse(&self, append: Append) {
        match append.content {
            Content::Request { reply, charge, .. } => {
                drop(charge);
                // Whoever has left needs no answer.
                let _ = reply.send(Err(AcceptError::Full {
                    retry_after: FULL_RETRY_AFTER,
                }));
            }
            Content::Moved(_) => {
                let mut state = self.lock();
                state.moving -= 1;
                state.no_room_to_move = true;
            }
        }
    }
}

impl Append {
    fn slices(&self) -> u32 {
        let count = match &self.content {
            Content::Request { frames, .. } => frames.len(),
            Content::Moved(slices) => slices.len(),
        };
        u32::try_from(count).expect("a frame has fewer than 2^32 slices")
    }
}

impl<F> State<F> {
    fn active(&self) -> Option<(u64, &Segment<F>)> {
        let number = self.active?;
        Some((number, self.segments.get(&number)?))
    }

    /// Has a segment ready. One that was ready before is too small or no longer needed: it goes like every empty segment.
    pub(in crate::spool) fn keep_spare(&mut self, prepared: Prepared<F>) {
        if let Some(unused) = self.spare.replace(prepared) {
            let mut segment = Segment::new(unused.file, unused.epoch, unused.size, DATA_START as u64);
            segment.closed = true;
            self.segments.insert(unused.number, segment);
        }
    }

    /// Closes the active segment and goes on with the spare one.
    fn roll(&mut self) {
        if let Some(segment) = self.active.and_then(|number| self.segments.get_mut(&number)) {
            segment.closed = true;
        }
        self.active = self.spare.take().map(|spare| {
            let segment = Segment::new(spare.file, spare.epoch, spare.size, DATA_START as u64);
            self.segments.insert(spare.number, segment);
            spare.number
        });
    }
}
