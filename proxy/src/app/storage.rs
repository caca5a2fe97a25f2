//! Chooses where accepted events wait: in memory until Firehose has them, or on the spool's disk.
//!
//! The choice is made once, by the first good configuration: a pod whose destination changes it is replaced by a rollout,
//! one after the other, instead of all at the same moment.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use firehose_proxy_config::{Acknowledge, Document};
use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    routing::Live,
    spool::{self, Intake, Left, Outlet, Spool},
    stream::Streams,
};

/// Most bytes of events in memory: the whole queue of `WhenDelivered`, or what is on its way from disk to delivery.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Likewise with a spool: the rest of a backlog stays on the disk.
const WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// How often a draining process looks whether its disk is empty.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Both ends of the queue, and the disk behind it if there is one.
pub(super) struct Storage {
    pub(super) intake: Intake,
    pub(super) outlet: Outlet,
    pub(super) disk: Disk,
}

/// The spool's disk, or nothing; shared by those who report on it and the one who closes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Option<Spool>>>);

impl Storage {
    /// Opens what the configuration in force asks for; memory when there is none yet.
    ///
    /// # Errors
    ///
    /// When the spool's directory cannot be used. Its events stay where they are.
    pub(super) fn open(live: &Arc<Live>, streams: &Arc<Streams>, directory: &Path) -> anyhow::Result<Self> {
        let snapshot = live.load();
        let document = snapshot.as_ref().map(|snapshot| &snapshot.document);
        match document.map(|document| document.delivery.acknowledge) {
            Some(Acknowledge::WhenSpooled) => {
                Self::on_disk(document.expect("it was just asked"), live, streams, directory)
            }
            Some(Acknowledge::WhenDelivered) | None => {
                warn_of_leftovers(directory);
                let configured = document.map_or(MEMORY_BYTES, |document| document.spool.max_size_bytes);
                let limit = usize::try_from(configured.min(MEMORY_BYTES)).unwrap_or(usize::MAX);
                let (intake, outlet) = spool::memory(limit);
                Ok(Self {
                    intake,
                    outlet,
                    disk: Disk::default(),
                })
            }
        }
    }

    fn on_disk(
        document: &Document,
        live: &Arc<Live>,
        streams: &Arc<Streams>,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let options = spool::Options {
            directory: directory.to_owned(),
            owner: document.destination.uid.clone(),
            limit: document.spool.max_size_bytes,
            window: WINDOW_BYTES,
        };
        let live = Arc::clone(live);
        // A stream that nothing leads to any more (a corrected typo) would hold its events for ever.
        let route = move |entry: spool::EntryRef<'_>| {
            let snapshot = live.load();
            let table = snapshot.as_ref().map(|snapshot| &snapshot.table);
            match table {
                Some(table) if !table.leads_to(entry.stream) => table.stream(entry.key).unwrap_or(entry.stream),
                _ => entry.stream,
            }
        };
        let (intake, outlet, spool) =
            spool::open(&options, Arc::clone(streams), Box::new(route)).context("failed to open the spool")?;
        info!(directory = %directory.display(), limit_bytes = options.limit, "events are kept on disk");
        Ok(Self {
            intake,
            outlet,
            disk: Disk(Arc::new(Mutex::new(Some(spool)))),
        })
    }
}

impl Disk {
    /// What waits on the disk, or `None` without one.
    pub(super) fn left(&self) -> Option<Left> {
        self.lock().as_ref().map(Spool::left)
    }

    /// Waits until delivery has emptied the disk, at most `within`; then syncs what was settled and ends the spool. Returns
    /// what is left, or `None` without a disk.
    pub(super) async fn drain(&self, within: Duration) -> Option<Left> {
        let emptied = async {
            while self.left().is_some_and(|left| left.parcels > 0) {
                sleep(LOOK_EVERY).await;
            }
        };
        // What is not delivered in time is safe where it is.
        let _ = timeout(within, emptied).await;
        let spool = self.lock().take()?;
        // A panic of the closing thread was reported where it happened; the next process recovers what is on the disk.
        spawn_blocking(|| spool.close()).await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Spool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events of an earlier `WhenSpooled` are safe where they are, but nobody delivers them.
fn warn_of_leftovers(directory: &Path) {
    let files: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    if !files.is_empty() {
        warn!(
            directory = %directory.display(),
            files = files.len(),
            "the spool has files of an earlier acknowledge: WhenSpooled; events among them are delivered when it is set again"
        );
    }
}
