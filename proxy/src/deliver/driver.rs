//! The one task around the cores: feeds them batches, answers and time, and carries out what they ask for.
//!
//! Decides two things only, because they concern all streams together: how many calls are under way at a time, and
//! which client signs them.

mod asked;
mod credentials;
mod first_event;
mod latency;
mod refused;
mod reroute;
mod streams;
mod tell;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use aws_sdk_firehose::Client;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::{latency::Latency, streams::Stream};
use super::{
    DeliveryStatus, GiveUp, Metrics, Queued,
    stream::{CallId, Effect, Input},
};
use crate::{
    account::{Account, Use},
    config::{Live, Snapshot},
    firehose::{
        self, Answer, AwsClock, Call, CurrentClient, Heard, Operation, Outcome, Problem, Reason, Rotation, Signer,
        Supplier, Transport,
    },
    queue::{ByteLimit, ClosedStreams, InFlight, Outlet},
    shutdown::{Phase, Shutdown},
    stream::{StreamId, StreamName, Streams},
};

/// What delivery needs besides the queue.
pub struct Deliver {
    /// The configuration in force.
    pub live: Arc<Live>,
    /// Names of the streams.
    pub streams: Arc<Streams>,
    /// How AWS is reached.
    pub transport: Transport,
    /// Where it counts.
    pub metrics: Metrics,
    /// Where it tells how it stands.
    pub delivery_status: DeliveryStatus,
    /// The queue's byte limit, which learns how fast each stream drains: `Retry-After` and intake follow from it.
    pub byte_limit: ByteLimit,
    /// Which streams take nothing for a reason that lasts.
    pub closed_streams: ClosedStreams,
    /// Takes the events that will never be delivered.
    pub give_up: Box<dyn GiveUp>,
    /// Where calls take their memory.
    pub account: Account,
    /// Most calls at a time, whatever the number of streams: each is a connection.
    pub most_calls: usize,
    /// How long [`Phase::Stopping`] may take. Then [`run`] returns with what is left.
    pub flush_within: Duration,
}

/// What was not delivered when the process ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Streams with a backlog, in the order of their numbers. Empty is good.
    pub left: Vec<StreamBacklog>,
    /// Events of calls that were cut off: whether Firehose has them is not known, and they may arrive twice.
    pub cut_off: usize,
}

/// A stream's backlog at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct StreamBacklog {
    /// The stream.
    pub stream: StreamName,
    /// Events without an answer.
    pub events: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// Calls at a time, of all streams. Beyond it a stream without any may have one, so that none waits for another's
/// answers, up to [`Deliver::most_calls`].
const MAX_CALLS_IN_FLIGHT: usize = 64;
/// Record bytes under way, likewise; their encoded form takes a third more.
const MAX_BYTES_IN_FLIGHT: usize = 24 * 1024 * 1024;
/// What a call takes of the process's memory at most: its records as base64, and its answer.
const CALL_MEMORY: usize = 6 * 1024 * 1024;
/// What an answer takes: an id for each of 500 records, as text and read.
const ANSWER_MEMORY: usize = 256 * 1024;
/// Most batches taken in before anything else is looked at.
const BATCHES_AT_ONCE: usize = 512;
/// How often gauges and `/status` are updated.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Delivers what comes out of `outlet` until it is closed and empty, or [`Deliver::flush_within`] after
/// [`Phase::Stopping`]. Drop every [`Intake`](crate::queue::Intake) to close it.
///
/// ```text
/// let status = deliver::DeliveryStatus::default();
/// let delivery = tokio::spawn(deliver::run(outlet, Deliver { delivery_status: status.clone(), … }, shutdown));
/// // … /status reads `status`; after SIGTERM:
/// for left in delivery.await??.left { … }
/// ```
///
/// # Errors
///
/// When the transport cannot be set up (an unreadable CA bundle).
pub async fn run(outlet: Outlet, deliver: Deliver, shutdown: Shutdown) -> anyhow::Result<Undelivered> {
    let (rejections, rejected) = watch::channel(0);
    let clock = AwsClock::default();
    let (supplier, clients) = Supplier::new(&deliver.transport, rejected, clock.clone())?;
    let mut background = JoinSet::new();
    background.spawn(supplier.run(deliver.live.subscribe()));
    Ok(Driver::new(deliver, clients, rejections, clock)
        .run(outlet, shutdown)
        .await)
}

struct Driver {
    deliver: Deliver,
    configuration: watch::Receiver<Option<Arc<Snapshot>>>,
    clients: watch::Receiver<Arc<CurrentClient>>,
    rotation: Rotation<Client>,
    /// The generation of clients whose identity AWS does not take, for who supplies them.
    rejections: watch::Sender<u64>,
    clock: AwsClock,
    streams: BTreeMap<StreamId, Stream>,
    timers: BTreeSet<(Instant, StreamId)>,
    starved: VecDeque<StreamId>,
    calls: JoinSet<Ended>,
    call_bytes: usize,
    flushing: bool,
    /// When the process ends, once that is known.
    end: Option<Instant>,
    latency: Latency,
    /// Whether there is a place for events that are set aside.
    keeps: bool,
    credentials: Option<Reason>,
    /// What is wrong with the files of credentials although an earlier key is in use.
    stale: Option<Problem>,
}

