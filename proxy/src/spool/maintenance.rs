//! The maintainer's steps: write down what is settled, seal complete segments, delete those that are done, keep a spare
//! one ready.
//!
//! The order that safety rests on: a segment is sealed only when the acknowledgements of every slice that was moved
//! into it are on the disk, and deleted only when everything in it is settled. What is lost of acknowledgements costs
//! duplicates, never an event.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    disk::{Disk, File, is_full},
    format::acks::{self, Record, Settled},
    index::{AckFile, Removable, ToSeal},
    log::{Fatal, Feedback, Log, fatal, unless_full},
};
use crate::stream::StreamId;

/// How long acknowledgements gather before they are written.
const WRITE_ACKS_EVERY: Duration = Duration::from_millis(20);
/// How long written acknowledgements may stay unsynced: what a power cut can make arrive twice.
const SYNC_ACKS_EVERY: Duration = Duration::from_secs(1);
/// How long events stay on the disk after their delivery, at least while no other segment is waited for.
const CLOSE_AFTER: Duration = Duration::from_secs(60);
/// How long a full disk is left alone.
const TRY_FULL_DISK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for a descriptor or memory.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Most files of acknowledgements that are open at a time.
const MOST_UNSYNCED_FILES: usize = 8;

/// When the maintainer did what.
#[derive(Debug)]
pub(crate) struct MaintenanceTimes {
    acks_written: Instant,
    acks_synced: Instant,
    disk_was_full: Option<Instant>,
    /// The active segment, once it has frames, and since when.
    active: Option<(u64, Instant)>,
}

impl MaintenanceTimes {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            acks_written: now,
            acks_synced: now,
            disk_was_full: None,
            active: None,
        }
    }
}

impl<D: Disk> Log<D> {
    /// Does what is due. Returns how long the maintainer may sleep unless it is woken; `None` for as long as it likes.
    ///
    /// # Errors
    ///
    /// When the disk failed in a way that leaves unknown what is on it.
    pub(crate) fn maintain(
        self: &Arc<Self>,
        times: &mut MaintenanceTimes,
        now: Instant,
    ) -> Result<Option<Duration>, Fatal> {
        let _keeping = self.maintaining.lock().unwrap_or_else(PoisonError::into_inner);
        self.apply_reports();
        let mut busy = false;
        for _ in 0..4 {
            busy = self.read_backlog() == Ok(true);
            if !busy {
                break;
            }
        }
        if now >= times.acks_written + WRITE_ACKS_EVERY {
            times.acks_written = now;
            self.write_acks()?;
        }
        if now >= times.acks_synced + SYNC_ACKS_EVERY {
            times.acks_synced = now;
            self.sync_acks()?;
        }
        let close = self.close_old(times, now);
        while self.remove_done()? {}
        while self.seal()? {}
        if times
            .disk_was_full
            .is_none_or(|since| now >= since + TRY_FULL_DISK_EVERY)
        {
            let done = self.make_spare()? && !self.lock().index.is_full();
            times.disk_was_full = (!done).then_some(now);
        }
        busy |= self.compact()?;
        if busy {
            return Ok(Some(Duration::ZERO));
        }
        let (unwritten, unsynced) = self.lock().index.acknowledgements_left();
        let sleep = match (unwritten, unsynced) {
            (true, _) => Some(WRITE_ACKS_EVERY),
            (false, true) => Some(SYNC_ACKS_EVERY),
            (false, false) => None,
        };
        let retry = times.disk_was_full.map(|_| TRY_FULL_DISK_EVERY);
        let again = self.put_off.swap(false, Ordering::Relaxed).then_some(TRY_AGAIN_AFTER);
        Ok(sleep.into_iter().chain(retry).chain(again).chain(close).min())
    }

