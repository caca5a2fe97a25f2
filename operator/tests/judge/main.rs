//! Findings to status.
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod conditions;
mod status_fields;

use firehose_operator::verify::{Acceptance, Findings, Proxy, judge};
use firehose_operator_api::{Condition, ConditionStatus, ConditionType, Effective, FirehoseDestinationStatus, Reason};
use firehose_proxy_config::{
    Acknowledge,
    report::{self, CredentialsReason, CredentialsReport, CredentialsState, Report, StreamReason, StreamReport},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

pub(crate) const REVISION: &str = "0011223344556677";

pub(crate) fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

/// A ready proxy that runs the revision and delivers.
pub(crate) fn proxy(name: &str) -> Proxy {
    Proxy {
        name: name.to_owned(),
        ready: true,
        report: Some(Report {
            destination_uid: "u-1".to_owned(),
            revision: REVISION.to_owned(),
            ready: true,
            config_error: None,
            credentials: CredentialsReport {
                state: CredentialsState::Ready,
                reason: CredentialsReason::Accepted,
            },
            streams: vec![stream(
                "orders",
                report::StreamState::Delivering,
                StreamReason::Succeeded,
            )],
            backlog: report::Backlog::Empty,
            dead_letters: report::DeadLetters::Empty,
            deduplication: None,
        }),
    }
}

pub(crate) fn stream(name: &str, state: report::StreamState, reason: StreamReason) -> StreamReport {
    StreamReport {
        name: name.to_owned(),
        state,
        reason,
    }
}

pub(crate) fn with(change: impl FnOnce(&mut Report)) -> Proxy {
    let mut proxy = proxy("orders-firehose-1");
    change(proxy.report.as_mut().unwrap());
    proxy
}

/// A proxy whose only stream is in this state.
pub(crate) fn with_stream(state: report::StreamState, reason: StreamReason) -> Proxy {
    with(|report| {
        report.streams = vec![stream("orders", state, reason)];
    })
}

pub(crate) fn findings(proxies: &[Proxy]) -> Findings<'_> {
    Findings {
        namespace: "analytics".to_owned(),
        generation: Some(3),
        acceptance: Acceptance::Accepted,
        apply_error: None,
        revision: Some(REVISION.to_owned()),
        desired: 2,
        is_replacing: false,
        proxies,
        troubles: Vec::new(),
        unbound_claims: Vec::new(),
        durability: Some((Acknowledge::WhenDelivered, false)),
        requires_write_keys: Some(false),
        address: "http://orders-firehose.analytics.svc:8080".to_owned(),
        selector: "a=b".to_owned(),
        mappings: Some(3),
        effective: Some(Effective {
            image: Some("proxy:1".to_owned()),
            ..Effective::default()
        }),
    }
}

pub(crate) fn status(findings: &Findings<'_>) -> FirehoseDestinationStatus {
    judge(findings, &FirehoseDestinationStatus::default(), &at(100))
}

pub(crate) fn condition(status: &FirehoseDestinationStatus, kind: ConditionType) -> &Condition {
    status
        .conditions
        .iter()
        .find(|condition| condition.kind == kind)
        .unwrap()
}

pub(crate) fn says(status: &FirehoseDestinationStatus, kind: ConditionType) -> (ConditionStatus, Reason) {
    let condition = condition(status, kind);
    (condition.status, condition.reason)
}
