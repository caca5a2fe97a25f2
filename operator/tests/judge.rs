//! Findings to status: each condition by the cases that lead to it.
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use firehose_operator::verify::{Acceptance, Findings, Proxy, judge};
use firehose_operator_api::{
    Condition, ConditionStatus, ConditionType, Effective, FirehoseDestinationStatus, Reason, StreamState,
};
use firehose_proxy_config::{
    Acknowledge,
    report::{self, CredentialsReason, CredentialsReport, CredentialsState, Report, StreamReason, StreamReport},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

const REVISION: &str = "0011223344556677";

fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

/// A ready proxy that runs the revision and delivers.
fn proxy(name: &str) -> Proxy {
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
        }),
    }
}

fn stream(name: &str, state: report::StreamState, reason: StreamReason) -> StreamReport {
    StreamReport {
        name: name.to_owned(),
        state,
        reason,
    }
}

fn with(change: impl FnOnce(&mut Report)) -> Proxy {
    let mut proxy = proxy("orders-firehose-1");
    change(proxy.report.as_mut().unwrap());
    proxy
}

/// A proxy whose only stream is in this state.
fn with_stream(state: report::StreamState, reason: StreamReason) -> Proxy {
    with(|report| {
        report.streams = vec![stream("orders", state, reason)];
    })
}

fn findings(proxies: &[Proxy]) -> Findings<'_> {
    Findings {
        generation: Some(3),
        acceptance: Acceptance::Accepted,
        apply_error: None,
        revision: Some(REVISION.to_owned()),
        desired: 2,
        is_replacing: false,
        proxies,
        durability: Some((Acknowledge::WhenDelivered, false)),
        address: "http://orders-firehose.analytics.svc:8080".to_owned(),
        selector: "a=b".to_owned(),
        mappings: Some(3),
        effective: Some(Effective {
            image: Some("proxy:1".to_owned()),
            ..Effective::default()
        }),
    }
}

fn status(findings: &Findings<'_>) -> FirehoseDestinationStatus {
    judge(findings, &FirehoseDestinationStatus::default(), &at(100))
}

fn condition(status: &FirehoseDestinationStatus, kind: ConditionType) -> &Condition {
    status
        .conditions
        .iter()
        .find(|condition| condition.kind == kind)
        .unwrap()
}

fn says(status: &FirehoseDestinationStatus, kind: ConditionType) -> (ConditionStatus, Reason) {
    let condition = condition(status, kind);
    (condition.status, condition.reason)
}

#[test]
fn two_proxies_that_deliver_make_a_ready_destination() {
    use ConditionStatus::{False, True};
    use ConditionType::{Accepted, ConfigSynced, CredentialsReady, Delivering, Durable, Ready, Reconciling, Stalled};
    let status = status(&findings(&[proxy("a"), proxy("b")]));
    for (kind, expected) in [
        (Accepted, (True, Reason::Valid)),
        (ConfigSynced, (True, Reason::Synced)),
        (CredentialsReady, (True, Reason::CredentialsAccepted)),
        (Durable, (True, Reason::AcknowledgedByFirehose)),
        (Delivering, (True, Reason::Succeeded)),
        (Ready, (True, Reason::Ready)),
        (Reconciling, (False, Reason::Settled)),
        (Stalled, (False, Reason::Settled)),
    ] {
        assert_eq!(says(&status, kind), expected, "{kind}");
    }
    let proxies = status.proxies.unwrap();
    assert_eq!((proxies.desired, proxies.ready, proxies.synced), (2, 2, 2));
    assert_eq!(proxies.summary, "2/2");
    assert_eq!(status.pods, [], "none has anything to say");
    assert_eq!(status.revision.as_deref(), Some(REVISION));
    assert_eq!(status.observed_generation, Some(3));
}

