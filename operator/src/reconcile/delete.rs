//! The round of a destination that is being deleted and held: its pods deliver what they have, then it goes.
//!
//! Its children are not touched but for the document, so it does not matter whether its spec could be followed.

use std::time::Duration;

use firehose_operator_api::{DeletionType, FirehoseDestination, Retention};
use k8s_openapi::{api::core::v1::Namespace, jiff::Timestamp};
use kube::{Api, ResourceExt as _, runtime::controller::Action};
use tracing::{info, warn};

use super::{
    context::{Context, Remembered},
    error::Error,
    round::{Ended, verify},
    situation::{Observed, Progress, Situation, observe},
    surplus::{self, claim_of},
};
use crate::{
    apply::{self, Applied, MANAGER},
    lifecycle::{Because, Deleted, Ending, ending},
    metrics::Outcome,
    plan,
    verify::Acceptance,
};

/// Looks after a destination that is being deleted: how the round ended, and when the next one is due.
pub(super) async fn delete(
    destination: &FirehoseDestination,
    context: &Context,
    remembered: &mut Remembered,
) -> Result<Ended, Error> {
    let mut observed = observe(destination, context);
    let pods = match observed.stateful_set.as_deref() {
        Some(workload) => Some(surplus::pods(destination, context, workload, 0).await?),
        None => None,
    };
    let spec = &destination.spec;
    let policy = spec
        .spool
        .persistent_volume_claim
        .as_ref()
        .map(|claim| claim.retention_policy);
    let ended = ending(&Deleted {
        kind: spec.deletion.kind,
        timeout: timeout(destination),
        age: age(destination),
        generation: destination.metadata.generation.unwrap_or_default(),
        is_namespace_terminating: is_namespace_terminating(destination, context).await?,
        pods: pods.as_deref(),
        keeps_claims: policy.is_some_and(|policy| policy.when_deleted == Retention::Retain),
    });
    let (scale, left) = match ended {
        Ending::Wait { scale, left } => (scale, left),
        Ending::Go { because, emptied } => {
            go(destination, context, because, &emptied).await?;
            return Ok(Ended::new(Outcome::Settled, Action::await_change()));
        }
    };
    let mut written = Progress::default();
    let failure = stop_intake(destination, context, &mut observed, remembered, &mut written)
        .await
        .err();
    let words = failure.as_ref().map(ToString::to_string);
    let situation = Situation::new(observed, None, written, Some(scale), &context.installation());
    let ended = verify(
        destination,
        context,
        remembered,
        &situation,
        Acceptance::Deleting,
        words,
    )
    .await?;
    if let Some(failure) = failure {
        return Err(failure.into());
    }
    // The answers of pods wake it; this is for the one that comes when nobody answers.
    let due = remembered
        .schedule
        .wait(context.now())
        .min(left)
        .max(Duration::from_millis(100));
    Ok(Ended {
        action: Action::requeue(due),
        ..ended
    })
}

/// Writes the document under which no pod takes events.
async fn stop_intake(
    destination: &FirehoseDestination,
    context: &Context,
    observed: &mut Observed,
    remembered: &mut Remembered,
    written: &mut Progress,
) -> Result<(), apply::ApplyError> {
    let generation = destination.metadata.generation.unwrap_or_default();
    let running = observed.config_map.as_deref();
    let Some(wanted) = running.and_then(|running| plan::without_intake(running, generation, MANAGER)) else {
        return Ok(());
    };
    let uid = destination.uid().unwrap_or_default();
    let (client, store) = (&context.client, &context.stores.config_maps);
    let applied = apply::apply(client, store, &wanted, &uid, &mut remembered.applied).await?;
    context.metrics.applies.inc_by(applied.count());
    if let Applied::Written(config_map) = applied {
        observed.config_map = Some((*config_map).into());
        written.has_written_config_map = true;
    }
    Ok(())
}

/// Deletes the claims of pods that are empty, and lets the destination go: its children follow it.
async fn go(
    destination: &FirehoseDestination,
    context: &Context,
    because: Because,
    emptied: &[u32],
) -> Result<(), Error> {
    let (name, namespace) = (destination.name_any(), destination.namespace().unwrap_or_default());
    let failed = |error| Error::Release(Box::new(error));
    for ordinal in emptied {
        if let Some(claim) = claim_of(destination, context, *ordinal) {
            apply::delete_claim(&context.client, &claim).await.map_err(failed)?;
        }
    }
    match because {
        Because::TimedOut => warn!(
            namespace,
            name, "a destination is deleted although its pods have not said that they are empty: its time has passed"
        ),
        Because::Empty | Because::NotAsked | Because::Namespace | Because::NoPods => {
            info!(
                namespace,
                name,
                ?because,
                claims = emptied.len(),
                "a destination is let go"
            );
        }
    }
    apply::hold(&context.client, &destination.metadata, false)
        .await
        .map_err(failed)
}

/// How long the deletion may wait. A spec that asks for no drain any more does not wait.
fn timeout(destination: &FirehoseDestination) -> Duration {
    let drain = destination.spec.deletion.drain.as_ref();
    let seconds = drain.map_or(0, |drain| drain.timeout_seconds.unsigned_abs());
    match destination.spec.deletion.kind {
        DeletionType::Drain => Duration::from_secs(seconds.into()),
        DeletionType::Immediate => Duration::ZERO,
    }
}

/// How long ago the deletion was asked for, by the API server's clock and this machine's.
fn age(destination: &FirehoseDestination) -> Duration {
    let asked = destination.metadata.deletion_timestamp.as_ref();
    let age = asked.map(|asked| Timestamp::now().duration_since(asked.0));
    age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default()
}

async fn is_namespace_terminating(destination: &FirehoseDestination, context: &Context) -> Result<bool, Error> {
    let api: Api<Namespace> = Api::all(context.client.clone());
    let namespace = api.get_opt(&destination.namespace().unwrap_or_default()).await;
    let namespace = namespace.map_err(|error| Error::Read(Box::new(error)))?;
    Ok(namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))
}
