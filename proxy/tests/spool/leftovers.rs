//! `acknowledge` was `WhenSpooled` and is `WhenDelivered` now: what is on the disk is delivered all the same.

use std::fs;

use firehose_simulator::Availability;
use http::StatusCode;

use crate::{
    pod::{Place, files, until},
    starting::make_newer,
};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";
const DELIVERED: &str = "delivery: {acknowledge: WhenDelivered, lingerMilliseconds: 10}";

/// Leaves 200 events on the disk: most of them on their way, all of them answered.
async fn leave_events_on_disk(place: &Place) {
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    for number in 0..200 {
        let answer = pod.send(&format!("spooled-{number}"), 100).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    pod.kill();
}

/// The segments on the disk of a place where a proxy has run; none before.
pub(crate) fn segments(place: &Place) -> Vec<String> {
    if !place.spool().exists() {
        return Vec::new();
    }
    let names = files(&place.spool()).into_iter();
    names.filter(|name| name.ends_with(".log")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_spool_has_left_is_delivered_beside_new_events_and_its_files_go() {
    let place = Place::new(SPOOLED).await;
    leave_events_on_disk(&place).await;
    place.configure("test", DELIVERED);
    let pod = place.start();
    assert!(pod.metric("firehose_proxy_spool_bytes").await > 0);
    assert!(pod.admin("/status").await.contains("Waiting"));
    // A kill before anything arrives loses none of it.
    pod.kill();

    let pod = place.start();
    place.set_firehose(Availability::Available);
    for number in 0..20 {
        let answer = pod.send(&format!("new-{number}"), 100).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    until("all arrive", async || place.arrived().len() == 220).await;
    assert!(place.arrived().values().all(|times| times.len() == 1));
    until("the files go", async || segments(&place).is_empty()).await;
    assert_eq!(pod.metric("firehose_proxy_spool_bytes").await, 0);
    let answer = pod.send("the last", 100).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let (status, said) = pod.terminate();
    assert!(status.success(), "{said}");

    let pod = place.start();
    assert!(!pod.said().contains("earlier acknowledge"), "{}", pod.said());
    assert!(segments(&place).is_empty());
    assert_eq!(place.arrived().len(), 221);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_that_cannot_be_read_hold_no_new_event_up_and_stay_as_they_are() {
    let place = Place::new(SPOOLED).await;
    leave_events_on_disk(&place).await;
    let (newer, bytes) = make_newer(&place);
    place.configure("test", DELIVERED);
    place.set_firehose(Availability::Available);
    let pod = place.start();
    let said = pod.said();
    assert!(
        said.contains("stay where they are") && said.contains("is newer than this program"),
        "{said}"
    );
    let answer = pod.send("new", 100).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(place.arrived().len(), 1);
    assert!(fs::read(&newer).unwrap() == bytes);
}
