//! Seeded histories of clients that do not wait, retry, go to another pod and leave, in front of queues with a window.
//!
//! Two pods, in memory or with a disk that syncs and fails; delivery that settles some of a batch, gives an event
//! up, refuses what a stream does not take, or drops what was withdrawn; processes that die. The oracle knows how
//! often each event arrived: one that was answered 200 has arrived or is a dead letter, and none with a `messageId`
//! arrives more often than there were processes that it was sent to. Run more with `REPEATS_SEEDS=1000000 cargo
//! test --release -p firehose-proxy --lib simulation::repeats`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::Random;
use crate::{
    queue::{
        AcceptError, Appended, BatchTooLarge, ByteLimit, Claim, EventBatch, InFlight, Intake, Joined, Mutant, Outlet,
        Recent, Sent, Store, UnderWay, WindowSettings, memory,
    },
    stream::{RoutingKey, StreamName, Streams},
};

/// Seeds that fit into an ordinary test run.
const SEEDS: u64 = 300;
/// The id that clients give to more than one event.
const REUSED: &str = "same";
/// Steps of a history.
const STEPS: u64 = 250;

/// What a mistake is put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    OfWindow(Mutant),
    /// A dead letter that is put back is looked up like an event of a client.
    LetterIsLookedUp,
}

/// Each with the number of seeds within which it must be noticed.
const MISTAKES: [(Mistake, u64); 6] = [
    (Mistake::OfWindow(Mutant::WithdrawnIsSafe), 50),
    (Mistake::OfWindow(Mutant::UnderWayIsSafe), 50),
    (Mistake::OfWindow(Mutant::UnderWayIsNew), 50),
    (Mistake::OfWindow(Mutant::SafeIsForgotten), 50),
    (Mistake::OfWindow(Mutant::IdIsEnough), 50),
    (Mistake::LetterIsLookedUp, 50),
];

/// One event, and what became of it.
#[derive(Debug, Default)]
struct Event {
    id: Option<String>,
    arrived: u32,
    letter: bool,
    /// Times that it was given up.
    given_up: u32,
    /// Times that it was sent.
    sends: u32,
    /// The processes that it was sent to.
    lives: BTreeSet<u64>,
}

struct Pod {
    life: u64,
    intake: Intake,
    outlet: Outlet,
    disk: Option<Arc<Disk>>,
    delivering: Vec<(Arc<InFlight>, Vec<u32>)>,
}

/// A request that is not answered.
struct Open {
    pod: usize,
    events: Vec<usize>,
    under_way: UnderWay,
    joined: Joined,
    refused: bool,
    deadline: Instant,
    /// Of a dead letter that is put back: how often it was given up before.
    redriven: Option<u32>,
}

/// Takes batches and syncs them later, or not.
#[derive(Debug)]
struct Disk {
    byte_limit: ByteLimit,
    waiting: Mutex<Vec<Waiting>>,
}

type Waiting = (EventBatch, Option<Claim>, oneshot::Sender<Result<(), AcceptError>>);

impl Store for Disk {
    fn append(&self, events: EventBatch, claim: Option<Claim>) -> Result<Appended, AcceptError> {
        let (reply, appended) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((events, claim, reply));
        Ok(appended)
    }

    fn byte_limit(&self) -> &ByteLimit {
        &self.byte_limit
    }
}

struct History {
    random: Random,
    mistake: Option<Mistake>,
    now: Instant,
    streams: Streams,
    events: Vec<Event>,
    pods: Vec<Pod>,
    open: Vec<Open>,
    retries: Vec<Vec<usize>>,
    lives: u64,
    answered: u64,
    repeats: u64,
}

impl History {
    fn new(seed: u64, mistake: Option<Mistake>) -> Self {
        let mut history = Self {
            random: Random::new(seed),
            mistake,
            now: Instant::now(),
            streams: Streams::default(),
            events: Vec::new(),
            pods: Vec::new(),
            open: Vec::new(),
            retries: Vec::new(),
            lives: 0,
            answered: 0,
            repeats: 0,
        };
        for _ in 0..2 {
            let pod = history.pod();
            history.pods.push(pod);
        }
        history
    }

