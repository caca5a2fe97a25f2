//! Firehose fails in part, or one event or stream is bad among good ones.

use std::time::Duration;

use firehose_simulator::{ErrorCode, Fault, Operation, Records, Rule, StreamSettings};
use http::StatusCode;

use super::rig::{Rig, Setup, batch, is_full_length};

fn faults(faults: Vec<Rule>) -> StreamSettings {
    StreamSettings {
        faults,
        ..StreamSettings::default()
    }
}

fn every(calls: u64, fault: Fault) -> Rule {
    Rule {
        every_calls: calls,
        ..Rule::always(fault)
    }
}

fn ids(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("m-{number}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failed_record_in_every_tenth_call_is_the_only_one_sent_again() {
    for error_code in [ErrorCode::InternalFailure, ErrorCode::ServiceUnavailableException] {
        let failing = every(
            10,
            Fault::RecordsFail {
                error_code,
                records: Records::At { indexes: vec![3] },
            },
        );
        let rig = Rig::start(Setup {
            streams: vec![("orders", faults(vec![failing]))],
            more: "delivery: {lingerMilliseconds: 5, quota: {bytesPerSecond: 100000000}}",
            // What is measured is what is sent, however long a machine takes for it.
            acknowledge_timeout: Duration::from_secs(60),
            ..Setup::default()
        })
        .await;
        // A batch that is due before the first key is read counts as tried, and is not what is measured here.
        rig.until("the key is read", async || {
            rig.admin(0, "/status").await.contains("CredentialsLoaded")
        })
        .await;
        let events = if is_full_length() { 1_000_000 } else { 20_000 };
        let ids: Vec<String> = ids(events).collect();
        for batches in ids.chunks(50 * 40) {
            let sent = batches
                .chunks(50)
                .map(|ids| rig.send(0, batch("orders", ids.to_vec(), 100)));
            for answer in futures::future::join_all(sent).await {
                assert_eq!(answer.status, StatusCode::OK);
            }
        }
        let arrived = rig.arrived("orders");
        assert_eq!(arrived.len(), events);
        assert!(arrived.values().all(|times| *times == 1), "an event arrived twice");
        let summary = &rig.simulator.streams()[0];
        assert!(
            summary.refused_records > 0,
            "no record failed in {} calls",
            summary.calls
        );
        let resent = rig.metric(0, "firehose_proxy_retried_records_total").await;
        let sent = rig.metric(0, "firehose_proxy_sent_records_total").await;
        println!(
            "{error_code:?}: {events} events, {} records failed, {resent} sent again",
            summary.refused_records
        );
        assert_eq!(resent, summary.refused_records as f64);
        assert_eq!(sent, events as f64 + resent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lying_answers_and_lost_answers_lose_nothing() {
    let rules = vec![
        every(5, Fault::EmptyAnswer),
        every(7, Fault::AppliedThenReset),
        every(11, Fault::ShortAnswer),
        every(13, Fault::NotJson),
        every(17, Fault::Reset),
        every(19, Fault::AppliedThenTruncated),
        every(
            6,
            Fault::CallFails {
                error_code: ErrorCode::ServiceUnavailableException,
                message: None,
                detail: None,
            },
        ),
        every(23, Fault::AppliedThenInternalFailure),
    ];
    let rig = Rig::start(Setup {
        streams: vec![("orders", faults(rules))],
        more: "delivery: {lingerMilliseconds: 5}",
        ..Setup::default()
    })
    .await;
    let ids: Vec<String> = ids(3_000).collect();
    let sent = ids.chunks(10).map(|ids| rig.send(0, batch("orders", ids.to_vec(), 10)));
    let answers = futures::future::join_all(sent).await;
    let arrived = rig.arrived("orders");
    let mut answered = 0;
    for (answer, ids) in answers.into_iter().zip(ids.chunks(10)) {
        if answer.status == StatusCode::OK {
            answered += 1;
            assert!(ids.iter().all(|id| arrived.contains_key(id)), "answered and lost");
        }
    }
    assert!(answered > 0);
    let duplicates: usize = arrived.values().map(|times| times - 1).sum();
    let possible = rig.metric(0, "firehose_proxy_possible_duplicate_events_total").await;
    assert!(
        duplicates as f64 <= possible,
        "{duplicates} duplicates, {possible} unknown outcomes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_event_and_bad_streams_among_good_ones_delay_nobody() {
    let poisoned = Rule::always(Fault::RejectContaining {
        text: "poison".to_owned(),
        error_code: ErrorCode::InvalidArgumentException,
    });
    let rejecting = Rule::always(Fault::CallFails {
        error_code: ErrorCode::InvalidKMSResourceException,
        message: None,
        detail: Some("KMS.DisabledException".to_owned()),
    });
    let rig = Rig::start(Setup {
        streams: vec![("good", faults(vec![poisoned])), ("locked", faults(vec![rejecting]))],
        missing: vec!["absent"],
        acknowledge_timeout: Duration::from_secs(20),
        ..Setup::default()
    })
    .await;
    // One of more than Firehose takes travels with them.
    let good = batch("good", ids(100), 100);
    let large = batch("good", ["large".to_owned()], 1_100_000);
    let good = good.replace("]}", &large.replace(r#"{"batch":["#, ","));
    let poison = batch("good", ["poison".to_owned()], 0);
    let locked = batch("locked", ["locked".to_owned()], 0);
    let absent = batch("absent", ["absent".to_owned()], 0);
    // What refuses an event is told from what refuses everything by other events that get through.
    let poison = rig.send(0, poison);
    let traffic = async {
        tokio::pin!(poison);
        for number in 0.. {
            let more = batch("good", [format!("more-{number}")], 10);
            tokio::select! {
                answer = &mut poison => return answer,
                answer = rig.send(0, more) => assert_eq!(answer.status, StatusCode::OK),
            }
        }
        unreachable!("the request with the bad event has a deadline")
    };
    let (good, poison, locked, absent) =
        tokio::join!(rig.send(0, good), traffic, rig.send(0, locked), rig.send(0, absent));
    assert_eq!(good.status, StatusCode::OK);
    let arrived = rig.arrived("good");
    assert_eq!(arrived.keys().filter(|id| id.starts_with("m-")).count(), 100);
    // Set aside: there is nothing its client could do about it.
    assert_eq!(poison.status, StatusCode::OK);
    let metrics = rig.admin(0, "/metrics").await;
    for reported in [
        r#"firehose_proxy_given_up_events_total{stream="good",reason="RecordRejected"} 1"#,
        r#"firehose_proxy_invalid_events_total{reason="TooLarge"} 1"#,
        r#"firehose_proxy_requests_refused_total{reason="Undeliverable"} 2"#,
        r#"firehose_proxy_requests_refused_total{reason="NotConfirmed"} 0"#,
    ] {
        assert!(metrics.contains(reported), "{metrics}");
    }
    for refused in [locked, absent] {
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.retry_after.is_some());
    }
    let status = rig.admin(0, "/status").await;
    assert!(status.contains("KeyUnavailable"), "{status}");
    assert!(status.contains("StreamNotFound"), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_appears_later_gets_what_waits_for_it() {
    for (acknowledge, meanwhile) in [
        // Whoever sent them has them.
        ("WhenDelivered", StatusCode::SERVICE_UNAVAILABLE),
        ("WhenSpooled", StatusCode::OK),
    ] {
        let rig = Rig::start(Setup {
            missing: vec!["late"],
            more: &format!("delivery: {{acknowledge: {acknowledge}}}"),
            ..Setup::default()
        })
        .await;
        let send = async || rig.send(0, batch("late", ids(10), 10)).await.status;
        assert_eq!(send().await, meanwhile, "{acknowledge}");
        rig.until("it is seen to be missing", async || {
            rig.admin(0, "/status").await.contains("StreamNotFound")
        })
        .await;
        rig.simulator.configure("late", StreamSettings::default()).unwrap();
        rig.until("it is confirmed", async || send().await == StatusCode::OK)
            .await;
        rig.until("all have arrived", async || rig.arrived("late").len() == 10)
            .await;
        let arrived = rig.arrived("late");
        assert!(arrived.values().all(|times| *times == 1), "{acknowledge}: {arrived:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_allows_only_single_puts_works_and_is_reported() {
    let denied = Rule {
        operation: Operation::PutRecordBatch,
        ..Rule::always(Fault::CallFails {
            error_code: ErrorCode::AccessDeniedException,
            message: None,
            detail: None,
        })
    };
    let rig = Rig::start(Setup {
        streams: vec![("orders", faults(vec![denied]))],
        ..Setup::default()
    })
    .await;
    let answer = rig.send(0, batch("orders", ids(200), 10)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let arrived = rig.arrived("orders");
    assert_eq!(arrived.len(), 200);
    assert!(arrived.values().all(|times| *times == 1));
    rig.until("single puts are reported", async || {
        rig.admin(0, "/status").await.contains("SinglePutsOnly")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packed_events_arrive_in_few_records_and_cost_less() {
    let rig = Rig::start(Setup {
        streams: vec![("orders", StreamSettings::default())],
        more: "streams: [{name: orders, packing: {maxRecordSizeBytes: 65536}}]",
        ..Setup::default()
    })
    .await;
    let answer = rig.send(0, batch("orders", ids(400), 200)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(rig.arrived("orders").len(), 400);
    let summary = &rig.simulator.streams()[0];
    assert!(summary.records < 10, "{} records", summary.records);
    let (billed, payload) = (
        rig.metric(0, "firehose_proxy_billed_bytes_total").await,
        rig.metric(0, "firehose_proxy_delivered_bytes_total").await,
    );
    assert_eq!(payload, summary.bytes as f64);
    assert!(billed / payload < 1.15, "{billed} bytes billed for {payload}");
}

/// Was: one of them followed, and the rest after a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_stream_that_nothing_leads_to_any_more_follows_its_mapping() {
    // Nothing arrives there, and nothing that a person must see to is the reason.
    let away = faults(vec![Rule::always(Fault::CallFails {
        error_code: ErrorCode::ServiceUnavailableException,
        message: None,
        detail: None,
    })]);
    for acknowledge in ["WhenDelivered", "WhenSpooled"] {
        let rig = Rig::start(Setup {
            streams: vec![("ordrs", away.clone()), ("orders", faults(Vec::new()))],
            more: &format!("delivery: {{acknowledge: {acknowledge}, lingerMilliseconds: 5}}"),
            ..Setup::default()
        })
        .await;
        let sent = ids(21).map(|id| rig.send(0, batch("ordrs", [id], 10)));
        let mended = async {
            rig.until("all of them wait", async || {
                rig.metric(0, "firehose_proxy_backlog_events").await == 21.0
            })
            .await;
            let path = rig.directory.path().join("configuration/config.yaml");
            let document = std::fs::read_to_string(&path).unwrap();
            let mended = document.replace(r#"deliveryStreamName: "ordrs""#, r#"deliveryStreamName: "orders""#);
            std::fs::write(&path, mended).unwrap();
        };
        let (answers, ()) = tokio::join!(futures::future::join_all(sent), mended);
        for answer in answers {
            assert_eq!(answer.status, StatusCode::OK);
        }
        rig.until("all of them arrive", async || rig.arrived("orders").len() == 21)
            .await;
        assert!(rig.arrived("orders").values().all(|times| *times == 1));
        assert!(rig.arrived("ordrs").is_empty());
        rig.until("nothing is told of the stream any more", async || {
            !rig.admin(0, "/status").await.contains("ordrs")
        })
        .await;
    }
}
