//! One history.

use std::{fmt, sync::Arc};

use tokio::sync::mpsc;

use super::{
    super::{
        EntryRef, Frame, FrameTooLarge, KeyRef, Lease,
        disk::simulated::{Faults, Planted, Random, SimulatedDisk, Struck},
        log::{Appended, Environment, Log, OpenError, Settings},
    },
    oracle::Oracle,
};
use crate::stream::{StreamId, StreamName, Streams};

/// Fewer make no history.
const LEAST_EFFECTS: u64 = 200;

/// A history in the making.
pub(super) struct Schedule {
    random: Random,
    disk: SimulatedDisk,
    settings: Settings,
    streams: Arc<Streams>,
    ids: Vec<StreamId>,
    oracle: Oracle,
    faults: Faults,
    rots: bool,
    summary: Summary,
    /// Longest frame in events.
    most_events: usize,
}

/// What happened in one history, or in many.
#[derive(Debug, Default, Clone)]
pub(super) struct Summary {
    pub(super) schedules: u64,
    pub(super) crashed: u64,
    pub(super) answered: u64,
    pub(super) delivered: u64,
    pub(super) moved: u64,
    pub(super) refused: u64,
    pub(super) torn: u64,
    pub(super) damaged: u64,
    pub(super) struck: Struck,
}

/// A process: what a crash takes away.
struct Life {
    log: Arc<Log<SimulatedDisk>>,
    outlet: mpsc::UnboundedReceiver<Arc<Lease>>,
    held: Vec<(Arc<Lease>, usize)>,
    asked: Vec<(Vec<usize>, Appended)>,
}

#[derive(Debug)]
struct World {
    seed: u64,
    mapped: Vec<StreamId>,
    random: std::sync::Mutex<Random>,
}

impl Environment for World {
    fn unix_milliseconds(&self) -> u64 {
        self.random.lock().unwrap().below(1 << 41) // a clock that jumps
    }

    fn random(&self) -> u64 {
        self.random.lock().unwrap().next() ^ self.seed
    }

    fn route(&self, entry: EntryRef<'_>) -> StreamId {
        match self.mapped.contains(&entry.stream) {
            true => entry.stream,
            false => self.mapped[0],
        }
    }
}