/// A call with its answer.
struct Ended {
    stream: StreamId,
    call: CallId,
    bytes: usize,
    signer: Signer,
    took: Duration,
    answer: Answer,
}

impl Driver {
    fn new(
        deliver: Deliver,
        mut clients: watch::Receiver<Arc<CurrentClient>>,
        rejections: watch::Sender<u64>,
        clock: AwsClock,
    ) -> Self {
        clients.mark_changed();
        Self {
            configuration: deliver.live.subscribe(),
            clients,
            rotation: Rotation::new(),
            rejections,
            clock,
            streams: BTreeMap::new(),
            timers: BTreeSet::new(),
            starved: VecDeque::new(),
            calls: JoinSet::new(),
            call_bytes: 0,
            flushing: false,
            end: None,
            latency: Latency::default(),
            keeps: deliver.give_up.keeps(),
            credentials: None,
            stale: None,
            deliver,
        }
    }

    async fn run(mut self, mut outlet: Outlet, mut shutdown: Shutdown) -> Undelivered {
        let mut open = true;
        let mut tell = tokio::time::interval(TELL_EVERY);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let idle = self.calls.is_empty() && self.streams.values().all(|stream| stream.core.backlog_events() == 0);
            if !open && idle || self.end.is_some_and(|end| Instant::now() >= end) {
                self.count_cut_off();
                self.tell();
                return self.report();
            }
            let timer = self.timers.first().map(|(at, _)| *at);
            let next = [timer, self.end].into_iter().flatten().min();
            tokio::select! {
                Some(ended) = self.calls.join_next() => self.ended(ended.expect("a call does not panic")),
                batch = outlet.next(), if open => match batch {
                    Some(batch) => self.take_in(batch, &mut outlet),
                    None => { open = false; self.flush(); }
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => self.fire(),
                Ok(()) = self.clients.changed() => self.client_changed(),
                Ok(()) = self.configuration.changed() => self.reconfigure(),
                _ = tell.tick() => { self.reroute(); self.look_after_refused(); self.look_for_room(); self.tell(); }
                () = shutdown.reached(Phase::Stopping), if self.end.is_none() => {
                    self.end = Some(Instant::now() + self.deliver.flush_within);
                    self.flush();
                }
            }
        }
    }

    fn take_in(&mut self, first: Arc<InFlight>, outlet: &mut Outlet) {
        let mut touched = BTreeSet::new();
        let more = std::iter::from_fn(|| outlet.try_next()).take(BATCHES_AT_ONCE);
        for batch in std::iter::once(first).chain(more) {
            for (index, entry) in (0..).zip(batch.entries()) {
                touched.insert(entry.stream);
                let event = Queued::new(&batch, index, entry);
                self.stream(entry.stream).core.push(event);
            }
        }
        for stream in touched {
            self.step(stream, Input::Wake);
        }
    }

    /// Steps one core, and again with the answers of calls that could not even be made.
    fn step(&mut self, id: StreamId, input: Input) {
        let mut next = VecDeque::from([input]);
        while let Some(input) = next.pop_front() {
            let now = Instant::now();
            let left = self.calls_left();
            let free = left.min(MAX_CALLS_IN_FLIGHT.saturating_sub(self.calls.len()));
            let room = self.call_bytes < MAX_BYTES_IN_FLIGHT;
            let stream = self.stream(id);
            let own = usize::from(left > 0 && stream.core.calls_in_flight() == 0);
            let effects = stream.core.step(input, now, if room { free.max(own) } else { own });
            for effect in effects {
                match effect {
                    Effect::Delivered(events) => Queued::settle(&events),
                    Effect::GiveUp(event, reason) => {
                        let stream = &self.streams[&id];
                        stream.metrics.gave_up(reason);
                        self.deliver.give_up.give_up(&stream.name, event, reason);
                    }
                    Effect::Refuse(events) => self.refuse(id, events, now),
                    Effect::Call(call, operation) => {
                        if let Some(answer) = self.call(id, call, operation, now) {
                            next.push_back(answer);
                        }
                    }
                }
            }
        }
        self.follow_closed(id, Instant::now());
        self.follow_core(id);
    }

    /// How many more calls there are connections, memory and time for. One is always possible until the end is near:
    /// what it delivers makes room.
    fn calls_left(&self) -> usize {
        let now = Instant::now();
        // A call that is cut off may have taken effect, and its events would go out again.
        if self.end.is_some_and(|end| now + self.latency.p99(now) > end) {
            return 0;
        }
        let with_memory = self.deliver.account.room(Use::Calls) / CALL_MEMORY;
        let connections = self.deliver.most_calls.saturating_sub(self.calls.len());
        match self.calls.is_empty() {
            true => with_memory.min(connections).max(1),
            false => with_memory.min(connections),
        }
    }

