//! The log of a pod: frames on a disk, each answered once it is synced, each parcel kept until it is settled.
//!
//! Two threads work on it and meet in [`State`]: the *committer* writes and syncs what has arrived ([`Log::commit`]), the *keeper*
//! does everything else ([`Log::keep`] and the steps it is made of). Neither holds the lock while the disk works. All steps are plain
//! functions over a [`Disk`] and an [`Environment`], so a test runs them in any order, on any disk, from one seed.
//! Knows no HTTP, no AWS and no async runtime.

mod acks;
mod append;
mod backlog;
mod compact;
mod format;
#[cfg(test)]
mod golden;
mod keep;
#[cfg(test)]
mod life;
mod look;
mod parcels;
#[cfg(test)]
pub(super) mod planted;
mod publish;
mod recover;
#[cfg(test)]
mod retention;
mod salvage;
mod scan;
mod segment;
#[cfg(test)]
mod unreadable;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt::Debug,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use self::{append::Append, backlog::Backlog, segment::Segment};
pub(in crate::spool) use self::{append::Appended, keep::Keep, look::Chosen, parcels::Position, recover::OpenError};
use super::{
    Budget, EntryRef, Lease,
    disk::{Disk, is_full},
    lease::Home,
    signal::Signal,
};
use crate::stream::{StreamId, Streams};

/// What the log takes from the world beside the disk.
pub(super) trait Environment: Debug + Send + Sync {
    /// Milliseconds since 1970. May jump; only the age of events depends on it.
    fn unix_milliseconds(&self) -> u64;

    /// A number that nobody outside can guess.
    fn random(&self) -> u64;

    /// Where an event from the disk goes now; [`EntryRef::stream`] is where it went when it was accepted.
    fn route(&self, entry: EntryRef<'_>) -> StreamId;
}

/// Sizes and names that do not change while a log is open.
#[derive(Debug, Clone)]
pub(in crate::spool) struct Settings {
    /// Whose events these are.
    pub(in crate::spool) owner: String,
    /// Bytes of a segment, unless a single frame needs more.
    pub(in crate::spool) segment_size: u64,
    /// Most bytes that segments may take together.
    pub(in crate::spool) limit: u64,
    /// Most bytes that are handed out at a time.
    pub(in crate::spool) window: usize,
    /// Most bytes read from the disk at a time, unless a single frame is longer.
    pub(in crate::spool) read_size: usize,
    /// Most bytes written in one go, unless a single frame is longer.
    pub(in crate::spool) write_size: usize,
    /// Whether a segment is made before there is a frame for it. Costs its bytes on the disk, saves the first request the wait.
    pub(in crate::spool) made_ahead: bool,
}

/// The log. Shared by the committer, the keeper, the intake and the leases.
#[derive(Debug)]
pub(in crate::spool) struct Log<D: Disk> {
    disk: D,
    settings: Settings,
    streams: Arc<Streams>,
    environment: Arc<dyn Environment>,
    /// Bytes that are not settled.
    budget: Budget,
    /// Bytes that are handed out.
    window: Budget,
    /// What waits to be written; locked for moments only.
    pending: Mutex<Pending>,
    /// What leases have said since the keeper last looked.
    reports: Mutex<Vec<Report>>,
    state: Mutex<State<D::File>>,
    /// Held while a segment is made, so that committer and keeper do not both make one and segments are used in the order of their numbers.
    preparing: Mutex<()>,
    /// Held by the keeper while it works: what it has taken in is neither reported nor written for moments.
    keeping: Mutex<()>,
    /// Wakes the committer.
    pub(in crate::spool) to_commit: Signal,
    /// Wakes the keeper.
    pub(in crate::spool) to_keep: Signal,
}

/// Frames in the order of their arrival.
#[derive(Debug, Default)]
struct Pending {
    appends: VecDeque<Append>,
    /// Nothing is taken any more.
    closed: bool,
}

/// Everything that committer and keeper share.
#[derive(Debug)]
struct State<F> {
    /// By their numbers, which only rise.
    segments: BTreeMap<u64, Segment<F>>,
    /// The one that frames are added to.
    active: Option<u64>,
    /// Whether the committer is adding frames to it: it must not be closed meanwhile.
    writing: bool,
    /// The next one, ready.
    spare: Option<Prepared<F>>,
    next_number: u64,
    next_sequence: u64,
    backlogs: BTreeMap<StreamId, Backlog>,
    /// Which stream the keeper reads for next.
    turn: Option<StreamId>,
    /// Where parcels went that were moved while they were handed out.
    moves: HashMap<Position, Position>,
    /// Moved frames that are not written yet.
    moving: usize,
    /// Whether parcels could not be moved and nothing has been deleted since.
    no_room_to_move: bool,
    /// Whether the disk had no room for a segment when one was last asked for.
    full: bool,
    outlet: Option<mpsc::UnboundedSender<Arc<Lease>>>,
}

/// A segment that is on the disk with its directory entry and has no frame yet.
#[derive(Debug)]
struct Prepared<F> {
    number: u64,
    epoch: u64,
    size: u64,
    file: Arc<F>,
}

/// A parcel as a lease knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Parcel {
    pub(in crate::spool) position: Position,
    /// Stream it is stored under.
    pub(in crate::spool) stream: StreamId,
    pub(in crate::spool) charge: usize,
}