impl Schedule {
    pub(super) fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = Random(seed.wrapping_mul(0x5851_F42D_4C95_7F2D));
        let disk = SimulatedDisk::new(random.next());
        disk.plant(planted);
        let streams = Arc::new(Streams::default());
        let ids = ["orders", "pages", "dead"].map(|name| streams.intern(&StreamName::try_from(name).unwrap()));
        let segment_size = 2048 << random.below(3);
        let mut often = |times: u64| if random.chance(400) { times } else { 0 };
        let faults = Faults {
            no_space: often(60),
            failed_write: often(4),
            failed_sync: often(15),
            failed_read: often(3),
        };
        let rots = match planted {
            Some(Planted::TruncateInTheMiddle) => true,
            _ => random.chance(150),
        };
        let settings = Settings {
            owner: "owner".to_owned(),
            segment_size,
            limit: segment_size * (8 + random.below(12)),
            window: 100 + random.below(4000) as usize,
            read_size: 200 + random.below(3000) as usize,
            write_size: 300 + random.below(3000) as usize,
        };
        Self {
            random,
            disk,
            settings,
            streams,
            ids: ids.to_vec(),
            oracle: Oracle::default(),
            faults,
            rots,
            summary: Summary::default(),
            most_events: 0,
        }
    }

    /// Runs the history to its end and judges it.
    pub(super) fn run(mut self) -> Result<Summary, String> {
        self.run_to_the_end()
            .map_err(|broken| format!("{broken}\n{:?}", self.disk.struck()))?;
        self.summary.schedules = 1;
        self.summary.answered = self.oracle.count_answered();
        self.summary.struck = self.disk.struck();
        self.summary.crashed = u64::from(self.summary.crashed > 0);
        Ok(self.summary)
    }

    fn run_to_the_end(&mut self) -> Result<(), String> {
        let lives = 1 + self.random.below(4);
        for life in 0.. {
            // Long enough to mean something, however early it dies.
            if life >= lives && self.disk.struck().effects >= LEAST_EFFECTS {
                break;
            }
            self.disk.set_faults(self.faults);
            let crashes = self.random.chance(800);
            let after = self.random.below(120);
            self.disk.crash_in(crashes.then_some(after));
            if let Some(mut life) = self.open()? {
                self.live(&mut life)?;
                for (lease, done) in &life.held {
                    delivered_in_vain(&mut self.oracle, lease, *done);
                }
            }
            self.end_of_life();
        }
        self.drain()?;
        let rotten = self
            .rots
            .then(|| (self.most_events + 2) * self.disk.struck().flipped_bits as usize);
        self.oracle.judge(&self.disk, rotten)
    }

    /// Starts a process. `None` when it dies before it serves.
    fn open(&mut self) -> Result<Option<Life>, String> {
        let (sender, outlet) = mpsc::unbounded_channel();
        let mapped = match self.random.chance(500) {
            true => self.ids.clone(),
            false => self.ids[..2].to_vec(),
        };
        let environment = Arc::new(World {
            seed: self.random.next(),
            mapped,
            random: std::sync::Mutex::new(Random(self.random.next())),
        });
        let streams = Arc::clone(&self.streams);
        let failed_reads = self.disk.struck().failed_reads;
        match Log::open(
            self.disk.clone(),
            self.settings.clone(),
            streams,
            environment,
            Some(sender),
        ) {
            Ok((log, recovered)) => {
                if self.disk.struck().failed_reads > failed_reads {
                    self.oracle.acknowledgements_unreadable();
                }
                self.summary.torn += recovered.torn.len() as u64;
                self.summary.damaged += recovered.damaged.len() as u64;
                if !recovered.foreign.is_empty() || (!recovered.damaged.is_empty() && !self.rots) {
                    return Err(format!("found what is not there: {recovered:?}"));
                }
                Ok(Some(Life {
                    log,
                    outlet,
                    held: Vec::new(),
                    asked: Vec::new(),
                }))
            }
            Err(OpenError::Newer { .. }) => Err("a version that nobody wrote".to_owned()),
            Err(OpenError::Disk(_)) => Ok(None),
        }
    }

    fn live(&mut self, life: &mut Life) -> Result<(), String> {
        let steps = 100 + self.random.below(200);
        for _ in 0..steps {
            if !self.step(life)? {
                return Ok(());
            }
            self.check_bounds(life)?;
        }
        Ok(())
    }

    /// One random step. False when the process has died of it.
    fn step(&mut self, life: &mut Life) -> Result<bool, String> {
        let log = Arc::clone(&life.log);
        let outcome = match self.random.below(100) {
            0..20 => {
                self.ask(life);
                Ok(())
            }
            20..45 => log.commit().map(drop),
            45..60 => return self.deliver(life).map(|()| true),
            60..68 => {
                log.apply_reports();
                Ok(())
            }
            68..73 => log.write_acks().map(drop),
            73..76 => log.sync_acks(),
            76..80 => log.seal().map(drop),
            80..85 => log.remove_done().map(drop),
            85..88 => log.make_spare().map(drop),
            88..92 => log.compact().map(|moved| self.summary.moved += u64::from(moved)),
            92..99 => {
                log.read_backlog();
                Ok(())
            }
            _ => {
                if self.rots
                    && self
                        .disk
                        .flip_a_bit(|name| name.ends_with(".log") || name.ends_with(".acks"))
                        .is_some()
                {
                    self.summary.damaged += 0;
                }
                Ok(())
            }
        };
        self.collect_answers(life);
        let quiet = outcome.is_ok() && !self.disk.has_crashed() && log.is_quiet();
        if quiet {
            self.oracle.synced();
        }
        Ok(outcome.is_ok() && !self.disk.has_crashed())
    }

    /// A client sends a request.
    fn ask(&mut self, life: &mut Life) {
        let mut frame = Frame::default();
        let mut events = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let (id, record) = self.oracle.event(20 + self.random.below(200) as usize);
            let stream = self.ids[self.random.below(self.ids.len() as u64) as usize];
            let key = KeyRef {
                event: "product added",
                r#type: "track",
            };
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(&record);
                Ok::<(), FrameTooLarge>(())
            };
            frame.push(stream, key, write).unwrap();
            events.push(id);
        }
        self.most_events = self.most_events.max(self.settings.write_size / 60 + events.len());
        match life.log.append(frame) {
            Ok(appended) => life.asked.push((events, appended)),
            Err(_) => self.summary.refused += 1,
        }
    }

    fn collect_answers(&mut self, life: &mut Life) {
        let (oracle, summary) = (&mut self.oracle, &mut self.summary);
        life.asked.retain_mut(|(events, appended)| match appended.try_recv() {
            Ok(Ok(())) => {
                oracle.answered(events);
                false
            }
            Ok(Err(_)) => {
                summary.refused += 1;
                false
            }
            Err(_) => true,
        });
    }

    /// Delivery takes leases, settles some events in any order, and now and then drops one.
    fn deliver(&mut self, life: &mut Life) -> Result<(), String> {
        while let Ok(lease) = life.outlet.try_recv() {
            life.held.push((lease, 0));
        }
        for _ in 0..1 + self.random.below(4) {
            if life.held.is_empty() {
                return Ok(());
            }
            let index = self.random.below(life.held.len() as u64) as usize;
            let (lease, done) = &mut life.held[index];
            let entry = lease.entry(*done).expect("a lease that is done is not held");
            if self.streams.name(entry.stream).as_str() == "dead" && self.random.chance(900) {
                continue;
            }
            if self.random.chance(30) {
                delivered_in_vain(&mut self.oracle, lease, *done);
                life.held.swap_remove(index);
                continue;
            }
            self.oracle.delivered(entry.record)?;
            self.summary.delivered += 1;
            *done += 1;
            lease.settle(1);
            if *done == lease.entries().len() {
                lease.entries().for_each(|entry| self.oracle.settled(entry.record));
                life.held.swap_remove(index);
            }
        }
        Ok(())
    }

    fn check_bounds(&self, life: &Life) -> Result<(), String> {
        let held: usize = life
            .held
            .iter()
            .map(|(lease, _)| lease.entries().map(|entry| entry.size()).sum::<usize>())
            .sum();
        // A parcel that is larger than half of the window counts as half of it.
        let bound = 2 * self.settings.window.max(1000);
        if held > bound {
            return Err(format!(
                "{held} bytes are handed out, the window is {}",
                self.settings.window
            ));
        }
        let size = self.disk.size(|name| name.ends_with(".log") || name.ends_with(".new"));
        if size > self.settings.limit {
            return Err(format!(
                "{size} bytes of segments, the limit is {}",
                self.settings.limit
            ));
        }
        Ok(())
    }

    fn end_of_life(&mut self) {
        let power_cut = self.random.chance(600);
        self.summary.crashed += 1;
        self.oracle.crashed();
        self.disk.restart(power_cut);
    }

    /// Nothing fails any more: everything must come out.
    fn drain(&mut self) -> Result<(), String> {
        self.disk.set_faults(Faults::default());
        let mut life = self.open()?.ok_or("a disk without faults cannot be opened")?;
        let broken = |error: &dyn fmt::Display| format!("a disk without faults fails: {error}");
        for round in 0..20_000 {
            life.log.apply_reports();
            life.log.commit().map_err(|error| broken(&error))?;
            life.log.read_backlog();
            let mut idle = true;
            while let Ok(lease) = life.outlet.try_recv() {
                for entry in lease.entries() {
                    self.oracle.delivered(entry.record)?;
                    self.summary.delivered += 1;
                }
                lease.settle(lease.entries().len() as u32);
                idle = false;
            }
            if round % 16 == 0 {
                life.log.write_acks().map_err(|error| broken(&error))?;
                life.log.seal().map_err(|error| broken(&error))?;
                life.log.remove_done().map_err(|error| broken(&error))?;
            }
            if idle && life.log.left().parcels == 0 {
                return Ok(());
            }
        }
        Err(format!("{:?} does not come out", life.log.left()))
    }
}

