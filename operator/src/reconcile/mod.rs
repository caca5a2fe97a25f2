//! One round of one destination: observe → plan → apply → verify → status.
//!
//! Idempotent and short: it never waits for a proxy, it says when it wants to be called again. What it remembers between two
//! rounds only saves work; a new leader starts with nothing and ends at the same state.

mod context;
mod proxies;
mod situation;

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use firehose_operator_api::{FirehoseDestination, FirehoseDestinationStatus, Reason};
use k8s_openapi::{api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{ResourceExt as _, runtime::controller::Action};
use tracing::{info, warn};

use crate::{
    apply::{Applied, ApplyError, apply, write_status},
    metrics::Outcome,
    observe::Guarded,
    plan::{Children, Invalid, children, unchangeable, validate},
    verify::{Acceptance, Findings, judge, settled},
};

pub use context::Context;
use context::Memory;
use proxies::{ask_all, poke_all};
use situation::{Planned, Situation};

/// How long to wait for watches that have not listed yet.
const LISTING: Duration = Duration::from_millis(100);

/// How long until a destination is looked at again by a process that does not lead. Becoming the leader wakes every
/// destination at once, but a lease that is renewed late is no change of leader: a round that falls into the gap would be
/// lost.
const FOLLOWING: Duration = Duration::from_secs(10);

/// Why a round could not be finished. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The status could not be written.
    #[error("failed to write the status: {0}")]
    Status(#[source] Box<kube::Error>),
    /// A child could not be written.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Reconciles one destination.
///
/// # Errors
///
/// See [`Error`]; [`retry`] says when to try again.
pub async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    if !context.leadership.leads() {
        return Ok(Action::requeue(FOLLOWING));
    }
    if !context.stores.have_listed() {
        return Ok(Action::requeue(LISTING)); // what is not in a store yet would look as if it were gone
    }
    let destination = match &guarded.0 {
        Ok(destination) => destination,
        Err(invalid) => {
            context.metrics.unreadable.inc();
            warn!(name = ?invalid.metadata.name, error = %invalid.error, "failed to read a destination");
            return Ok(Action::await_change());
        }
    };
    if destination.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change()); // its children go with it
    }
    let started = Instant::now();
    let uid = destination.uid().unwrap_or_default();
    let mut memory = context.recall(&uid);
    let result = round(destination, &context, &mut memory).await;
    memory.failures = if result.is_ok() {
        0
    } else {
        memory.failures.saturating_add(1)
    };
    context.remember(&uid, memory);
    context.metrics.duration.observe(started.elapsed().as_secs_f64());
    context
        .metrics
        .count(result.as_ref().map_or(Outcome::Error, |(outcome, _)| *outcome));
    result.map(|(_, action)| action)
}

/// When to try again after an error: from 1 s, doubled up to 64 s, with up to half of it added at random.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the controller hands out shared references by value"
)]
pub fn retry(guarded: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    let failures = context.recall(&guarded.uid().unwrap_or_default()).failures;
    let delay = Duration::from_secs(1 << failures.saturating_sub(1).min(6));
    let delay = delay + delay.mul_f64((random() % 512) as f64 / 1024.0);
    warn!(namespace = ?guarded.namespace(), name = %guarded.name_any(), %error, ?delay, "failed to reconcile");
    Action::requeue(delay)
}

async fn round(
    destination: &FirehoseDestination,
    context: &Context,
    memory: &mut Memory,
) -> Result<(Outcome, Action), Error> {
    let mut newest = None;
    let (acceptance, planned, failure) = match plan(destination, context) {
        Ok(planned) => match apply_all(context, &planned.1, planned.0.uid(), memory).await {
            Ok(written) => {
                newest = written;
                (Acceptance::Accepted, Some(planned), None)
            }
            Err(conflict @ ApplyError::NameConflict { .. }) => (
                Acceptance::Refused(Reason::NameConflict, conflict.to_string()),
                None,
                None,
            ),
            Err(ending) if ending.is_namespace_terminating() => {
                return Ok((Outcome::Settled, Action::await_change()));
            }
            Err(failure) => (Acceptance::Accepted, Some(planned), Some(failure)),
        },
        // The last good children go on.
        Err(invalid) => (refused(&invalid), None, None),
    };
    let situation = Situation::look(destination, context, planned, newest);
    let (namespace, uid) = (
        destination.namespace().unwrap_or_default(),
        destination.uid().unwrap_or_default(),
    );
    let pods = situation.pods(context);
    let revision = situation.revision.as_deref();
    let due = revision.and_then(|revision| Some((revision, memory.schedule.due(revision, context.now())?)));
    if let Some((revision, 0)) = due {
        // Just applied: every pod is to look, none has to be asked first.
        poke_all(context, &namespace, &pods, revision, 0).await;
    }
    let proxies = ask_all(&pods, &uid).await;
    let behind = situation.behind(&pods, &proxies, memory.schedule.is_patient());
    if let Some((revision, number @ 1..)) = due {
        poke_all(context, &namespace, &behind, revision, number).await;
    }
    let outcome = match (&acceptance, behind.is_empty()) {
        (_, false) => Outcome::Propagating,
        (Acceptance::Refused(..), true) => Outcome::Refused,
        (Acceptance::Accepted, true) => Outcome::Settled,
    };
    let apply_error = failure.as_ref().map(ToString::to_string);
    let findings = situation.findings(destination, acceptance, apply_error, &proxies);
    write(context, destination, memory, &findings).await?;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    let wait = match outcome {
        Outcome::Propagating => memory.schedule.wait(context.now()),
        Outcome::Settled | Outcome::Refused | Outcome::Error => settled(random()),
    };
    Ok((outcome, Action::requeue(wait)))
}

