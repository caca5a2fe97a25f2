//! Chooses where accepted events wait: in memory until Firehose has them, or on the spool's disk.
//!
//! The choice is made once, by the first good configuration, however late that comes: a pod whose destination changes
//! it is replaced by a rollout, one after the other, instead of all at the same moment.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use firehose_proxy_config::{Acknowledge, Document};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, timeout_at},
};
use tracing::{error, info};

use crate::{
    account::Account,
    config::Live,
    dead_letters::{self, DeadLetters},
    queue::{self, Intake, Outlet},
    spool::{self, Router, Spool, Unsettled},
    stream::Streams,
};

/// Most bytes of events in memory: the whole queue of `WhenDelivered`, or what is on its way from disk to delivery.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Likewise with a spool: the rest of a backlog stays on the disk.
const WINDOW_BYTES: usize = 64 * 1024 * 1024;
/// Of what an earlier `WhenSpooled` has left: two calls, so that those who wait for their answer are not queued behind
/// more.
const LEFTOVERS_WINDOW_BYTES: usize = 8 * 1024 * 1024;

/// How often a draining process looks whether its disk is empty.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Both ends of the queue, and the disk behind it if there is one.
pub(super) struct Storage {
    pub(super) intake: Intake,
    pub(super) outlet: Outlet,
    /// Where what cannot be delivered goes. `None` when there is no place for it.
    pub(super) letters: Option<DeadLetters>,
    pub(super) spool: Option<Spool>,
    /// Whether there are files of another destination.
    pub(super) has_foreign: bool,
}

/// What is on the disk; shared by those who report on it and the one who closes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Volume(Arc<Mutex<Stores>>);

#[derive(Debug, Default)]
struct Stores {
    /// What an earlier process has left is known.
    is_open: bool,
    spool: Option<Spool>,
    letters: Option<DeadLetters>,
    /// Whether there are files of another destination.
    has_foreign: bool,
}

/// How full something is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) bytes: u64,
    pub(super) limit_bytes: u64,
}

/// The dead letters there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters {
    pub(super) count: u64,
    pub(super) filled: Filled,
    /// Whether the last one found no room.
    pub(super) is_full: bool,
}

impl Storage {
    /// Opens what the configuration in force asks for. Takes as long as the disk takes to be read; call it where
    /// blocking is allowed.
    ///
    /// # Errors
    ///
    /// When there is no configuration, or the spool's directory cannot be used. Its events stay where they are.
    pub(super) fn open(
        live: &Arc<Live>,
        streams: &Arc<Streams>,
        account: &Account,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let snapshot = live.load();
        let document = snapshot.as_ref().map(|snapshot| &snapshot.document);
        let document = document.context("there is no configuration")?;
        // Beside the spool in its directory. Without a spool it may be that nothing can be written there.
        let letters = DeadLetters::open(
            &directory.join(dead_letters::DIRECTORY),
            &document.destination.uid,
            document.spool.dead_letters.max_size_bytes,
            document.spool.format_version,
            Arc::clone(streams),
            account.clone(),
        )
        .context("failed to open the dead letters");
        let storage = match document.delivery.acknowledge {
            Acknowledge::WhenSpooled => Self::on_disk(document, live, streams, account, directory, letters?)?,
            Acknowledge::WhenDelivered => {
                let letters = letters
                    .inspect_err(|reason| error!("events that cannot be delivered will be lost: {reason:#}"))
                    .ok();
                match holds_segments(directory) {
                    true => Self::with_leftovers(document, live, streams, account, directory, letters),
                    false => Self::in_memory(document.spool.max_size_bytes, letters),
                }
            }
        };
        let has_foreign = holds_foreign(directory) || holds_foreign(&directory.join(dead_letters::DIRECTORY));
        Ok(Self { has_foreign, ..storage })
    }

    fn in_memory(limit: u64, letters: Option<DeadLetters>) -> Self {
        let (intake, outlet) = queue::memory(memory_bytes(limit));
        Self {
            intake,
            outlet,
            letters,
            spool: None,
            has_foreign: false,
        }
    }

    /// In memory, and what an earlier `WhenSpooled` has left on the disk goes out too. A spool that cannot be opened is
    /// no reason to refuse events that need none.
    fn with_leftovers(
        document: &Document,
        live: &Arc<Live>,
        streams: &Arc<Streams>,
        account: &Account,
        directory: &Path,
        letters: Option<DeadLetters>,
    ) -> Self {
        let options = options(document, directory, account, LEFTOVERS_WINDOW_BYTES);
        let limit = memory_bytes(document.spool.max_size_bytes);
        match spool::memory_and_leftovers(limit, &options, Arc::clone(streams), route(live)) {
            Ok((intake, outlet, spool)) => {
                let Unsettled { slices, bytes } = spool.left();
                info!(directory = %directory.display(), slices = slices, bytes,
                    "the spool of an earlier acknowledge: WhenSpooled is delivered; new events are kept in memory");
                Self {
                    intake,
                    outlet,
                    letters,
                    spool: Some(spool),
                    has_foreign: false,
                }
            }
            Err(reason) => {
                let reason = anyhow::Error::new(reason);
                error!("events of an earlier acknowledge: WhenSpooled stay where they are: {reason:#}");
                Self::in_memory(document.spool.max_size_bytes, letters)
            }
        }
    }

