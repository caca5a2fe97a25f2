//! Clients that send again what they were not told is safe: nothing is delivered twice for it, and all of it once.

use std::{fs, time::Duration};

use firehose_simulator::{Quota, StreamSettings};
use http::StatusCode;

use super::rig::{Rig, Setup, batch};

fn ids(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("m-{number}"))
}

/// The events of several batches in one, as an SDK sends them at its nth try: each with the time of that.
fn together(batches: &[String], nth: usize) -> String {
    let events = batches.iter().map(|batch| {
        let events = batch.strip_prefix(r#"{"batch":["#).unwrap();
        events.strip_suffix("]}").unwrap()
    });
    let sent_at = format!(r#","sentAt":"2024-01-01T00:00:{nth:02}Z"}}"#);
    let events = events.collect::<Vec<_>>().join(",").replace('}', &sent_at);
    format!(r#"{{"batch":[{events}]{sent_at}"#)
}

fn setup<'test>(acknowledge_timeout: u64) -> Setup<'test> {
    Setup {
        acknowledge_timeout: Duration::from_millis(acknowledge_timeout),
        ..Setup::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_delivered_twice_because_a_sibling_failed() {
    let rig = Rig::start(Setup {
        streams: vec![("ok", StreamSettings::default())],
        missing: vec!["missing"],
        more: "delivery: {lingerMilliseconds: 5}",
        ..setup(1500)
    })
    .await;
    let batches = [batch("ok", ids(99), 10), batch("missing", ["p".to_owned()], 10)];
    for nth in 0..5 {
        let answer = rig.send(0, together(&batches, nth)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let arrived = rig.arrived("ok");
        assert_eq!(arrived.len(), 99);
        assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    }
    rig.simulator.configure("missing", StreamSettings::default()).unwrap();
    rig.until("it heals", async || {
        rig.send(0, together(&batches, 6)).await.status == StatusCode::OK
    })
    .await;
    assert_eq!(
        rig.arrived("missing").into_iter().collect::<Vec<_>>(),
        [("p".to_owned(), 1)]
    );
    assert_eq!(rig.metric(0, "firehose_proxy_delivered_events_total").await, 100.0);
    assert!(rig.metric(0, "firehose_proxy_deduplicated_events_total").await >= 5.0 * 99.0);
    assert_eq!(rig.metric(0, "firehose_proxy_deduplication_entries").await, 100.0);
    assert_eq!(
        rig.metric(0, "firehose_proxy_deduplication_window_seconds").await,
        600.0
    );
}

/// Was: its requests waited for their deadline, and each try sent all of its events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_missing_refuses_its_own_events_at_once_and_is_tried_with_single_records() {
    let rig = Rig::start(Setup {
        streams: vec![("ok", StreamSettings::default())],
        missing: vec!["missing"],
        more: "delivery: {lingerMilliseconds: 5}",
        // Whoever waited for it would not be answered within this test's patience.
        ..setup(600_000)
    })
    .await;
    rig.until("the key is read", async || {
        rig.admin(0, "/status").await.contains("CredentialsLoaded")
    })
    .await;
    let missing = || (0..50).map(|number| format!("p-{number}"));
    let batches = [batch("ok", ids(99), 10), batch("missing", missing(), 10)];
    let calls = async |what: &str| -> f64 {
        let page = rig.admin(0, "/metrics").await;
        let name = format!("firehose_proxy_{what}_total{{stream=\"missing\"");
        let lines = page.lines().filter(|line| line.starts_with(&name));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    for nth in 0..5 {
        let answer = rig.send(0, together(&batches, nth)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let wait: u64 = answer.retry_after.unwrap().parse().unwrap();
        assert!(wait >= 10, "{wait}");
        let arrived = rig.arrived("ok");
        assert_eq!(arrived.len(), 99);
        assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    }
    // Its own requests alike, and nothing is in the way of others.
    let alone = rig.send(0, together(&batches[1..], 7)).await;
    assert_eq!(alone.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rig.send(0, together(&batches[..1], 7)).await.status, StatusCode::OK);
    let metrics = rig.admin(0, "/metrics").await;
    let refused = r#"firehose_proxy_requests_refused_total{reason="Undeliverable"} 6"#;
    assert!(metrics.contains(refused), "{metrics}");
    let counted =
        r#"firehose_proxy_refused_events_total{stream="missing",mapping="spec.mappings[1]",reason="StreamNotFound"} "#;
    rig.until("they are counted by their mapping", async || {
        rig.admin(0, "/metrics").await.contains(&format!("{counted}300\n"))
    })
    .await;
    let status = rig.admin(0, "/status").await;
    assert!(
        status.contains(r#""mapping":"spec.mappings[1]","refusedEvents":300"#),
        "{status}"
    );
    // The first call had all of them, the next ones one each.
    let (sent, made) = (calls("sent_records").await, calls("calls").await);
    assert_eq!(sent, 50.0 + (made - 1.0), "{made} calls");

    rig.simulator.configure("missing", StreamSettings::default()).unwrap();
    rig.until("it heals", async || {
        rig.send(0, together(&batches, 6)).await.status == StatusCode::OK
    })
    .await;
    for stream in ["ok", "missing"] {
        let arrived = rig.arrived(stream);
        assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    }
    assert_eq!(rig.arrived("missing").len(), 50);
    assert!(!rig.admin(0, "/status").await.contains("refusedEvents"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_larger_than_its_time_goes_on_where_the_last_try_has_ended() {
    let rig = Rig::start(Setup {
        streams: vec![(
            "slow",
            StreamSettings {
                quota: Quota {
                    bytes_per_second: Some(200_000),
                    ..Quota::default()
                },
                ..StreamSettings::default()
            },
        )],
        more: "delivery: {lingerMilliseconds: 5, quota: {bytesPerSecond: 200000}}",
        ..setup(3000)
    })
    .await;
    // Seven seconds' worth.
    let large = batch("slow", ids(1000), 1300);
    let mut tries = Vec::new();
    for _ in 0..12 {
        let answer = rig.send(0, large.clone()).await;
        let (arrived, distinct) = (rig.arrived("slow"), rig.arrived("slow").len());
        assert!(arrived.values().all(|times| *times == 1), "twice, after {tries:?}");
        tries.push((answer.status.as_u16(), distinct));
        if answer.status == StatusCode::OK {
            assert_eq!(distinct, 1000, "{tries:?}");
            assert!(tries.len() > 1, "it was not larger than its time");
            return;
        }
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("not confirmed: {tries:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_synced_is_not_written_again_and_an_edit_is_in_force_at_once() {
    let rig = Rig::start(Setup {
        streams: vec![("orders", StreamSettings::default())],
        more: "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 5}\n\
               ingest: {deduplication: {state: Enabled, windowSeconds: 60}}",
        ..Setup::default()
    })
    .await;
    let some = batch("orders", ids(10), 10);
    for _ in 0..3 {
        assert_eq!(rig.send(0, some.clone()).await.status, StatusCode::OK);
    }
    let delivered = async || rig.metric(0, "firehose_proxy_delivered_events_total").await;
    rig.until("they are delivered", async || delivered().await == 10.0)
        .await;
    assert_eq!(rig.metric(0, "firehose_proxy_deduplicated_events_total").await, 20.0);
    assert!(
        rig.admin(0, "/metrics")
            .await
            .contains(r#"firehose_proxy_events_total{outcome="Repeated"} 20"#)
    );
    let status = rig.admin(0, "/status").await;
    let told = r#""deduplication":{"entries":10,"reachesSeconds":60,"repeated":20,"messageIdsReused":0}"#;
    assert!(status.contains(told), "{status}");

    let path = rig.directory.path().join("configuration/config.yaml");
    let document = fs::read_to_string(&path).unwrap();
    fs::write(&path, document.replace("state: Enabled", "state: Disabled")).unwrap();
    rig.until("it is switched off", async || {
        !rig.admin(0, "/status").await.contains("deduplication")
    })
    .await;
    assert_eq!(rig.send(0, some.clone()).await.status, StatusCode::OK);
    rig.until("they are delivered again", async || delivered().await == 20.0)
        .await;
}
