//! Who takes batches: delivery's own cores with a Firehose that answers whatever a die says, or somebody who settles
//! events in any order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{oracle::Oracle, summary::Summary};
use crate::{
    deliver::{
        Queued,
        stream::{CallId, Core, Effect, Input, Rates, Settings},
    },
    firehose::{FailedRecord, Outcome, Reason},
    queue::{EntryRef, InFlight},
    simulation::Random,
    stream::StreamId,
};

/// What a Firehose that refuses some records refuses.
pub(super) const POISON: &[u8] = b"poison";

/// Everybody who holds batches in one life.
pub(super) struct Consumers {
    cores: Option<Cores>,
    batches: Outstanding,
}

struct Cores {
    now: Instant,
    cores: BTreeMap<StreamId, Core<Queued>>,
    line: Vec<(StreamId, CallId)>,
    seed: u64,
    given_up: Vec<Queued>,
}

/// Batches that are out, each with the records of it that are settled.
#[derive(Default)]
struct Outstanding(Vec<(Arc<InFlight>, Vec<Vec<u8>>)>);

impl Consumers {
    pub(super) fn new(random: &mut Random) -> Self {
        // Later than any batch was accepted, whatever the clock of this machine says meanwhile.
        let now = Instant::now() + Duration::from_secs(3600);
        let cores = random.per_mille(600).then(|| Cores {
            now,
            cores: BTreeMap::new(),
            line: Vec::new(),
            seed: random.next(),
            given_up: Vec::new(),
        });
        Self {
            cores,
            batches: Outstanding::default(),
        }
    }

    pub(super) fn take(&mut self, batch: Arc<InFlight>) {
        if let Some(cores) = &mut self.cores {
            cores.push(&batch);
        }
        self.batches.0.push((batch, Vec::new()));
    }

    /// Bytes of what is out.
    pub(super) fn bytes(&self) -> usize {
        let batches = self.batches.0.iter();
        batches
            .map(|(batch, _)| batch.entries().map(|entry| entry.size()).sum::<usize>())
            .sum()
    }

    /// Something happens to what is out. `is_dead` says for which streams next to nothing does.
    pub(super) fn step(
        &mut self,
        random: &mut Random,
        oracle: &mut Oracle,
        summary: &mut Summary,
        is_dead: impl Fn(EntryRef<'_>) -> bool,
    ) -> Result<(), String> {
        match &mut self.cores {
            Some(cores) if cores.line.is_empty() || random.per_mille(300) => {
                cores.now += Duration::from_millis(random.below(3000));
                for stream in cores.cores.keys().copied().collect::<Vec<_>>() {
                    cores.input(stream, Input::Wake, &mut self.batches, oracle);
                }
                Ok(())
            }
            Some(cores) => {
                let chosen = random.below(cores.line.len() as u64) as usize;
                cores.answer(chosen, Some(random), &mut self.batches, oracle, summary)
            }
            None => self.batches.settle_some(random, oracle, summary, is_dead),
        }
    }

    /// A Firehose that works takes everything that waits.
    pub(super) fn deliver_all(&mut self, oracle: &mut Oracle, summary: &mut Summary) -> Result<(), String> {
        let Some(cores) = &mut self.cores else {
            while !self.batches.0.is_empty() {
                self.batches.settle_next(0, oracle, summary)?;
            }
            return Ok(());
        };
        cores.now += Duration::from_secs(10);
        for stream in cores.cores.keys().copied().collect::<Vec<_>>() {
            cores.input(stream, Input::RetryNow, &mut self.batches, oracle);
        }
        while !cores.line.is_empty() {
            cores.answer(0, None, &mut self.batches, oracle, summary)?;
        }
        Ok(())
    }

    /// An event that the cores have given up and nobody has seen to.
    pub(super) fn next_given_up(&mut self) -> Option<Queued> {
        self.cores.as_mut()?.given_up.pop()
    }

    /// Takes one back that could not be set aside.
    pub(super) fn not_set_aside(&mut self, event: Queued) {
        if let Some(cores) = &mut self.cores {
            cores.given_up.push(event);
        }
    }

    /// Events are safe as dead letters.
    pub(super) fn set_aside(&mut self, event: &Queued, oracle: &mut Oracle) {
        self.batches.settle(std::slice::from_ref(event), oracle);
    }

    /// The process is gone.
    pub(super) fn end(self, random: &mut Random, oracle: &mut Oracle) -> Result<(), String> {
        if let Some(cores) = &self.cores {
            for (stream, call) in &cores.line {
                if random.per_mille(500) {
                    for record in cores.records(*stream, *call).concat() {
                        oracle.delivered(&record)?;
                        oracle.delivered_in_vain(&record);
                    }
                }
            }
        }
        for (_, settled) in self.batches.0 {
            settled.iter().for_each(|record| oracle.delivered_in_vain(record));
        }
        Ok(())
    }
}

impl Cores {
    fn push(&mut self, batch: &Arc<InFlight>) {
        for (index, entry) in (0..).zip(batch.entries()) {
            let settings = Settings {
                paused: false,
                linger: Duration::ZERO,
                max_age: None, // the clock of this machine is no part of a history
                sets_aside: false,
                share: Rates {
                    bytes: 1e6,
                    records: 1e4,
                    requests: 1e3,
                },
                most: 10.0,
                packing: self.seed.is_multiple_of(3).then_some(1000),
            };
            let (seed, now) = (self.seed, self.now);
            let core = self.cores.entry(entry.stream);
            let core = core.or_insert_with(|| Core::new(settings, seed, now));
            core.push(Queued::new(batch, index, entry));
        }
    }

