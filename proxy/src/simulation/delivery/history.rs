//! One history: what happens, in which order, from one seed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    fmt,
    hash::Hash,
    sync::LazyLock,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Mutant,
    firehose::{Fault, Firehose},
    oracle::{self, Ended, SimEvent},
};
use crate::{
    deliver::stream::{CallId, Core, Effect, Event as _, Input, Mutants, Rates, Settings},
    firehose::{Operation, Outcome, Reason, limits::MAX_RECORD_BYTES},
    simulation::{Fingerprint, Random},
};

/// Every history starts at the same moment: what is later depends on the seed alone.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Fewest effects of a history.
const EFFECTS: u64 = 200;
/// Weather is bad for at most this long.
const BAD_WEATHER: Duration = Duration::from_secs(40);
/// A fair Firehose takes everything within this time.
const DRAINED_WITHIN: Duration = Duration::from_secs(900);
/// Arrivals pause while so many events wait.
const MOST_WAITING: usize = 3_000;
/// How often a good event comes by at the end.
const WITNESS_EVERY: Duration = Duration::from_secs(20);
/// More steps than any history needs.
const MOST_STEPS: u64 = 400_000;

/// What a history came to.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    pub(super) histories: u64,
    pub(super) effects: u64,
    pub(super) fewest_effects: u64,
    pub(super) calls: u64,
    pub(super) ended: Ended,
    pub(super) faults: BTreeMap<Fault, u64>,
    pub(super) fingerprint: u64,
}

/// What went wrong, and the last things that happened before.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) log: Vec<String>,
}

struct History {
    bug: Option<Mutant>,
    random: Random,
    now: Instant,
    core: Core<SimEvent>,
    firehose: Firehose,
    events: Vec<SimEvent>,
    answers: BinaryHeap<Reverse<(Instant, CallId)>>,
    in_flight: BTreeMap<CallId, OnTheLine>,
    abandonments: BinaryHeap<Reverse<(Instant, usize)>>,
    next_arrival: Option<Instant>,
    /// A refused event is judged only when the stream takes another one: now and then a good one comes by.
    next_witness: Instant,
    fair_from: Instant,
    settled: usize,
    accepted_calls: u64,
    /// The last answer said that the stream takes nothing, for a reason that lasts.
    is_lasting: bool,
    effects: u64,
    calls: u64,
    most_events: usize,
    largest: u64,
    /// Events are large and the quota is too: calls come near Firehose's limit.
    is_heavy: bool,
    trouble: u64,
    log: Vec<String>,
    log_wanted: bool,
    fingerprint: Fingerprint,
}

/// A call's records, what the core will hear of them, and which Firehose really has.
type OnTheLine = (Vec<Vec<SimEvent>>, Outcome, Vec<bool>);

/// Runs the history of a seed.
pub(super) fn run(seed: u64, bug: Option<Mutant>) -> Result<Summary, Failure> {
    let mut history = History::new(seed, bug);
    match history.run() {
        Ok(ended) => Ok(history.summary(ended)),
        Err(what) => Err(Failure { what, log: history.log }),
    }
}