/// The first `done` events of a lease were delivered, and the lease goes before all of them are.
fn delivered_in_vain(oracle: &mut Oracle, lease: &Lease, done: usize) {
    lease
        .entries()
        .take(done)
        .for_each(|entry| oracle.delivered_in_vain(entry.record));
}

impl Summary {
    pub(super) fn add(&mut self, other: &Self) {
        let Self {
            schedules,
            crashed,
            answered,
            delivered,
            moved,
            refused,
            torn,
            damaged,
            struck,
        } = other;
        self.schedules += schedules;
        self.crashed += crashed;
        self.answered += answered;
        self.delivered += delivered;
        self.moved += moved;
        self.refused += refused;
        self.torn += torn;
        self.damaged += damaged;
        self.struck.add(struck);
    }

    /// Whether every fault struck at least once.
    pub(super) fn struck_everything(&self) -> bool {
        let Struck {
            effects: _,
            power_cuts,
            kills,
            no_space,
            short_writes,
            failed_syncs,
            failed_reads,
            lost_sectors,
            lost_directory_changes,
            flipped_bits,
        } = self.struck;
        let faults = [
            power_cuts,
            kills,
            no_space,
            short_writes,
            failed_syncs,
            failed_reads,
            lost_sectors,
            lost_directory_changes,
            flipped_bits,
            self.moved,
            self.torn,
            self.damaged,
        ];
        faults.iter().all(|count| *count > 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} schedules, {} with a crash, {} effects: {} events answered, {} deliveries, {} refusals",
            self.schedules, self.crashed, self.struck.effects, self.answered, self.delivered, self.refused
        )?;
        write!(
            formatter,
            "{:?}, segments moved {}, torn {}, damaged {}",
            self.struck, self.moved, self.torn, self.damaged
        )
    }
}
