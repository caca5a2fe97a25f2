//! The spool on a disk as the process uses it: opens it, gives it its threads, closes it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use tokio::{sync::mpsc, time::Instant};

use super::{
    Unsettled,
    disk::RealDisk,
    format::Version,
    log::{Environment, Log, Settings},
    recovery::OpenError,
    threads::Running,
};
use crate::{
    account::Account,
    queue::{AcceptError, Appended, ByteLimit, Claim, EntryRef, EventBatch, InFlight, Intake, Outlet, Store},
    stream::{StreamId, Streams},
};

/// Where and how large.
#[derive(Debug, Clone)]
pub struct Options {
    /// The spool's directory; made if need be.
    pub directory: PathBuf,
    /// UID of the destination. Events of another one that are found in the directory are kept and never sent.
    pub owner: String,
    /// Most bytes the log may take on the disk; at least 64 MiB are sensible.
    pub limit: u64,
    /// Most bytes of events in memory on their way to delivery.
    pub window: usize,
    /// Where what is read and handed out takes its memory.
    pub account: Account,
    /// The version that new segments are written in, or the newest that this program knows if that is less. Every
    /// version is read.
    pub format_version: u32,
}

/// Most bytes of events that wait for the disk, in memory: eight writes of the largest size.
const UNCOMMITTED_BYTES: usize = 32 << 20;

/// How often a spool is opened while the machine is short of descriptors or memory, and the pause between.
const OPEN_TRIES: u32 = 60;
const OPEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Where an event of a backlog goes now, given where it went when it was accepted and its key. Called when it is read
/// from the disk.
pub type Router = Box<dyn Fn(EntryRef<'_>) -> StreamId + Send + Sync>;

/// An open spool. Dropping it closes it; [`Self::close`] also tells what is left.
#[derive(Debug)]
pub struct Spool {
    running: Running,
}

/// The versions of the format that this program reads and writes, the oldest first.
pub fn formats() -> Vec<u32> {
    Version::ALL.map(Version::number).into()
}

/// Why a spool cannot be opened. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open.
    #[error("the spool {0:?} is in use by another process")]
    InUse(PathBuf),
    /// The directory cannot be used.
    #[error("failed to open the spool {path:?}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is on the disk cannot be used.
    #[error("failed to open the spool")]
    Log(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Opens the spool of a directory (`acknowledge: WhenSpooled`): a request is answered when its batch is on the disk.
/// What an earlier process has left comes out of the outlet first.
///
/// ```no_run
/// # use std::{sync::Arc, time::Duration};
/// # use firehose_proxy::{account::Account, spool, stream::Streams};
/// # async fn run() -> Result<(), spool::Error> {
/// let options = spool::Options {
///     directory: "/spool".into(),
///     owner: "0b9d6f3e".into(),
///     limit: 4 << 30,
///     window: 64 << 20,
///     account: Account::unlimited(),
///     format_version: 1,
/// };
/// let (intake, outlet, spool) = spool::open(&options, Arc::new(Streams::default()), Box::new(|entry| entry.stream))?;
/// // … the endpoint has the intake, delivery has the outlet …
/// let left = spool.close(); // after both have stopped
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// See [`Error`].
pub fn open(options: &Options, streams: Arc<Streams>, route: Router) -> Result<(Intake, Outlet, Spool), Error> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let log = open_log(options, streams, route, Some(sender), Segments::MadeAhead)?;
    let running = start(&log)?;
    let intake = Intake::to_disk(Arc::new(Handle(log)));
    Ok((intake, Outlet::new(receiver), Spool { running }))
}

/// A queue in memory of at most `limit` bytes ([`queue::memory`](crate::queue::memory)) whose outlet also gives what an
/// earlier process has left in the spool of a directory: `acknowledge` was `WhenSpooled` and is `WhenDelivered` now.
/// Nothing is added to the spool, and its files go as they are delivered.
///
/// # Errors
///
/// See [`Error`].
pub fn memory_and_leftovers(
    limit: usize,
    options: &Options,
    streams: Arc<Streams>,
    route: Router,
) -> Result<(Intake, Outlet, Spool), Error> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let log = open_log(options, streams, route, Some(sender.clone()), Segments::MadeWhenNeeded)?;
    let running = start(&log)?;
    Ok((
        Intake::to_memory(sender, limit),
        Outlet::new(receiver),
        Spool { running },
    ))
}

fn start(log: &Arc<Log<RealDisk>>) -> Result<Running, Error> {
    Running::start(Arc::clone(log), "spool").map_err(|error| Error::Log(error.into()))
}

/// When segments are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segments {
    /// One is ready before there is a batch for it.
    MadeAhead,
    /// None takes room before there is a batch for it.
    MadeWhenNeeded,
}