    /// Brings what is kept about a stream in line with its core.
    fn follow_core(&mut self, id: StreamId) {
        let stream = self.stream(id);
        let counted = stream.core.take_counters();
        stream.metrics.add(&counted);
        stream.refused_more(counted.refused_events);
        stream.drain_rate.delivered(counted.delivered_bytes);
        let (before, after) = (stream.timer, stream.core.wake_at());
        stream.timer = after;
        let wants_slot = stream.core.wants_slot();
        let changed = stream.look(Instant::now());
        if before != after {
            if let Some(at) = before {
                self.timers.remove(&(at, id));
            }
            if let Some(at) = after {
                self.timers.insert((at, id));
            }
        }
        if wants_slot && !self.starved.contains(&id) {
            self.starved.push_back(id);
        }
        if changed {
            self.tell_of(id);
        }
    }

    /// Starts a call, or says at once why it cannot be made.
    fn call(&mut self, id: StreamId, call: CallId, operation: Operation, now: Instant) -> Option<Input> {
        let (client, signer) = match self.rotation.pick(now) {
            Ok(picked) => picked,
            Err(problem) => {
                self.stream(id).detail = Some(problem.to_string());
                let outcome = Outcome::Failed(problem.reason());
                return Some(Input::Answer { call, outcome });
            }
        };
        let stream = &self.streams[&id];
        let batch = stream
            .core
            .call(call)
            .expect("a call that was just asked for is not answered");
        let bytes = batch.bytes();
        let request = Call::new(operation, &stream.name, batch.records().map(Queued::contents), bytes);
        self.call_bytes += bytes;
        let memory = self.deliver.account.hold(Use::Calls, request.size() + ANSWER_MEMORY);
        self.calls.spawn(async move {
            let answer = firehose::put(&client, request).await;
            drop(memory);
            Ended {
                stream: id,
                call,
                bytes,
                signer,
                took: now.elapsed(),
                answer,
            }
        });
        None
    }

    fn ended(&mut self, ended: Ended) {
        let now = Instant::now();
        self.call_bytes -= ended.bytes;
        self.latency.ended(ended.took, now);
        let Answer { outcome, detail } = ended.answer;
        let reason = match &outcome {
            Outcome::Records(failed) => failed.first().map_or(Reason::Succeeded, |record| record.reason),
            Outcome::Failed(reason) => *reason,
        };
        let stream = self.stream(ended.stream);
        stream.metrics.call_ended(reason, ended.took.as_secs_f64());
        stream.detail.clone_from(&detail);
        let heard = self.rotation.ended(ended.signer, reason, now);
        self.step(
            ended.stream,
            Input::Answer {
                call: ended.call,
                outcome,
            },
        );
        match heard {
            Heard::Nothing => {}
            Heard::TookOver => {
                tracing::info!("the new credentials work and are in use");
                self.retry_now();
            }
            Heard::Rejected(generation) => _ = self.rejections.send_replace(generation),
        }
        self.heard_of_credentials(reason, detail);
        for _ in 0..self.starved.len() {
            if self.calls_left() == 0 {
                break;
            }
            let is_crowded = self.calls.len() >= MAX_CALLS_IN_FLIGHT || self.call_bytes >= MAX_BYTES_IN_FLIGHT;
            let Some(starved) = self.starved.pop_front() else {
                break;
            };
            match is_crowded && self.stream(starved).core.calls_in_flight() > 0 {
                true => self.starved.push_back(starved),
                false => self.step(starved, Input::Wake),
            }
        }
    }

    fn fire(&mut self) {
        let now = Instant::now();
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.remove(&(at, id));
            self.stream(id).timer = None;
            self.step(id, Input::Wake);
        }
    }

    fn reconfigure(&mut self) {
        self.configuration.mark_unchanged();
        self.configure();
        self.reroute();
    }

    /// Gives every stream what the document in force says of it.
    fn configure(&mut self) {
        let Some(snapshot) = self.configuration.borrow().clone() else {
            return;
        };
        for stream in self.streams.values_mut() {
            stream.mapping = asked::mapping(&snapshot, stream.name.as_str());
        }
        let keeps = self.keeps;
        self.each(|name| Input::Configure(asked::settings(name, &snapshot.document, keeps)));
    }

    fn retry_now(&mut self) {
        self.each(|_| Input::RetryNow);
    }

    fn flush(&mut self) {
        if !std::mem::replace(&mut self.flushing, true) {
            self.each(|_| Input::Flush);
        }
    }

    fn each(&mut self, input: impl Fn(&StreamName) -> Input) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            let input = input(&self.streams[&id].name);
            self.step(id, input);
        }
    }
}
