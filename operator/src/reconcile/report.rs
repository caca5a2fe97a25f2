//! Writes what a round has found: the status, and an event for each change in it that a person should hear of.

use std::time::Duration;

use firehose_operator_api::{FirehoseDestination, FirehoseDestinationStatus};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{Resource as _, ResourceExt as _};
use tracing::{info, warn};

use super::{
    context::{Context, Remembered},
    error::Error,
};
use crate::{
    apply::{Written, write_status},
    verify::{Findings, hold_pods, judge, news},
};

/// The list of pods that have something to say is written this often at most: while pods are replaced it changes with
/// each.
const PODS_WRITTEN_EVERY: Duration = Duration::from_secs(5);

/// When to judge again a destination that was changed while it was judged: the watch is about to show how.
const RETRY_OUTDATED: Duration = Duration::from_millis(500);

/// Writes the status if it says something new. Returns when to come back if the list of pods was kept as it is for now,
/// or the destination has changed.
pub(super) async fn report(
    context: &Context,
    destination: &FirehoseDestination,
    remembered: &mut Remembered,
    findings: &Findings<'_>,
) -> Result<Option<Duration>, Error> {
    let (before, version) = remembered
        .status
        .newest(&destination.metadata, destination.status.as_ref());
    let mut status = judge(findings, &before, &Time(Timestamp::now()));
    let wait = remembered.pods_may_be_written.saturating_sub(context.now());
    let pods_due = hold_pods(&mut status, &before, wait);
    if before == status {
        return Ok(pods_due);
    }
    let (namespace, name) = (destination.namespace().unwrap_or_default(), destination.name_any());
    let written = write_status(&context.client, &namespace, &name, &version, &status).await;
    let written = match written.map_err(|error| Error::Status(Box::new(error)))? {
        Written::As(written) => written,
        Written::Outdated => return Ok(Some(RETRY_OUTDATED)),
    };
    context.metrics.status_writes.inc();
    if before.revision != status.revision {
        info!(namespace, name, revision = ?status.revision, "configuration changed");
    }
    if before.pods != status.pods {
        remembered.pods_may_be_written = context.now() + PODS_WRITTEN_EVERY;
    }
    tell(context, destination, remembered, &before, &status).await;
    remembered.status.wrote(status, version, written);
    Ok(pods_due)
}

/// Publishes what is new in a status that has just been written. What is stored is what was told, so an event is
/// published once or, where the process ends between the two, never.
async fn tell(
    context: &Context,
    destination: &FirehoseDestination,
    remembered: &mut Remembered,
    before: &FirehoseDestinationStatus,
    status: &FirehoseDestinationStatus,
) {
    let regarding = destination.object_ref(&());
    for one in news(before, status) {
        if !remembered.events.take(context.now()) {
            context.metrics.events_withheld.inc();
            continue;
        }
        let (action, reason) = (one.condition.to_string(), one.reason.to_string());
        let published = context
            .events
            .publish(&regarding, one.is_warning, action, reason, one.note)
            .await;
        match published {
            Ok(()) => {
                context.metrics.events.inc();
            }
            Err(error) => {
                context.metrics.events_withheld.inc();
                warn!(name = %destination.name_any(), reason = %one.reason, %error, "failed to publish an event");
            }
        }
    }
}
