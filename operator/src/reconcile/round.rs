//! One round of one destination, in five steps: observe → validate → plan → apply → verify.
//!
//! The first three decide and change nothing; what they read is what the watches have shown. Whatever the spec says, a
//! round ends with the status of what is in force.

use std::time::Duration;

use firehose_operator_api::{FirehoseDestination, Reason, Reconciliation};
use kube::{
    ResourceExt as _,
    runtime::{controller::Action, reflector::ObjectRef},
};

use super::{
    context::{Context, Remembered},
    error::Error,
    jitter::random,
    pokes::{Told, tell},
    report::report,
    situation::{Observed, Plan, Planned, Progress, Situation, observe},
    staging::stage,
    surplus::survey,
    troubles::look,
    withdraw::withdraw,
};
use crate::{
    apply::{self, Applied, ApplyError},
    lifecycle,
    metrics::Outcome,
    plan::{self, Rejection, Validated, children, unchangeable},
    verify::{Acceptance, Findings, settled},
};

/// When to look again for answers that have not come: a pod has two seconds, and others may be asked before.
const RETRY_UNASKED: Duration = Duration::from_secs(3);

/// Most rejections that a condition names; the others are counted.
const MAX_REJECTIONS_IN_MESSAGE: usize = 5;

/// How a round ended.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// The reason of the refusal, or the outcome once more.
    pub(super) reason: String,
    /// When the next one is due.
    pub(super) action: Action,
}

impl Ended {
    pub(super) fn new(outcome: Outcome, action: Action) -> Self {
        Self {
            outcome,
            reason: format!("{outcome:?}"),
            action,
        }
    }
}

/// One round of one destination: how it ended, and when the next one is due.
pub(super) async fn round(
    destination: &FirehoseDestination,
    context: &Context,
    remembered: &mut Remembered,
) -> Result<Ended, Error> {
    let wants_hold = lifecycle::is_held(destination.spec.deletion.kind);
    if wants_hold != apply::is_held(&destination.metadata) {
        // Before anything is made that it is to hold.
        let held = apply::hold(&context.client, &destination.metadata, wants_hold).await;
        held.map_err(|error| Error::Release(Box::new(error)))?;
    }
    let mut observed = observe(destination, context);
    let mut scale = None;
    let planned = match validate(destination, context) {
        Ok(validated) => {
            let decided = survey(destination, context, observed.stateful_set.as_deref(), &validated).await?;
            let generation = destination.metadata.generation.unwrap_or_default();
            let validated = validated.with_pods(decided.pods, generation);
            scale = Some(decided);
            plan(validated, &observed, context)
        }
        Err(rejections) => Err(rejections),
    };
    let mut written = Progress::default();
    let uid = destination.uid().unwrap_or_default();
    let (acceptance, planned, failure) = match planned {
        // What is forbidden is taken from what runs all the same.
        Ok(planned) if destination.spec.reconciliation == Reconciliation::Paused => {
            let waits = observed.revision().as_ref() != Some(&planned.children.revision);
            let withdrawn = Box::pin(withdraw(context, &mut observed, &uid, remembered, &mut written)).await;
            (Acceptance::Paused { waits }, None, withdrawn.err())
        }
        Ok(planned) => {
            let planned = stage(planned, destination, context, &observed, remembered);
            match apply(context, &planned, remembered, &mut written).await {
                Ok(()) => (Acceptance::Accepted, Some(planned), None),
                Err(conflict @ ApplyError::NameConflict { .. }) => (
                    Acceptance::Refused(Reason::NameConflict, conflict.to_string()),
                    None,
                    None,
                ),
                Err(ending) if ending.is_namespace_terminating() => {
                    return Ok(Ended::new(Outcome::Settled, Action::await_change()));
                }
                Err(failure) => (Acceptance::Accepted, Some(planned), Some(failure)),
            }
        }
        // The last good children go on, but for what is forbidden now.
        Err(rejections) => {
            let withdrawn = Box::pin(withdraw(context, &mut observed, &uid, remembered, &mut written)).await;
            (refused(&rejections), None, withdrawn.err())
        }
    };
    let situation = Situation::new(observed, planned, written, scale, &context.installation());
    let apply_error = failure.as_ref().map(ToString::to_string);
    let ended = verify(destination, context, remembered, &situation, acceptance, apply_error).await?;
    failure.map_or(Ok(ended), |failure| Err(failure.into()))
}

/// The spec as something that can be planned, or every reason why it cannot.
fn validate(destination: &FirehoseDestination, context: &Context) -> Result<Validated, Vec<Rejection>> {
    let validated = plan::validate(destination, &context.installation().allowed)?;
    Ok(validated.with_default_endpoint(context.default_endpoint.as_deref()))
}

/// What the destination's children shall be, or why the running ones cannot become that.
fn plan(validated: Validated, observed: &Observed, context: &Context) -> Result<Planned, Vec<Rejection>> {
    let wanted = children(&validated, &context.installation());
    let running = observed.stateful_set.as_deref();
    match running.and_then(|running| unchangeable(running, &wanted.stateful_set)) {
        Some(rejection) => Err(vec![rejection]),
        None => Ok(Box::new(Plan {
            validated,
            children: wanted,
            leaves_workload: false,
        })),
    }
}

