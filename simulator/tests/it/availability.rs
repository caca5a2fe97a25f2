//! Outages of the whole service, latency, and connections closed while idle.

use std::time::{Duration, Instant};

use aws_sdk_firehose::error::SdkError;
use firehose_simulator::{Availability, ServiceSettings};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{client, kept, record, start};

#[tokio::test]
async fn an_outage_has_the_shape_it_was_told_and_ends() {
    let simulator = start().await;
    let client = client(&simulator);
    let put = || {
        client
            .put_record()
            .delivery_stream_name("orders")
            .record(record("x"))
            .send()
    };
    for firehose in [Availability::Unavailable, Availability::Resetting, Availability::Silent] {
        simulator.configure_service(ServiceSettings {
            firehose,
            ..ServiceSettings::default()
        });
        // Only the silence has to be waited for; the other answers may take their time on a busy machine.
        let patience = if firehose == Availability::Silent { 300 } else { 60_000 };
        let answer = tokio::time::timeout(Duration::from_millis(patience), put()).await;
        let as_told = match (&answer, firehose) {
            (Ok(Err(SdkError::ServiceError(error))), Availability::Unavailable) => error.raw().status().as_u16() == 503,
            (Ok(Err(SdkError::DispatchFailure(_))), Availability::Resetting) | (Err(_), Availability::Silent) => true,
            _ => false,
        };
        assert!(as_told, "{firehose:?}: {answer:?}");
    }
    simulator.configure_service(ServiceSettings::default());
    put().await.unwrap();
    assert_eq!(kept(&simulator, "orders").len(), 1);
}

#[tokio::test]
async fn latency_is_added_to_every_call() {
    let simulator = start().await;
    simulator.configure_service(ServiceSettings {
        latency_milliseconds: 80,
        ..ServiceSettings::default()
    });
    let started = Instant::now();
    client(&simulator)
        .put_record()
        .delivery_stream_name("orders")
        .record(record("x"))
        .send()
        .await
        .unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(80),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_one_opened_before_the_setting_too() {
    let simulator = start().await;
    let mut connection = TcpStream::connect(simulator.address()).await.unwrap();
    let idle = ServiceSettings {
        idle_close_milliseconds: Some(50),
        ..ServiceSettings::default()
    };
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(200), connection.read(&mut byte)).await;
    assert!(early.is_err(), "without the setting the connection must stay open");
    simulator.configure_service(idle);
    let closed = tokio::time::timeout(Duration::from_secs(60), connection.read(&mut byte)).await;
    assert_eq!(closed.expect("the connection must be closed").unwrap(), 0);
}