/// What became of a parcel that was handed out.
#[derive(Debug)]
enum Report {
    Settled(Parcel),
    /// Dropped unsettled: it is handed out again.
    Returned(Parcel),
}

/// The disk failed in a way that leaves unknown what is on it. The process must end and recover.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} \"{file}\"")]
pub(in crate::spool) struct Fatal {
    what: &'static str,
    file: String,
    source: io::Error,
}

/// What is not settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// Parts of requests, each for one stream.
    pub parcels: u64,
    /// Bytes they are charged.
    pub bytes: u64,
}

impl<D: Disk> Log<D> {
    fn lock(&self) -> MutexGuard<'_, State<D::File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bound on bytes that are not settled.
    pub(in crate::spool) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What is not settled.
    pub(in crate::spool) fn left(&self) -> Left {
        let state = self.lock();
        let live = state.segments.values().flat_map(|segment| segment.live.values());
        live.fold(Left::default(), |left, held| Left {
            parcels: left.parcels + u64::from(held.parcels),
            bytes: left.bytes + held.bytes,
        })
    }

    /// Takes nothing any more. What waits to be written is written if the committer takes another step.
    pub(in crate::spool) fn close_intake(&self) {
        self.pending().closed = true;
        self.to_commit.notify();
    }

    /// Hands nothing out any more; the outlet ends.
    pub(in crate::spool) fn close_outlet(&self) {
        self.lock().outlet = None;
    }

    fn segment_name(number: u64) -> String {
        format!("{number:016x}.log")
    }

    fn acks_name(number: u64) -> String {
        format!("{number:016x}.acks")
    }
}

impl<D: Disk> Home for Log<D> {
    fn settled(&self, parcel: Parcel) {
        self.report(Report::Settled(parcel));
    }

    fn returned(&self, parcel: Parcel) {
        self.report(Report::Returned(parcel));
    }
}

impl<D: Disk> Log<D> {
    fn report(&self, report: Report) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        reports.push(report);
        let first = reports.len() == 1;
        drop(reports);
        if first {
            self.to_keep.notify();
        }
    }
}

impl<F> State<F> {
    /// Bytes that all segments take on the disk.
    fn allocated(&self) -> u64 {
        let segments: u64 = self.segments.values().map(|segment| segment.size).sum();
        segments + self.spare.as_ref().map_or(0, |spare| spare.size)
    }

    /// Where a parcel is now.
    fn resolve(&mut self, mut position: Position) -> Position {
        while let Some(next) = self.moves.remove(&position) {
            position = next;
        }
        position
    }
}

/// Makes an error of the disk fatal.
fn fatal(what: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> Fatal {
    let file = file.into();
    move |source| Fatal { what, file, source }
}

/// Tells an error that passes (`Ok(false)`: no room) from one that does not.
fn unless_full(result: io::Result<()>, what: &'static str, file: impl Into<String>) -> Result<bool, Fatal> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => Ok(false),
        Err(error) => Err(fatal(what, file)(error)),
    }
}
