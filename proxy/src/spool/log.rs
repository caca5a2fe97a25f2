//! The log of a pod: frames on a disk, each answered once it is synced, each slice kept until it is settled.
//!
//! Two threads work on it and meet in [`State`]: the *writer* writes and syncs what has arrived ([`Log::commit`]), the
//! *maintainer* does everything else ([`Log::maintain`] and the steps it is made of). Neither holds the lock while the
//! disk works. All steps are plain functions over a [`Disk`] and an [`Environment`], so a test runs them in any order,
//! on any disk, from one seed. Knows no HTTP, no AWS and no async runtime.

use std::{
    fmt::Debug,
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use super::{
    at_work::AtWork,
    disk::{Disk, is_full},
    format::Version,
    index::{Index, Unsettled},
    pending::Pending,
    signal::Signal,
};
use crate::{
    account::Account,
    descriptors::{is_shortage, say_shortage},
    queue::{ByteLimit, EntryRef, IdentitySalt, InFlight, Slice, SliceOwner},
    stream::{StreamId, Streams},
};

/// What the log takes from the world beside the disk.
pub(crate) trait Environment: Debug + Send + Sync {
    /// Milliseconds since 1970. May jump; only the age of events depends on it.
    fn unix_milliseconds(&self) -> u64;

    /// A point in time, for how long the disk takes to answer.
    fn now(&self) -> Instant;

    /// A number that nobody outside can guess.
    fn random(&self) -> u64;

    /// Where an event from the disk goes now; [`EntryRef::stream`] is where it went when it was accepted.
    fn route(&self, entry: EntryRef<'_>) -> StreamId;
}

/// Sizes and names that do not change while a log is open.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whose events these are.
    pub(crate) owner: String,
    /// Bytes of a segment, unless a single frame needs more.
    pub(crate) segment_size: u64,
    /// Most bytes that segments may take together.
    pub(crate) limit: u64,
    /// Most bytes that are handed out at a time.
    pub(crate) window: usize,
    /// Most bytes read from the disk at a time, unless a single frame is longer.
    pub(crate) read_size: usize,
    /// Most bytes written in one go, unless a single frame is longer.
    pub(crate) write_size: usize,
    /// Most bytes of events in memory that are not synced, or not given up, together.
    pub(crate) uncommitted: usize,
    /// Whether a segment is made before there is a frame for it. Costs its bytes on the disk, saves the first request
    /// the wait.
    pub(crate) made_ahead: bool,
    /// Where what is read and handed out takes its memory.
    pub(crate) account: Account,
    /// What new segments are written in.
    pub(crate) version: Version,
}

/// The log. Shared by the writer, the maintainer, the intake and the batches.
#[derive(Debug)]
pub(crate) struct Log<D: Disk> {
    pub(super) disk: D,
    pub(super) settings: Settings,
    pub(super) streams: Arc<Streams>,
    /// Of the identities that this process stores.
    pub(super) salt: OnceLock<IdentitySalt>,
    pub(super) environment: Arc<dyn Environment>,
    /// Bytes that are not settled.
    pub(super) byte_limit: ByteLimit,
    /// Bytes that are handed out.
    pub(super) window: ByteLimit,
    /// Bytes of events that wait to be synced, in memory.
    pub(super) uncommitted: ByteLimit,
    /// Since when the writer waits for the disk.
    pub(super) at_work: AtWork,
    /// What waits to be written; locked for moments only.
    pub(super) pending: Mutex<Pending>,
    /// What batches have said since the maintainer last looked.
    pub(super) reports: Mutex<Vec<Feedback>>,
    pub(super) state: Mutex<State<D::File>>,
    /// Held while a segment is made, so that writer and maintainer do not both make one and segments are used in the
    /// order of their numbers.
    pub(super) preparing: Mutex<()>,
    /// Held by the maintainer while it works: what it has taken in is neither reported nor written for moments.
    pub(super) maintaining: Mutex<()>,
    /// Something could not be read for want of a descriptor or memory; the maintainer tries again.
    pub(super) put_off: AtomicBool,
    /// Wakes the writer.
    pub(crate) to_commit: Signal,
    /// Wakes the maintainer.
    pub(crate) to_maintain: Signal,
}

/// Everything that writer and maintainer share, under one lock.
#[derive(Debug)]
pub(super) struct State<F> {
    /// What is known of the log.
    pub(super) index: Index<F>,
    /// Where slices are handed out. `None` when nobody takes them.
    pub(super) outlet: Option<mpsc::UnboundedSender<Arc<InFlight>>>,
}

/// What became of a slice that was handed out.
#[derive(Debug)]
pub(super) enum Feedback {
    Settled(Slice),
    /// Dropped unsettled: it is handed out again.
    Returned(Slice),
}

/// The disk failed in a way that leaves unknown what is on it. The process must end and recover.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} \"{file}\"")]
pub(crate) struct Fatal {
    what: &'static str,
    file: String,
    source: io::Error,
}

/// Something cannot be read now, for want of a descriptor or memory. It is as good as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the process is short of file descriptors or memory, try again")]
pub(crate) struct Later;

impl Fatal {
    /// Whether it passes: the same may succeed later.
    pub(super) fn is_shortage(&self) -> bool {
        is_shortage(&self.source)
    }
}

impl<D: Disk> Log<D> {
    /// The file of a segment: the one that is open, or it is opened for as long as it is read.
    pub(super) fn segment_file(&self, number: u64, open: Option<Arc<D::File>>) -> io::Result<Arc<D::File>> {
        match open {
            Some(file) => Ok(file),
            None => self.disk.open(&Self::segment_name(number)).map(Arc::new),
        }
    }

    /// Has the maintainer try again what failed for want of something; gives back every other error.
    pub(super) fn later<T>(&self, result: io::Result<T>) -> Result<io::Result<T>, Later> {
        match result {
            Err(error) if self.is_put_off(&error) => Err(Later),
            other => Ok(other),
        }
    }

    /// Whether an error is a shortage. Then the log says so, and the maintainer looks again before long.
    pub(super) fn is_put_off(&self, error: &io::Error) -> bool {
        let is_short = is_shortage(error);
        if is_short {
            say_shortage("the spool", error);
            self.put_off.store(true, Ordering::Relaxed);
        }
        is_short
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bound on bytes that are not settled.
    pub(crate) fn byte_limit(&self) -> &ByteLimit {
        &self.byte_limit
    }

    /// What is not settled.
    pub(crate) fn left(&self) -> Unsettled {
        self.lock().index.unsettled()
    }

    /// Of the identities that this process stores. `None` when it stores none and found none.
    pub(crate) fn salt(&self) -> Option<IdentitySalt> {
        self.salt.get().copied()
    }

    /// How long the writer has been waiting for the disk. `None` while it is not.
    pub(crate) fn stalled_for(&self) -> Option<Duration> {
        self.at_work.since(self.environment.now())
    }

    /// Takes nothing any more. What waits to be written is written if the writer takes another step.
    pub(crate) fn close_intake(&self) {
        self.pending().closed = true;
        self.to_commit.notify();
    }

    /// Whether everything that is known of the log agrees.
    ///
    /// # Panics
    ///
    /// When it does not: a count is wrong, and sooner or later an event would be lost or never leave.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let state = self.lock();
        if let Err(broken) = state.index.check() {
            panic!("{broken}");
        }
        let waiting: usize = self.pending().appends.iter().map(super::pending::Append::charged).sum();
        let charged = self.byte_limit.used() as u64;
        let expected = state.index.unsettled().bytes + waiting as u64;
        assert_eq!(
            charged, expected,
            "bytes are charged that nobody holds, or held and not charged"
        );
    }

    /// Checks after every so many changes from now on.
    #[cfg(test)]
    pub(crate) fn audit_every(&self, changes: u32) {
        self.lock().index.audit_every(changes);
    }

    /// Hands nothing out any more; the outlet ends.
    pub(crate) fn close_outlet(&self) {
        self.lock().outlet = None;
    }

    pub(super) fn segment_name(number: u64) -> String {
        format!("{number:016x}.log")
    }

    pub(super) fn acks_name(number: u64) -> String {
        format!("{number:016x}.acks")
    }
}

impl<D: Disk> SliceOwner for Log<D> {
    fn settled(&self, slice: Slice) {
        self.report(Feedback::Settled(slice));
    }

    fn returned(&self, slice: Slice) {
        self.report(Feedback::Returned(slice));
    }
}

impl<D: Disk> Log<D> {
    pub(super) fn report(&self, report: Feedback) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.push(report);
        let first = reports.len() == 1;
        drop(reports);
        if first {
            self.to_maintain.notify();
        }
    }
}

/// Makes an error of the disk fatal.
pub(super) fn fatal(what: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> Fatal {
    let file = file.into();
    move |source| Fatal { what, file, source }
}

/// Tells an error that passes (`Ok(false)`: no room) from one that does not.
pub(super) fn unless_full(result: io::Result<()>, what: &'static str, file: impl Into<String>) -> Result<bool, Fatal> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => Ok(false),
        Err(error) => Err(fatal(what, file)(error)),
    }
}