    /// Closes an active segment that has had frames for a while, so that it goes when they are delivered, and not when
    /// it is full. A backlog of little traffic does not become a file a minute: there is at most one closed before
    /// its time. Returns when to look again.
    fn close_old(&self, times: &mut MaintenanceTimes, now: Instant) -> Option<Duration> {
        let active = self.lock().index.lone_active();
        times.active = match (active, times.active) {
            (Some(number), Some((known, since))) if number == known => Some((number, since)),
            (active, _) => active.map(|number| (number, now)),
        };
        let (_, since) = times.active?;
        let left = CLOSE_AFTER.saturating_sub(now - since);
        if left.is_zero() && self.close_active() {
            times.active = None;
            return None;
        }
        Some(left.max(WRITE_ACKS_EVERY))
    }

    /// Closes the active segment unless a frame is on its way into it. The next frame gets another one.
    pub(crate) fn close_active(&self) -> bool {
        self.lock().index.close_active()
    }

    /// Makes everything that was settled survive a power cut: the last step of a clean end.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn finish(&self) -> Result<(), Fatal> {
        let _keeping = self.maintaining.lock().unwrap_or_else(PoisonError::into_inner);
        self.apply_reports();
        while self.remove_done()? {}
        // On a full disk some of it is delivered once more by the next process.
        self.write_acks()?;
        self.sync_acks()
    }

    /// Takes in what batches have said.
    pub(crate) fn apply_reports(&self) {
        let reports = std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner));
        if reports.is_empty() {
            return;
        }
        let mut state = self.lock();
        for report in reports {
            match report {
                Feedback::Settled(slice) => state.index.settle(slice),
                Feedback::Returned(slice) => {
                    let is_lost = state.index.give_back(slice);
                    Self::report_lost(u32::from(is_lost), slice.position.segment);
                }
            }
        }
    }

    /// Whether everything that was settled is known to be on the disk. Not known while the maintainer is at it.
    pub(crate) fn is_quiet(&self) -> bool {
        let Ok(_keeping) = self.maintaining.try_lock() else {
            return false;
        };
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.is_empty() && self.lock().index.acknowledgements_left() == (false, false)
    }

    /// Writes down what is settled, segment by segment. False when the disk is full.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn write_acks(&self) -> Result<bool, Fatal> {
        self.write_acks_except(None)
    }

    fn write_acks_except(&self, except: Option<u64>) -> Result<bool, Fatal> {
        let due = self.lock().index.with_unwritten(except);
        for number in due {
            if self.lock().index.unsynced_files() >= MOST_UNSYNCED_FILES {
                self.sync_acks()?;
            }
            let unwritten = self.lock().index.take_unwritten(number);
            let mut settled = Vec::with_capacity(unwritten.len());
            for ((stream, elsewhere), (bytes, ordinals)) in &unwritten {
                let mut sorted = ordinals.clone();
                sorted.sort_unstable();
                settled.push(Settled {
                    stream: self.streams.name(*stream),
                    bytes: *bytes,
                    elsewhere: *elsewhere,
                    runs: acks::runs(&sorted),
                });
            }
            if !self.write_record(number, &Record::Settled(settled))? {
                self.lock().index.put_back_unwritten(number, unwritten);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends a record to the file beside a segment. False when the disk is full.
    fn write_record(&self, number: u64, record: &Record) -> Result<bool, Fatal> {
        let name = Self::acks_name(number);
        let Some(AckFile {
            is_made,
            file,
            epoch,
            index,
            end,
        }) = self.lock().index.ack_file(number)
        else {
            return Ok(true);
        };
        let opened = match file {
            Some(file) => Ok(file),
            None if is_made => self.disk.open(&name).map(Arc::new),
            None => self.disk.create(&name, 0).map(Arc::new),
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_full(&error) => {
                self.is_put_off(&error);
                return Ok(false);
            }
            Err(error) => return Err(fatal("open", name)(error)),
        };
        if !is_made {
            self.lock().index.ack_file_made(number);
        }
        let mut bytes = Vec::new();
        record.encode(epoch, index, &mut bytes);
        if !unless_full(file.write_at(&bytes, end), "write", name)? {
            return Ok(false); // written over by the next try
        }
        self.lock().index.ack_written(number, bytes.len(), file);
        Ok(true)
    }

    /// Makes written acknowledgements survive a power cut.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn sync_acks(&self) -> Result<(), Fatal> {
        let files = self.lock().index.take_unsynced();
        if files.is_empty() {
            return Ok(());
        }
        for (number, file) in files {
            file.sync().map_err(fatal("sync", Self::acks_name(number)))?;
        }
        self.disk
            .sync_directory()
            .map_err(fatal("sync the directory of", "acknowledgements"))
    }

    /// Writes and syncs what a complete segment held, so that the next start need not read it. False when none is due.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn seal(&self) -> Result<bool, Fatal> {
        let due = self
            .lock()
            .index
            .next_to_seal(|stream: StreamId| self.streams.name(stream));
        let Some(ToSeal { number, seal, size }) = due else {
            return Ok(false);
        };
        // Whoever reads the seal does not look for slices that were moved here, so their old places must be known as
        // left.
        if !self.write_acks()? {
            return Ok(false);
        }
        self.sync_acks()?;
        let opened = self.segment_file(number, None);
        let Ok(opened) = self.later(opened) else {
            return Ok(false);
        };
        let file = opened.map_err(fatal("open", Self::segment_name(number)))?;
        let end = seal.end;
        if size > end + self.settings.segment_size / 8 {
            file.truncate(end)
                .map_err(fatal("truncate", Self::segment_name(number)))?;
            self.lock().index.cut_off(number);
        }
        file.sync().map_err(fatal("sync", Self::segment_name(number)))?;
        if !self.write_record(number, &Record::Seal(seal))? {
            return Ok(false);
        }
        self.sync_acks()?;
        self.lock().index.sealed(number);
        Ok(true)
    }

    /// Deletes the first segment in which everything is settled. False when there is none.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn remove_done(&self) -> Result<bool, Fatal> {
        let Some(Removable {
            number,
            damaged,
            has_acks,
            copied_too_late,
        }) = self.lock().index.next_to_remove()
        else {
            return Ok(false);
        };
        // What was moved here and is settled must not come back from where it was. On a full disk it may: deleting
        // makes room.
        match self.write_acks_except(Some(number))? {
            true => self.sync_acks()?,
            false if copied_too_late => return Ok(false),
            false => {}
        }
        let name = Self::segment_name(number);
        if damaged {
            let kept = format!("{number:016x}.damaged");
            self.disk.rename(&name, &kept).map_err(fatal("rename", name))?;
        } else {
            self.disk.remove(&name).map_err(fatal("remove", &name))?;
        }
        // The segment first and for certain: without its acknowledgements it would be delivered once more.
        self.disk
            .sync_directory()
            .map_err(fatal("sync the directory of", Self::segment_name(number)))?;
        if has_acks {
            let name = Self::acks_name(number);
            self.disk.remove(&name).map_err(fatal("remove", name))?;
        }
        self.lock().index.remove(number);
        Ok(true)
    }

    /// Makes the next segment when the active one is half full, so that no request waits for it. False when the disk is
    /// full.
    ///
    /// # Errors
    ///
    /// When the disk failed.
    pub(crate) fn make_spare(&self) -> Result<bool, Fatal> {
        let _alone = self.preparing.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, limit) = (self.settings.segment_size, self.settings.limit);
        let due = self.lock().index.wants_spare(size, limit, self.settings.made_ahead);
        if !due {
            return Ok(true);
        }
        let prepared = self.prepare(size)?;
        let mut state = self.lock();
        let made = prepared.is_some();
        state.index.set_full(!made);
        if let Some(prepared) = prepared {
            state.index.put_spare(prepared);
        }
        Ok(made)
    }
}
