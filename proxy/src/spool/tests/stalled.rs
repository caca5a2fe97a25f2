//! A disk that does not answer: what waits for it is bounded, and clients are told at once.

use std::{
    io,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::life::RECORD;
use crate::{
    queue::{AcceptError, Appended, BatchTooLarge, EntryRef, EventBatch},
    spool::{
        disk::{Disk, File, simulated::SimulatedDisk},
        format::Version,
        log::{Environment, Log, Settings},
    },
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

/// Syncs of its files wait while the gate is closed.
#[derive(Debug, Clone)]
struct StallingDisk {
    disk: SimulatedDisk,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct StallingFile {
    file: <SimulatedDisk as Disk>::File,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_closed: bool,
    waiting: u32,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.changed.notify_all();
        let mut state = self.changed.wait_while(state, |state| state.is_closed).unwrap();
        state.waiting -= 1;
    }

    fn set_closed(&self, is_closed: bool) {
        self.state.lock().unwrap().is_closed = is_closed;
        self.changed.notify_all();
    }

    /// Returns when somebody stands at the gate.
    fn until_somebody_waits(&self) {
        let state = self.state.lock().unwrap();
        let nobody = |state: &mut GateState| state.waiting == 0;
        drop(self.changed.wait_while(state, nobody).unwrap());
    }
}

impl Disk for StallingDisk {
    type File = StallingFile;

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn create(&self, name: &str, size: u64) -> io::Result<StallingFile> {
        self.disk.create(name, size).map(|file| self.stalling(file))
    }

    fn open(&self, name: &str) -> io::Result<StallingFile> {
        self.disk.open(name).map(|file| self.stalling(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
}

impl StallingDisk {
    fn stalling(&self, file: <SimulatedDisk as Disk>::File) -> StallingFile {
        StallingFile {
            file,
            gate: Arc::clone(&self.gate),
        }
    }
}

impl File for StallingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.gate.pass();
        self.file.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

/// A clock that stands still until it is told.
#[derive(Debug)]
struct Clock(Mutex<Instant>);

impl Clock {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Environment for Clock {
    fn unix_milliseconds(&self) -> u64 {
        0
    }

    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    fn random(&self) -> u64 {
        7
    }

    fn route(&self, entry: EntryRef<'_>) -> StreamId {
        entry.stream
    }
}

/// A log on such a disk.
struct Rig {
    log: Arc<Log<StallingDisk>>,
    gate: Arc<Gate>,
    clock: Arc<Clock>,
    orders: StreamId,
}

/// Events that may wait in memory: a stream alone has eight ninths.
const ROOM: usize = 18;

fn batch_of_one(stream: StreamId) -> EventBatch {
    let mut batch = EventBatch::default();
    let write = |out: &mut Vec<u8>| {
        out.resize(out.len() + RECORD, b'x');
        Ok::<(), BatchTooLarge>(())
    };
    batch.push(stream, RoutingKey::default(), write).unwrap();
    batch
}

impl Rig {
    fn new() -> Self {
        let gate = Arc::new(Gate::default());
        let disk = StallingDisk {
            disk: SimulatedDisk::new(1),
            gate: Arc::clone(&gate),
        };
        let clock = Arc::new(Clock(Mutex::new(Instant::now())));
        let streams = Arc::new(Streams::default());
        let orders = streams.intern(&StreamName::try_from("orders").unwrap());
        let settings = Settings {
            owner: "owner".to_owned(),
            segment_size: 1 << 20,
            limit: 16 << 20,
            window: 0,
            read_size: 1 << 20,
            write_size: 1 << 20,
            account: crate::account::Account::unlimited(),
            version: Version::V1,
            uncommitted: ROOM * Version::V1.charge(&batch_of_one(orders)),
            made_ahead: false,
        };
        let environment = Arc::<Clock>::clone(&clock);
        let (log, _) = Log::open(disk, settings, streams, environment, None).unwrap();
        Self {
            log,
            gate,
            clock,
            orders,
        }
    }

    fn append(&self) -> Result<Appended, AcceptError> {
        self.log.append(batch_of_one(self.orders))
    }

    /// Appends one event and lets the writer wait for the disk with it, while `then` happens; then the disk answers and
    /// the writer goes on until nothing waits.
    fn while_the_disk_stalls(&self, then: impl FnOnce()) {
        let mut first = self.append().unwrap();
        self.gate.set_closed(true);
        thread::scope(|scope| {
            let writer = scope.spawn(|| while self.log.commit().unwrap() {});
            self.gate.until_somebody_waits();
            then();
            self.gate.set_closed(false);
            writer.join().unwrap();
        });
        assert_eq!(first.try_recv(), Ok(Ok(())));
        self.log.check();
    }
}

#[test]
fn while_the_disk_stalls_what_waits_is_bounded_and_what_is_given_up_makes_room() {
    let rig = Rig::new();
    let mut kept = Vec::new();
    rig.while_the_disk_stalls(|| {
        let mut waiting: Vec<Appended> = std::iter::from_fn(|| rig.append().ok()).collect();
        assert!((10..ROOM).contains(&waiting.len()), "{} wait", waiting.len());
        let given_up = waiting.split_off(5);
        let most = given_up.len();
        drop(given_up);
        rig.clock.advance(Duration::from_millis(100));
        kept = waiting;
        kept.extend(std::iter::from_fn(|| rig.append().ok()));
        assert_eq!(kept.len(), 5 + most);
    });
    assert!(kept.iter_mut().all(|answer| answer.try_recv() == Ok(Ok(()))));
    assert!(rig.append().is_ok());
}

#[test]
fn a_disk_that_does_not_answer_for_two_seconds_is_said_to_be_stalled_until_it_does() {
    let rig = Rig::new();
    assert_eq!(rig.log.stalled_for(), None);
    rig.while_the_disk_stalls(|| {
        rig.clock.advance(Duration::from_millis(1999));
        assert!(rig.append().is_ok(), "it may be slow");
        rig.clock.advance(Duration::from_millis(1));
        let refused = rig.append().map(drop);
        assert!(matches!(refused, Err(AcceptError::Stalled { .. })), "{refused:?}");
        assert_eq!(rig.log.stalled_for(), Some(Duration::from_secs(2)));
    });
    assert_eq!(rig.log.stalled_for(), None);
    assert!(rig.append().is_ok());
}