impl History {
    fn new(seed: u64, bug: Option<Mutant>) -> Self {
        let now = *START;
        let mut random = Random::new(seed);
        let bytes = *random.pick(&[50_000, 300_000, 1_000_000, 5_000_000, 60_000_000]);
        let share = Rates {
            bytes: f64::from(bytes) * *random.pick(&[0.3, 1.0, 1.0, 4.0]),
            records: f64::from(*random.pick(&[200, 5_000, 100_000])),
            requests: f64::from(*random.pick(&[20, 100, 1_000])),
        };
        let quota = [
            f64::from(bytes),
            share.records * *random.pick(&[0.5, 1.0, 2.0]),
            share.requests * *random.pick(&[0.7, 1.0, 2.0]),
        ];
        let settings = Settings {
            paused: false,
            linger: Duration::from_millis(*random.pick(&[0, 20, 100, 400])),
            max_age: random.percent(10).then(|| Duration::from_secs(random.between(2, 30))),
            sets_aside: false,
            share,
            most: 64.0,
            packing: random.percent(25).then(|| *random.pick(&[5_120, 61_440, 1_024_000])),
        };
        let settings = Settings {
            sets_aside: seed.is_multiple_of(5),
            ..settings
        };
        let fair_from = now + BAD_WEATHER.mul_f64(f64::from(u32::try_from(random.between(10, 100)).unwrap()) / 100.0);
        let mut core = Core::new(settings, random.next(), now);
        if bug == Some(Mutant::BucketNeverRefills) {
            core.never_refill();
        }
        core.make_mistakes(Mutants {
            probes_whole: bug == Some(Mutant::ProbesAreWhole),
            refuses_all: bug == Some(Mutant::EverythingIsRefused),
        });
        // Large events only where the quota lets them through in the time there is.
        let largest = if bytes >= 1_000_000 { 1_100_000 } else { 20_000 };
        Self {
            bug,
            core,
            firehose: Firehose::new(quota, random.percent(30), now, fair_from),
            events: Vec::new(),
            answers: BinaryHeap::new(),
            in_flight: BTreeMap::new(),
            abandonments: BinaryHeap::new(),
            next_arrival: Some(now),
            next_witness: fair_from,
            fair_from,
            settled: 0,
            accepted_calls: 0,
            is_lasting: false,
            effects: 0,
            calls: 0,
            most_events: usize::try_from(random.between(100, 1200)).unwrap(),
            largest,
            is_heavy: bytes == 60_000_000,
            trouble: random.between(0, 6),
            log: Vec::new(),
            log_wanted: std::env::var_os("DELIVERY_SEED").is_some(),
            fingerprint: Fingerprint::default(),
            random,
            now,
        }
    }

    fn run(&mut self) -> Result<Ended, String> {
        let mut last_change = self.now;
        for _ in 0..MOST_STEPS {
            let input = self.next_input()?;
            let Some(input) = input else {
                return oracle::ended(&self.events);
            };
            let slots = usize::try_from(self.random.between(0, 9)).unwrap();
            let slots = if self.core.calls_in_flight() == 0 {
                slots.max(1)
            } else {
                slots
            };
            let effects = self.core.step(input, self.now, slots);
            if self.next_arrival.is_some() || self.now < self.fair_from {
                last_change = self.now;
            }
            for effect in effects {
                self.effects += 1;
                self.carry_out(effect)?;
            }
            self.check_bounds()?;
            let overdue = self.now.saturating_duration_since(last_change.max(self.fair_from));
            if overdue > DRAINED_WITHIN {
                return Err(format!(
                    "not drained: {} events left after {overdue:?}",
                    self.core.backlog_events()
                ));
            }
        }
        Err(format!(
            "does not come to an end: {} events wait after {:?}, next look {:?}",
            self.core.backlog_events(),
            self.now - *START,
            self.core.wake_at().map(|at| at - self.now)
        ))
    }

    /// Goes on to the next moment at which something happens. `None` when all is done.
    fn next_input(&mut self) -> Result<Option<Input>, String> {
        let drained = self.core.backlog_events() == 0;
        if self.next_arrival.is_none() && drained && self.in_flight.is_empty() {
            if self.effects >= EFFECTS {
                return Ok(None);
            }
            self.next_arrival = Some(self.now);
            self.most_events = self.events.len() + 100;
        }
        let answer = self.answers.peek().map(|Reverse((at, _))| *at);
        let abandonment = self.abandonments.peek().map(|Reverse((at, _))| *at);
        // A slot gets free some time after it was wanted.
        let slot = self.core.wants_slot().then(|| self.now + Duration::from_millis(3));
        let moments = [answer, abandonment, self.next_arrival, self.core.wake_at(), slot];
        let Some(next) = moments.into_iter().flatten().min() else {
            return Err(format!("stands still with {} events", self.core.backlog_events()));
        };
        if self.next_arrival.is_none() && self.next_witness <= next {
            self.push(1, false);
            self.next_witness = self.now + WITNESS_EVERY;
        }
        self.now = self.now.max(next);
        if self.next_arrival == Some(next) {
            self.arrive();
        }
        while let Some(Reverse((at, number))) = self.abandonments.peek().copied()
            && at <= self.now
        {
            self.abandonments.pop();
            self.events[number].abandon();
        }
        if let Some(Reverse((at, call))) = self.answers.peek().copied()
            && at <= self.now
        {
            self.answers.pop();
            let (records, outcome, stored) = self.in_flight.remove(&call).expect("a call is answered once");
            if matches!(outcome, Outcome::Records(_)) && stored.contains(&true) {
                self.accepted_calls += 1;
            }
            oracle::answered(&records, &outcome, &stored, self.accepted_calls, self.now);
            self.is_lasting = match outcome {
                Outcome::Records(_) | Outcome::Failed(Reason::Throttled) => false,
                // The batch call may be denied alone.
                Outcome::Failed(Reason::StreamNotFound | Reason::NotDirectPut) => true,
                Outcome::Failed(_) => self.is_lasting,
            };
            self.record(("answer", call, format!("{outcome:?}")));
            self.note(|| format!("answer {call:?} {outcome:?}"));
            return Ok(Some(Input::Answer { call, outcome }));
        }
        Ok(Some(match self.random.between(0, 199) {
            0 => Input::RetryNow,
            1 => Input::Configure(*self.core.settings()),
            _ => Input::Wake,
        }))
    }

