//! A pod above the destination's number of pods: it takes nothing, delivers what it has, and says when it is empty.

use firehose_proxy_config::report::{Backlog, DeadLetters, ForeignSpool, IntakeState, Report};
use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, Pod, until};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}\nreplicas: 2";

fn document(active: u32, generation: u32) -> String {
    format!("{SPOOLED}\nactiveReplicas: {active}\ndrainGeneration: {generation}")
}

async fn report(pod: &Pod) -> Report {
    serde_json::from_str(&pod.admin("/status").await).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_above_the_number_delivers_what_it_has_and_says_that_it_is_empty() {
    let place = Place::new(&document(2, 1)).await;
    let pod = place.start_as("orders-firehose-1");
    place.set_firehose(Availability::Unavailable);
    for number in 0..20 {
        let answer = pod.send(&format!("before-{number}"), 10).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(report(&pod).await.intake, IntakeState::Open);

    place.configure("test", &document(1, 2));
    until("it takes nothing more", async || {
        report(&pod).await.intake == IntakeState::Closed
    })
    .await;
    let waiting = report(&pod).await;
    assert_eq!(waiting.backlog, Backlog::Waiting);
    assert_eq!(waiting.drain_generation, Some(2));
    assert!(!waiting.ready);
    let refused = pod.send("too late", 10).await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);

    // A restart changes nothing about it.
    pod.kill();
    let pod = place.start_as("orders-firehose-1");
    until("it takes nothing", async || {
        report(&pod).await.intake == IntakeState::Closed
    })
    .await;
    until("it knows what is left", async || {
        report(&pod).await.backlog == Backlog::Waiting
    })
    .await;

    place.set_firehose(Availability::Available);
    until("it is empty", async || report(&pod).await.backlog == Backlog::Empty).await;
    let empty = report(&pod).await;
    assert_eq!(empty.dead_letters, DeadLetters::Empty);
    assert_eq!(empty.foreign_spool, ForeignSpool::None);
    let arrived = place.arrived();
    assert_eq!(arrived.len(), 20);

    place.configure("test", &document(2, 3));
    until("it takes events again", async || {
        pod.send("again", 10).await.unwrap().status == StatusCode::OK
    })
    .await;
    assert!(report(&pod).await.ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_below_the_number_and_one_without_a_number_take_events() {
    let place = Place::new(&document(1, 1)).await;
    let pod = place.start_as("orders-firehose-0");
    assert_eq!(pod.send("first", 10).await.unwrap().status, StatusCode::OK);
    assert_eq!(report(&pod).await.intake, IntakeState::Open);
    pod.kill();
    let pod = place.start_as("standalone");
    assert_eq!(pod.send("second", 10).await.unwrap().status, StatusCode::OK);
}

/// What an earlier destination of the same name has left is never sent; that it is there is said after every start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spool_of_another_destination_is_reported_as_long_as_it_is_there() {
    let place = Place::new(SPOOLED).await;
    let pod = place.start();
    place.set_firehose(Availability::Unavailable);
    assert_eq!(pod.send("of the first", 10).await.unwrap().status, StatusCode::OK);
    pod.kill();
    place.set_firehose(Availability::Available);
    place.configure("another", SPOOLED);
    for _ in 0..2 {
        let pod = place.start();
        assert_eq!(report(&pod).await.foreign_spool, ForeignSpool::Present);
        assert_eq!(report(&pod).await.backlog, Backlog::Empty);
        pod.kill();
    }
    assert_eq!(place.arrived().len(), 0);
}
