//! Asks pods for their reports, in a loop of its own: a round takes what was answered and waits for nobody.
//!
//! Where the answers differ from those before, the destination is enqueued, and nothing else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use firehose_proxy_config::report::Report;
use futures::{StreamExt as _, future::join3, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt as _,
    runtime::reflector::{ObjectRef, Store},
};
use tokio::sync::{Notify, mpsc};
use tracing::debug;

use super::jitter::random;
use crate::{
    lease::Fence,
    metrics::Metrics,
    observe::{Guarded, address, has_write_keys, is_ready},
    verify::{Change, Lane, Proxy, Turns, Unasked, ask, waits_for_a_secret},
};

/// How many destinations of each queue are asked at a time, and how many pods of one. A pod that does not answer takes
/// two seconds.
const DESTINATIONS_AT_A_TIME: usize = 48;
const PODS_AT_A_TIME: usize = 16;

/// How long the loop sleeps between two looks at whose turn it is.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);
const LONGEST_SLEEP: Duration = Duration::from_millis(200);

/// Destinations whose answers have changed, on their way to be reconciled. More than that are enqueued by the next
/// change, or by the round that comes anyway.
const MAX_CHANGED: usize = 4096;

/// Asks pods. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Asker {
    state: Arc<Mutex<State>>,
    wake: Arc<Notify>,
    changed: mpsc::Sender<ObjectRef<Guarded>>,
    start: Instant,
}

#[derive(Debug, Default)]
struct State {
    turns: Turns,
    destinations: HashMap<String, Followed>,
}

#[derive(Debug, Clone)]
struct Followed {
    target: ObjectRef<Guarded>,
    pods: Vec<Arc<Pod>>,
    revision: Option<String>,
    /// By the pods' UIDs: `None` for one that did not answer, nothing for one that was not asked yet.
    answers: HashMap<String, Option<Report>>,
}

/// What is known of the pods of a destination.
pub(super) struct Answers {
    pub(super) proxies: Vec<Proxy>,
    /// Whether every ready pod was asked.
    pub(super) is_complete: bool,
}

impl Asker {
    /// An asker, and the destinations whose answers have changed.
    pub fn new() -> (Self, mpsc::Receiver<ObjectRef<Guarded>>) {
        let (changed, receiver) = mpsc::channel(MAX_CHANGED);
        let asker = Self {
            state: Arc::default(),
            wake: Arc::default(),
            changed,
            start: Instant::now(),
        };
        (asker, receiver)
    }

    /// Follows the pods of a destination that are to run `revision`, and tells what they answered last.
    pub(super) fn follow(
        &self,
        uid: &str,
        target: ObjectRef<Guarded>,
        pods: &[Arc<Pod>],
        revision: Option<&str>,
    ) -> Answers {
        let mut state = self.state();
        let before = state.destinations.remove(uid);
        let mut answers = before
            .as_ref()
            .map_or_else(HashMap::new, |before| before.answers.clone());
        answers.retain(|pod, _| pods.iter().any(|one| one.uid().as_deref() == Some(pod)));
        // One that was silent may answer at its new address, or now that it is ready.
        let has_changed = |pod: &Arc<Pod>| {
            let earlier = before
                .as_ref()
                .and_then(|before| before.pods.iter().find(|one| one.uid() == pod.uid()));
            earlier.is_none_or(|one| (address(one), is_ready(one)) != (address(pod), is_ready(pod)))
        };
        let change = if before.as_ref().is_none_or(|one| one.revision.as_deref() != revision) {
            Change::Revision
        } else if pods.iter().any(has_changed) {
            Change::Pods
        } else {
            Change::None
        };
        let proxies: Vec<Proxy> = pods.iter().map(|pod| proxy(pod, &answers)).collect();
        let is_waiting = proxies.iter().any(|proxy| is_waited_for(proxy, revision));
        let is_complete = pods
            .iter()
            .all(|pod| !is_ready(pod) || pod.uid().is_some_and(|uid| answers.contains_key(&uid)));
        let followed = Followed {
            target,
            pods: pods.to_vec(),
            revision: revision.map(str::to_owned),
            answers,
        };
        state.destinations.insert(uid.to_owned(), followed);
        state
            .turns
            .follow(uid, pods.len(), change, is_waiting, self.start.elapsed());
        drop(state);
        if change != Change::None {
            self.wake.notify_waiters();
        }
        Answers { proxies, is_complete }
    }