#[test]
fn what_one_proxy_reports_shows_in_the_condition_it_is_about() {
    use ConditionStatus::{False, True, Unknown};
    use ConditionType::{ConfigSynced, CredentialsReady, Delivering};
    let failing = |reason| CredentialsReport {
        state: CredentialsState::Failing,
        reason,
    };
    let cases = [
        (
            with(|report| "old".clone_into(&mut report.revision)),
            ConfigSynced,
            (False, Reason::Propagating),
        ),
        (
            with(|report| {
                report.revision = "old".to_owned();
                report.config_error = Some("cut short".to_owned());
            }),
            ConfigSynced,
            (False, Reason::ConfigRejected),
        ),
        (
            Proxy {
                report: None,
                ..proxy("b")
            },
            ConfigSynced,
            (Unknown, Reason::ProxiesUnreachable),
        ),
        (
            with(|report| report.credentials = failing(CredentialsReason::SecretMissing)),
            CredentialsReady,
            (False, Reason::SecretMissing),
        ),
        (
            with_stream(report::StreamState::Failing, StreamReason::StreamNotFound),
            Delivering,
            (False, Reason::StreamNotFound),
        ),
        (
            with_stream(report::StreamState::Delivering, StreamReason::SinglePutsOnly),
            Delivering,
            (True, Reason::SinglePutsOnly),
        ),
        (
            with(|report| report.streams = vec![stream("pages", report::StreamState::Paused, StreamReason::Paused)]),
            Delivering,
            (False, Reason::DeliveryPaused),
        ),
    ];
    for (other, kind, expected) in cases {
        let description = format!("{other:?}");
        assert_eq!(
            says(&status(&findings(&[proxy("a"), other])), kind),
            expected,
            "{description}"
        );
    }
}

#[test]
fn a_destination_without_traffic_is_ready_and_not_known_to_deliver() {
    let idle =
        || with(|report| report.streams = vec![stream("orders", report::StreamState::Idle, StreamReason::NoTraffic)]);
    let status = status(&findings(&[idle(), idle()]));
    assert_eq!(
        says(&status, ConditionType::Delivering),
        (ConditionStatus::Unknown, Reason::NoTraffic)
    );
    assert_eq!(says(&status, ConditionType::Ready).0, ConditionStatus::True);
}

#[test]
fn a_stream_that_fails_does_not_make_the_destination_unready_but_credentials_do() {
    let lost = with_stream(report::StreamState::Failing, StreamReason::Unreachable);
    assert_eq!(
        says(&status(&findings(&[proxy("a"), lost])), ConditionType::Ready).0,
        ConditionStatus::True
    );
    let refused = with(|report| {
        report.credentials = CredentialsReport {
            state: CredentialsState::Failing,
            reason: CredentialsReason::Expired,
        };
    });
    assert_eq!(
        says(&status(&findings(&[proxy("a"), refused])), ConditionType::Ready),
        (ConditionStatus::False, Reason::CredentialsExpired)
    );
}

#[test]
fn a_proxy_that_cannot_be_asked_is_unknown_and_not_false() {
    let silent = |name| Proxy {
        report: None,
        ..proxy(name)
    };
    let status = status(&findings(&[silent("a"), silent("b")]));
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::True, Reason::Ready)
    );
    assert_eq!(
        says(&status, ConditionType::CredentialsReady).0,
        ConditionStatus::Unknown
    );
}

#[test]
fn a_pod_that_is_not_ready_is_rolling_out_and_does_not_count_as_synced() {
    let starting = Proxy {
        ready: false,
        ..proxy("b")
    };
    let status = status(&findings(&[proxy("a"), starting]));
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::False, Reason::RollingOut)
    );
    assert_eq!(
        says(&status, ConditionType::ConfigSynced),
        (ConditionStatus::True, Reason::Synced)
    );
    assert_eq!(says(&status, ConditionType::Reconciling).0, ConditionStatus::True);
    assert_eq!(status.proxies.unwrap().synced, 1);
}

