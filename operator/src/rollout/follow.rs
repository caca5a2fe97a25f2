//! The loop that looks at all destinations and hands out turns. It reads, and wakes those it concerns.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use firehose_operator_api::{ConditionStatus, ConditionType, FirehoseDestination, Reason, Reconciliation};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use tokio::{sync::mpsc, time::Instant};
use tracing::{info, warn};

use super::{
    Grant, Rollouts, State,
    decide::{Member, decide},
    stage::{Stage, progress, stage},
    staging::Turn,
};
use crate::{
    lease::Fence,
    metrics::Metrics,
    observe::{Guarded, Stores, pods_of, trouble},
    plan::Names,
};

/// How often turns are handed out while somebody waits or is under way, and how often it is looked whether anybody is.
const BUSY_PERIOD: Duration = Duration::from_secs(1);
const IDLE_PERIOD: Duration = Duration::from_secs(5);

/// How long nothing may become better in a destination whose pods are being replaced. Where an image merely takes long
/// to be pulled, the rollout goes on by itself afterwards.
const STUCK_AFTER: Duration = Duration::from_secs(45);

/// How long a turn that was handed out is counted although the watch does not show it.
const GRANT_LASTS: Duration = Duration::from_secs(30);

/// The label by which the StatefulSet's controller says which template a pod is of.
const REVISION_LABEL: &str = "controller-revision-hash";

/// The destinations of one controller, and how to wake one of them.
#[derive(Debug)]
pub struct Scoped {
    /// What its watches see.
    pub stores: Stores,
    /// Whose rounds are to come. A full channel is no loss: rounds come anyway.
    pub wake: mpsc::Sender<ObjectRef<Guarded>>,
}

/// A destination and where it is.
struct Placed<'a> {
    member: Member,
    target: ObjectRef<Guarded>,
    scope: &'a Scoped,
}

impl Rollouts {
    /// Hands out turns as long as the process runs; while another may lead, none.
    pub async fn run(self, scopes: Vec<Scoped>, fence: Fence, metrics: Metrics) {
        let start = Instant::now();
        let mut was_halted = false;
        loop {
            let is_busy = if fence.is_open() && scopes.iter().all(|scope| scope.stores.have_listed()) {
                let stages = self.look(&scopes, start.elapsed());
                show(&metrics, &stages);
                was_halted = tell(&stages, was_halted, &self.image);
                let idle = [Stage::Current, Stage::Paused];
                stages.keys().any(|stage| !idle.contains(stage))
            } else {
                *self.state() = State::default();
                show(&metrics, &HashMap::new());
                was_halted = false;
                false
            };
            tokio::time::sleep(if is_busy { BUSY_PERIOD } else { IDLE_PERIOD }).await;
        }
    }

    /// Looks at all destinations once, hands out turns, and returns how many are how far.
    fn look(&self, scopes: &[Scoped], now: Duration) -> HashMap<Stage, usize> {
        let mut state = self.state();
        let placed: Vec<Placed<'_>> = scopes
            .iter()
            .flat_map(|scope| self.members(scope, &mut state, now))
            .collect();
        let alive: HashSet<&str> = placed.iter().map(|one| one.member.uid.as_str()).collect();
        state.waiting.retain(|uid| alive.contains(uid.as_str()));
        state.granted.retain(|uid, _| alive.contains(uid.as_str()));
        state.watched.retain(|uid, _| alive.contains(uid.as_str()));
        let failing = placed
            .iter()
            .filter(|one| one.member.stage == Stage::Failed)
            .map(|one| one.member.uid.clone())
            .collect();
        let failed_before = std::mem::replace(&mut state.failing, failing);
        let members: Vec<Member> = placed.iter().map(|one| one.member.clone()).collect();
        let chosen = decide(&members, self.order.max_concurrent);
        for (uid, turn) in &chosen {
            state.granted.insert((*uid).to_owned(), Grant { at: now, turn: *turn });
        }
        let mut stages = HashMap::new();
        for Placed { member, target, scope } in placed {
            *stages.entry(member.stage).or_default() += 1;
            let is_chosen = chosen.iter().any(|(uid, _)| *uid == member.uid);
            let has_turned = state.failing.contains(&member.uid) != failed_before.contains(&member.uid);
            if is_chosen || has_turned {
                drop(scope.wake.try_send(target));
            }
        }
        stages
    }

