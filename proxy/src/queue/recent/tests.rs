//! What becomes of events that come again.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::*;
use crate::{
    queue::{AcceptError, Accepted, EventBatch, Intake, Outlet, Sent, memory},
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

struct Rig {
    intake: Intake,
    outlet: Outlet,
    streams: Streams,
}

/// `stream:id` or `stream:id=content`; no id at all is `stream:=content`.
type Written = &'static str;

impl Rig {
    fn new() -> Self {
        Self::of_bytes(1_000_000)
    }

    fn of_bytes(limit: usize) -> Self {
        let (intake, outlet) = memory(limit);
        let recent = Recent::new();
        recent.configure(Some(settings(600)));
        Self {
            intake: intake.with_recent(recent),
            outlet,
            streams: Streams::default(),
        }
    }

    fn stream(&self, name: &str) -> StreamId {
        self.streams.intern(&StreamName::try_from(name).unwrap())
    }

    fn events(&self, written: &[Written]) -> EventBatch {
        let mut events = EventBatch::default();
        for text in written {
            let (name, event) = text.split_once(':').unwrap();
            let (message_id, content) = event.split_once('=').unwrap_or((event, ""));
            let stream = self.stream(name);
            events
                .push(stream, RoutingKey::default(), |out| {
                    out.extend_from_slice(text.as_bytes());
                    Ok::<(), crate::queue::BatchTooLarge>(())
                })
                .unwrap();
            if !message_id.is_empty() {
                let sent = Sent {
                    stream: stream.index() as u64,
                    source: "",
                    path_type: "",
                    message_id,
                    text: [content, ""],
                };
                events.identify(self.intake.recent().key().unwrap().of(&sent));
            }
        }
        events
    }

    fn send(&self, written: &[Written]) -> tokio::task::JoinHandle<Result<Accepted, AcceptError>> {
        let (intake, events) = (self.intake.clone(), self.events(written));
        let deadline = Instant::now() + Duration::from_secs(60);
        tokio::spawn(async move { intake.accept(events, deadline).await })
    }

    /// What delivery is given of what was sent until now.
    async fn given(&mut self) -> Vec<(Arc<crate::queue::InFlight>, Vec<String>)> {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let batches = std::iter::from_fn(|| self.outlet.try_next());
        batches
            .map(|batch| {
                let records = batch
                    .entries()
                    .map(|entry| String::from_utf8(entry.record.to_vec()).unwrap());
                let records = records.collect();
                (batch, records)
            })
            .collect()
    }

    /// Delivers what was sent until now.
    async fn deliver(&mut self) -> Vec<String> {
        let given = self.given().await;
        for (batch, records) in &given {
            batch.settle_events(0..u32::try_from(records.len()).unwrap());
        }
        given.into_iter().flat_map(|(_, records)| records).collect()
    }

    fn entries(&self) -> usize {
        self.intake.recent().extent().unwrap().entries
    }
}

fn settings(seconds: u64) -> WindowSettings {
    WindowSettings {
        duration: Duration::from_secs(seconds),
        max_bytes: 1 << 20,
    }
}

fn repeats(repeats: u32) -> Result<Accepted, AcceptError> {
    Ok(Accepted { repeats })
}

#[tokio::test]
async fn the_repeat_of_what_is_safe_is_confirmed_and_not_sent() {
    let mut rig = Rig::new();
    let first = rig.send(&["orders:a", "orders:b"]);
    assert_eq!(rig.deliver().await, ["orders:a", "orders:b"]);
    assert_eq!(first.await.unwrap(), repeats(0));
    let again = rig.send(&["orders:b", "orders:c", "orders:a"]);
    assert_eq!(rig.deliver().await, ["orders:c"]);
    assert_eq!(again.await.unwrap(), repeats(2));
    assert_eq!(rig.send(&["orders:c"]).await.unwrap(), repeats(1));
    assert_eq!((rig.intake.recent().repeats().safe, rig.entries()), (3, 3));
}

#[tokio::test]
async fn what_is_not_the_same_is_sent() {
    let mut rig = Rig::new();
    let sent: &[Written] = &["orders:a=1", "orders:a=2", "pages:a=1", "orders:=1", "orders:=1"];
    let first = rig.send(sent);
    assert_eq!(rig.deliver().await, sent);
    assert_eq!(first.await.unwrap(), repeats(0));
    assert_eq!(rig.intake.recent().repeats().other_content, 2);
    let again = rig.send(sent);
    assert_eq!(
        rig.deliver().await,
        ["orders:=1", "orders:=1"],
        "without an id nothing is known again"
    );
    assert_eq!(again.await.unwrap(), repeats(3));
}

#[tokio::test]
async fn the_repeat_of_what_is_under_way_has_its_outcome() {
    let mut rig = Rig::new();
    let first = rig.send(&["orders:a", "orders:b"]);
    let given = rig.given().await;
    let again = rig.send(&["orders:b", "orders:c"]);
    assert_eq!(rig.deliver().await, ["orders:c"]);
    assert!(!again.is_finished());
    given[0].0.settle_events(1..2);
    assert_eq!(again.await.unwrap(), repeats(1), "b is safe, whatever becomes of a");
    let again = rig.send(&["orders:a"]);
    assert!(rig.given().await.is_empty());
    // Its client has no answer, and what is not sent is withdrawn.
    first.abort();
    assert!(first.await.is_err());
    drop(given);
    let again = again.await.unwrap();
    assert!(matches!(again, Err(AcceptError::NotConfirmed { .. })), "{again:?}");
    let later = rig.send(&["orders:a", "orders:b", "orders:c"]);
    assert_eq!(rig.deliver().await, ["orders:a"], "what was withdrawn is new");
    assert_eq!(later.await.unwrap(), repeats(2));
}

#[tokio::test]
async fn an_event_that_stands_twice_in_a_request_is_sent_once() {
    let mut rig = Rig::new();
    let first = rig.send(&["orders:a", "orders:a", "orders:b"]);
    assert_eq!(rig.deliver().await, ["orders:a", "orders:b"]);
    assert_eq!(first.await.unwrap(), repeats(1));
}

#[tokio::test]
async fn requests_that_wait_for_each_others_events_both_end() {
    let mut rig = Rig::new();
    let one = rig.send(&["orders:a"]);
    let other = rig.send(&["orders:b", "orders:a"]);
    let third = rig.send(&["orders:a", "orders:b"]);
    assert_eq!(rig.deliver().await, ["orders:a", "orders:b"]);
    assert_eq!(
        (one.await.unwrap(), other.await.unwrap(), third.await.unwrap()),
        (repeats(0), repeats(1), repeats(2))
    );
}

#[tokio::test]
async fn what_is_refused_is_new_when_it_comes_again() {
    let mut rig = Rig::of_bytes(20);
    let first = rig.send(&["orders:a", "orders:b", "orders:c"]);
    assert!(matches!(first.await.unwrap(), Err(AcceptError::Full { .. })));
    assert_eq!(rig.entries(), 0);
    let again = rig.send(&["orders:a"]);
    assert_eq!(rig.deliver().await, ["orders:a"]);
    assert_eq!(again.await.unwrap(), repeats(0));
}

#[tokio::test]
async fn the_events_of_a_stream_without_room_keep_no_other_from_its_own() {
    let mut rig = Rig::of_bytes(10_000);
    rig.intake.byte_limit().set_drain(rig.stream("pages"), 1);
    let stuck = rig.send(&["pages:stuck for longer than anybody would wait"]);
    let given = rig.given().await;
    let mixed: &[Written] = &["orders:a", "pages:b", "orders:=1", "orders:c"];
    let first = rig.send(mixed);
    assert_eq!(
        rig.deliver().await,
        ["orders:a", "orders:c"],
        "what would not be known again is not sent"
    );
    assert!(matches!(first.await.unwrap(), Err(AcceptError::Full { .. })));
    let again = rig.send(mixed);
    assert!(rig.deliver().await.is_empty());
    assert!(matches!(again.await.unwrap(), Err(AcceptError::Full { .. })));
    given[0].0.settle_events(0..1);
    drop(given);
    assert_eq!(stuck.await.unwrap(), repeats(0));
    let last = rig.send(mixed);
    assert_eq!(rig.deliver().await, ["pages:b", "orders:=1"]);
    assert_eq!(last.await.unwrap(), repeats(2));
}

#[tokio::test]
async fn the_window_ends_in_time_and_follows_its_settings() {
    let rig = Rig::new();
    let recent = rig.intake.recent();
    let start = Instant::now();
    let event = rig.events(&["orders:a"]);
    let is_repeat = |seconds| {
        let claimed = recent.claim(&mut event.clone(), start + Duration::from_secs(seconds));
        claimed.claim.as_ref().inspect(|claim| claim.all_safe());
        claimed.repeats == 1
    };
    assert!(!is_repeat(0));
    assert!(is_repeat(590));
    recent.configure(Some(WindowSettings {
        max_bytes: 2 << 20,
        ..settings(1000)
    }));
    assert!(is_repeat(890), "a longer window, in more memory");
    recent.configure(Some(settings(600)));
    assert!(!is_repeat(891));
    assert!(is_repeat(892));
    recent.configure(None);
    assert!(recent.key().is_none() && !is_repeat(893) && !is_repeat(893));
}

#[tokio::test]
async fn a_process_with_another_key_knows_other_identities() {
    let (one, other) = (Rig::new(), Rig::new());
    let identity = |rig: &Rig| rig.events(&["orders:a"]).take_identities();
    assert_eq!(identity(&one), identity(&one));
    assert_ne!(identity(&one), identity(&other));
}
