//! Both ends of the queue, without a disk.

use super::*;
use crate::{
    queue::BatchTooLarge,
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

fn events(records: usize) -> EventBatch {
    batch_for(
        Streams::default().intern(&StreamName::try_from("orders").unwrap()),
        records,
    )
}

fn batch_for(stream: StreamId, records: usize) -> EventBatch {
    let mut events = EventBatch::default();
    for _ in 0..records {
        events
            .push(stream, RoutingKey::default(), |out| {
                out.extend_from_slice(b"0123456789");
                Ok::<(), BatchTooLarge>(())
            })
            .unwrap();
    }
    events
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

#[tokio::test]
async fn a_request_is_answered_when_its_last_event_is_settled() {
    let (intake, mut outlet) = memory(1000);
    let accepted =
        tokio::spawn(async move { intake.accept(events(3), Instant::now() + Duration::from_secs(60)).await });
    let batch = outlet.next().await.unwrap();
    batch.settle(2);
    tokio::task::yield_now().await;
    assert!(!accepted.is_finished());
    batch.settle(1);
    assert!(accepted.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_frame_over_the_bound_is_refused_and_nothing_is_queued() {
    let (intake, mut outlet) = memory(29);
    let refused = intake.accept(events(3), soon()).await;
    assert!(matches!(refused, Err(AcceptError::Full { .. })), "{refused:?}");
    assert!(outlet.try_next().is_none());
}

#[tokio::test]
async fn a_stream_that_is_stuck_is_refused_while_another_goes_on() {
    let (intake, mut outlet) = memory(900);
    let registry = Streams::default();
    let [stuck, healthy] = ["stuck", "healthy"].map(|name| registry.intern(&StreamName::try_from(name).unwrap()));
    let later = Instant::now() + Duration::from_secs(60);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let intake = intake.clone();
        waiting.spawn(async move { intake.accept(batch_for(stuck, 1), later).await });
    }
    while waiting.len() > 80 {
        let refused = waiting.join_next().await.unwrap().unwrap();
        assert!(matches!(refused, Err(AcceptError::Full { .. })), "{refused:?}");
    }
    let (accepted, ()) = tokio::join!(intake.accept(batch_for(healthy, 10), later), async {
        while let Some(batch) = outlet.next().await {
            if batch.entry(0).unwrap().stream == healthy {
                return batch.settle(10);
            }
        }
    });
    assert!(accepted.is_ok());
}

#[tokio::test]
async fn a_missed_deadline_abandons_the_frame_and_frees_its_bytes() {
    let (intake, mut outlet) = memory(1000);
    let missed = intake.accept(events(1), soon()).await;
    assert!(matches!(missed, Err(AcceptError::NotConfirmed { .. })), "{missed:?}");
    let batch = outlet.next().await.unwrap();
    assert!(batch.is_abandoned());
    assert_eq!(intake.byte_limit().used(), 10);
    drop(batch);
    assert_eq!(intake.byte_limit().used(), 0);
}

#[tokio::test]
async fn the_events_of_a_client_that_has_left_without_an_answer_are_kept_past_the_deadline() {
    let (intake, mut outlet) = memory(1000);
    let deadline = Instant::now() + Duration::from_millis(700);
    let asked = intake.clone();
    let waiting = tokio::spawn(async move { asked.accept_from(events(1), deadline, || true).await });
    let batch = outlet.next().await.unwrap();
    tokio::time::sleep_until(deadline + Duration::from_millis(100)).await;
    assert!(!batch.is_too_late(Instant::now()) && !waiting.is_finished());
    assert_eq!(intake.unanswered().events(), 1);
    batch.settle(1);
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(intake.unanswered().events(), 0);
}

#[tokio::test]
async fn a_client_that_waits_is_answered_at_the_deadline_and_what_was_not_sent_shortly_before_it_never_is() {
    let (intake, mut outlet) = memory(1000);
    let deadline = Instant::now() + Duration::from_millis(700);
    let waiting = tokio::spawn(async move { intake.accept_from(events(1), deadline, || false).await });
    let batch = outlet.next().await.unwrap();
    tokio::time::sleep_until(deadline - Duration::from_millis(300)).await;
    assert!(batch.is_too_late(Instant::now()) && !waiting.is_finished());
    let refused = waiting.await.unwrap();
    assert!(matches!(refused, Err(AcceptError::NotConfirmed { .. })), "{refused:?}");
    assert!(Instant::now() >= deadline, "not before");
}

#[tokio::test]
async fn a_request_that_is_given_up_takes_its_unsent_events_with_it() {
    let (intake, mut outlet) = memory(1000);
    let waiting = tokio::spawn(async move { intake.accept(events(1), Instant::now() + Duration::from_secs(60)).await });
    let batch = outlet.next().await.unwrap();
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert!(batch.is_abandoned());
}

#[tokio::test]
async fn what_cannot_be_delivered_in_time_is_refused_with_the_time_it_takes() {
    let (intake, mut outlet) = memory(1_000_000);
    let later = Instant::now() + Duration::from_secs(10);
    let first = intake.accept(events(100), later);
    let second = async {
        let batch = outlet.next().await.unwrap();
        let stream = batch.entry(0).unwrap().stream;
        intake.byte_limit().set_drain(stream, 100);
        let refused = intake.accept(events(1), later).await;
        batch.settle(100);
        refused
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(
        first,
        Ok(Accepted::default()),
        "something must go out even if the stream has stood still"
    );
    let retry_after = Duration::from_secs(10);
    assert_eq!(second, Err(AcceptError::Full { retry_after }));
}
