//! A destination that is paused takes events and sends none, until it runs again.

use http::StatusCode;

use crate::pod::{Place, until};

const RUNNING: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";
const PAUSED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10, state: Paused}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_paused_destination_wait_on_disk_and_arrive_once_it_runs_again() {
    let place = Place::new(RUNNING).await;
    let pod = place.start();
    assert_eq!(pod.send("before", 10).await.unwrap().status, StatusCode::OK);
    until("it arrives", async || place.arrived().len() == 1).await;

    place.configure("test", PAUSED);
    until("it pauses", async || pod.admin("/status").await.contains("Paused")).await;
    let calls = place.firehose.streams()[0].calls;
    for number in 0..20 {
        let answer = pod.send(&format!("meanwhile-{number}"), 10).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    // A restart is no reason to send either, and several lingers pass meanwhile.
    pod.kill();
    let pod = place.start();
    assert_eq!(pod.send("after a restart", 10).await.unwrap().status, StatusCode::OK);
    until("it says so", async || pod.admin("/status").await.contains("Paused")).await;
    assert_eq!(place.firehose.streams()[0].calls, calls);
    assert!(pod.metric("firehose_proxy_spool_bytes").await > 0);

    place.configure("test", RUNNING);
    until("all arrive", async || place.arrived().len() == 22).await;
    assert!(place.arrived().values().all(|times| times.len() == 1));
}