#[test]
fn between_two_replacements_of_a_rolling_update_it_is_not_ready_yet() {
    let proxies = [proxy("a"), proxy("b")];
    let status = status(&Findings {
        is_replacing: true,
        ..findings(&proxies)
    });
    assert_eq!(
        says(&status, ConditionType::Ready),
        (ConditionStatus::False, Reason::RollingOut)
    );
    assert_eq!(says(&status, ConditionType::Reconciling).0, ConditionStatus::True);
}

#[test]
fn a_refused_edit_says_so_and_keeps_what_runs_in_the_status() {
    let proxies = [proxy("a"), proxy("b")];
    let before = status(&findings(&proxies));
    let refused = Findings {
        acceptance: Acceptance::Refused(Reason::DuplicateEvent, "spec.mappings[1].event: …".to_owned()),
        generation: Some(4),
        mappings: None,
        effective: None,
        durability: None,
        ..findings(&proxies)
    };
    let after = judge(&refused, &before, &at(200));
    assert_eq!(
        says(&after, ConditionType::Accepted),
        (ConditionStatus::False, Reason::DuplicateEvent)
    );
    assert_eq!(
        says(&after, ConditionType::Ready),
        (ConditionStatus::False, Reason::DuplicateEvent)
    );
    assert_eq!(says(&after, ConditionType::Stalled).0, ConditionStatus::True);
    assert_eq!(
        says(&after, ConditionType::ConfigSynced),
        (ConditionStatus::True, Reason::Synced)
    );
    assert_eq!(
        says(&after, ConditionType::Durable),
        says(&before, ConditionType::Durable)
    );
    assert_eq!(after.effective, before.effective);
    assert_eq!((after.revision, after.mappings), (before.revision, Some(3)));
}

#[test]
fn a_destination_that_was_never_accepted_has_no_address_and_no_revision() {
    let never = Findings {
        acceptance: Acceptance::Refused(Reason::NotImplemented, "spec.deletion.type: …".to_owned()),
        revision: None,
        desired: 0,
        durability: None,
        mappings: None,
        ..findings(&[])
    };
    let status = status(&never);
    assert_eq!((status.address, status.revision, status.proxies), (None, None, None));
    assert_eq!(status.conditions.len(), 4, "Accepted, Ready, Reconciling, Stalled");
}

#[test]
fn an_ephemeral_spool_that_acknowledges_is_not_durable() {
    for (acknowledge, persistent, expected) in [
        (
            Acknowledge::WhenDelivered,
            false,
            (ConditionStatus::True, Reason::AcknowledgedByFirehose),
        ),
        (
            Acknowledge::WhenSpooled,
            true,
            (ConditionStatus::True, Reason::PersistentSpool),
        ),
        (
            Acknowledge::WhenSpooled,
            false,
            (ConditionStatus::False, Reason::EphemeralSpool),
        ),
    ] {
        let proxies = [proxy("a"), proxy("b")];
        let case = Findings {
            durability: Some((acknowledge, persistent)),
            ..findings(&proxies)
        };
        assert_eq!(says(&status(&case), ConditionType::Durable), expected);
    }
}

#[test]
fn dead_letters_in_any_pod_are_said_and_the_worst_comes_first() {
    use report::DeadLetters::{Empty, Full, Unavailable, Unknown, Waiting};
    for (states, expected) in [
        ([Empty, Empty], (ConditionStatus::False, Reason::NoDeadLetters)),
        ([Empty, Unknown], (ConditionStatus::Unknown, Reason::Unknown)),
        ([Waiting, Unknown], (ConditionStatus::True, Reason::DeadLettersWaiting)),
        ([Waiting, Full], (ConditionStatus::True, Reason::DeadLettersFull)),
        (
            [Unavailable, Full],
            (ConditionStatus::True, Reason::DeadLettersUnavailable),
        ),
    ] {
        let proxies = states.map(|state| with(|report| report.dead_letters = state));
        let status = status(&findings(&proxies));
        assert_eq!(says(&status, ConditionType::DeadLetters), expected, "{states:?}");
        assert_eq!(says(&status, ConditionType::Ready).0, ConditionStatus::True);
    }
}