    fn arrive(&mut self) {
        if self.events.len() - self.settled > MOST_WAITING {
            self.next_arrival = (self.effects < EFFECTS).then(|| self.now + Duration::from_secs(1));
            return;
        }
        let burst = match self.random.between(0, 3) {
            0 => self.random.between(1, 200),
            _ => self.random.between(1, 20),
        };
        for _ in 0..burst {
            let bytes = match self.random.between(0, 199) {
                0..100 if self.is_heavy => self.random.between(1, self.largest),
                0 => self.random.between(1, self.largest),
                1..=20 => self.random.between(1, 20_000),
                _ => self.random.between(1, 2_000),
            };
            let is_poison = self.random.between(0, 999) < self.trouble;
            let number = self.events.len();
            self.push(usize::try_from(bytes).unwrap(), is_poison);
            if self.random.percent(5) {
                let at = self.now + Duration::from_millis(self.random.between(0, 3000));
                self.abandonments.push(Reverse((at, number)));
            }
        }
        let pause = Duration::from_millis(self.random.between(1, 400));
        self.next_arrival = (self.events.len() < self.most_events || self.effects < EFFECTS).then(|| self.now + pause);
    }

    fn push(&mut self, bytes: usize, is_poison: bool) {
        let is_deaf = self.bug == Some(Mutant::AbandonedAreSent);
        let event = SimEvent::new(self.events.len(), bytes, self.now, is_poison, is_deaf);
        self.core.push(event.clone());
        self.events.push(event);
    }

    fn carry_out(&mut self, effect: Effect<SimEvent>) -> Result<(), String> {
        match effect {
            Effect::Call(call, operation) => self.call(call, operation),
            Effect::Delivered(events) => {
                self.settled += events.len();
                let numbers: Vec<usize> = events.iter().map(SimEvent::number).collect();
                self.record(("delivered", numbers));
                events.iter().try_for_each(oracle::delivered)
            }
            Effect::Refuse(events) => {
                self.settled += events.len();
                let numbers: Vec<usize> = events.iter().map(SimEvent::number).collect();
                self.record(("refused", numbers));
                events.iter().try_for_each(oracle::refused)
            }
            Effect::GiveUp(event, reason) => {
                self.settled += 1;
                self.record(("given up", event.number(), reason.as_str()));
                self.note(|| format!("gives up {} bytes: {reason:?}", event.size()));
                let age = self.core.settings().max_age;
                let oldest = age.and_then(|age| self.now.checked_sub(age));
                let takes_none = self.core.probe_at(self.now).is_some() && self.core.settings().sets_aside;
                oracle::given_up(&event, reason, oldest, takes_none, self.now)
            }
        }
    }

