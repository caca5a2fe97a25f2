//! Where this pod stands among those of its destination: one above `activeReplicas` takes no more events, delivers what
//! it has and says when it is empty. A higher number lets it take events again.

use std::{future::pending, sync::Arc, time::Duration};

use firehose_proxy_config::{Document, report::IntakeState};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tracing::info;

use crate::{
    config::Snapshot,
    http::gateway::{Gate, Position},
};

/// The number of a pod within its StatefulSet, from 0. `None` for a name without one.
pub(super) fn of(pod_name: &str) -> Option<u32> {
    let (_, ordinal) = pod_name.rsplit_once('-')?;
    let is_number = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
    ordinal.parse().ok().filter(|_| is_number)
}

/// Closes and opens the gate of the pod with this ordinal as each document says. One that is to close lets events in
/// for `delay` more, until the Service has taken the pod out.
pub(super) fn follow(
    ordinal: u32,
    gate: Gate,
    delay: Duration,
    mut changes: watch::Receiver<Option<Arc<Snapshot>>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut is_first = true;
        let mut closes_at = None;
        loop {
            let seen = changes.borrow_and_update().clone();
            if let Some(snapshot) = &seen {
                let document = &snapshot.document;
                match (is_above(document, ordinal), gate.position()) {
                    // Nobody was ever led to a pod that has just started.
                    (true, Position::Open) if is_first => gate.close(),
                    (true, Position::Open) => {
                        say(document, ordinal);
                        gate.leave();
                        closes_at = Some(Instant::now() + delay);
                    }
                    (true, Position::Leaving | Position::Closing | Position::Closed) | (false, Position::Open) => {}
                    (false, _) => {
                        info!(ordinal, "events are taken again: the destination is to have more pods");
                        gate.open();
                        closes_at = None;
                    }
                }
                is_first = false;
            }
            let delayed = async {
                match closes_at {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
                () = delayed => {
                    gate.close();
                    closes_at = None;
                }
            }
        }
    })
}

fn is_above(document: &Document, ordinal: u32) -> bool {
    ordinal >= document.active_replicas
}

fn say(document: &Document, ordinal: u32) {
    info!(
        ordinal,
        active_replicas = document.active_replicas,
        generation = document.drain_generation,
        "no more events are taken: the destination is to have fewer pods"
    );
}

/// For `/status`.
pub(super) fn report(gate: &Gate) -> IntakeState {
    match gate.position() {
        Position::Open => IntakeState::Open,
        Position::Leaving | Position::Closing => IntakeState::Closing,
        Position::Closed => IntakeState::Closed,
    }
}

#[cfg(test)]
mod tests {
    use firehose_proxy_config::parse;
    use firehose_tests::document::DocumentText;
    use tokio::task::yield_now;

    use super::*;

    #[test]
    fn an_ordinal_is_what_a_stateful_set_puts_behind_the_last_dash() {
        for (name, expected) in [
            ("orders-firehose-0", Some(0)),
            ("orders-2-firehose-11", Some(11)),
            ("orders", None),
            ("orders-", None),
            ("orders-+1", None),
            ("orders-1a", None),
            ("orders-99999999999", None),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    fn snapshot(active: Option<u32>) -> Option<Arc<Snapshot>> {
        let text = active.map_or_else(String::new, |active| format!("activeReplicas: {active}"));
        let document = parse(&DocumentText::default().more(&text).to_string()).unwrap();
        Some(Arc::new(Snapshot::unrouted(document)))
    }

    /// Waits until it stands so.
    async fn until(gate: &Gate, position: Position) {
        while gate.position() != position {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_pod_above_the_number_takes_nothing_until_the_number_goes_up() {
        let (sender, changes) = watch::channel(snapshot(Some(2)));
        let gate = Gate::default();
        let _following = follow(1, gate.clone(), Duration::ZERO, changes);
        yield_now().await;
        assert_eq!(gate.position(), Position::Open);
        sender.send_replace(snapshot(Some(1)));
        until(&gate, Position::Closed).await;
        sender.send_replace(snapshot(None)); // as many as there are
        until(&gate, Position::Open).await;
    }

    #[tokio::test]
    async fn it_takes_events_until_the_service_has_taken_it_out() {
        let (sender, changes) = watch::channel(snapshot(Some(2)));
        let gate = Gate::default();
        let _following = follow(1, gate.clone(), Duration::from_secs(3600), changes);
        yield_now().await;
        sender.send_replace(snapshot(Some(1)));
        until(&gate, Position::Leaving).await;
        sender.send_replace(snapshot(Some(2)));
        until(&gate, Position::Open).await;
    }

    #[tokio::test]
    async fn a_pod_that_starts_above_the_number_takes_nothing_from_the_start() {
        let (_sender, changes) = watch::channel(snapshot(Some(1)));
        let gate = Gate::default();
        let _following = follow(1, gate.clone(), Duration::from_secs(3600), changes);
        until(&gate, Position::Closed).await;
    }
}