/// What the destination's children shall be, or every reason why it cannot be followed.
fn plan(destination: &FirehoseDestination, context: &Context) -> Result<Planned, Vec<Invalid>> {
    let validated = validate(destination)?.with_default_endpoint(context.default_endpoint.as_deref());
    let wanted = children(&validated, &context.installation);
    let running = situation::workload(destination, context);
    match running.and_then(|running| unchangeable(&running, &wanted.stateful_set)) {
        Some(invalid) => Err(vec![invalid]),
        None => Ok(Box::new((validated, wanted))),
    }
}

/// In the order in which pods need them: a pod must not start before its configuration and its identity. Returns the
/// StatefulSet if it was written: the watch shows it only later.
async fn apply_all(
    context: &Context,
    wanted: &Children,
    uid: &str,
    memory: &mut Memory,
) -> Result<Option<StatefulSet>, ApplyError> {
    let (client, stores, known) = (&context.client, &context.stores, &mut memory.known);
    let mut written = 0_u64;
    written += apply(client, &stores.config_maps, &wanted.config_map, uid, known)
        .await?
        .count();
    written += apply(client, &stores.service_accounts, &wanted.service_account, uid, known)
        .await?
        .count();
    written += apply(client, &stores.services, &wanted.headless_service, uid, known)
        .await?
        .count();
    written += apply(client, &stores.services, &wanted.service, uid, known)
        .await?
        .count();
    written += apply(client, &stores.budgets, &wanted.disruption_budget, uid, known)
        .await?
        .count();
    let workload = apply(client, &stores.stateful_sets, &wanted.stateful_set, uid, known).await?;
    context.metrics.applies.inc_by(written + workload.count());
    Ok(match workload {
        Applied::Written(workload) => Some(*workload),
        Applied::Unchanged => None,
    })
}

fn refused(invalid: &[Invalid]) -> Acceptance {
    const SHOWN: usize = 5;
    let reason = invalid.first().map_or(Reason::Invalid, |first| first.reason);
    let mut message: Vec<String> = invalid.iter().take(SHOWN).map(ToString::to_string).collect();
    if invalid.len() > SHOWN {
        message.push(format!("and {} more", invalid.len() - SHOWN));
    }
    Acceptance::Refused(reason, message.join("; "))
}

/// Writes the status if it says something new.
async fn write(
    context: &Context,
    destination: &FirehoseDestination,
    memory: &mut Memory,
    findings: &Findings<'_>,
) -> Result<(), Error> {
    // What was written last is newer than what the watch has shown.
    let before = memory.written.clone().or_else(|| destination.status.clone());
    let status = judge(
        findings,
        before.as_ref().unwrap_or(&FirehoseDestinationStatus::default()),
        &Time(Timestamp::now()),
    );
    if before.as_ref() == Some(&status) {
        return Ok(());
    }
    let (namespace, name) = (destination.namespace().unwrap_or_default(), destination.name_any());
    let written = write_status(&context.client, &namespace, &name, &status).await;
    written.map_err(|error| Error::Status(Box::new(error)))?;
    context.metrics.status_writes.inc();
    if before.and_then(|before| before.revision) != status.revision {
        info!(namespace, name, revision = ?status.revision, "configuration changed");
    }
    memory.written = Some(status);
    Ok(())
}

/// Jitter. Not for secrets.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
