//! Publishes Kubernetes events about destinations, a bounded number of each.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use super::MANAGER;

/// Events of one destination in a row, and how often there is one more: as many as client-go lets a component send
/// about one object.
const BURST: u32 = 25;
const REFILL: Duration = Duration::from_secs(300);

/// How long one event may take. It is told once, so a round does not wait long for it.
const DEADLINE: Duration = Duration::from_secs(2);

/// Publishes events. The same again within some minutes is counted in the first one and makes no second one.
#[derive(Clone)]
pub struct Events(Recorder);

/// How many events of one destination may follow. Times are on the process's monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct EventLimit {
    spent: u32,
    since: Duration,
}

impl EventLimit {
    /// Whether one more may be published now.
    pub fn take(&mut self, now: Duration) -> bool {
        let refilled = now.saturating_sub(self.since).as_secs() / REFILL.as_secs();
        if refilled > 0 {
            self.spent = self.spent.saturating_sub(u32::try_from(refilled).unwrap_or(u32::MAX));
            self.since = now;
        }
        if self.spent == 0 {
            self.since = now;
        }
        let is_allowed = self.spent < BURST;
        self.spent += u32::from(is_allowed);
        is_allowed
    }
}

impl Events {
    /// Events of the process `instance`, through `client`.
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter {
            controller: MANAGER.to_owned(),
            instance: Some(instance),
        };
        Self(Recorder::new(client, reporter))
    }

    /// Publishes one event about `regarding`: `action` is what it is about, `note` has at most 1,024 bytes.
    ///
    /// # Errors
    ///
    /// When the API server does not take it, or not in time. It is not told again.
    pub async fn publish(
        &self,
        regarding: &ObjectReference,
        is_warning: bool,
        action: String,
        reason: String,
        note: String,
    ) -> Result<(), Unpublished> {
        let event = Event {
            type_: if is_warning {
                EventType::Warning
            } else {
                EventType::Normal
            },
            reason,
            note: Some(note),
            action,
            secondary: None,
        };
        let published = tokio::time::timeout(DEADLINE, self.0.publish(&event, regarding)).await;
        published
            .map_err(|_| Unpublished::Deadline)?
            .map_err(|error| Unpublished::Kubernetes(Box::new(error)))
    }
}

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum Unpublished {
    /// No answer in time.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    /// The API server did not take it.
    #[error("failed to write the event: {0}")]
    Kubernetes(#[source] Box<kube::Error>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_has_twenty_five_events_in_a_row_and_then_one_every_five_minutes() {
        let mut limit = EventLimit::default();
        let allowed = (0..7200_u64).filter(|second| limit.take(Duration::from_secs(*second)));
        let allowed: Vec<u64> = allowed.collect();
        assert_eq!(allowed.len(), 25 + 7200 / 300 - 1, "{allowed:?}");
        assert!(limit.take(Duration::from_secs(100_000)));
        assert_eq!(limit.spent, 1, "a quiet hour gives all of them back");
    }
}