    /// A new process.
    fn pod(&mut self) -> Pod {
        self.lives += 1;
        let mutant = match self.mistake {
            Some(Mistake::OfWindow(mutant)) => Some(mutant),
            _ => None,
        };
        let recent = Recent::with_mutant(mutant);
        recent.configure(Some(WindowSettings {
            duration: Duration::from_secs(86_400),
            max_bytes: 1 << 20,
        }));
        let (intake, outlet) = memory(1 << 20);
        let disk = self.random.percent(50).then(|| {
            Arc::new(Disk {
                byte_limit: ByteLimit::new(1 << 20),
                waiting: Mutex::default(),
            })
        });
        let intake = match &disk {
            Some(disk) => Intake::to_disk(Arc::<Disk>::clone(disk)),
            None => intake,
        };
        Pod {
            life: self.lives,
            intake: intake.with_recent(recent),
            outlet,
            disk,
            delivering: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            match self.random.between(0, 99) {
                0..25 => self.new_request()?,
                25..45 => self.retry()?,
                45..55 => self.send_without_waiting()?,
                55..85 => self.deliver(),
                85..94 => self.sync(),
                94..97 => self.redrive()?,
                97 => self.die(),
                _ => self.now += Duration::from_secs(self.random.between(1, 12)),
            }
            self.answer()?;
        }
        let too_often = self.events.iter().position(|event| {
            // Of an id that is used for many contents a few are remembered.
            let is_known = event.id.as_ref().is_some_and(|id| id != REUSED);
            let most = if is_known {
                event.lives.len() as u32
            } else {
                event.sends
            };
            event.arrived > most
        });
        too_often.map_or(Ok(()), |number| {
            Err(format!("event {number} arrived too often: {:?}", self.events[number]))
        })
    }

    fn new_request(&mut self) -> Result<(), String> {
        let first = self.events.len();
        for _ in 0..self.random.between(1, 5) {
            let number = self.events.len();
            let id = match self.random.between(0, 9) {
                0 => None,
                // A client's mistake.
                1 => Some(REUSED.to_owned()),
                _ => Some(format!("m-{number}")),
            };
            self.events.push(Event { id, ..Event::default() });
        }
        self.send((first..self.events.len()).collect())
    }

    fn retry(&mut self) -> Result<(), String> {
        if self.retries.is_empty() {
            return Ok(());
        }
        let at = self.random.between(0, self.retries.len() as u64 - 1);
        let events = self.retries.swap_remove(at as usize);
        // Some leave for good.
        if self.random.percent(10) {
            Ok(())
        } else {
            self.send(events)
        }
    }

    fn send_without_waiting(&mut self) -> Result<(), String> {
        match self.open.last() {
            Some(open) => self.send(open.events.clone()),
            None => Ok(()),
        }
    }

    fn send(&mut self, events: Vec<usize>) -> Result<(), String> {
        let pod = usize::from(self.random.percent(15));
        let life = self.pods[pod].life;
        for number in &events {
            self.events[*number].sends += 1;
            self.events[*number].lives.insert(life);
        }
        let batch = self.batch(pod, &events, true);
        self.begin(pod, events, batch, None)
    }

    fn begin(
        &mut self,
        pod: usize,
        events: Vec<usize>,
        batch: EventBatch,
        redriven: Option<u32>,
    ) -> Result<(), String> {
        let deadline = self.now + Duration::from_secs(10);
        match self.pods[pod].intake.begin(batch, self.now, deadline) {
            Ok(begun) => {
                self.repeats += u64::from(begun.repeats);
                self.open.push(Open {
                    pod,
                    events,
                    under_way: begun.under_way,
                    joined: begun.joined,
                    refused: begun.turned_away.is_some(),
                    deadline,
                    redriven,
                });
            }
            Err(_) if redriven.is_some() => {}
            Err(_) => self.retries.push(events),
        }
        Ok(())
    }

    fn batch(&self, pod: usize, events: &[usize], is_identified: bool) -> EventBatch {
        let mut batch = EventBatch::default();
        for number in events {
            let content = number.to_string();
            let stream = format!("stream-{}", number % 3);
            let stream = self.streams.intern(&StreamName::try_from(stream.as_str()).unwrap());
            let written = batch.push(stream, RoutingKey::default(), |out| {
                out.extend_from_slice(content.as_bytes());
                Ok::<(), BatchTooLarge>(())
            });
            written.unwrap();
            if let Some(message_id) = self.events[*number].id.as_ref().filter(|_| is_identified) {
                let key = self.pods[pod].intake.recent().key().unwrap();
                batch.identify(key.of(&Sent {
                    stream: stream.index() as u64,
                    source: "",
                    path_type: "",
                    message_id,
                    text: [&content, ""],
                }));
            }
        }
        batch
    }

    /// Delivery goes on: some of a batch arrives, is given up, or the batch is withdrawn.
    fn deliver(&mut self) {
        for pod in &mut self.pods {
            while let Some(batch) = pod.outlet.try_next() {
                let events = 0..u32::try_from(batch.entries().len()).unwrap();
                pod.delivering.push((batch, events.collect()));
            }
        }
        let pod = usize::from(self.random.percent(30));
        if self.pods[pod].delivering.is_empty() {
            return;
        }
        let at = self.random.between(0, self.pods[pod].delivering.len() as u64 - 1) as usize;
        let (batch, mut left) = self.pods[pod].delivering.swap_remove(at);
        if batch.is_refusable() && self.random.percent(5) {
            // Its stream takes nothing: what is left is handed back, and comes again.
            batch.refuse(left.iter().copied(), Duration::from_secs(10));
            return;
        }
        let is_withdrawn = batch.is_too_late(self.now) && self.random.percent(70);
        while !is_withdrawn && !left.is_empty() && self.random.percent(75) {
            let index = left.pop().expect("it is not empty");
            self.settle(&batch, index);
        }
        if !is_withdrawn && !left.is_empty() {
            self.pods[pod].delivering.push((batch, left));
        }
    }