    fn on_disk(
        document: &Document,
        live: &Arc<Live>,
        streams: &Arc<Streams>,
        account: &Account,
        directory: &Path,
        letters: DeadLetters,
    ) -> anyhow::Result<Self> {
        let options = options(document, directory, account, WINDOW_BYTES);
        let (intake, outlet, spool) =
            spool::open(&options, Arc::clone(streams), route(live)).context("failed to open the spool")?;
        info!(directory = %directory.display(), limit_bytes = options.limit, "events are kept on disk");
        Ok(Self {
            intake,
            outlet,
            letters: Some(letters),
            spool: Some(spool),
            has_foreign: false,
        })
    }
}

fn options(document: &Document, directory: &Path, account: &Account, window: usize) -> spool::Options {
    spool::Options {
        directory: directory.to_owned(),
        owner: document.destination.uid.clone(),
        limit: document.spool.max_size_bytes,
        window,
        account: account.clone(),
        format_version: document.spool.format_version,
    }
}

fn memory_bytes(limit: u64) -> usize {
    usize::try_from(limit.min(MEMORY_BYTES)).unwrap_or(usize::MAX)
}

/// Where an event from the disk goes now. A stream that nothing leads to any more (a corrected typo) would hold its
/// events for ever.
pub(super) fn route(live: &Arc<Live>) -> Router {
    let live = Arc::clone(live);
    Box::new(move |entry| {
        let snapshot = live.load();
        let table = snapshot.as_ref().map(|snapshot| &snapshot.table);
        match table {
            Some(table) if !table.leads_to(entry.stream) => table.stream(entry.key).unwrap_or(entry.stream),
            _ => entry.stream,
        }
    })
}

impl Volume {
    /// Storage is open; this is what there is on the disk.
    pub(super) fn fill(&self, spool: Option<Spool>, letters: Option<DeadLetters>, has_foreign: bool) {
        *self.lock() = Stores {
            is_open: true,
            spool,
            letters,
            has_foreign,
        };
    }

    /// Whether it was looked what there is on the disk.
    pub(super) fn is_open(&self) -> bool {
        self.lock().is_open
    }

    /// Whether there are files of another destination; `None` while nobody has looked.
    pub(super) fn has_foreign(&self) -> Option<bool> {
        let stores = self.lock();
        stores.is_open.then_some(stores.has_foreign)
    }

    /// What waits on the disk, or `None` without one.
    pub(super) fn left(&self) -> Option<Unsettled> {
        self.lock().spool.as_ref().map(Spool::left)
    }

    /// How long the spool's disk has not answered a write. `None` while it answers, or without a spool.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        self.lock().spool.as_ref().and_then(Spool::stalled_for)
    }

    /// How full the spool is.
    pub(super) fn filled(&self) -> Option<Filled> {
        self.lock().spool.as_ref().map(|spool| Filled {
            bytes: spool.left().bytes,
            limit_bytes: spool.limit(),
        })
    }

    /// The dead letters, or `None` when there is no place for any.
    pub(super) fn letters(&self) -> Option<Letters> {
        self.lock().letters.as_ref().map(|letters| Letters {
            count: letters.count(),
            filled: Filled {
                bytes: letters.byte_limit().used() as u64,
                limit_bytes: letters.byte_limit().limit() as u64,
            },
            is_full: letters.is_full(),
        })
    }

    /// Waits until delivery has emptied the disk, until `end` at most; then syncs what was settled and ends the spool.
    /// Returns what is left, or `None` without a disk.
    pub(super) async fn drain(&self, end: Instant) -> Option<Unsettled> {
        let emptied = async {
            while self.left().is_some_and(|left| left.slices > 0) {
                sleep(LOOK_EVERY).await;
            }
        };
        // What is not delivered in time is safe where it is.
        let _ = timeout_at(end, emptied).await;
        let spool = self.lock().spool.take()?;
        // A panic of the closing thread was reported where it happened; the next process recovers what is on the disk.
        spawn_blocking(|| spool.close()).await.ok()
    }

    /// Lets go of the dead letters. Whoever else has them must have done so.
    pub(super) async fn close_letters(&self) {
        let letters = self.lock().letters.take();
        // As above.
        let _ = spawn_blocking(|| drop(letters)).await;
    }

    fn lock(&self) -> MutexGuard<'_, Stores> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is a spool's segment in a directory. One that cannot be read holds none that could be delivered.
fn holds_segments(directory: &Path) -> bool {
    holds(directory, "log")
}

/// Whether there is a file in a directory that was put away because it belongs to another destination.
fn holds_foreign(directory: &Path) -> bool {
    holds(directory, spool::FOREIGN)
}

fn holds(directory: &Path, extension: &str) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .any(|path| path.extension().is_some_and(|found| found == extension))
}
