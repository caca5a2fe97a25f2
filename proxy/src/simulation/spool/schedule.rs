//! One history.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    cores::{Consumers, POISON},
    formats::{Formats, identity_of, source_of},
    letters::Letters,
    oracle::Oracle,
    summary::Summary,
    world::World,
};
use crate::{
    queue::{Appended, BatchTooLarge, EntryRef, EventBatch, InFlight, WindowSettings},
    simulation::{Fingerprint, Random},
    spool::{
        disk::simulated::{Faults, Mutant, SimulatedDisk, Struck},
        format::Version,
        log::{Fatal, Log, Settings},
        recovery::OpenError,
    },
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

/// The index is checked after each of its changes in histories before this seed, and after every 64th in the others;
/// after a recovery and before a crash in all of them.
const AUDITED_SEEDS: u64 = 10_000;
/// Fewer make no history.
const LEAST_EFFECTS: u64 = 200;
/// Most events that a bad sector takes away: it has 512 bytes, and none of them is shorter than 28.
const EVENTS_OF_A_SECTOR: usize = 20;

/// A history in the making.
pub(super) struct Schedule {
    random: Random,
    disk: SimulatedDisk,
    disk_of_letters: SimulatedDisk,
    settings: Settings,
    streams: Arc<Streams>,
    ids: Vec<StreamId>,
    fingerprint: Fingerprint,
    oracle: Oracle,
    faults: Faults,
    rots: bool,
    summary: Summary,
    /// Longest batch in events.
    most_events: usize,
    /// After how many changes of the index it is checked. `None`: after each.
    audit_every: Option<u32>,
    formats: Formats,
}

/// A process: what a crash takes away.
struct Life {
    log: Arc<Log<SimulatedDisk>>,
    outlet: mpsc::UnboundedReceiver<Arc<InFlight>>,
    consumers: Consumers,
    letters: Letters,
    asked: Vec<(Vec<usize>, Appended)>,
}

impl Schedule {
    pub(super) fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x5851_F42D_4C95_7F2D));
        let disk = SimulatedDisk::new(random.next());
        let disk_of_letters = SimulatedDisk::new(random.next());
        let fingerprint = Fingerprint::default();
        disk.record_in(&fingerprint);
        disk_of_letters.record_in(&fingerprint);
        disk.plant(mutant);
        disk_of_letters.plant(mutant);
        let streams = Arc::new(Streams::default());
        let ids = ["orders", "pages", "dead"].map(|name| streams.intern(&StreamName::try_from(name).unwrap()));
        let segment_size = 2048 << random.below(3);
        let mut often = |times: u64| if random.per_mille(400) { times } else { 0 };
        let faults = Faults {
            no_space: often(60),
            failed_write: often(4),
            failed_sync: often(15),
            failed_read: often(3),
            shortage: often(30),
        };
        let rots = match mutant {
            Some(Mutant::TruncateInTheMiddle) => true,
            _ => random.per_mille(150),
        };
        let settings = Settings {
            owner: "owner".to_owned(),
            segment_size,
            limit: segment_size * (8 + random.below(12)),
            window: 100 + random.below(4000) as usize,
            read_size: 200 + random.below(3000) as usize,
            write_size: 300 + random.below(3000) as usize,
            uncommitted: 1 << 20,
            account: crate::account::Account::unlimited(),
            version: Version::V1,
            made_ahead: random.per_mille(800),
        };
        Self {
            random,
            disk,
            disk_of_letters,
            settings,
            streams,
            ids: ids.to_vec(),
            oracle: Oracle::new(&fingerprint),
            fingerprint,
            faults,
            rots,
            summary: Summary::default(),
            most_events: 0,
            audit_every: (seed >= AUDITED_SEEDS || mutant.is_some()).then_some(64),
            formats: Formats::of(seed),
        }
    }

    /// Runs the history to its end and judges it.
    pub(super) fn run(mut self) -> Result<Summary, String> {
        self.run_to_the_end()
            .map_err(|broken| format!("{broken}\n{:?}\n{:?}", self.struck(), self.summary.happened))?;
        self.summary.schedules = 1;
        self.summary.answered = self.oracle.count_answered();
        self.summary.struck = self.struck();
        self.summary.fewest_effects = self.summary.struck.effects;
        self.summary.fingerprint = self.fingerprint.value();
        self.summary.crashed = u64::from(self.summary.crashed > 0);
        Ok(self.summary)
    }

    fn run_to_the_end(&mut self) -> Result<(), String> {
        let lives = 1 + self.random.below(4);
        for life in 0.. {
            // Long enough to mean something, however early it dies.
            if life >= lives && self.struck().effects >= LEAST_EFFECTS {
                break;
            }
            // One of the two disks is where it dies.
            let crash = self.random.per_mille(800).then(|| self.random.below(120));
            let of_letters = self.random.per_mille(150);
            for (disk, is_of_letters) in [(&self.disk, false), (&self.disk_of_letters, true)] {
                disk.set_faults(self.faults);
                disk.crash_in(crash.filter(|_| is_of_letters == of_letters));
            }
            if let Some(mut life) = self.open()? {
                self.live(&mut life)?;
                life.log.check();
                life.letters.log.check();
                life.letters.end(&mut self.oracle, &mut self.summary);
                life.consumers.end(&mut self.random, &mut self.oracle)?;
            }
            self.end_of_life();
        }
        self.drain()?;
        let Struck {
            flipped_bits,
            bad_sectors,
            ..
        } = self.struck();
        let rotten = self
            .rots
            .then(|| (self.most_events + 2) * flipped_bits as usize + EVENTS_OF_A_SECTOR * bad_sectors as usize);
        self.oracle.judge([&self.disk, &self.disk_of_letters], rotten)
    }

    /// What has happened to both disks.
    fn struck(&self) -> Struck {
        let mut struck = self.disk.struck();
        struck.add(&self.disk_of_letters.struck());
        struck
    }

    fn has_crashed(&self) -> bool {
        self.disk.has_crashed() || self.disk_of_letters.has_crashed()
    }

    /// Starts a process. `None` when it dies before it serves.
    fn open(&mut self) -> Result<Option<Life>, String> {
        self.settings.version = self.formats.next(&mut self.random);
        let (sender, outlet) = mpsc::unbounded_channel();
        let for_letters = Settings {
            segment_size: 2048,
            limit: 2048 * (4 + self.random.below(4)),
            window: 0,
            made_ahead: false,
            ..self.settings.clone()
        };
        let Some(letters) = self.open_log(&self.disk_of_letters.clone(), for_letters, None)? else {
            return Ok(None);
        };
        let Some(log) = self.open_log(&self.disk.clone(), self.settings.clone(), Some(sender))? else {
            return Ok(None);
        };
        if !self.recall(&log)? {
            return Ok(None);
        }
        if let Some(changes) = self.audit_every {
            log.audit_every(changes);
            letters.audit_every(changes);
        }
        Ok(Some(Life {
            log,
            outlet,
            consumers: Consumers::new(&mut self.random),
            letters: Letters::new(letters, Arc::clone(&self.streams)),
            asked: Vec::new(),
        }))
    }

    fn open_log(
        &mut self,
        disk: &SimulatedDisk,
        settings: Settings,
        outlet: Option<mpsc::UnboundedSender<Arc<InFlight>>>,
    ) -> Result<Option<Arc<Log<SimulatedDisk>>>, String> {
        let mapped = match self.random.per_mille(500) {
            true => self.ids.clone(),
            false => self.ids[..2].to_vec(),
        };
        let environment = Arc::new(World::new(mapped, &mut self.random));
        let failed_reads = disk.struck().failed_reads;
        let opened = Log::open(disk.clone(), settings, Arc::clone(&self.streams), environment, outlet);
        // Even when it dies on the way: what it could not read is put away by then.
        if disk.struck().failed_reads > failed_reads {
            self.oracle.acknowledgements_unreadable();
        }
        match opened {
            Ok((log, recovered)) => {
                self.fingerprint
                    .record((recovered.slices, &recovered.torn, &recovered.damaged));
                self.summary.happened.torn += recovered.torn.len() as u64;
                self.summary.happened.damaged += recovered.damaged.len() as u64;
                let may_be_damaged = self.rots || disk.struck().failed_reads > failed_reads;
                if !recovered.foreign.is_empty() || (!recovered.damaged.is_empty() && !may_be_damaged) {
                    return Err(format!("found what is not there: {recovered:?}"));
                }
                Ok(Some(log))
            }
            Err(OpenError::Newer { .. }) => Err("a version that nobody wrote".to_owned()),
            Err(OpenError::Disk(_)) => Ok(None),
        }
    }

    /// The repeat of what is recalled would be confirmed, so it must not be lost; and all that waits is recalled. False
    /// when the process has died of it.
    fn recall(&mut self, log: &Log<SimulatedDisk>) -> Result<bool, String> {
        let struck = |disk: &SimulatedDisk| {
            let struck = disk.struck();
            (struck.failed_reads, struck.shortages, struck.no_space)
        };
        let before = struck(&self.disk);
        let Ok(recalled) = log.recall(WindowSettings {
            duration: Duration::MAX,
            max_bytes: 1 << 30,
        }) else {
            return Ok(false);
        };
        let is_whole = struck(&self.disk) == before && !self.rots && self.formats == Formats::Always(Version::V2);
        let identities: BTreeSet<_> = recalled.iter().map(|event| event.identity.id()).collect();
        self.oracle.recalled(is_whole, |record| {
            identity_of(record).map(|identity| identities.contains(&identity.id()))
        })?;
        Ok(!self.has_crashed())
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
        let outcome = match self.random.below(111) {
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
            88..92 => log
                .compact()
                .map(|moved| self.summary.happened.segments_moved += u64::from(moved)),
            92..99 => {
                let _ = log.read_backlog(); // later is as good
                Ok(())
            }
            99 => {
                self.rot();
                Ok(())
            }
            100 => {
                log.close_active();
                Ok(())
            }
            _ => self.step_letters(life),
        };
        self.collect_answers(life);
        let lives = outcome.is_ok() && !self.has_crashed();
        if lives && log.is_quiet() {
            self.oracle.synced();
        }
        Ok(lives)
    }

    fn step_letters(&mut self, life: &mut Life) -> Result<(), Fatal> {
        let Life {
            log,
            consumers,
            letters,
            ..
        } = life;
        letters.step(&mut self.random, log, consumers, &mut self.oracle, &mut self.summary)
    }

    /// A bit flips or a sector goes bad, in histories where they do.
    fn rot(&mut self) {
        if self.rots {
            let disk = if self.random.per_mille(800) {
                &self.disk
            } else {
                &self.disk_of_letters
            };
            let kept = |name: &str| name.ends_with(".log") || name.ends_with(".acks");
            match self.random.per_mille(700) {
                true => disk.flip_a_bit(kept),
                false => disk.spoil_a_sector(kept),
            }
        }
    }

    /// A client sends a request.
    fn ask(&mut self, life: &mut Life) {
        let mut batch = EventBatch::default();
        let mut events = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let word = if self.random.per_mille(60) { POISON } else { b"" };
            let word = std::str::from_utf8(word).expect("a word");
            let (id, record) = self.oracle.event(20 + self.random.below(200) as usize, word);
            let stream = self.ids[self.random.below(self.ids.len() as u64) as usize];
            let key = RoutingKey {
                event: "product added",
                r#type: "track",
                source: source_of(&record),
            };
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(&record);
                Ok::<(), BatchTooLarge>(())
            };
            batch.push(stream, key, write).unwrap();
            if let Some(identity) = identity_of(&record) {
                batch.identify(identity);
            }
            events.push(id);
        }
        self.most_events = self.most_events.max(self.settings.write_size / 60 + events.len());
        match life.log.append(batch) {
            Ok(appended) => life.asked.push((events, appended)),
            Err(_) => {
                self.oracle.refused(&events);
                self.summary.refused += 1;
            }
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
                oracle.refused(events);
                summary.refused += 1;
                false
            }
            Err(_) => true,
        });
    }

    /// Delivery takes what comes and does something.
    fn deliver(&mut self, life: &mut Life) -> Result<(), String> {
        while let Ok(batch) = life.outlet.try_recv() {
            self.formats.check(&batch)?;
            life.consumers.take(batch);
        }
        let dead = self.ids[2];
        let is_dead = |entry: EntryRef<'_>| entry.stream == dead;
        life.consumers
            .step(&mut self.random, &mut self.oracle, &mut self.summary, is_dead)
    }

    fn check_bounds(&self, life: &Life) -> Result<(), String> {
        let held = life.consumers.bytes();
        // A slice that is larger than half of the window counts as half of it.
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
        let power_cut = self.random.per_mille(600);
        self.summary.crashed += 1;
        self.oracle.crashed();
        self.disk.restart(power_cut);
        self.disk_of_letters.restart(power_cut);
    }

    /// Nothing fails any more: everything must come out, what was set aside too.
    fn drain(&mut self) -> Result<(), String> {
        self.disk.set_faults(Faults::default());
        self.disk_of_letters.set_faults(Faults::default());
        let mut life = self.open()?.ok_or("a disk without faults cannot be opened")?;
        for round in 0..20_000 {
            let is_idle = self
                .drain_once(&mut life, round)
                .map_err(|error| format!("a disk without faults fails: {error}"))??;
            if is_idle && life.log.left().slices == 0 && life.letters.is_idle() {
                for log in [&life.log, &life.letters.log] {
                    while log.remove_done().map_err(|error| error.to_string())? {}
                }
                return Ok(());
            }
        }
        Err(format!(
            "{:?} and {:?} dead letters do not come out",
            life.log.left(),
            life.letters.log.left()
        ))
    }

    fn drain_once(&mut self, life: &mut Life, round: u32) -> Result<Result<bool, String>, Fatal> {
        let Life {
            log,
            outlet,
            consumers,
            letters,
            ..
        } = life;
        for log in [&*log, &letters.log] {
            log.apply_reports();
            log.commit()?;
            if round.is_multiple_of(16) {
                log.write_acks()?;
                log.sync_acks()?;
                log.seal()?;
                log.remove_done()?;
            }
        }
        log.read_backlog().expect("a disk without faults");
        let mut is_idle = true;
        while let Ok(batch) = outlet.try_recv() {
            if let Err(broken) = self.formats.check(&batch) {
                return Ok(Err(broken));
            }
            consumers.take(batch);
            is_idle = false;
        }
        if let Err(broken) = consumers.deliver_all(&mut self.oracle, &mut self.summary) {
            return Ok(Err(broken));
        }
        letters.put(consumers, &mut self.summary);
        letters.send_again(log);
        letters.look_for_answers(consumers, &mut self.oracle, &mut self.summary);
        Ok(Ok(is_idle))
    }
}
