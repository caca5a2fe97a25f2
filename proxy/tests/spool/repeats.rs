//! What is on the disk is known again after the process has died: a client that sends it once more is answered 200, and
//! it arrives once.

use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, until};

fn spooled(format_version: u32) -> String {
    format!(
        "delivery: {{acknowledge: WhenSpooled, lingerMilliseconds: 10}}\nspool: {{formatVersion: {format_version}}}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_after_a_kill_is_confirmed_and_arrives_once() {
    let place = Place::new(&spooled(2)).await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    for number in 0..50 {
        assert_eq!(
            pod.send(&format!("{number}"), 100).await.unwrap().status,
            StatusCode::OK
        );
    }
    pod.kill();
    // Killed again: the second process goes on with what the first one has made.
    for life in 1..=2 {
        let pod = place.start();
        for number in 0..50 {
            assert_eq!(
                pod.send(&format!("{number}"), 100).await.unwrap().status,
                StatusCode::OK
            );
        }
        let repeated = pod.metric("firehose_proxy_deduplicated_events_total").await;
        assert_eq!(repeated, 50, "life {life}");
        // The same id with other content is another event.
        assert_eq!(pod.send("0", 100 + life).await.unwrap().status, StatusCode::OK);
        pod.kill();
    }
    let pod = place.start();
    place.set_firehose(Availability::Available);
    until("the backlog has arrived", async || place.arrived().len() == 50).await;
    until("the spool is empty", async || {
        pod.metric("firehose_proxy_spool_bytes").await == 0
    })
    .await;
    let twice: Vec<_> = place
        .arrived()
        .into_iter()
        .filter(|(_, arrivals)| arrivals.len() > 1)
        .collect();
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert_eq!((twice[0].0.as_str(), twice[0].1.len()), ("0", 3));
}

/// An older version keeps no identities: what it has stored is delivered, and a repeat of it too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_of_version_1_is_read_by_a_process_that_writes_version_2_and_the_other_way_round() {
    let place = Place::new(&spooled(1)).await;
    place.set_firehose(Availability::Resetting);
    for (version, id) in [(1, "a"), (2, "b"), (1, "c"), (2, "d")] {
        place.configure("test", &spooled(version));
        let pod = place.start();
        assert_eq!(pod.send(id, 100).await.unwrap().status, StatusCode::OK);
        pod.kill();
    }
    let pod = place.start();
    assert_eq!(pod.send("b", 100).await.unwrap().status, StatusCode::OK);
    assert_eq!(pod.send("d", 100).await.unwrap().status, StatusCode::OK);
    assert_eq!(pod.metric("firehose_proxy_deduplicated_events_total").await, 2);
    assert_eq!(pod.send("a", 100).await.unwrap().status, StatusCode::OK);
    assert_eq!(pod.metric("firehose_proxy_deduplicated_events_total").await, 2);
    place.set_firehose(Availability::Available);
    until("everything has arrived", async || {
        let arrived = place.arrived();
        arrived.len() == 4 && arrived["a"].len() == 2
    })
    .await;
    until("the spool is empty", async || {
        pod.metric("firehose_proxy_spool_bytes").await == 0
    })
    .await;
    assert!(["b", "c", "d"].iter().all(|id| place.arrived()[*id].len() == 1));
}
