//! When a destination is looked at, and when again. What one look does is in [`mod@round`].
//!
//! Idempotent and short: it never waits for a proxy, it says when it wants to be called again. What it remembers
//! between two rounds only saves work; a new leader starts with nothing and ends at the same state.

mod absence;
mod asker;
mod context;
mod delete;
mod error;
mod jitter;
mod pokes;
mod progress;
mod refuse;
mod report;
mod round;
mod situation;
mod staging;
mod surplus;
mod troubles;
mod turns;
mod withdraw;
mod written;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kube::{ResourceExt as _, runtime::controller::Action};
use tracing::warn;

use crate::{
    apply::{hold, is_held},
    metrics::Outcome,
    observe::{Guarded, Unreadable},
    verify::settled,
};

pub use asker::Asker;
pub use context::{CONCURRENCY, Context, Shared};
use delete::delete;
pub use error::Error;
use jitter::random;
pub use progress::Progress;
use refuse::refuse;
use round::round;

/// How long to wait for watches that have not listed yet.
const RETRY_WHILE_LISTING: Duration = Duration::from_millis(100);

/// How long until a destination is looked at again by a process that does not lead. Becoming the leader wakes every
/// destination at once, but a lease that is renewed late is no change of leader: a round that falls into the gap would
/// be lost.
const RETRY_WHILE_FOLLOWING: Duration = Duration::from_secs(10);

/// How long a round may take. A call of the API server has a deadline of its own; this bounds their sum, with the pods'
/// answers.
const ROUND_DEADLINE: Duration = Duration::from_secs(60);

/// Reconciles one destination.
///
/// # Errors
///
/// See [`Error`]; [`retry`] says when to try again.
pub async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    if !context.fence.is_open() {
        return Ok(Action::requeue(RETRY_WHILE_FOLLOWING));
    }
    if !context.stores.have_listed() {
        return Ok(Action::requeue(RETRY_WHILE_LISTING)); // what is not in a store yet would look as if it were gone
    }
    let uid = guarded.uid().unwrap_or_default();
    let turn = match context.turns.begin(&guarded.namespace().unwrap_or_default(), &uid) {
        Ok(turn) => turn,
        Err(later) => return Ok(Action::requeue(later)),
    };
    let waited = context.stores.edits.begin(&uid);
    let destination = match &guarded.0 {
        Ok(destination) => destination,
        Err(object) => return reconcile_unreadable(object, &context).await,
    };
    if destination.spec.class_name.is_some() {
        return Ok(Action::await_change()); // another installation's: this one has no class, and writes nothing to it
    }
    let is_deleted = destination.metadata.deletion_timestamp.is_some();
    if is_deleted && !is_held(&destination.metadata) {
        return Ok(Action::await_change()); // its children go with it
    }
    let started = Instant::now();
    let mut remembered = context.recall(&uid);
    // One that could not be followed is still to be told of.
    let earlier = remembered.edited.filter(|_| remembered.failures > 0);
    remembered.edited = waited.map(|waited| context.now().saturating_sub(waited)).or(earlier);
    let open = context.progress.begin();
    let result = tokio::select! {
        biased;
        // What a round that is cut off would remember is lost with it, so that the next one looks again.
        () = context.fence.shut() => return Ok(Action::requeue(RETRY_WHILE_FOLLOWING)),
        result = within(ROUND_DEADLINE, async {
            if is_deleted {
                Box::pin(delete(destination, &context, &mut remembered)).await
            } else {
                Box::pin(round(destination, &context, &mut remembered)).await
            }
        }) => result,
    };
    drop(open);
    drop(turn);
    if result.is_err() && !context.fence.is_open() {
        return Ok(Action::requeue(RETRY_WHILE_FOLLOWING)); // the fence was in its way
    }
    remembered.failures = if result.is_ok() {
        0
    } else {
        remembered.failures.saturating_add(1)
    };
    context.remember(&uid, remembered);
    context.metrics.duration.observe(started.elapsed().as_secs_f64());
    match &result {
        Ok(ended) => context.metrics.count(ended.outcome, ended.reason.clone()),
        Err(error) => context.metrics.count(Outcome::Error, error.name().to_owned()),
    }
    result.map(|ended| ended.action)
}

/// Says in its status that an object cannot be read. It is looked at again like one that can: by another version of the
/// operator it may have been overwritten meanwhile.
async fn reconcile_unreadable(object: &Unreadable, context: &Context) -> Result<Action, Error> {
    if object.has_class {
        return Ok(Action::await_change());
    }
    if object.metadata.deletion_timestamp.is_some() {
        if is_held(&object.metadata) {
            // What cannot be read asks for nothing.
            let released = hold(&context.client, &object.metadata, false).await;
            released.map_err(|error| Error::Release(Box::new(error)))?;
        }
        return Ok(Action::await_change());
    }
    context.metrics.unreadable.inc();
    let uid = object.metadata.uid.clone().unwrap_or_default();
    let mut remembered = context.recall(&uid);
    let _open = context.progress.begin();
    let result = within(ROUND_DEADLINE, refuse(object, context, &mut remembered)).await;
    remembered.failures = if result.is_ok() {
        0
    } else {
        remembered.failures.saturating_add(1)
    };
    context.remember(&uid, remembered);
    result.map(|()| Action::requeue(settled(random())))
}

/// Ends a round that takes longer than `deadline`.
async fn within<T>(deadline: Duration, round: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let ended = tokio::time::timeout(deadline, round).await;
    ended.unwrap_or(Err(Error::Deadline(deadline)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_round_that_does_not_end_is_ended() {
        let ended = within(Duration::from_millis(20), std::future::pending::<Result<(), Error>>()).await;
        assert!(matches!(ended, Err(Error::Deadline(_))), "{ended:?}");
    }
}