/// In the order in which pods need them: a pod must not start before its configuration and its identity. Where it ends
/// early, `progress` says how far it got.
async fn apply(
    context: &Context,
    planned: &Plan,
    remembered: &mut Remembered,
    progress: &mut Progress,
) -> Result<(), ApplyError> {
    let (wanted, uid) = (&planned.children, planned.validated.uid());
    let (client, stores, known) = (&context.client, &context.stores, &mut remembered.applied);
    let writes = &context.metrics.applies;
    let config_map = apply::apply(client, &stores.config_maps, &wanted.config_map, uid, known).await?;
    writes.inc_by(config_map.count());
    progress.has_config_map = true;
    progress.has_written_config_map = config_map.count() > 0;
    let account = apply::apply(client, &stores.service_accounts, &wanted.service_account, uid, known).await?;
    writes.inc_by(account.count());
    for service in [&wanted.headless_service, &wanted.service] {
        let service = apply::apply(client, &stores.services, service, uid, known).await?;
        writes.inc_by(service.count());
    }
    let budget = apply::apply(client, &stores.budgets, &wanted.disruption_budget, uid, known).await?;
    writes.inc_by(budget.count());
    if let Some(policy) = &wanted.network_policy {
        let policy = apply::apply(client, &stores.network_policies, policy, uid, known).await?;
        writes.inc_by(policy.count());
    }
    if planned.leaves_workload {
        return Ok(());
    }
    let workload = apply::apply(client, &stores.stateful_sets, &wanted.stateful_set, uid, known).await?;
    writes.inc_by(workload.count());
    if let Applied::Written(workload) = workload {
        progress.stateful_set = Some(*workload);
    }
    Ok(())
}

/// Tells the pods of the revision, asks what they run, and writes the status that follows.
pub(super) async fn verify(
    destination: &FirehoseDestination,
    context: &Context,
    remembered: &mut Remembered,
    situation: &Situation,
    acceptance: Acceptance,
    apply_error: Option<String>,
) -> Result<Ended, Error> {
    let (namespace, uid) = (
        destination.namespace().unwrap_or_default(),
        destination.uid().unwrap_or_default(),
    );
    let (pods, leaving) = situation.pods(context);
    let revision = situation.revision.as_deref();
    let target = ObjectRef::new(&destination.name_any()).within(&namespace);
    let answers = context.asker.follow(&uid, target, &pods, revision);
    let proxies = answers.proxies;
    let behind = situation.behind(&pods, &proxies, remembered.schedule.is_patient());
    if let Some(revision) = revision {
        let told = Told {
            pods: &pods,
            proxies: &proxies,
            behind: &behind,
            is_complete: answers.is_complete,
            is_news: situation.is_news,
        };
        tell(context, &namespace, revision, &told, remembered).await;
    }
    let now = context.now();
    if situation.is_news {
        let since = remembered.edited.take().unwrap_or(now);
        remembered.propagating = (!pods.is_empty()).then_some(since); // pods that are made now have it from the start
    }
    if behind.is_empty()
        && answers.is_complete
        && let Some(since) = remembered.propagating.take()
    {
        context
            .metrics
            .propagation
            .observe(now.saturating_sub(since).as_secs_f64());
    }
    let refusal = match &acceptance {
        Acceptance::Refused(reason, _) => Some(*reason),
        Acceptance::Accepted | Acceptance::Paused { .. } | Acceptance::Deleting => None,
    };
    let outcome = match (&acceptance, behind.is_empty()) {
        (_, false) => Outcome::Propagating,
        (Acceptance::Refused(..), true) => Outcome::Refused,
        (Acceptance::Accepted | Acceptance::Paused { .. } | Acceptance::Deleting, true) => Outcome::Settled,
    };
    let looked = look(
        context,
        situation.workload(),
        &pods,
        &leaving,
        &mut remembered.absence,
        &namespace,
    )
    .await;
    let look_due = looked.due;
    let is_told_before = destination
        .status
        .as_ref()
        .is_some_and(|status| !status.conditions.is_empty());
    if !answers.is_complete && is_told_before && apply_error.is_none() && acceptance == Acceptance::Accepted {
        // Pods that were not asked yet are not silent ones. The answers bring the next round.
        return Ok(Ended::new(Outcome::Propagating, Action::requeue(RETRY_UNASKED)));
    }
    let is_halting = context.rollouts.is_failing(&uid);
    let findings = Findings {
        is_halting,
        ..situation.findings(destination, context, acceptance, apply_error, &proxies, looked)
    };
    let pods_due = report(context, destination, remembered, &findings).await?;
    let wait = match outcome {
        Outcome::Propagating => remembered.schedule.wait(context.now()).min(settled(random())),
        Outcome::Settled | Outcome::Refused | Outcome::Error => settled(random()),
    };
    let secrets_due = remembered
        .secrets
        .is_begun()
        .then(|| remembered.secrets.wait(context.now()));
    let due = [pods_due, look_due, secrets_due].into_iter().flatten().min();
    let ended = Ended::new(outcome, Action::requeue(due.map_or(wait, |due| due.min(wait))));
    Ok(match refusal {
        Some(reason) => Ended {
            reason: reason.to_string(),
            ..ended
        },
        None => ended,
    })
}

fn refused(rejections: &[Rejection]) -> Acceptance {
    let reason = rejections.first().map_or(Reason::Invalid, |first| first.reason);
    let mut message: Vec<String> = rejections
        .iter()
        .take(MAX_REJECTIONS_IN_MESSAGE)
        .map(ToString::to_string)
        .collect();
    if rejections.len() > MAX_REJECTIONS_IN_MESSAGE {
        message.push(format!("and {} more", rejections.len() - MAX_REJECTIONS_IN_MESSAGE));
    }
    Acceptance::Refused(reason, message.join("; "))
}