    /// What the pods of a destination said last, by the pods' UIDs. Those that did not answer are not in it.
    pub(super) fn reports(&self, uid: &str) -> HashMap<String, Report> {
        let state = self.state();
        let answers = state.destinations.get(uid).map(|followed| &followed.answers);
        let said = answers.into_iter().flatten();
        said.filter_map(|(pod, report)| Some((pod.clone(), report.clone()?)))
            .collect()
    }

    /// Asks as long as the process runs; while another may lead, nobody, and nothing is remembered.
    pub async fn run(self, destinations: Store<Guarded>, fence: Fence, metrics: Metrics) {
        let lane = |lane| self.lane(lane, &destinations, &fence, &metrics);
        join3(lane(Lane::Edited), lane(Lane::Fresh), lane(Lane::Calm)).await;
    }

    async fn lane(&self, lane: Lane, destinations: &Store<Guarded>, fence: &Fence, metrics: &Metrics) {
        let turns = stream::unfold((), |()| async {
            loop {
                if !fence.is_open() {
                    *self.state() = State::default();
                }
                let (taken, wait) = {
                    let mut state = self.state();
                    metrics.ask_period.set(state.turns.period().as_secs_f64());
                    let now = self.start.elapsed();
                    let taken = state.turns.take(lane, now);
                    (taken, state.turns.wait(now))
                };
                if let Some(uid) = taken {
                    return Some((uid, ()));
                }
                let wait = wait.unwrap_or(LONGEST_SLEEP).clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
                // Its error is that nobody has called, and that it is time to look.
                let _ = tokio::time::timeout(wait, self.wake.notified()).await;
            }
        });
        turns
            .for_each_concurrent(DESTINATIONS_AT_A_TIME, |uid| async move {
                self.ask_pods(&uid, destinations).await;
            })
            .await;
    }

    async fn ask_pods(&self, uid: &str, destinations: &Store<Guarded>) {
        let Some(followed) = self.state().destinations.get(uid).cloned() else {
            return;
        };
        if destinations.get(&followed.target).is_none() {
            let mut state = self.state();
            state.turns.forget(uid);
            state.destinations.remove(uid);
            return;
        }
        let questions = followed.pods.iter().cloned().map(|pod: Arc<Pod>| async move {
            let report = match address(&pod) {
                Some(address) => ask(address, uid).await,
                None => Err(Unasked::NoAddress),
            };
            let report = report.inspect_err(|error| debug!(pod = %pod.name_any(), %error, "failed to ask a proxy"));
            (pod.uid().unwrap_or_default(), report.ok())
        });
        let asked: HashMap<_, _> = stream::iter(questions).buffer_unordered(PODS_AT_A_TIME).collect().await;
        let has_answered = asked.is_empty() || asked.values().any(Option::is_some);
        let mut state = self.state();
        let now = self.start.elapsed();
        let jitter = (random() % 1024) as f64 / 1024.0;
        state.turns.asked(uid, has_answered, jitter, now);
        let Some(current) = state.destinations.get_mut(uid) else {
            return;
        };
        let is_other = asked
            .iter()
            .any(|(pod, report)| current.answers.get(pod) != Some(report));
        current.answers.extend(asked);
        if is_other {
            // A full channel is no loss: the round that comes anyway takes the answers.
            let _ = self.changed.try_send(current.target.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn proxy(pod: &Pod, answers: &HashMap<String, Option<Report>>) -> Proxy {
    let answer = pod.uid().and_then(|uid| answers.get(&uid).cloned());
    Proxy {
        name: pod.name_any(),
        ready: is_ready(pod),
        has_write_keys: has_write_keys(pod),
        report: answer.flatten(),
    }
}

/// Whether the next answer of a pod is waited for: it is to take up the revision, or its Secrets are to come.
fn is_waited_for(proxy: &Proxy, revision: Option<&str>) -> bool {
    let Some(report) = &proxy.report else {
        return proxy.ready;
    };
    // While there are to be fewer pods, each answer may be the one that lets one go.
    let is_draining = report.drain_generation.is_some();
    Some(report.revision.as_str()) != revision || is_draining || waits_for_a_secret(report)
}