/// Opens a log and says what it has found.
pub(crate) fn open_log(
    options: &Options,
    streams: Arc<Streams>,
    route: Router,
    outlet: Option<mpsc::UnboundedSender<Arc<InFlight>>>,
    segments: Segments,
) -> Result<Arc<Log<RealDisk>>, Error> {
    let disk = open_directory(&options.directory)?;
    let settings = Settings {
        owner: options.owner.clone(),
        // A small spool needs small segments: three of them are never filled with events.
        segment_size: (options.limit / 16).clamp(64 << 10, 32 << 20),
        limit: options.limit,
        window: options.window,
        read_size: 1 << 20,
        write_size: 4 << 20,
        uncommitted: UNCOMMITTED_BYTES,
        made_ahead: segments == Segments::MadeAhead,
        account: options.account.clone(),
        version: Version::up_to(options.format_version),
    };
    let parts = (disk, settings, streams, Arc::new(System { route }), outlet);
    let mut tries = 1..OPEN_TRIES;
    let (log, recovered) = loop {
        let (disk, settings, streams, environment, outlet) = parts.clone();
        match Log::open(disk, settings, streams, environment, outlet) {
            Ok(opened) => break opened,
            // What was begun is what a crash could have left.
            Err(OpenError::Disk(fatal)) if fatal.is_shortage() && tries.next().is_some() => {
                tracing::warn!(%fatal, "short of file descriptors or memory; the spool is opened again in a second");
                thread::sleep(OPEN_AGAIN_AFTER);
            }
            Err(error) => return Err(Error::Log(error.into())),
        }
    };
    let directory = options.directory.display();
    tracing::info!(%directory, slices = recovered.slices, "opened");
    for file in &recovered.torn {
        tracing::warn!(%directory, file, "the last write had not ended; nobody was told that its events are safe");
    }
    for file in &recovered.damaged {
        tracing::error!(%directory, file, "damaged on the disk; what can be read is used, the file is kept");
    }
    for file in &recovered.foreign {
        tracing::error!(%directory, file, "belongs to another destination; it is kept and never sent");
    }
    Ok(log)
}

fn open_directory(path: &Path) -> Result<RealDisk, Error> {
    RealDisk::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => Error::InUse(path.to_owned()),
        _ => Error::Directory {
            path: path.to_owned(),
            source,
        },
    })
}

impl Spool {
    /// What is not delivered yet.
    pub fn left(&self) -> Unsettled {
        self.running.log().left()
    }

    /// How long the disk has not answered a write. `None` while there is none.
    pub fn stalled_for(&self) -> Option<Duration> {
        self.running.log().stalled_for()
    }

    /// Most bytes that may wait.
    pub fn limit(&self) -> u64 {
        self.running.log().byte_limit().limit() as u64
    }

    /// Writes what was accepted, syncs what was settled, ends the outlet and the threads. Returns what the next process
    /// will deliver. Takes as long as the disk takes for two syncs; call it where blocking is allowed.
    pub fn close(mut self) -> Unsettled {
        self.running.stop();
        self.running.log().left()
    }
}

/// The intake's hold on the log.
#[derive(Debug)]
struct Handle(Arc<Log<RealDisk>>);

impl Store for Handle {
    fn append(&self, batch: EventBatch, claim: Option<Claim>) -> Result<Appended, AcceptError> {
        self.0.append_claimed(batch, claim)
    }

    fn byte_limit(&self) -> &ByteLimit {
        self.0.byte_limit()
    }
}

/// The world as it is.
struct System {
    route: Router,
}

impl std::fmt::Debug for System {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("System")
    }
}

