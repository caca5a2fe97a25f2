//! The writer's step: everything that has arrived goes into one write and one sync, and only then is it answered.

mod publish;

use std::{
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::debug_span;

use super::{
    disk::{Disk, File, is_full},
    format::frame::{DATA_START, FRAME_HEADER, FrameHeader, SegmentHeader, stride},
    index::{Assigned, Prepared, Reserved},
    log::{Fatal, Log, fatal, unless_full},
    pending::{Append, Content, Pending},
};
use crate::{
    account::{Held, Use},
    queue::{AcceptError, Appended, Charge, Claim, EventBatch},
    stream::StreamId,
};

/// How long a client is asked to wait when the disk has no room, or does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long the disk may take for a write before nothing more is taken. Disks that answer at all take milliseconds.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// How often what waits is looked through for what nobody waits for any more, while there is no room.
const PURGE_EVERY: Duration = Duration::from_millis(100);

/// Frames that go into one write.
pub(in crate::spool) struct Group<F> {
    pub(in crate::spool) appends: Vec<(usize, Append)>,
    pub(in crate::spool) bytes: Vec<u8>,
    pub(in crate::spool) segment: u64,
    pub(in crate::spool) offset: u64,
    pub(in crate::spool) file: Arc<F>,
    /// What its bytes take of the process's memory.
    _memory: Held,
}

impl<D: Disk> Log<D> {
    /// Takes the events of a request; the answer comes when they are synced or refused.
    ///
    /// # Errors
    ///
    /// When the log, the share of one of the streams, or the memory for what is not synced is full, and when the disk
    /// does not answer.
    pub(crate) fn append(&self, batch: EventBatch) -> Result<Appended, AcceptError> {
        self.append_claimed(batch, None)
    }

    /// Like [`Self::append`], of events that their client may send again. The claim hears when they are synced.
    ///
    /// # Errors
    ///
    /// The same.
    pub(crate) fn append_claimed(&self, batch: EventBatch, claim: Option<Claim>) -> Result<Appended, AcceptError> {
        self.refuse_while_stalled()?;
        let batches: Vec<(StreamId, EventBatch)> = batch
            .split()
            .into_iter()
            .filter_map(|batch| Some((batch.entry(0)?.stream, batch)))
            .collect();
        let full = AcceptError::Full {
            retry_after: RETRY_AFTER,
        };
        let parts = batches
            .iter()
            .map(|(stream, batch)| (*stream, self.settings.version.charge(batch)));
        let charge = self.byte_limit.charge(parts).ok_or(full)?;
        let uncommitted = self.room_in_memory(batches[0].0, charge.bytes()).ok_or(full)?;
        let accepted_ms = self.environment.unix_milliseconds();
        let length = batches.iter().map(|(stream, batch)| {
            let stream = self.streams.name(*stream);
            self.settings.version.encoded_length(stream.as_str(), batch)
        });
        let length = length.sum();
        let (reply, appended) = oneshot::channel();
        let append = Append {
            length,
            content: Content::Request {
                batches,
                charge,
                _uncommitted: uncommitted,
                accepted_ms,
                claim,
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

    /// Room for events until they are synced or given up.
    fn room_in_memory(&self, stream: StreamId, bytes: usize) -> Option<Charge> {
        // A request larger than the limit would be refused for ever; it waits alone.
        let bytes = bytes.min(self.uncommitted.limit() / 2);
        let charge = || self.uncommitted.charge([(stream, bytes)]);
        charge().or_else(|| {
            self.purge();
            charge()
        })
    }

    /// While the disk does not answer, a request would wait in vain and its client for nothing.
    fn refuse_while_stalled(&self) -> Result<(), AcceptError> {
        let Some(stalled) = self.stalled_for().filter(|stalled| *stalled >= STALLED_AFTER) else {
            return Ok(());
        };
        if self.at_work.report() {
            tracing::error!(?stalled, "the disk does not answer; requests are refused until it does");
        }
        Err(AcceptError::Stalled {
            retry_after: RETRY_AFTER,
        })
    }

    /// Drops what waits to be written and nobody waits for.
    fn purge(&self) {
        let now = self.environment.now();
        let mut pending = self.pending();
        let is_due = pending.purged.is_none_or(|purged| now >= purged + PURGE_EVERY);
        if is_due {
            pending.purged = Some(now);
            pending.appends.retain(Append::is_wanted);
        }
    }

    pub(in crate::spool) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes and syncs what has arrived, then answers it. False when there was nothing.
    ///
    /// # Errors
    ///
    /// When the disk failed: nothing of the group is answered and the process must end. A failed sync is not tried
    /// again, because the kernel may have dropped the pages and would call the next one a success.
    pub(crate) fn commit(self: &Arc<Self>) -> Result<bool, Fatal> {
        let Some(first) = self.next_append() else {
            return Ok(false);
        };
        self.at_work.begin(self.environment.now());
        let committed = self.commit_behind(first);
        if let Some(stalled) = self.at_work.end(self.environment.now()) {
            tracing::warn!(?stalled, "the disk answers again");
        }
        committed.map(|()| true)
    }

    /// Commits a frame and what fits behind it.
    fn commit_behind(self: &Arc<Self>, first: Append) -> Result<(), Fatal> {
        let Some(reserved) = self.make_room(&first)? else {
            self.refuse(first);
            return Ok(());
        };
        let group = self.gather(first, reserved);
        let _span = debug_span!("append", requests = group.appends.len(), bytes = group.bytes.len()).entered();
        let name = Self::segment_name(group.segment);
        if !unless_full(group.file.write_at(&group.bytes, group.offset), "write", &name)? {
            self.lock().index.release();
            // What of it was written is written over by the next group, whose sequences are higher.
            group.appends.into_iter().for_each(|(_, append)| self.refuse(append));
            return Ok(());
        }
        group.file.sync().map_err(fatal("sync", name))?;
        self.publish(group);
        Ok(())
    }

    /// The next frame that somebody still waits for.
    fn next_append(&self) -> Option<Append> {
        let mut pending = self.pending();
        loop {
            let append = pending.appends.pop_front()?;
            if append.is_wanted() {
                return Some(append);
            }
        }
    }

    /// A place for a frame, in a new segment if need be. `None` when there is no room for one.
    fn make_room(&self, append: &Append) -> Result<Option<Reserved>, Fatal> {
        let needed = stride(append.length);
        if let Some(reserved) = self.lock().index.reserve(needed) {
            return Ok(Some(reserved));
        }
        let size = self.settings.segment_size.max((DATA_START + needed) as u64);
        // The last segments are for moving slices, which is how room is made.
        let kept_free = match append.content {
            Content::Request { .. } => 2 * self.settings.segment_size,
            Content::Moved { .. } => 0,
        };
        if !self.lock().index.has_spare(size) && !self.make_segment(size, kept_free)? {
            return Ok(None);
        }
        let mut state = self.lock();
        state.index.start_spare();
        let reserved = state
            .index
            .reserve(needed)
            .expect("a new segment has room for its frame");
        drop(state);
        self.to_maintain.notify();
        Ok(Some(reserved))
    }

    /// Has a segment of at least `size` bytes ready, unless that leaves less than `kept_free` of the limit. False when
    /// there is no room for it.
    fn make_segment(&self, size: u64, kept_free: u64) -> Result<bool, Fatal> {
        let _alone = self.preparing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let state = self.lock();
            if state.index.has_spare(size) {
                return Ok(true);
            }
            if state.index.allocated() + size + kept_free > self.settings.limit {
                self.to_maintain.notify();
                return Ok(false);
            }
        }
        let prepared = self.prepare(size)?;
        let mut state = self.lock();
        match prepared {
            Some(prepared) => state.index.put_spare(prepared),
            None => {
                state.index.set_full(true);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes a segment and everything that it needs to survive a power cut. `None` when the disk is full.
    pub(in crate::spool) fn prepare(&self, size: u64) -> Result<Option<Prepared<D::File>>, Fatal> {
        let number = self.lock().index.next_number();
        let header = SegmentHeader {
            version: self.settings.version,
            number,
            epoch: self.environment.random(),
            owner: SegmentHeader::owner_bytes(&self.settings.owner).to_vec(),
            salt: self.salt(),
        };
        let (draft, name) = (format!("{number:016x}.new"), Self::segment_name(number));
        let file = match self.disk.create(&draft, size) {
            Ok(file) => file,
            Err(error) if is_full(&error) => {
                self.is_put_off(&error);
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
        if !unless_full(self.disk.rename(&draft, &name), "rename", &draft)? {
            let _ = self.disk.remove(&draft); // its number is not used again, and a start removes it
            return Ok(None);
        }
        self.disk
            .sync_directory()
            .map_err(fatal("sync the directory of", name))?;
        Ok(Some(Prepared {
            number,
            version: header.version,
            epoch: header.epoch,
            size,
            file: Arc::new(file),
        }))
    }

    /// Everything that has arrived and fits goes along with the first.
    fn gather(&self, first: Append, reserved: Reserved) -> Group<D::File> {
        let mut appends = vec![first];
        let mut length = stride(appends[0].length);
        while let Some(append) = self.next_append() {
            let needed = stride(append.length);
            if length + needed > reserved.room || length + needed > self.settings.write_size {
                self.pending().appends.push_front(append);
                break;
            }
            length += needed;
            appends.push(append);
        }
        let Assigned {
            sequence,
            epoch,
            mut first_slice,
            file,
        } = self.lock().index.assign(reserved, appends.len());
        let memory = self.settings.account.hold(Use::Events, length);
        let mut bytes = Vec::with_capacity(length);
        let mut placed = Vec::with_capacity(appends.len());
        for (sequence, append) in (sequence..).zip(appends) {
            let (start, slices) = (bytes.len(), append.slices());
            let header = FrameHeader {
                sequence,
                synced: reserved.offset,
                length: 0,
                body_checksum: 0,
                first: first_slice,
                slices,
            };
            bytes.resize(start + FRAME_HEADER, 0);
            self.encode_body(&append.content, &mut bytes);
            debug_assert_eq!(
                bytes.len(),
                start + FRAME_HEADER + append.length,
                "room was made for less"
            );
            header.enclose(epoch, start, &mut bytes);
            placed.push((start, append));
            first_slice += slices;
        }
        Group {
            appends: placed,
            bytes,
            segment: reserved.segment,
            offset: reserved.offset,
            file,
            _memory: memory,
        }
    }

    /// Events are encoded here and not when they arrive: until then they are in memory once.
    fn encode_body(&self, content: &Content, out: &mut Vec<u8>) {
        match content {
            Content::Request {
                batches, accepted_ms, ..
            } => {
                for (stream, batch) in batches {
                    let stream = self.streams.name(*stream);
                    self.settings.version.encode(*accepted_ms, stream.as_str(), batch, out);
                }
            }
            Content::Moved { body, .. } => out.extend_from_slice(body),
        }
    }

    fn refuse(&self, append: Append) {
        match append.content {
            Content::Request { reply, charge, .. } => {
                drop(charge);
                // Whoever has left needs no answer.
                let _ = reply.send(Err(AcceptError::Full {
                    retry_after: RETRY_AFTER,
                }));
            }
            Content::Moved { .. } => self.lock().index.move_fails(),
        }
    }
}