#[test]
fn a_stream_is_shown_as_the_proxy_sees_it_that_sees_it_worst() {
    let worse = with_stream(report::StreamState::Failing, StreamReason::Throttled);
    let status = status(&findings(&[proxy("a"), worse]));
    assert_eq!(status.streams.len(), 1);
    assert_eq!(
        (status.streams[0].state, status.streams[0].reason),
        (StreamState::Failing, Reason::Throttled)
    );
}

#[test]
fn nothing_changes_when_nothing_changed_and_a_time_moves_only_with_its_status() {
    let proxies = [proxy("a"), proxy("b")];
    let first = status(&findings(&proxies));
    assert_eq!(judge(&findings(&proxies), &first, &at(200)), first);

    let behind = [proxy("a"), with(|report| "old".clone_into(&mut report.revision))];
    let second = judge(&findings(&behind), &first, &at(300));
    assert_eq!(
        condition(&second, ConditionType::ConfigSynced).last_transition_time,
        at(300)
    );
    assert_eq!(
        condition(&second, ConditionType::Accepted).last_transition_time,
        at(100)
    );
}

#[test]
fn only_pods_that_have_something_to_say_are_listed_each_with_the_root_of_its_trouble() {
    let named = |name: &str, proxy: Proxy| Proxy {
        name: name.to_owned(),
        ..proxy
    };
    let proxies = [
        proxy("a"),
        named(
            "b",
            with_stream(report::StreamState::Failing, StreamReason::StreamNotFound),
        ),
        named("c", with(|report| "old".clone_into(&mut report.revision))),
        named(
            "d",
            with(|report| {
                "old".clone_into(&mut report.revision);
                report.config_error = Some("cut short".to_owned());
            }),
        ),
        Proxy {
            report: None,
            ..proxy("e")
        },
        Proxy {
            ready: false,
            ..proxy("f")
        },
    ];
    let status = status(&findings(&proxies));
    let pods: Vec<_> = status.pods.iter().map(|pod| (pod.name.as_str(), pod.reason)).collect();
    assert_eq!(
        pods,
        [
            ("b", Reason::StreamNotFound),
            ("c", Reason::Propagating),
            ("d", Reason::ConfigRejected),
            ("e", Reason::ProxiesUnreachable),
            ("f", Reason::ProxyNotReady),
        ]
    );
    assert_eq!(
        status.pods[0].message,
        "stream orders: there is no delivery stream of this name in the region"
    );
    assert_eq!(status.pods[2].message, "cut short");
    assert_eq!(status.omitted_pods, None);
}

#[test]
fn twenty_pods_are_listed_and_the_rest_is_counted() {
    let proxies: Vec<Proxy> = (0..25)
        .map(|number| Proxy {
            ready: false,
            ..proxy(&format!("orders-firehose-{number:02}"))
        })
        .collect();
    let status = status(&findings(&proxies));
    assert_eq!((status.pods.len(), status.omitted_pods), (20, Some(5)));
}

#[test]
fn the_last_synced_revision_stays_while_another_is_on_its_way() {
    let synced = status(&findings(&[proxy("a"), proxy("b")]));
    assert_eq!(synced.last_synced_revision.as_deref(), Some(REVISION));
    let proxies = [proxy("a"), proxy("b")];
    let next = Findings {
        revision: Some("8899aabbccddeeff".to_owned()),
        ..findings(&proxies)
    };
    let after = judge(&next, &synced, &at(200));
    assert_eq!(after.revision.as_deref(), Some("8899aabbccddeeff"));
    assert_eq!(after.last_synced_revision.as_deref(), Some(REVISION));
}

#[test]
fn every_condition_says_something() {
    let silent = Proxy {
        report: None,
        ready: false,
        ..proxy("a")
    };
    for proxies in [vec![proxy("a"), proxy("b")], vec![silent], vec![]] {
        for condition in status(&findings(&proxies)).conditions {
            assert!(
                !condition.message.is_empty() && condition.message.len() <= 4096,
                "{condition:?}"
            );
        }
    }
}