impl Environment for System {
    fn unix_milliseconds(&self) -> u64 {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn random(&self) -> u64 {
        uuid::Uuid::new_v4().as_u64_pair().1
    }

    fn route(&self, entry: EntryRef<'_>) -> StreamId {
        (self.route)(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        queue::BatchTooLarge,
        stream::{RoutingKey, StreamName},
    };

    const OWNER: &str = "0b9d6f3e";

    fn options(directory: &Path) -> Options {
        Options {
            directory: directory.to_owned(),
            owner: OWNER.to_owned(),
            limit: 16 << 20,
            window: 1 << 20,
            account: Account::unlimited(),
            format_version: 2,
        }
    }

    fn open_again(directory: &Path, streams: &Arc<Streams>) -> (Intake, Outlet, Spool) {
        open(&options(directory), Arc::clone(streams), Box::new(|entry| entry.stream)).unwrap()
    }

    fn batch(streams: &Streams, stream: &str, record: &str) -> EventBatch {
        let stream = streams.intern(&StreamName::try_from(stream).unwrap());
        let key = RoutingKey {
            event: "product added",
            r#type: "track",
            source: "",
        };
        let mut batch = EventBatch::default();
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(record.as_bytes());
            Ok::<(), BatchTooLarge>(())
        };
        batch.push(stream, key, write).unwrap();
        batch
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    async fn next_record(outlet: &mut Outlet) -> (Arc<crate::queue::InFlight>, String) {
        let batch = outlet.next().await.unwrap();
        let record = String::from_utf8(batch.entry(0).unwrap().record.to_vec()).unwrap();
        (batch, record)
    }

    #[tokio::test]
    async fn what_was_answered_and_not_delivered_comes_back_after_a_restart_and_what_was_delivered_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let streams = Arc::new(Streams::default());
        let (intake, mut outlet, spool) = open_again(directory.path(), &streams);
        for record in ["one\n", "two\n", "three\n"] {
            intake.accept(batch(&streams, "orders", record), soon()).await.unwrap();
        }
        let (_one, _) = next_record(&mut outlet).await;
        let (two, record) = next_record(&mut outlet).await;
        assert_eq!(record, "two\n");
        two.settle(1);
        assert_eq!(spool.close().slices, 2);
        assert_eq!(
            intake.accept(batch(&streams, "orders", "late\n"), soon()).await,
            Err(AcceptError::ShuttingDown)
        );
        drop((outlet, _one, two, intake));

        let (_intake, mut outlet, spool) = open_again(directory.path(), &streams);
        assert_eq!(spool.left().slices, 2);
        for expected in ["one\n", "three\n"] {
            let (batch, record) = next_record(&mut outlet).await;
            assert_eq!(record, expected);
            batch.settle(1);
        }
        assert_eq!(spool.close(), Unsettled::default());
    }

    #[tokio::test]
    async fn a_backlog_larger_than_the_window_comes_out_in_full_and_one_stuck_stream_does_not_hold_another_up() {
        let directory = tempfile::tempdir().unwrap();
        let streams = Arc::new(Streams::default());
        let (intake, mut outlet, spool) = open_again(directory.path(), &streams);
        let padding = "x".repeat(20_000);
        for number in 0..100 {
            for stream in ["stuck", "healthy"] {
                let record = format!("{number} {padding}\n");
                intake.accept(batch(&streams, stream, &record), soon()).await.unwrap();
            }
        }
        let (mut stuck, mut delivered) = (Vec::new(), Vec::new());
        while delivered.len() < 100 {
            let (batch, record) = next_record(&mut outlet).await;
            if streams.name(batch.entry(0).unwrap().stream).as_str() == "stuck" {
                stuck.push(batch);
                continue;
            }
            delivered.push(record.split(' ').next().unwrap().parse::<u32>().unwrap());
            batch.settle(1);
        }
        // Each one once. The order is nobody's promise: frames from the disk and the newest ones race for the window.
        delivered.sort_unstable();
        assert_eq!(delivered, (0..100).collect::<Vec<_>>());
        assert!(
            stuck.len() * padding.len() <= 1 << 20,
            "{} batches of a stuck stream are out",
            stuck.len()
        );
        let mut rest = 100;
        while rest > 0 {
            for batch in stuck.drain(..) {
                batch.settle(1);
                rest -= 1;
            }
            if rest > 0 {
                stuck.push(next_record(&mut outlet).await.0);
            }
        }
        assert_eq!(spool.close(), Unsettled::default());
    }

    #[tokio::test]
    async fn a_batch_that_is_dropped_unsettled_is_handed_out_again_by_the_route_of_the_day() {
        let directory = tempfile::tempdir().unwrap();
        let streams = Arc::new(Streams::default());
        let fixed = streams.intern(&StreamName::try_from("orders").unwrap());
        let route: Router = Box::new(move |entry| {
            if entry.key.event == "product added" {
                fixed
            } else {
                entry.stream
            }
        });
        let (intake, mut outlet, spool) = open(&options(directory.path()), Arc::clone(&streams), route).unwrap();
        intake.accept(batch(&streams, "ordrs", "one\n"), soon()).await.unwrap();
        let (batch, _) = next_record(&mut outlet).await;
        assert_ne!(batch.entry(0).unwrap().stream, fixed);
        drop(batch);
        let (batch, record) = next_record(&mut outlet).await;
        assert_eq!((batch.entry(0).unwrap().stream, record.as_str()), (fixed, "one\n"));
        batch.settle(1);
        assert_eq!(spool.close(), Unsettled::default());
    }

    #[tokio::test]
    async fn the_events_of_another_owner_are_kept_and_never_sent() {
        let directory = tempfile::tempdir().unwrap();
        let streams = Arc::new(Streams::default());
        let (intake, outlet, spool) = open_again(directory.path(), &streams);
        intake.accept(batch(&streams, "orders", "one\n"), soon()).await.unwrap();
        spool.close();
        drop((outlet, intake));
        let mut other = options(directory.path());
        other.owner = "another".to_owned();
        let (intake, outlet, spool) = open(&other, Arc::clone(&streams), Box::new(|entry| entry.stream)).unwrap();
        assert_eq!(spool.close(), Unsettled::default());
        drop((outlet, intake));
        let kept = std::fs::read_dir(directory.path()).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            path.to_str().unwrap().ends_with(".foreign") && bytes.windows(4).any(|window| window == b"one\n")
        });
        assert!(kept);
    }

    #[tokio::test]
    async fn a_spool_in_use_is_not_opened_twice() {
        let directory = tempfile::tempdir().unwrap();
        let streams = Arc::new(Streams::default());
        let _first = open_again(directory.path(), &streams);
        let second = open(&options(directory.path()), streams, Box::new(|entry| entry.stream));
        assert!(matches!(second, Err(Error::InUse(_))), "{:?}", second.err());
    }
}
