//! Firehose or STS cannot be reached for a while.

use std::time::Duration;

use firehose_simulator::{Availability, ServiceSettings, StreamSettings};
use http::StatusCode;

use super::rig::{Rig, Setup, batch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_come_during_a_short_outage_are_answered_when_it_is_over() {
    for firehose in [Availability::Unavailable, Availability::Resetting] {
        let rig = Rig::start(Setup {
            streams: vec![("orders", StreamSettings::default())],
            acknowledge_timeout: Duration::from_secs(20),
            ..Setup::default()
        })
        .await;
        rig.simulator.configure_service(ServiceSettings {
            firehose,
            ..ServiceSettings::default()
        });
        let sent = (0..20).map(|number| rig.send(0, batch("orders", [format!("m-{number}")], 100)));
        let (answers, ()) = tokio::join!(futures::future::join_all(sent), async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            rig.simulator.configure_service(ServiceSettings::default());
        });
        assert!(
            answers.iter().all(|answer| answer.status == StatusCode::OK),
            "{answers:?}"
        );
        let arrived = rig.arrived("orders");
        assert_eq!(arrived.len(), 20);
        assert!(
            arrived.values().all(|times| *times == 1),
            "nothing took effect during the outage"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_outage_is_answered_503_and_delivery_goes_on_after_it() {
    let rig = Rig::start(Setup {
        streams: vec![("orders", StreamSettings::default())],
        acknowledge_timeout: Duration::from_secs(2),
        ..Setup::default()
    })
    .await;
    rig.simulator.configure_service(ServiceSettings {
        firehose: Availability::Resetting,
        ..ServiceSettings::default()
    });
    for number in 0..2 {
        let answer = rig.send(0, batch("orders", [format!("lost-{number}")], 100)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.retry_after.is_some());
    }
    rig.simulator.configure_service(ServiceSettings::default());
    rig.until("delivery goes on", async || {
        rig.send(0, batch("orders", ["after".to_owned()], 100)).await.status == StatusCode::OK
    })
    .await;
    let arrived = rig.arrived("orders");
    assert!(
        !arrived.keys().any(|id| id.starts_with("lost")),
        "its client has it and sends it again"
    );
}
