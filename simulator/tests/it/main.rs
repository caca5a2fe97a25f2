//! The simulator through the client that everybody uses for the real service, `aws-sdk-firehose`, and through bare
//! HTTP for what that client never sends.
#![allow(
    clippy::unwrap_used,
    reason = "a panic here is the report, in the functions the tests share too"
)]

mod access;
mod availability;
mod faults;
mod protocol;
mod raw;

use std::time::Duration;

use aws_sdk_firehose::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    primitives::Blob,
    types::Record,
};
use firehose_simulator::{Options, Simulator};

/// A simulator that creates streams on demand.
async fn start() -> Simulator {
    Simulator::start(Options {
        create_on_demand: true,
        ..Options::default()
    })
    .await
    .expect("a loopback port is free")
}

/// The SDK without retries: a test wants to see the first answer.
fn client(simulator: &Simulator) -> Client {
    client_with(simulator, Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
}

fn client_with(simulator: &Simulator, credentials: Credentials) -> Client {
    let config = aws_sdk_firehose::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(simulator.url())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(Duration::from_secs(60))
                .build(),
        )
        .build();
    Client::from_conf(config)
}

fn record(data: impl AsRef<[u8]>) -> Record {
    Record::builder()
        .data(Blob::new(data.as_ref()))
        .build()
        .expect("data is set")
}

fn numbered(count: usize) -> Vec<Record> {
    (0..count).map(|number| record(number.to_string())).collect()
}

/// What a stream has kept, as text.
fn kept(simulator: &Simulator, name: &str) -> Vec<String> {
    let records = simulator.records(name, 0, usize::MAX).expect("the stream exists");
    records
        .iter()
        .map(|record| String::from_utf8_lossy(&record.data).into_owned())
        .collect()
}