    fn members<'a>(&self, scope: &'a Scoped, state: &mut State, now: Duration) -> Vec<Placed<'a>> {
        let mut placed = Vec::new();
        for guarded in scope.stores.destinations.state() {
            let Ok(destination) = &guarded.0 else { continue };
            let Some(workload) = workload(destination, &scope.stores) else {
                continue;
            };
            let uid = destination.uid().unwrap_or_default();
            let is_paused = destination.spec.reconciliation == Reconciliation::Paused;
            let has_to_wait = state.waiting.contains(&uid);
            let mut found = stage(&workload, &self.image, has_to_wait, is_paused);
            if is_refused(destination) && found != Stage::Rolling {
                found = Stage::Current; // its pods stay as they are, whatever the image
            }
            found = with_grant(found, &uid, state, now);
            if found == Stage::Rolling && fails(&workload, &scope.stores, &uid, state, now) {
                found = Stage::Failed;
            } else if found != Stage::Rolling {
                state.watched.remove(&uid);
            }
            let is_first = !self.order.first.is_empty()
                && self
                    .order
                    .first
                    .iter()
                    .all(|(key, value)| destination.labels().get(key) == Some(value));
            placed.push(Placed {
                member: Member {
                    uid,
                    is_first,
                    stage: found,
                },
                target: ObjectRef::from_obj(&*guarded),
                scope,
            });
        }
        placed
    }
}

/// Whoever has been given a turn is under way, also while the watch does not show it yet.
fn with_grant(found: Stage, uid: &str, state: &mut State, now: Duration) -> Stage {
    let Some(grant) = state.granted.get(uid) else {
        return found;
    };
    let is_old = now >= grant.at + GRANT_LASTS;
    match found {
        Stage::Rolling | Stage::Failed | Stage::Paused => {
            state.granted.remove(uid);
            found
        }
        Stage::Current if is_old || grant.turn == Turn::BeginUnwatched => {
            state.granted.remove(uid);
            state.waiting.remove(uid);
            found
        }
        Stage::Current | Stage::Waiting | Stage::NotWhole | Stage::Interrupted => Stage::Rolling,
    }
}

/// The StatefulSet of a destination of this installation that is to stay.
fn workload(destination: &FirehoseDestination, stores: &Stores) -> Option<Arc<StatefulSet>> {
    if destination.spec.class_name.is_some() || destination.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let name = Names::of(&destination.name_any()).workload;
    let namespace = destination.namespace().unwrap_or_default();
    let workload = stores.stateful_sets.get(&ObjectRef::new(&name).within(&namespace))?;
    let uid = destination.uid();
    let owners = workload.owner_references();
    let is_owned = owners
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(&owner.uid) == uid.as_ref());
    is_owned.then_some(workload)
}

fn is_refused(destination: &FirehoseDestination) -> bool {
    let conditions = destination.status.as_ref().map(|status| status.conditions.as_slice());
    let mut conditions = conditions.unwrap_or_default().iter();
    conditions.any(|one| one.kind == ConditionType::Accepted && one.status == ConditionStatus::False)
}

/// Whether a pod of the newest template cannot run, or nothing has become better for a while.
fn fails(workload: &StatefulSet, stores: &Stores, uid: &str, state: &mut State, now: Duration) -> bool {
    let progress = progress(workload);
    let watched = state.watched.entry(uid.to_owned()).or_insert((progress, now));
    if watched.0 != progress {
        *watched = (progress, now);
    }
    now >= watched.1 + STUCK_AFTER || pods_of(stores, workload).iter().any(|pod| cannot_run(pod, workload))
}

fn cannot_run(pod: &Pod, workload: &StatefulSet) -> bool {
    let newest = workload
        .status
        .as_ref()
        .and_then(|status| status.update_revision.as_ref());
    let is_newest = newest.is_some() && pod.labels().get(REVISION_LABEL) == newest;
    let reason = trouble(pod).map(|trouble| trouble.reason);
    let of_the_image = [
        Reason::ImagePullBackOff,
        Reason::ContainerNotStarted,
        Reason::CrashLoopBackOff,
    ];
    is_newest && reason.is_some_and(|reason| of_the_image.contains(&reason))
}

fn show(metrics: &Metrics, stages: &HashMap<Stage, usize>) {
    for stage in Stage::ALL {
        metrics.show_rollout(stage.name(), stages.get(&stage).copied().unwrap_or(0));
    }
    metrics
        .rollout_halted
        .set(i64::from(stages.contains_key(&Stage::Failed)));
}

/// Says when a rollout halts, and when it goes on. Returns whether it is halted.
fn tell(stages: &HashMap<Stage, usize>, was_halted: bool, image: &str) -> bool {
    let count = |stage| stages.get(&stage).copied().unwrap_or(0);
    let failed = count(Stage::Failed);
    let waiting = count(Stage::Waiting) + count(Stage::NotWhole) + count(Stage::Interrupted);
    if failed > 0 && !was_halted {
        warn!(
            image,
            failed, waiting, "the rollout is halted: pods do not become available; see conditions Stalled"
        );
    } else if failed == 0 && was_halted {
        info!(image, waiting, "the rollout goes on");
    }
    failed > 0
}