    fn settle(&mut self, batch: &InFlight, index: u32) {
        let number = number(batch.entry(index as usize).unwrap().record);
        let event = &mut self.events[number];
        if self.random.percent(5) {
            (event.letter, event.given_up) = (true, event.given_up + 1);
        } else {
            event.arrived += 1;
        }
        batch.settle_events(std::iter::once(index));
    }

    /// The disk syncs what waits, or fails.
    fn sync(&mut self) {
        let fails = self.random.percent(20);
        for pod in &self.pods {
            let Some(disk) = &pod.disk else { continue };
            let waiting = std::mem::take(&mut *disk.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            for (events, claim, reply) in waiting {
                if fails {
                    continue; // what is dropped was not synced
                }
                for entry in events.entries() {
                    // It is delivered from there, whatever happens.
                    self.events[number(entry.record)].arrived += 1;
                }
                claim.as_ref().inspect(|claim| claim.all_safe());
                let _ = reply.send(Ok(())); // its client may have left
            }
        }
    }

    /// A person puts a dead letter back.
    fn redrive(&mut self) -> Result<(), String> {
        let Some(number) = self.events.iter().position(|event| event.letter) else {
            return Ok(());
        };
        let pod = usize::from(self.random.percent(30));
        let event = &mut self.events[number];
        let given_up = event.given_up;
        event.sends += 1;
        event.lives.insert(u64::MAX - u64::from(event.sends));
        let batch = self.batch(pod, &[number], self.mistake == Some(Mistake::LetterIsLookedUp));
        self.begin(pod, vec![number], batch, Some(given_up))
    }

    /// A process dies, and another takes its place.
    fn die(&mut self) {
        let pod = usize::from(self.random.percent(50));
        let (dead, open): (Vec<Open>, Vec<Open>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| open.pod == pod);
        self.open = open;
        for open in dead {
            self.try_again(open);
        }
        self.pods[pod] = self.pod();
    }

    /// A client has heard no 200. A dead letter is still there.
    fn try_again(&mut self, open: Open) {
        if open.redriven.is_none() {
            self.retries.push(open.events);
        }
    }

    /// Answers what can be answered.
    fn answer(&mut self) -> Result<(), String> {
        for mut open in std::mem::take(&mut self.open) {
            let own = match &mut open.under_way {
                UnderWay::Nothing => Some(true),
                UnderWay::InMemory(batch) if batch.refused().is_some() => Some(false),
                UnderWay::InMemory(batch) => batch.is_settled().then_some(true),
                UnderWay::ToDisk(appended, _) => match appended.try_recv() {
                    Ok(answer) => Some(answer.is_ok()),
                    Err(oneshot::error::TryRecvError::Closed) => Some(false),
                    Err(oneshot::error::TryRecvError::Empty) => None,
                },
            };
            // What is asked of the disk once is answered once.
            if own == Some(true) {
                open.under_way = UnderWay::Nothing;
            }
            match (own, open.joined.look()) {
                (Some(true), Some(Ok(()))) if !open.refused => {
                    self.answered += 1;
                    if let Some(given_up) = open.redriven {
                        let event = &mut self.events[open.events[0]];
                        event.letter = event.given_up > given_up;
                    }
                    let is_kept = |number: &&usize| self.events[**number].arrived > 0 || self.events[**number].letter;
                    if let Some(lost) = open.events.iter().find(|number| !is_kept(number)) {
                        return Err(format!(
                            "event {lost} was answered 200 and is lost: {:?}",
                            self.events[*lost]
                        ));
                    }
                }
                (Some(false), _) | (_, Some(Err(_))) | (Some(true), Some(Ok(()))) => self.try_again(open),
                _ if self.now >= open.deadline => self.try_again(open),
                _ => self.open.push(open),
            }
        }
        Ok(())
    }
}

fn number(record: &[u8]) -> usize {
    std::str::from_utf8(record).unwrap().parse().unwrap()
}

#[test]
fn what_comes_again_is_neither_lost_nor_delivered_again() {
    let seeds = std::env::var("REPEATS_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    let (mut answered, mut repeats) = (0, 0);
    for seed in 0..seeds {
        let mut history = History::new(seed, None);
        history.run().unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        answered += history.answered;
        repeats += history.repeats;
    }
    println!("{seeds} histories, {answered} answers, {repeats} repeats");
    assert!(
        answered > seeds && repeats > seeds,
        "{answered} answers, {repeats} repeats"
    );
}

#[test]
fn every_mistake_is_noticed() {
    for (mistake, seeds) in MISTAKES {
        let noticed = (0..seeds).find_map(|seed| Some((seed, History::new(seed, Some(mistake)).run().err()?)));
        let (seed, what) = noticed.unwrap_or_else(|| panic!("{mistake:?} went unnoticed for {seeds} seeds"));
        println!("{mistake:?}: noticed by seed {seed} of {seeds}: {what}");
    }
}