    fn input(&mut self, stream: StreamId, input: Input, batches: &mut Outstanding, oracle: &mut Oracle) {
        let core = self.cores.get_mut(&stream).expect("a core that is there");
        let effects = core.step(input, self.now, 4);
        for effect in effects {
            match effect {
                Effect::Call(call, _) => {
                    oracle.called(&self.records(stream, call));
                    self.line.push((stream, call));
                }
                Effect::Delivered(events) => batches.settle(&events, oracle),
                Effect::GiveUp(event, _) => self.given_up.push(event),
                Effect::Refuse(events) => unreachable!("{} events on a disk are handed back", events.len()),
            }
        }
    }

    /// The records of a call, each with its events.
    fn records(&self, stream: StreamId, call: CallId) -> Vec<Vec<Vec<u8>>> {
        let batch = self.cores[&stream].call(call).expect("a call that is not answered");
        let events = |events: &[Queued]| events.iter().map(|event| event.entry().record.to_vec()).collect();
        batch.records().map(events).collect()
    }

    /// Answers a call. Without a die, truly: Firehose has everything.
    fn answer(
        &mut self,
        chosen: usize,
        random: Option<&mut Random>,
        batches: &mut Outstanding,
        oracle: &mut Oracle,
        summary: &mut Summary,
    ) -> Result<(), String> {
        let (stream, call) = self.line.swap_remove(chosen);
        let records = self.records(stream, call);
        let (outcome, stored) = match random {
            Some(random) => weather(&records, random, summary),
            None => (Outcome::Records(Vec::new()), vec![true; records.len()]),
        };
        let confirmed = |index: usize| match &outcome {
            Outcome::Records(failed) => failed.iter().all(|record| record.index != index),
            Outcome::Failed(_) => false,
        };
        for (index, events) in records.iter().enumerate().filter(|(index, _)| stored[*index]) {
            for record in events {
                oracle.delivered(record)?;
                summary.delivered += 1;
                if !confirmed(index) {
                    oracle.delivered_in_vain(record);
                }
            }
        }
        self.input(stream, Input::Answer { call, outcome }, batches, oracle);
        Ok(())
    }
}

/// What a call comes to, and which of its records Firehose has.
fn weather(records: &[Vec<Vec<u8>>], random: &mut Random, summary: &mut Summary) -> (Outcome, Vec<bool>) {
    let (all, none) = (vec![true; records.len()], vec![false; records.len()]);
    let poisoned = records
        .iter()
        .flatten()
        .any(|event| event.windows(POISON.len()).any(|bytes| bytes == POISON));
    if poisoned {
        summary.happened.calls_refused += 1;
        return (Outcome::Failed(Reason::RecordRejected), none);
    }
    match random.below(10) {
        0 => {
            summary.happened.calls_lost += 1;
            (Outcome::Failed(Reason::Unanswered), all)
        }
        1 => {
            summary.happened.calls_failed += 1;
            let reasons = [
                Reason::Unanswered,
                Reason::Throttled,
                Reason::ServiceFailure,
                Reason::Unreachable,
                Reason::StreamNotFound,
                Reason::AccessDenied,
            ];
            (Outcome::Failed(reasons[random.below(6) as usize]), none)
        }
        2 => {
            summary.happened.calls_failed_in_part += 1;
            let stored: Vec<bool> = records.iter().map(|_| random.per_mille(500)).collect();
            let failed = (0..records.len())
                .filter(|index| !stored[*index])
                .map(|index| FailedRecord {
                    index,
                    reason: Reason::Throttled,
                });
            (Outcome::Records(failed.collect()), stored)
        }
        _ => (Outcome::Records(Vec::new()), all),
    }
}

impl Outstanding {
    /// Events need no more work; a batch of which that is true as a whole goes.
    fn settle(&mut self, events: &[Queued], oracle: &mut Oracle) {
        Queued::settle(events);
        for event in events {
            let batch = self.0.iter_mut().find(|(batch, _)| Arc::ptr_eq(batch, event.batch()));
            let (_, settled) = batch.expect("a batch that is out");
            settled.push(event.entry().record.to_vec());
        }
        self.let_go(oracle);
    }

    fn let_go(&mut self, oracle: &mut Oracle) {
        self.0.retain(|(batch, settled)| {
            if batch.is_settled() {
                settled.iter().for_each(|record| oracle.settled(record));
            }
            !batch.is_settled()
        });
    }

    /// Delivers and settles the next event of a batch.
    fn settle_next(&mut self, index: usize, oracle: &mut Oracle, summary: &mut Summary) -> Result<(), String> {
        let (batch, settled) = &mut self.0[index];
        let record = batch
            .entry(settled.len())
            .expect("a batch that is done is not held")
            .record;
        oracle.delivered(record)?;
        summary.delivered += 1;
        settled.push(record.to_vec());
        batch.settle(1);
        self.let_go(oracle);
        Ok(())
    }

    /// Settles some events in any order, and now and then drops a batch.
    fn settle_some(
        &mut self,
        random: &mut Random,
        oracle: &mut Oracle,
        summary: &mut Summary,
        is_dead: impl Fn(EntryRef<'_>) -> bool,
    ) -> Result<(), String> {
        for _ in 0..1 + random.below(4) {
            if self.0.is_empty() {
                return Ok(());
            }
            let index = random.below(self.0.len() as u64) as usize;
            let (batch, settled) = &self.0[index];
            let entry = batch.entry(settled.len()).expect("a batch that is done is not held");
            if is_dead(entry) && random.per_mille(900) {
                continue;
            }
            if random.per_mille(30) {
                summary.happened.batches_dropped += 1;
                let (_, settled) = self.0.swap_remove(index);
                settled.iter().for_each(|record| oracle.delivered_in_vain(record));
                continue;
            }
            self.settle_next(index, oracle, summary)?;
        }
        Ok(())
    }
}