    fn call(&mut self, call: CallId, operation: Operation) -> Result<(), String> {
        self.calls += 1;
        let batch = self.core.call(call).ok_or("a call without records")?;
        let records: Vec<Vec<SimEvent>> = batch.records().map(<[SimEvent]>::to_vec).collect();
        if operation == Operation::PutRecord && records.len() != 1 {
            return Err(format!("PutRecord with {} records", records.len()));
        }
        let numbers = |record: &Vec<SimEvent>| record.iter().map(SimEvent::number).collect::<Vec<_>>();
        let operation_is_batch = operation == Operation::PutRecordBatch;
        self.record((
            "call",
            call,
            operation_is_batch,
            records.iter().map(numbers).collect::<Vec<_>>(),
        ));
        if self.is_lasting && records.len() > 1 {
            return Err(format!(
                "a stream that takes nothing is tried with {} records",
                records.len()
            ));
        }
        oracle::sent(&records)?;
        let handled = self
            .firehose
            .handle(operation, &records, self.now, &mut self.random, self.bug);
        self.note(|| format!("call {call:?} {operation:?} of {} records", records.len()));
        oracle::handled(&records, &handled.stored);
        if self.bug == Some(Mutant::RefusedCallIsGivenUp) && handled.outcome == Outcome::Failed(Reason::RecordRejected)
        {
            let oldest = None;
            oracle::answered(
                &records,
                &handled.outcome,
                &handled.stored,
                self.accepted_calls,
                self.now,
            );
            return records
                .iter()
                .flatten()
                .try_for_each(|event| oracle::given_up(event, Reason::RecordRejected, oldest, false, self.now));
        }
        self.answers.push(Reverse((self.now + handled.latency, call)));
        self.in_flight.insert(call, (records, handled.outcome, handled.stored));
        Ok(())
    }

    /// The core holds exactly what is neither delivered, given up nor dropped, and its parts stay within their bounds.
    fn check_bounds(&self) -> Result<(), String> {
        let calls = self.core.calls_in_flight();
        if calls > crate::deliver::stream::MAX_SINGLE_CALLS_OF_A_STREAM || calls != self.in_flight.len() {
            return Err(format!(
                "{calls} calls are under way, {} are known",
                self.in_flight.len()
            ));
        }
        if self.core.backlog_events() > self.events.len() - self.settled {
            return Err("the core holds events that are settled".to_owned());
        }
        if self.core.backlog_events() == 0 && self.core.backlog_bytes() != 0 {
            return Err(format!("{} bytes without an event", self.core.backlog_bytes()));
        }
        Ok(())
    }

    /// Something that Firehose or a client could see happens now.
    fn record(&self, what: impl Hash) {
        self.fingerprint.record(((self.now - *START).as_nanos(), what));
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        if self.log_wanted {
            self.log.push(format!("{:>10.3?} {}", self.now - *START, what()));
        }
    }

    fn summary(&self, ended: Ended) -> Summary {
        Summary {
            histories: 1,
            effects: self.effects,
            fewest_effects: self.effects,
            calls: self.calls,
            ended,
            faults: self.firehose.faults.clone(),
            fingerprint: self.fingerprint.value(),
        }
    }
}

impl Summary {
    pub(super) fn add(&mut self, other: &Self) {
        self.fewest_effects = match self.histories {
            0 => other.fewest_effects,
            _ if other.histories == 0 => self.fewest_effects,
            _ => self.fewest_effects.min(other.fewest_effects),
        };
        self.histories += other.histories;
        self.effects += other.effects;
        self.calls += other.calls;
        let (sum, more) = (&mut self.ended, other.ended);
        sum.delivered += more.delivered;
        sum.given_up += more.given_up;
        sum.refused += more.refused;
        sum.abandoned += more.abandoned;
        sum.duplicates += more.duplicates;
        sum.unknown += more.unknown;
        sum.resent += more.resent;
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended {
            delivered,
            given_up,
            refused,
            abandoned,
            duplicates,
            unknown,
            resent,
        } = self.ended;
        writeln!(
            formatter,
            "{} histories, {} effects (at least {} each), {} calls",
            self.histories, self.effects, self.fewest_effects, self.calls
        )?;
        writeln!(
            formatter,
            "events: {delivered} delivered, {given_up} given up, {refused} refused, {abandoned} abandoned; {resent} sent again, {duplicates} arrived twice after {unknown} unknown outcomes"
        )?;
        for (fault, count) in &self.faults {
            writeln!(formatter, "  {fault:?}: {count}")?;
        }
        Ok(())
    }
}

const _: () = assert!(MAX_RECORD_BYTES < 1_100_000, "some events must be too large");
