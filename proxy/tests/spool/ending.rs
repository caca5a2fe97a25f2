//! Told to end: unready, still serving, then no more; what waits is delivered or stays on the disk, and the log says
//! how much.

use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, until};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_is_told_to_end_delivers_what_it_has_and_leaves_nothing() {
    let place = Place::new(SPOOLED).await;
    let pod = place.start();
    for number in 0..100 {
        let answer = pod.send(&format!("event-{number}"), 100).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    let (status, said) = pod.terminate();
    assert!(status.success(), "{said}");
    assert!(
        said.contains("left on disk for the next process to deliver slices=0 bytes=0"),
        "{said}"
    );
    let arrived = place.arrived();
    assert_eq!(arrived.len(), 100);
    // A clean end syncs what was settled: the next process has nothing to do.
    let pod = place.start();
    assert!(pod.said().contains("slices=0"), "{}", pod.said());
    let (_, said) = pod.terminate();
    assert_eq!(place.arrived(), arrived, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_in_time_is_reported_and_the_next_process_delivers_it() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Silent);
    let pod = place.start();
    for number in 0..20 {
        let answer = pod.send(&format!("event-{number}"), 100).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert!(pod.admin("/readyz").await.starts_with("ok"));
    let begun = std::time::Instant::now();
    pod.tell_to_end();
    until("it is not ready", async || {
        !pod.admin("/readyz").await.starts_with("ok")
    })
    .await;
    // It is still serving: the Service takes a moment to take it out.
    let answer = pod.send("late", 100).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let (status, said) = pod.wait_for_its_end();
    assert!(status.success(), "{said}");
    assert!(said.contains("slices=21"), "{said}");
    // Drain delay, drain timeout and grace; the rest is for a slow machine.
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    place.set_firehose(Availability::Available);
    let pod = place.start();
    until("everything arrives", async || place.arrived().len() == 21).await;
    drop(pod);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_is_told_to_end_a_second_time_ends_at_once_and_what_was_answered_is_on_its_disk() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Silent);
    let pod = place.start();
    for number in 0..20 {
        let answer = pod.send(&format!("event-{number}"), 100).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    pod.tell_to_end();
    until("it drains", async || !pod.admin("/readyz").await.starts_with("ok")).await;
    let told = std::time::Instant::now();
    let (status, said) = pod.terminate();
    assert_eq!(status.code(), Some(143), "{said}");
    // The drain delay alone is longer.
    assert!(
        told.elapsed() < std::time::Duration::from_secs(4),
        "{:?}",
        told.elapsed()
    );
    assert!(said.contains("told to end a second time"), "{said}");
    place.set_firehose(Availability::Available);
    let _pod = place.start();
    until("everything arrives", async || place.arrived().len() == 20).await;
}
