//! Findings to status.
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod access;
mod conditions;
mod draining;
mod status_fields;

use firehose_operator::{
    plan::Subjects,
    verify::{Acceptance, Findings, Proxy, judge},
};
use firehose_operator_api::{Condition, ConditionStatus, ConditionType, Effective, FirehoseDestinationStatus, Reason};
use firehose_proxy_config::{
    Acknowledge,
    report::{
        self, CredentialsReason, CredentialsReport, CredentialsState, Report, StreamReason, StreamReport,
        WriteKeysState,
    },
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
        has_write_keys: true,
        report: Some(Report {
            clock_skew_seconds: 0,
            destination_uid: "u-1".to_owned(),
            revision: REVISION.to_owned(),
            ready: true,
            config_error: None,
            credentials: CredentialsReport {
                state: CredentialsState::Ready,
                reason: CredentialsReason::Accepted,
                ..CredentialsReport::default()
            },
            write_keys: report::WriteKeysReport {
                state: WriteKeysState::Loaded,
                ..report::WriteKeysReport::default()
            },
            hash_key: report::SecretState::NotRequired,
            certificate: report::SecretState::NotRequired,
            streams: vec![stream(
                "orders",
                report::StreamState::Delivering,
                StreamReason::Succeeded,
            )],
            backlog: report::Backlog::Empty,
            dead_letters: report::DeadLetters::Empty,
            intake: report::IntakeState::Open,
            drain_generation: None,
            foreign_spool: report::ForeignSpool::None,
            deduplication: None,
            spool_formats: vec![1, 2],
        }),
    }
}

pub(crate) fn stream(name: &str, state: report::StreamState, reason: StreamReason) -> StreamReport {
    StreamReport {
        name: name.to_owned(),
        state,
        reason,
        detail: None,
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
        is_halting: false,
        is_replacing: false,
        proxies,
        draining: Vec::new(),
        retained_claims: Some(Vec::new()),
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
        subjects: Some(Subjects {
            region: "eu-west-1".to_owned(),
            identity: "Static aws, arn:aws:iam::1:role/writer".to_owned(),
            credentials: Some(("aws".to_owned(), vec!["id".to_owned(), "secret".to_owned()])),
            role: Some("arn:aws:iam::1:role/writer".to_owned()),
            write_keys: Some(("senders".to_owned(), "keys".to_owned())),
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
